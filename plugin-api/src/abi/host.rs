//! The host's side: safe handles over a plugin's functions, and the tables that the host hands out.
//!
//! The host implements [`RequestSink`], [`ResponseSink`] and [`HostServices`] in safe code; this module lends them to
//! the plugin for the length of a call (or, for [`HostServices`], for the life of the process).
//!
//! A panic of the host's own code must not cross the plugin's frames. In a sink it is kept: the sink is not called any
//! more, and the panic goes on in the host as soon as the plugin has returned. In [`HostServices`], which plugins call
//! from threads of their own, it ends there: the host's panic hook has told of it, and the plugin gets the neutral
//! answer (`false`, `Closed`, 0 or `{}`).
#![expect(unsafe_code, reason = "sealed: turns context pointers back into the host's types")]

use std::{
    any::Any,
    fmt,
    panic::{catch_unwind, resume_unwind, AssertUnwindSafe},
    sync::Arc,
};

use abi_stable::{
    prefix_type::WithMetadata,
    std_types::{RSlice, RStr, RString},
};

use super::{
    convert::from_abi, AbiResult, Context, EndpointVt_Ref, EventOut, EventVt, EventVt_Ref, Host, HostVt,
    HostVt_Ref, Instance, MessageView, PartView, PluginModule_Ref, RequestOut, RequestVt, RequestVt_Ref,
    ServiceVt_Ref, TurnView, Usage,
};
use crate::{
    endpoint::{PartKind, TextKind, TokenUsage},
    error::Result,
    service::{LogLevel, PublishError},
};

/// A turn to be formatted, as the host holds it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turn<'a> {
    /// Model name for the body.
    pub model: &'a str,
    /// The conversation up to and including this turn: role and parts.
    pub messages: &'a [TurnMessage<'a>],
    /// Requested output tokens.
    pub max_tokens: Option<u64>,
    /// The answer should stream.
    pub streaming: bool,
    /// Position of the turn in its conversation, from 0.
    pub turn_index: u32,
    /// The `X-Request-ID` of this request.
    pub request_id: &'a str,
    /// Stable over the turns of one conversation.
    pub conversation_id: &'a str,
    /// The text of a JSON object to merge into the body.
    pub extra_json: &'a str,
    /// The text of a JSON object with further facts.
    pub facts_json: &'a str,
}

/// One message of a [`Turn`].
#[derive(Clone, Copy, Debug)]
pub struct TurnMessage<'a> {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: &'a str,
    /// Its content, in order.
    pub parts: &'a [TurnPart<'a>],
}

/// One piece of a [`TurnMessage`].
#[derive(Clone, Copy, Debug)]
pub struct TurnPart<'a> {
    /// The kind of content: a text, an image, or another medium.
    pub kind: PartKind,
    /// What the dataset calls it; often empty.
    pub name: &'a str,
    /// The text, or a URL or data URL of a medium.
    pub data: &'a str,
}

/// Takes the request that a formatter writes. The methods mirror [`crate::endpoint::RequestWriter`].
#[expect(missing_docs, reason = "documented once, on `RequestWriter`")]
pub trait RequestSink {
    fn path(&mut self, path: &str);
    fn header(&mut self, name: &str, value: &str);
    fn api_key_header(&mut self, name: &str, prefix: &str);
    fn body(&mut self, bytes: &[u8]);
    fn part(&mut self, name: &str, file_name: &str, content_type: &str, bytes: &[u8]);
}

/// Takes the events that a parser finds. The methods mirror [`crate::endpoint::EventSink`].
#[expect(missing_docs, reason = "documented once, on `EventSink`")]
pub trait ResponseSink {
    fn text(&mut self, kind: TextKind, choice: u32, text: &str);
    fn usage(&mut self, usage: &TokenUsage);
    fn finish(&mut self, choice: u32, reason: &str);
    fn error(&mut self, code: Option<u32>, kind: &str, message: &str);
    fn embedding(&mut self, index: u32, dimensions: u32);
    fn ranking(&mut self, index: u32, score: f64);
    fn media(&mut self, kind: PartKind, content_type: &str, bytes: u64, url: &str);
    fn follow_up(&mut self, path: &str, after_ms: u64);
    fn fact(&mut self, name: &str, value: &str);
    fn done(&mut self);
    fn tool_call(&mut self, choice: u32, index: u32, id: &str, name: &str, arguments: &str);
}

