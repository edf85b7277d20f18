//! The plugin's side: an author's trait behind functions that the host can call.
//!
//! Every author method runs inside `guard`: a panic stops at the boundary and becomes an error of kind `panic`.
//! Measured: the guard costs nothing while nothing panics.
#![expect(unsafe_code, reason = "sealed: turns instance pointers back into the author's types")]

use std::{
    any::Any,
    panic::{catch_unwind, AssertUnwindSafe},
    sync::Once,
    time::Duration,
};

use abi_stable::{
    library::{CheckTypeLayout, LibHeader, RootModuleResult},
    prefix_type::PrefixTypeTrait,
    std_types::{RSlice, RStr},
};

use super::{
    convert::to_abi, AbiResult, EndpointVt, EndpointVt_Ref, EventOut, Host, Instance, PluginModule,
    PluginModule_Ref, RequestOut, ServiceVt, ServiceVt_Ref, TurnView,
};
use crate::{
    endpoint::{Endpoint, EventSink, Parser, RequestWriter, TurnContext},
    error::{ErrorKind, PluginError, Result},
    service::{HostHandle, LogLevel, RawMessage, Service},
};

/// Runs author code; a panic becomes an error.
fn guard<T>(author: impl FnOnce() -> Result<T>) -> AbiResult<T> {
    to_abi(catch_unwind(AssertUnwindSafe(author)).unwrap_or_else(|payload| Err(panic_error(payload))))
}

#[cold]
fn panic_error(payload: Box<dyn Any + Send>) -> PluginError {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a payload that is not text".to_owned());
    // The payload's own drop may panic as well, outside of any guard.
    std::mem::forget(payload);
    PluginError::new(ErrorKind::PANIC, text)
}

fn into_instance<T>(value: T) -> Instance {
    Instance(Box::into_raw(Box::new(value)).cast())
}

/// # Safety
/// `instance` came from [`into_instance`] with the same `T` and was not destroyed.
unsafe fn shared<'a, T>(instance: Instance) -> &'a T {
    // SAFETY: the caller's obligation; the host keeps an instance alive while it calls it.
    unsafe { &*instance.0.cast::<T>() }
}

/// # Safety
/// As [`shared`], and nobody else uses the instance during the call.
unsafe fn exclusive<'a, T>(instance: Instance) -> &'a mut T {
    // SAFETY: the caller's obligation; parsers and services are used by one thread at a time.
    unsafe { &mut *instance.0.cast::<T>() }
}

extern "C" fn destroy<T>(instance: Instance) {
    // A panicking destructor must not cross; what it leaks, it leaks.
    let dropped = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the table that holds this function was made for the same `T`, and the host destroys once.
        drop(unsafe { Box::from_raw(instance.0.cast::<T>()) });
    }));
    // As in `panic_error`: the payload's own drop may panic as well.
    dropped.unwrap_or_else(std::mem::forget);
}

extern "C" fn endpoint_create<E: Endpoint>(options: RStr<'_>) -> AbiResult<Instance> {
    guard(|| E::new(options.as_str()).map(into_instance))
}

extern "C" fn endpoint_format<E: Endpoint>(
    instance: Instance,
    turn: &TurnView<'_>,
    out: RequestOut,
) -> AbiResult<()> {
    // SAFETY: the table was made for `E`; endpoints are `Sync`.
    let endpoint = unsafe { shared::<E>(instance) };
    guard(|| endpoint.format(&TurnContext::new(turn), &mut RequestWriter::new(out)))
}

extern "C" fn endpoint_parser<E: Endpoint>(instance: Instance) -> AbiResult<Instance> {
    // SAFETY: the table was made for `E`; endpoints are `Sync`.
    let endpoint = unsafe { shared::<E>(instance) };
    guard(|| Ok(into_instance(endpoint.parser())))
}

extern "C" fn parser_event<P: Parser>(
    instance: Instance,
    name: RStr<'_>,
    data: RSlice<'_, u8>,
    out: EventOut,
) -> AbiResult<()> {
    // SAFETY: the table was made for `P`; one response, one thread.
    let parser = unsafe { exclusive::<P>(instance) };
    guard(|| parser.event(name.as_str(), data.as_slice(), &mut EventSink::new(out)))
}

extern "C" fn parser_body<P: Parser>(
    instance: Instance,
    status: u32,
    body: RSlice<'_, u8>,
    out: EventOut,
) -> AbiResult<()> {
    // SAFETY: the table was made for `P`; one response, one thread.
    let parser = unsafe { exclusive::<P>(instance) };
    guard(|| parser.body(status, body.as_slice(), &mut EventSink::new(out)))
}

