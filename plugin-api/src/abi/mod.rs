//! The types that cross the boundary: contract epoch 1.
//!
//! **Nothing here may change shape.** Function tables (`…Vt`) are prefix types: a field is only ever appended after
//! the one marked `last_prefix_field`, together with a new [`crate::version::MINOR`], and is `None` on an older
//! side. Plain structs (`…View`, [`Usage`], [`AbiError`]) are frozen. Enumerations are newtypes over integers, so that
//! a value from a newer side is a number and not undefined behaviour.
//!
//! Authors never see this module: [`crate::export_plugin!`] and the safe types of [`crate::endpoint`] and
//! [`crate::service`] stand in front of it. The host sees [`host`]. Who calls what:
//!
//! - `author` holds the functions that the host calls, with the author's code behind a panic guard;
//! - `host` holds the safe handles through which the host calls them, and the tables it hands out;
//! - `convert` is the way from safe types to these and back.
//!
//! Memory: each side frees what it allocated. Borrowed arguments live for the call. An owned `RString` carries its
//! own deallocator. Threads: an endpoint is shared between threads, a parser and a service are used by one thread
//! at a time.
//!
//! # What the boundary holds, and what it cannot
//!
//! An author who writes safe Rust against this crate cannot harm the host's memory. A panic, also one in a destructor
//! or in the destructor of a panic's payload, stops inside the library. Sinks cannot be kept beyond their call nor be
//! sent to another thread: their types do not allow it. Whatever a plugin says is measured against the limits of
//! [`crate::endpoint`] before it is kept. A parser that could not be made is never called; one that panicked may be
//! asked again for the same answer, so that it can be dropped; a poisoned endpoint makes no new ones.
//!
//! A library is native code with the rights of its process all the same. In process nothing holds against one that:
//! reads or writes through a wild pointer, overflows its stack, aborts or exits, raises a foreign exception through a
//! function of these tables, calls a sink after its call or from another thread (which takes `unsafe` code), returns a
//! string that is not UTF-8 or an integer outside of a result's two cases, closes descriptors it does not own, or
//! changes signal handlers, the environment or the working directory. For those there is `isolation: process`.

#![expect(non_camel_case_types, reason = "abi_stable's derive makes names such as `HostVt_Ref`")]
#![expect(
    clippy::expl_impl_clone_on_copy,
    reason = "abi_stable's derive writes both for `HostVt_Ref` and its like"
)]
#![expect(unsafe_code, reason = "sealed: abi_stable's derive writes it for appended fields")]
#![expect(
    clippy::cast_ptr_alignment,
    reason = "as above: the derive reads the field at its own place in a table"
)]
#![expect(missing_debug_implementations, reason = "function tables have nothing to show")]

pub mod author;
pub mod convert;
#[cfg(feature = "testing")]
pub(crate) mod counting;
pub mod host;

use std::ffi::c_void;

use abi_stable::{
    library::RootModule,
    package_version_strings,
    sabi_types::VersionStrings,
    std_types::{RResult, RSlice, RStr, RString},
    StableAbi,
};

/// An object of the plugin's, known to the host by address only.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct Instance(pub *mut c_void);

/// An object of the host's, known to the plugin by address only.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct Context(pub *mut c_void);

/// An error as it crosses: kind, message and hint of [`crate::error::PluginError`].
#[repr(C)]
#[derive(StableAbi, Debug)]
pub struct AbiError {
    /// See [`crate::error::ErrorKind`].
    pub kind: u32,
    /// Fits after "failed to …".
    pub message: RString,
    /// What to do next, or empty.
    pub hint: RString,
}

/// What every fallible function returns.
pub type AbiResult<T> = RResult<T, AbiError>;

/// Token counts as a server reports them; [`Usage::ABSENT`] where it reports none.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the input.
    pub prompt: u64,
    /// Tokens of the output, reasoning included.
    pub completion: u64,
    /// Both together.
    pub total: u64,
    /// Output tokens that were reasoning.
    pub reasoning: u64,
    /// Input tokens read from a prefix cache.
    pub cache_read: u64,
    /// Input tokens written to a prefix cache.
    pub cache_write: u64,
}

/// One piece of a message's content.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct PartView<'a> {
    /// See [`crate::endpoint::PartKind`].
    pub kind: u32,
    /// What the dataset calls it, such as `query` or `passages`; often empty.
    pub name: RStr<'a>,
    /// The text, or a URL or data URL of a medium.
    pub data: RStr<'a>,
}