/// What the host offers to a library and its services. The methods mirror [`crate::service::HostHandle`].
#[expect(missing_docs, reason = "documented once, on `HostHandle`")]
pub trait HostServices: Send + Sync + 'static {
    fn log_enabled(&self, level: LogLevel, target: &str) -> bool;
    fn log(&self, level: LogLevel, target: &str, text: &str);
    fn publish(&self, message_type: &str, payload: &[u8]) -> Result<(), PublishError>;
    fn now_ns(&self) -> u64;
    fn run_facts(&self) -> String;
    fn request_stop(&self, reason: &str);
}

/// A sink in the plugin's hands.
struct Lent<'a, T> {
    sink: &'a mut T,
    panic: Option<Box<dyn Any + Send>>,
}

impl<T> Lent<'_, T> {
    fn call(&mut self, body: impl FnOnce(&mut T)) {
        if self.panic.is_none() {
            let sink = &mut *self.sink;
            self.panic = catch_unwind(AssertUnwindSafe(|| body(sink))).err();
        }
    }
}

/// # Safety
/// `context` was made by [`lend`] with the same `T`, whose call is under way.
unsafe fn lent<'a, T>(context: Context) -> &'a mut Lent<'a, T> {
    // SAFETY: the caller's obligation.
    unsafe { &mut *context.0.cast::<Lent<'a, T>>() }
}

/// Lends `sink` to the plugin for the length of `call`.
fn lend<T>(sink: &mut T, call: impl FnOnce(Context) -> AbiResult<()>) -> Result<()> {
    let mut lent = Lent { sink, panic: None };
    let result = from_abi(call(Context(std::ptr::from_mut(&mut lent).cast())));
    match lent.panic {
        Some(panic) => resume_unwind(panic),
        None => result,
    }
}

/// Gives the tables of a sink type a place to live; one constant per type and no allocation.
struct Table<T>(T);

/// Wraps `$body` into an `extern "C"` function whose first argument is the lent `$sink`.
macro_rules! lent_fn {
    (|$sink:ident: $t:ident $(, $arg:ident: $ty:ty)*| $body:expr) => {{
        extern "C" fn call<$t: Sink>(context: Context $(, $arg: $ty)*) {
            // SAFETY: this function only stands in a table that is handed out together with a lent `$t`.
            unsafe { lent::<$t>(context) }.call(|$sink| $body);
        }
        call::<$t>
    }};
}

mod request_table {
    use super::{
        lent, Context, RSlice, RStr, RequestSink as Sink, RequestVt, RequestVt_Ref, Table, WithMetadata,
    };

    impl<T: Sink> Table<T> {
        abi_stable::staticref! {
            const REQUEST: WithMetadata<RequestVt> = WithMetadata::new(RequestVt {
                path: lent_fn!(|sink: T, path: RStr<'_>| sink.path(path.as_str())),
                header: lent_fn!(|sink: T, name: RStr<'_>, value: RStr<'_>|
                    sink.header(name.as_str(), value.as_str())),
                api_key_header: lent_fn!(|sink: T, name: RStr<'_>, prefix: RStr<'_>|
                    sink.api_key_header(name.as_str(), prefix.as_str())),
                body: lent_fn!(|sink: T, bytes: RSlice<'_, u8>| sink.body(bytes.as_slice())),
                part: lent_fn!(|sink: T, name: RStr<'_>, file: RStr<'_>, kind: RStr<'_>, bytes: RSlice<'_, u8>|
                    sink.part(name.as_str(), file.as_str(), kind.as_str(), bytes.as_slice())),
            })
        }
        pub(super) const REQUEST_VT: RequestVt_Ref = RequestVt_Ref(Self::REQUEST.as_prefix());
    }
}

mod event_table {
    use super::{
        lent, Context, EventVt, EventVt_Ref, PartKind, RStr, ResponseSink as Sink, Table, TextKind, Usage,
        WithMetadata,
    };