extern "C" fn parser_end<P: Parser>(instance: Instance, out: EventOut) -> AbiResult<()> {
    // SAFETY: the table was made for `P`; one response, one thread.
    let parser = unsafe { exclusive::<P>(instance) };
    guard(|| parser.end(&mut EventSink::new(out)))
}

extern "C" fn service_create<S: Service>(options: RStr<'_>, host: Host) -> AbiResult<Instance> {
    guard(|| S::new(options.as_str(), HostHandle::new(host)).map(into_instance))
}

extern "C" fn service_init<S: Service>(instance: Instance) -> AbiResult<()> {
    // SAFETY: the table was made for `S`; one thread at a time.
    let service = unsafe { exclusive::<S>(instance) };
    guard(|| service.init())
}

extern "C" fn service_start<S: Service>(instance: Instance) -> AbiResult<()> {
    // SAFETY: the table was made for `S`; one thread at a time.
    let service = unsafe { exclusive::<S>(instance) };
    guard(|| service.start())
}

extern "C" fn service_on_message<S: Service>(
    instance: Instance,
    message_type: RStr<'_>,
    payload: RSlice<'_, u8>,
) -> AbiResult<()> {
    // SAFETY: the table was made for `S`; one thread at a time.
    let service = unsafe { exclusive::<S>(instance) };
    guard(|| service.on_message(&RawMessage::new(message_type.as_str(), payload.as_slice())))
}

extern "C" fn service_stop<S: Service>(instance: Instance, deadline_ns: u64) -> AbiResult<()> {
    // SAFETY: the table was made for `S`; one thread at a time.
    let service = unsafe { exclusive::<S>(instance) };
    guard(|| service.stop(Duration::from_nanos(deadline_ns)))
}

/// The function table of an endpoint type. Called by [`crate::export_plugin!`].
pub fn endpoint_table<E: Endpoint>(type_name: &'static str) -> EndpointVt_Ref {
    EndpointVt {
        type_name: type_name.into(),
        create: endpoint_create::<E>,
        destroy: destroy::<E>,
        format: endpoint_format::<E>,
        parser: endpoint_parser::<E>,
        parser_destroy: destroy::<E::Parser>,
        parser_event: parser_event::<E::Parser>,
        parser_body: parser_body::<E::Parser>,
        parser_end: parser_end::<E::Parser>,
    }
    .leak_into_prefix()
}

/// The function table of a service type. Called by [`crate::export_plugin!`].
pub fn service_table<S: Service>(type_name: &'static str) -> ServiceVt_Ref {
    let subscriptions: Vec<RStr<'static>> = S::SUBSCRIPTIONS.iter().map(|name| RStr::from(*name)).collect();
    ServiceVt {
        type_name: type_name.into(),
        subscriptions: RSlice::from_slice(subscriptions.leak()),
        create: service_create::<S>,
        init: service_init::<S>,
        start: service_start::<S>,
        on_message: service_on_message::<S>,
        stop: service_stop::<S>,
        destroy: destroy::<S>,
    }
    .leak_into_prefix()
}

/// The root module of a library. Called by [`crate::export_plugin!`], once per process.
pub fn root_module(endpoints: Vec<EndpointVt_Ref>, services: Vec<ServiceVt_Ref>) -> PluginModule_Ref {
    PluginModule {
        init: library_init,
        endpoints: RSlice::from_slice(endpoints.leak()),
        services: RSlice::from_slice(services.leak()),
    }
    .leak_into_prefix()
}

/// Runs the constructor of the root module and reports a panic in it as an error.
pub fn root_module_result(make: fn() -> PluginModule_Ref) -> RootModuleResult {
    abi_stable::library::__call_root_module_loader(make)
}

/// A library has a copy of the standard library of its own, hence a panic hook of its own: its panics become lines of
/// the host's log, and no backtrace is symbolised in the middle of a measurement.
extern "C" fn library_init(host: Host) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let host = HostHandle::new(host);
        std::panic::set_hook(Box::new(move |panic| {
            host.log(LogLevel::Debug, "panic", || panic.to_string());
        }));
        #[cfg(feature = "tracing")]
        crate::log_bridge::install(host);
    });
}

/// The header that a library exports under [`crate::version::ENTRY_SYMBOL`].
pub const fn lib_header(construct: extern "C" fn() -> RootModuleResult) -> LibHeader {
    // SAFETY: `construct` returns the root module whose layout the type parameter names.
    unsafe { LibHeader::from_constructor::<PluginModule_Ref>(construct, CheckTypeLayout::Yes) }
}

/// Bytes that were text before they were joined, as text again.
pub const fn text(bytes: &'static [u8]) -> &'static str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => "",
    }
}