/// One message of a conversation.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct MessageView<'a> {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: RStr<'a>,
    /// Its content, in order.
    pub parts: RSlice<'a, PartView<'a>>,
}

/// Everything a formatter may know about the turn it formats.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct TurnView<'a> {
    /// Model name for the body.
    pub model: RStr<'a>,
    /// The conversation up to and including this turn.
    pub messages: RSlice<'a, MessageView<'a>>,
    /// Requested output tokens; 0 asks for nothing.
    pub max_tokens: u64,
    /// The answer should stream.
    pub streaming: bool,
    /// Position of the turn in its conversation, from 0.
    pub turn_index: u32,
    /// The `X-Request-ID` of this request.
    pub request_id: RStr<'a>,
    /// Stable over the turns of one conversation.
    pub conversation_id: RStr<'a>,
    /// A JSON object to merge into the body, later keys winning. `{}` when there is nothing.
    pub extra_json: RStr<'a>,
    /// A JSON object of further facts, so that new ones need no new contract. `{}` for now.
    pub facts_json: RStr<'a>,
}

/// Where a formatter writes its request. Implemented by the host.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = RequestVt_Ref)))]
pub struct RequestVt {
    /// Replaces the path that the manifest gives.
    pub path: extern "C" fn(Context, RStr<'_>),
    /// Adds a header; the user's own header of the same name wins.
    pub header: extern "C" fn(Context, RStr<'_>, RStr<'_>),
    /// Names the header (and a prefix such as `Bearer `) that the host fills with the API key.
    pub api_key_header: extern "C" fn(Context, RStr<'_>, RStr<'_>),
    /// Appends to the body.
    pub body: extern "C" fn(Context, RSlice<'_, u8>),
    /// Appends a multipart part (name, file name or empty, content type or empty, bytes); the body is then multipart.
    #[sabi(last_prefix_field)]
    pub part: extern "C" fn(Context, RStr<'_>, RStr<'_>, RStr<'_>, RSlice<'_, u8>),
}

/// A request under construction.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RequestOut {
    /// The host's object.
    pub context: Context,
    /// Its functions.
    pub vt: RequestVt_Ref,
}

/// Where a parser reports what an answer says. Implemented by the host.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = EventVt_Ref)))]
pub struct EventVt {
    /// Generated text: channel ([`crate::endpoint::TextKind`]), choice, text.
    pub text: extern "C" fn(Context, u32, u32, RStr<'_>),
    /// Token counts so far; the last one of an answer stands.
    pub usage: extern "C" fn(Context, &Usage),
    /// Why a choice ended.
    pub finish: extern "C" fn(Context, u32, RStr<'_>),
    /// The server reports a failure: code or 0, type, message.
    pub error: extern "C" fn(Context, u32, RStr<'_>, RStr<'_>),
    /// An embedding: index and number of dimensions.
    pub embedding: extern "C" fn(Context, u32, u32),
    /// A ranked document: its index in the request and its score.
    pub ranking: extern "C" fn(Context, u32, f64),
    /// A generated medium: kind ([`crate::endpoint::PartKind`]), content type, size in bytes (0 when linked), URL or empty.
    pub media: extern "C" fn(Context, u32, RStr<'_>, u64, RStr<'_>),
    /// Poll this path after so many milliseconds for the rest of the answer.
    pub follow_up: extern "C" fn(Context, RStr<'_>, u64),
    /// A named fact about the answer, such as `model` or `response_id`.
    pub fact: extern "C" fn(Context, RStr<'_>, RStr<'_>),
    /// The answer is complete.
    #[sabi(last_prefix_field)]
    pub done: extern "C" fn(Context),
    /// A piece of a call of a tool: choice, index, id or empty, name or empty, piece of the arguments. From minor 1 on.
    pub tool_call: extern "C" fn(Context, u32, u32, RStr<'_>, RStr<'_>, RStr<'_>),
}

/// Where events go.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct EventOut {
    /// The host's object.
    pub context: Context,
    /// Its functions.
    pub vt: EventVt_Ref,
}

/// What the host offers a library and its services.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = HostVt_Ref)))]
pub struct HostVt {
    /// Is anyone listening at this level (1 error to 5 trace) for this target?
    pub log_enabled: extern "C" fn(Context, u32, RStr<'_>) -> bool,
    /// Writes one log line: level, target, text.
    pub log: extern "C" fn(Context, u32, RStr<'_>, RStr<'_>),
    /// Puts a message on the bus: type, MessagePack. 0 taken, 1 queue full, 2 closed, 3 too large. Never blocks.
    pub publish: extern "C" fn(Context, RStr<'_>, RSlice<'_, u8>) -> u32,
    /// Nanoseconds since the run's start, monotonic.
    pub now_ns: extern "C" fn(Context) -> u64,
    /// The run as JSON, without secrets.
    pub run_facts: extern "C" fn(Context) -> RString,
    /// Asks the host to end the run, with the reason.
    #[sabi(last_prefix_field)]
    pub request_stop: extern "C" fn(Context, RStr<'_>),
}

/// The host, as a library or service sees it. Valid for the life of the process.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct Host {
    /// The host's object.
    pub context: Context,
    /// Its functions.
    pub vt: HostVt_Ref,
}

// SAFETY: contract of the epoch: the context outlives the process's threads and its functions may be called from any.
#[expect(unsafe_code, reason = "sealed: states the contract of `Host`")]
unsafe impl Send for Host {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "sealed: states the contract of `Host`")]
unsafe impl Sync for Host {}

/// An API format.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = EndpointVt_Ref)))]
pub struct EndpointVt {
    /// The exported type's name, which a manifest's `class` ends with.
    pub type_name: RStr<'static>,
    /// Makes an instance from its options, a JSON object.
    pub create: extern "C" fn(RStr<'_>) -> AbiResult<Instance>,
    /// Frees an instance. Its parsers are gone by then.
    pub destroy: extern "C" fn(Instance),
    /// Formats one request.
    pub format: extern "C" fn(Instance, &TurnView<'_>, RequestOut) -> AbiResult<()>,
    /// Makes the parser of one response.
    pub parser: extern "C" fn(Instance) -> AbiResult<Instance>,
    /// Frees a parser.
    pub parser_destroy: extern "C" fn(Instance),
    /// One server-sent event: its `event` name (or empty) and its data.
    pub parser_event: extern "C" fn(Instance, RStr<'_>, RSlice<'_, u8>, EventOut) -> AbiResult<()>,
    /// A whole answer that did not stream: HTTP status and body.
    pub parser_body: extern "C" fn(Instance, u32, RSlice<'_, u8>, EventOut) -> AbiResult<()>,
    /// The answer ended without a transport error.
    #[sabi(last_prefix_field)]
    pub parser_end: extern "C" fn(Instance, EventOut) -> AbiResult<()>,
}

/// A service.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ServiceVt_Ref)))]
pub struct ServiceVt {
    /// The exported type's name, which a manifest's `class` ends with.
    pub type_name: RStr<'static>,
    /// Message types it wants to hear.
    pub subscriptions: RSlice<'static, RStr<'static>>,
    /// Makes an instance from its options, a JSON object.
    pub create: extern "C" fn(RStr<'_>, Host) -> AbiResult<Instance>,
    /// Prepares; messages may arrive from here on.
    pub init: extern "C" fn(Instance) -> AbiResult<()>,
    /// Begins its own work.
    pub start: extern "C" fn(Instance) -> AbiResult<()>,
    /// One message: type, MessagePack.
    pub on_message: extern "C" fn(Instance, RStr<'_>, RSlice<'_, u8>) -> AbiResult<()>,
    /// Flushes and ends within so many nanoseconds.
    pub stop: extern "C" fn(Instance, u64) -> AbiResult<()>,
    /// Frees an instance.
    #[sabi(last_prefix_field)]
    pub destroy: extern "C" fn(Instance),
}

/// The root of a plugin library: everything hangs off it.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModule_Ref)))]
pub struct PluginModule {
    /// Called once, before anything else: installs the panic hook and the log bridge.
    pub init: extern "C" fn(Host),
    /// The endpoints it exports.
    pub endpoints: RSlice<'static, EndpointVt_Ref>,
    /// The services it exports.
    #[sabi(last_prefix_field)]
    pub services: RSlice<'static, ServiceVt_Ref>,
}

impl RootModule for PluginModule_Ref {
    abi_stable::declare_root_module_statics! {PluginModule_Ref}
    const BASE_NAME: &'static str = "prony_plugin";
    const NAME: &'static str = "prony_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}