    impl<T: Sink> Table<T> {
        abi_stable::staticref! {
            const EVENT: WithMetadata<EventVt> = WithMetadata::new(EventVt {
                text: lent_fn!(|sink: T, kind: u32, choice: u32, text: RStr<'_>|
                    sink.text(TextKind(kind), choice, text.as_str())),
                usage: lent_fn!(|sink: T, usage: &Usage| sink.usage(&usage.into())),
                finish: lent_fn!(|sink: T, choice: u32, reason: RStr<'_>| sink.finish(choice, reason.as_str())),
                error: lent_fn!(|sink: T, code: u32, kind: RStr<'_>, message: RStr<'_>|
                    sink.error((code != 0).then_some(code), kind.as_str(), message.as_str())),
                embedding: lent_fn!(|sink: T, index: u32, dimensions: u32| sink.embedding(index, dimensions)),
                ranking: lent_fn!(|sink: T, index: u32, score: f64| sink.ranking(index, score)),
                media: lent_fn!(|sink: T, kind: u32, content_type: RStr<'_>, bytes: u64, url: RStr<'_>|
                    sink.media(PartKind(kind), content_type.as_str(), bytes, url.as_str())),
                follow_up: lent_fn!(|sink: T, path: RStr<'_>, after_ms: u64|
                    sink.follow_up(path.as_str(), after_ms)),
                fact: lent_fn!(|sink: T, name: RStr<'_>, value: RStr<'_>|
                    sink.fact(name.as_str(), value.as_str())),
                done: lent_fn!(|sink: T| sink.done()),
                tool_call: lent_fn!(|sink: T, choice: u32, index: u32, id: RStr<'_>, name: RStr<'_>, arguments: RStr<'_>|
                    sink.tool_call(choice, index, id.as_str(), name.as_str(), arguments.as_str())),
            })
        }
        pub(super) const EVENT_VT: EventVt_Ref = EventVt_Ref(Self::EVENT.as_prefix());
    }
}

/// An endpoint of a loaded library.
pub struct EndpointInstance {
    vt: EndpointVt_Ref,
    instance: Instance,
}

// SAFETY: the author's type is `Send + Sync` by the bounds of `Endpoint`.
unsafe impl Send for EndpointInstance {}
// SAFETY: as above.
unsafe impl Sync for EndpointInstance {}

impl EndpointInstance {
    /// Makes an instance from its options, the text of a JSON object.
    ///
    /// # Errors
    /// What the author's `new` returned.
    pub fn create(vt: EndpointVt_Ref, options: &str) -> Result<Self> {
        let instance = from_abi((vt.create())(options.into()))?;
        Ok(Self { vt, instance })
    }

    /// Formats one request into `out`.
    ///
    /// # Errors
    /// What the author's `format` returned, or its panic.
    pub fn format<S: RequestSink>(&self, turn: &Turn<'_>, out: &mut S) -> Result<()> {
        let parts: Vec<Vec<PartView<'_>>> =
            turn.messages.iter().map(|message| message.parts.iter().map(part_view).collect()).collect();
        let messages: Vec<MessageView<'_>> = turn
            .messages
            .iter()
            .zip(&parts)
            .map(|(message, parts)| MessageView { role: message.role.into(), parts: parts.as_slice().into() })
            .collect();
        let extra_json = if turn.extra_json.is_empty() { "{}" } else { turn.extra_json };
        let view = TurnView {
            model: turn.model.into(),
            messages: messages.as_slice().into(),
            max_tokens: turn.max_tokens.unwrap_or(0),
            streaming: turn.streaming,
            turn_index: turn.turn_index,
            request_id: turn.request_id.into(),
            conversation_id: turn.conversation_id.into(),
            extra_json: extra_json.into(),
            facts_json: if turn.facts_json.is_empty() { "{}".into() } else { turn.facts_json.into() },
        };
        let vt = Table::<S>::REQUEST_VT;
        lend(out, |context| (self.vt.format())(self.instance, &view, RequestOut { context, vt }))
    }

    /// Makes the parser of one response.
    ///
    /// # Errors
    /// A panic in the author's `parser`.
    pub fn parser(self: &Arc<Self>) -> Result<ParserInstance> {
        let instance = from_abi((self.vt.parser())(self.instance))?;
        Ok(ParserInstance { endpoint: Arc::clone(self), instance })
    }
}

fn part_view<'a>(part: &TurnPart<'a>) -> PartView<'a> {
    PartView { kind: part.kind.0, name: part.name.into(), data: part.data.into() }
}

impl Drop for EndpointInstance {
    fn drop(&mut self) {
        (self.vt.destroy())(self.instance);
    }
}

impl fmt::Debug for EndpointInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EndpointInstance").field(&self.vt.type_name().as_str()).finish()
    }
}

/// The parser of one response. Keeps its endpoint alive.
#[derive(Debug)]
pub struct ParserInstance {
    endpoint: Arc<EndpointInstance>,
    instance: Instance,
}

