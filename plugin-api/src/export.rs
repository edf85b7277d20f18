//! The one line that makes a library a plugin.

/// Exports endpoint and service types from a `cdylib`.
///
/// ```ignore
/// prony_plugin_api::export_plugin! { endpoints: [AcmeChat], services: [AcmeBilling] }
/// ```
///
/// A library that needs a host function of a later minor than it can do without says so with
/// `min_host_minor: 3,` in front.
///
/// What a library uses of the machine beside memory and processor, it says with `capabilities: [network, files],` before its types:
/// `network` (it opens connections, or listens for some), `files` (it reads or writes them), `threads` (it starts some),
/// `environment` (it reads variables); `capabilities: [],` for nothing of these. Users see it before the library is loaded. A service in
/// a process of its own is denied what its library does not state, where the kernel can do that. A library without this is not limited.
///
/// It exports the entry symbol of this epoch and the [descriptor](crate::descriptor) section. Both halves may be
/// left out, but not both at once.
#[macro_export]
macro_rules! export_plugin {
    ($(min_host_minor: $min:literal,)? $(capabilities: [$($capability:ident),* $(,)?],)?
     $(endpoints: [$($endpoint:ident),+ $(,)?])? $(,)? $(services: [$($service:ident),+ $(,)?])? $(,)?) => {
        const _: () = {
            use $crate::__private as private;

            fn make() -> private::PluginModule_Ref {
                private::root_module(
                    ::std::vec![$($(private::endpoint_table::<$endpoint>(::core::stringify!($endpoint))),+)?],
                    ::std::vec![$($(private::service_table::<$service>(::core::stringify!($service))),+)?],
                )
            }

            extern "C" fn construct() -> private::RootModuleResult {
                private::root_module_result(make)
            }

            #[unsafe(export_name = "prony_plugin_root_v1")]
            pub static ROOT: private::LibHeader = private::lib_header(construct);

            const PIECES: &[&str] = &[
                "{\"schema\":", private::SCHEMA_DIGITS, ",\"name\":\"", ::core::env!("CARGO_PKG_NAME"),
                "\",\"version\":\"", ::core::env!("CARGO_PKG_VERSION"),
                "\",\"epoch\":", private::EPOCH_DIGITS, ",\"minor\":", private::MINOR_DIGITS, ",\"min_host_minor\":",
                $crate::__first_or_zero!($($min)?),
                ",\"rustc\":\"", $crate::version::RUSTC,
                "\",\"target\":\"", $crate::version::TARGET,
                "\",\"opt_level\":\"", $crate::version::OPT_LEVEL,
                "\",\"panic\":\"", $crate::version::PANIC, "\"",
                $crate::__capabilities!($([$($capability),*])?),
                ",\"endpoints\":[",
                $($crate::__exported!(Endpoint: $($endpoint),+),)?
                "],\"services\":[",
                $($crate::__exported!(Service: $($service),+),)?
                "]}",
            ];
            const LENGTH: usize = private::length(PIECES);

            #[used]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__prony"))]
            #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".prony.plugin"))]
            #[unsafe(export_name = "prony_plugin_descriptor")]
            pub static DESCRIPTOR: [u8; LENGTH] = private::concat(PIECES);
        };
    };
}

/// The descriptor's list of exported types, as one text.
#[doc(hidden)]
#[macro_export]
macro_rules! __exported {
    ($trait:ident: $first:ident $(, $rest:ident)*) => {{
        const PIECES: &[&str] = &[
            $crate::__exported_one!($trait: $first),
            $(",", $crate::__exported_one!($trait: $rest),)*
        ];
        const BYTES: [u8; $crate::__private::length(PIECES)] = $crate::__private::concat(PIECES);
        $crate::__private::text(&BYTES)
    }};
}

/// One exported type of the descriptor, as one text.
#[doc(hidden)]
#[macro_export]
macro_rules! __exported_one {
    ($trait:ident: $type:ident) => {{
        const OPTIONS: &str = <$type as $crate::$trait>::OPTIONS;
        const QUOTED: [u8; $crate::__private::quoted_length(OPTIONS)] = $crate::__private::quoted(OPTIONS);
        const PIECES: &[&str] = &[
            "{\"type\":\"",
            ::core::stringify!($type),
            "\",\"options\":",
            $crate::__private::text(&QUOTED),
        $crate::__exported_messages!($trait: $type),
            "}",
        ];
        const BYTES: [u8; $crate::__private::length(PIECES)] = $crate::__private::concat(PIECES);
        $crate::__private::text(&BYTES)
    }};
}

/// The messages of one exported type, as one text: those of a service.
#[doc(hidden)]
#[macro_export]
macro_rules! __exported_messages {
    (Endpoint: $type:ident) => {
        ""
    };
    (Service: $type:ident) => {{
        const HEARS: &[&str] = <$type as $crate::Service>::SUBSCRIPTIONS;
        const HEARS_LIST: [u8; $crate::__private::list_length(HEARS)] = $crate::__private::list(HEARS);
        const SAYS: &[&str] = <$type as $crate::Service>::PUBLISHES;
        const SAYS_LIST: [u8; $crate::__private::list_length(SAYS)] = $crate::__private::list(SAYS);
        const PIECES: &[&str] = &[
            ",\"subscriptions\":",
            $crate::__private::text(&HEARS_LIST),
            ",\"publishes\":",
            $crate::__private::text(&SAYS_LIST),
        ];
        const BYTES: [u8; $crate::__private::length(PIECES)] = $crate::__private::concat(PIECES);
        $crate::__private::text(&BYTES)
    }};
}

/// What a library says that it uses, as a member of its descriptor; nothing where it does not say it.
#[doc(hidden)]
#[macro_export]
macro_rules! __capabilities {
    () => {
        ""
    };
    ([]) => {
        ",\"capabilities\":[]"
    };
    ([$first:ident $(, $rest:ident)*]) => {
        ::core::concat!(
            ",\"capabilities\":[\"",
            $crate::__capability!($first),
            $("\",\"", $crate::__capability!($rest),)*
            "\"]"
        )
    };
}

/// One of the things that a library may say that it uses: a word that is none of these does not compile.
#[doc(hidden)]
#[macro_export]
macro_rules! __capability {
    (network) => {
        "network"
    };
    (files) => {
        "files"
    };
    (threads) => {
        "threads"
    };
    (environment) => {
        "environment"
    };
}

/// A literal as text, or `0`.
#[doc(hidden)]
#[macro_export]
macro_rules! __first_or_zero {
    () => {
        "0"
    };
    ($value:literal) => {
        ::core::stringify!($value)
    };
}