// SAFETY: the author's type is `Send` by the bound of `Parser`; `&mut self` keeps its users apart.
unsafe impl Send for ParserInstance {}

impl ParserInstance {
    /// Hands over one server-sent event.
    ///
    /// # Errors
    /// What the author's `event` returned, or its panic.
    pub fn event<S: ResponseSink>(&mut self, name: &str, data: &[u8], out: &mut S) -> Result<()> {
        let (call, vt) = (self.endpoint.vt.parser_event(), Table::<S>::EVENT_VT);
        lend(out, |context| call(self.instance, name.into(), data.into(), EventOut { context, vt }))
    }

    /// Hands over a whole answer.
    ///
    /// # Errors
    /// What the author's `body` returned, or its panic.
    pub fn body<S: ResponseSink>(&mut self, status: u32, body: &[u8], out: &mut S) -> Result<()> {
        let (call, vt) = (self.endpoint.vt.parser_body(), Table::<S>::EVENT_VT);
        lend(out, |context| call(self.instance, status, body.into(), EventOut { context, vt }))
    }

    /// Says that the answer ended.
    ///
    /// # Errors
    /// What the author's `end` returned, or its panic.
    pub fn end<S: ResponseSink>(&mut self, out: &mut S) -> Result<()> {
        let (call, vt) = (self.endpoint.vt.parser_end(), Table::<S>::EVENT_VT);
        lend(out, |context| call(self.instance, EventOut { context, vt }))
    }
}

impl Drop for ParserInstance {
    fn drop(&mut self) {
        (self.endpoint.vt.parser_destroy())(self.instance);
    }
}

/// A service of a loaded library. Its calls take `&mut self`: one thread at a time.
pub struct ServiceInstance {
    vt: ServiceVt_Ref,
    instance: Instance,
}

// SAFETY: the author's type is `Send` by the bound of `Service`; `&mut self` keeps its users apart.
unsafe impl Send for ServiceInstance {}

impl ServiceInstance {
    /// Makes an instance from its options, the text of a JSON object.
    ///
    /// # Errors
    /// What the author's `new` returned.
    pub fn create(vt: ServiceVt_Ref, options: &str, host: HostTable) -> Result<Self> {
        let instance = from_abi((vt.create())(options.into(), host.0))?;
        Ok(Self { vt, instance })
    }

    /// The message types it wants to hear.
    pub fn subscriptions(&self) -> Vec<String> {
        self.vt.subscriptions().iter().map(|name| name.as_str().to_owned()).collect()
    }

    /// Prepares it.
    ///
    /// # Errors
    /// What the author's `init` returned, or its panic.
    pub fn init(&mut self) -> Result<()> {
        from_abi((self.vt.init())(self.instance))
    }

    /// Begins its own work.
    ///
    /// # Errors
    /// What the author's `start` returned, or its panic.
    pub fn start(&mut self) -> Result<()> {
        from_abi((self.vt.start())(self.instance))
    }

    /// Hands over one message.
    ///
    /// # Errors
    /// What the author's `on_message` returned, or its panic.
    pub fn on_message(&mut self, message_type: &str, payload: &[u8]) -> Result<()> {
        from_abi((self.vt.on_message())(self.instance, message_type.into(), payload.into()))
    }

    /// Flushes and ends it.
    ///
    /// # Errors
    /// What the author's `stop` returned, or its panic.
    pub fn stop(&mut self, deadline: std::time::Duration) -> Result<()> {
        let deadline_ns = u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX);
        from_abi((self.vt.stop())(self.instance, deadline_ns))
    }
}

impl Drop for ServiceInstance {
    fn drop(&mut self) {
        (self.vt.destroy())(self.instance);
    }
}

impl fmt::Debug for ServiceInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServiceInstance").field(&self.vt.type_name().as_str()).finish()
    }
}

/// The host as plugins see it. Made once per library or service and kept for the life of the process, because a
/// plugin's threads may outlive everything else.
#[derive(Clone, Copy)]
pub struct HostTable(Host);

impl HostTable {
    /// Leaks `services` and makes a table for it.
    pub fn leak<T: HostServices>(services: T) -> Self {
        let context = Context(std::ptr::from_ref(Box::leak(Box::new(services))).cast_mut().cast());
        Self(Host { context, vt: Table::<T>::HOST_VT })
    }

    /// The table as it crosses, for a loader of libraries that are not made by [`crate::export_plugin!`].
    pub fn host(self) -> Host {
        self.0
    }
}

impl fmt::Debug for HostTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostTable").finish_non_exhaustive()
    }
}

/// Asks the host's services; a panic in them leaves the plugin with `neutral`.
///
/// # Safety
/// `context` is the leaked `T` of [`HostTable::leak`].
unsafe fn ask<T: HostServices, R>(context: Context, neutral: R, question: impl FnOnce(&T) -> R) -> R {
    // SAFETY: the caller's obligation; a leaked value lives for ever.
    let services = unsafe { &*context.0.cast::<T>() };
    catch_unwind(AssertUnwindSafe(|| question(services))).unwrap_or_else(|payload| {
        // Its own drop may panic as well, outside of any guard.
        std::mem::forget(payload);
        neutral
    })
}

fn level(number: u32) -> LogLevel {
    match number {
        0 | 1 => LogLevel::Error,
        2 => LogLevel::Warn,
        3 => LogLevel::Info,
        4 => LogLevel::Debug,
        _ => LogLevel::Trace,
    }
}

extern "C" fn host_log_enabled<T: HostServices>(context: Context, number: u32, target: RStr<'_>) -> bool {
    // SAFETY: this function only stands in a table made by `HostTable::leak::<T>`.
    unsafe { ask::<T, _>(context, false, |host| host.log_enabled(level(number), target.as_str())) }
}

extern "C" fn host_log<T: HostServices>(context: Context, number: u32, target: RStr<'_>, text: RStr<'_>) {
    // SAFETY: this function only stands in a table made by `HostTable::leak::<T>`.
    unsafe { ask::<T, _>(context, (), |host| host.log(level(number), target.as_str(), text.as_str())) }
}

extern "C" fn host_publish<T: HostServices>(
    context: Context,
    message_type: RStr<'_>,
    payload: RSlice<'_, u8>,
) -> u32 {
    // SAFETY: this function only stands in a table made by `HostTable::leak::<T>`.
    let taken = unsafe {
        ask::<T, _>(context, Err(PublishError::Closed), |host| {
            host.publish(message_type.as_str(), payload.as_slice())
        })
    };
    match taken {
        Ok(()) => 0,
        Err(error) => error.code(),
    }
}

extern "C" fn host_now_ns<T: HostServices>(context: Context) -> u64 {
    // SAFETY: this function only stands in a table made by `HostTable::leak::<T>`.
    unsafe { ask::<T, _>(context, 0, T::now_ns) }
}

extern "C" fn host_run_facts<T: HostServices>(context: Context) -> RString {
    // SAFETY: this function only stands in a table made by `HostTable::leak::<T>`.
    unsafe { ask::<T, _>(context, "{}".into(), |host| host.run_facts().into()) }
}

extern "C" fn host_request_stop<T: HostServices>(context: Context, reason: RStr<'_>) {
    // SAFETY: this function only stands in a table made by `HostTable::leak::<T>`.
    unsafe { ask::<T, _>(context, (), |host| host.request_stop(reason.as_str())) }
}

impl<T: HostServices> Table<T> {
    abi_stable::staticref! {
        const HOST: WithMetadata<HostVt> = WithMetadata::new(HostVt {
            log_enabled: host_log_enabled::<T>,
            log: host_log::<T>,
            publish: host_publish::<T>,
            now_ns: host_now_ns::<T>,
            run_facts: host_run_facts::<T>,
            request_stop: host_request_stop::<T>,
        })
    }
    const HOST_VT: HostVt_Ref = HostVt_Ref(Self::HOST.as_prefix());
}

/// A loaded library's root.
#[derive(Clone, Copy)]
pub struct PluginRoot(PluginModule_Ref);

impl PluginRoot {
    /// Wraps a root module whose layout was checked, and lets the library install its hooks.
    pub fn new(module: PluginModule_Ref, host: HostTable) -> Self {
        (module.init())(host.0);
        Self(module)
    }

    /// The endpoint that was exported under this type name.
    pub fn endpoint(&self, type_name: &str) -> Option<EndpointVt_Ref> {
        self.0.endpoints().iter().copied().find(|vt| vt.type_name().as_str() == type_name)
    }

    /// The service that was exported under this type name.
    pub fn service(&self, type_name: &str) -> Option<ServiceVt_Ref> {
        self.0.services().iter().copied().find(|vt| vt.type_name().as_str() == type_name)
    }
}

impl fmt::Debug for PluginRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginRoot").finish_non_exhaustive()
    }
}
