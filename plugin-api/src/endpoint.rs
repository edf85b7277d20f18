//! Endpoints: how an API format is written.
//!
//! An [`Endpoint`] turns a turn into the bytes of a request, and its [`Parser`] turns the bytes of one response into
//! events. It is sans-IO: the host owns the socket, the clock and the threads. It splits a stream into server-sent
//! events by the WHATWG rules, or into what the manifest calls its `stream_framing`, and stamps every read before it
//! asks the parser anything.
//!
//! # Limits
//!
//! Whatever an endpoint does wrong costs the run one request, never its other numbers. Bounds far above anything real
//! keep a broken one from filling the host's memory. Beyond them the host keeps nothing, and the request fails as
//! `plugin_limit`, with the endpoint's name:
//!
//! | of | at most |
//! |---|---|
//! | one answer: texts, tool calls, finish reasons and facts together | 64 MiB |
//! | one answer: choices times channels with text | 1024 |
//! | one answer: calls of [`EventSink::finish`] | 1024 |
//! | one answer: calls of tools | 1024 |
//! | one answer: embeddings; ranked documents; media | 1,048,576 each |
//! | one answer: names of facts | 64 |
//! | one answer: follow-ups, one after the other | 1,048,576 |
//! | one follow-up: path | 1 MiB |
//! | one count of a [`TokenUsage`] | 2^32 tokens |
//! | a score of [`EventSink::ranking`] | a finite number |
//! | one request: body with all its parts | 512 MiB |
//! | one request: path, header names and values together | 1 MiB |
//! | one request: headers | 256 |
//!
//! Error texts, those of the server and the plugin's own, are cut off after 16 KiB.
//!
//! A call must return: the host does not wait for the network inside it, and neither should a plugin. One that has not
//! returned after five seconds (ten for [`Endpoint::new`]) hangs, and the run ends with the endpoint's name.

use std::{fmt, io, marker::PhantomData};

use serde::{Deserialize, Serialize};

#[cfg(feature = "json")]
use crate::error::PluginError;
use crate::{
    abi::{EventOut, MessageView, PartView, RequestOut, TurnView},
    error::Result,
};

/// The [`Endpoint::OPTIONS`] of an endpoint that takes none: prony then refuses any that a user sets.
pub const NO_OPTIONS: &str = r#"{"type": "object", "properties": {}}"#;

/// An API format, shared by all requests of a run.
///
/// `new` is called once; `format` and `parser` afterwards from several threads at once. A panic in any method fails
/// the request at hand; after three of them the host stops using the endpoint. A panic in a destructor is logged, and
/// what the destructor should have freed is lost.
pub trait Endpoint: Send + Sync + Sized + 'static {
    /// What reads one response.
    type Parser: Parser;

    /// JSON Schema of the options that [`Endpoint::new`] takes; readable from the library's file without
    /// running it. Without one, any option is let through; [`NO_OPTIONS`] says that there is none.
    const OPTIONS: &'static str = "{}";

    /// Makes the endpoint from its options, the text of a JSON object. Ignore keys you do not know: the host passes
    /// the same options to every endpoint.
    ///
    /// # Errors
    /// `config` when an option has a wrong value: the run does not start.
    fn new(options: &str) -> Result<Self>;

    /// Writes the request of one turn: at least a body.
    ///
    /// # Errors
    /// Fails this request only, as an error of the plugin's.
    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()>;

    /// Makes the parser of one response.
    fn parser(&self) -> Self::Parser;
}

/// Reads one response. Used by one thread at a time, dropped when the response is over.
///
/// The host decides by the response's content type: a stream calls [`Parser::event`] for each of its events, anything
/// else calls [`Parser::body`] once. Then, unless the connection broke, [`Parser::end`].
///
/// What an event is depends on the stream's framing ([`StreamFraming`](crate::metadata::StreamFraming)): a server-sent
/// event, a line that is not empty, or the bytes of one read as they came. The type `text/event-stream` stands for the
/// first in any API format, and types such as `application/x-ndjson` for the second. Otherwise the manifest's
/// `stream_framing` says it: for an answer without a type, and, unless it says `events`, for one of any type other than
/// JSON's and HTML's. Only an answer that was asked to stream is split by the manifest's word.
///
/// A response is complete once [`EventSink::done`] or a [`EventSink::finish`] was called. One that ends before either
/// is an error (`stream_cut`), so an API format without an end marker calls `done` in [`Parser::end`].
///
/// The host does not wait for the end of the body: a stream is over with `done`, with an error, or with a `finish` of every
/// choice that was asked for. After `done` no event is handed over any more, and the parser may be dropped without an
/// [`Parser::end`]. A response that owes a text (`produces_tokens`) and has neither a text nor a `finish` is an error
/// (`empty_answer`).
pub trait Parser: Send + 'static {
    /// One server-sent event: the value of its `event` field (empty when it has none) and its data, with the lines of
    /// a multi-line value joined by `\n`. Or one line without its end, or the bytes of one read; these have no name. A
    /// last line without an end is an event, a last server-sent event without its blank line is none.
    ///
    /// An error that a server reports beside its events (`error: {…}` as a field, or a line of bare JSON) is handed over as
    /// an event named `error`. If the parser does not report it, the host does.
    ///
    /// # Errors
    /// Fails this request as a malformed answer.
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()>;

    /// A whole answer that did not stream, of any HTTP status. For an error status, report what the body says with
    /// [`EventSink::error`]; the host falls back to the raw text.
    ///
    /// # Errors
    /// Fails this request as a malformed answer.
    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()>;

    /// The answer ended and nothing broke.
    ///
    /// # Errors
    /// Fails this request as a malformed answer.
    fn end(&mut self, _out: &mut EventSink<'_>) -> Result<()> {
        Ok(())
    }
}

/// Channel of generated text. A number, so that it can grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextKind(pub u32);

impl TextKind {
    /// The visible answer.
    pub const CONTENT: Self = Self(0);
    /// Thinking that precedes it.
    pub const REASONING: Self = Self(1);
    /// Name and arguments of a tool call.
    pub const TOOL: Self = Self(2);
    /// A refusal in place of an answer.
    pub const REFUSAL: Self = Self(3);
}

/// Kind of a piece of content. A number, so that it can grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartKind(pub u32);

impl PartKind {
    /// Text.
    pub const TEXT: Self = Self(0);
    /// An image, as a URL or data URL.
    pub const IMAGE: Self = Self(1);
    /// Audio, as a URL or data URL.
    pub const AUDIO: Self = Self(2);
    /// A video, as a URL or data URL.
    pub const VIDEO: Self = Self(3);
    /// JSON to splice in as it is, in the API format's own form.
    pub const RAW: Self = Self(4);
    /// A call of a tool that the assistant made: the name is the tool's, the data is the text of a JSON object with the
    /// strings `id` (may be empty) and `arguments`. See [`Part::tool_call`].
    ///
    /// Since minor 2 of the contract, and only for an endpoint whose manifest says `supports_tools`.
    pub const TOOL_CALL: Self = Self(5);
    /// What a tool answered: the name is the id of the call (may be empty), the data is a text.
    ///
    /// Since minor 2 of the contract, and only for an endpoint whose manifest says `supports_tools`.
    pub const TOOL_RESULT: Self = Self(6);
}

/// A call of a tool, as a part of the kind [`PartKind::TOOL_CALL`] holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// To which the tool's result refers; empty where the API format has none.
    pub id: String,
    /// Name of the tool.
    #[serde(skip)]
    pub name: String,
    /// What the tool is given, as the model wrote it: a JSON text, unless it wrote something else.
    pub arguments: String,
}

/// Token counts as the server reports them. A count it does not report is `None`, which is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenUsage {
    /// Tokens of the input.
    pub prompt: Option<u64>,
    /// Tokens of the output, reasoning included.
    pub completion: Option<u64>,
    /// Both together.
    pub total: Option<u64>,
    /// Output tokens that were reasoning.
    pub reasoning: Option<u64>,
    /// Input tokens read from a prefix cache.
    pub cache_read: Option<u64>,
    /// Input tokens written to a prefix cache.
    pub cache_write: Option<u64>,
}

/// Everything a formatter may know about the turn it formats.
#[derive(Clone, Copy, Debug)]
pub struct TurnContext<'a>(&'a TurnView<'a>);

impl<'a> TurnContext<'a> {
    pub(crate) fn new(view: &'a TurnView<'a>) -> Self {
        Self(view)
    }

    /// Model name for the body.
    pub fn model(&self) -> &'a str {
        self.0.model.as_str()
    }

    /// The conversation up to and including this turn, oldest first.
    pub fn messages(&self) -> impl ExactSizeIterator<Item = TurnMessage<'a>> {
        self.0.messages.as_slice().iter().map(TurnMessage)
    }

    /// Requested output tokens, if the run asks for a number.
    pub fn max_tokens(&self) -> Option<u64> {
        (self.0.max_tokens != 0).then_some(self.0.max_tokens)
    }

    /// The answer should stream.
    pub fn streaming(&self) -> bool {
        self.0.streaming
    }

    /// Position of the turn in its conversation, from 0.
    pub fn turn_index(&self) -> u32 {
        self.0.turn_index
    }

    /// The `X-Request-ID` of this request.
    pub fn request_id(&self) -> &'a str {
        self.0.request_id.as_str()
    }

    /// Stable over the turns of one conversation.
    pub fn conversation_id(&self) -> &'a str {
        self.0.conversation_id.as_str()
    }

    /// The text of a JSON object whose keys go into the body last and win.
    pub fn extra_json(&self) -> &'a str {
        self.0.extra_json.as_str()
    }

    /// The text of a JSON object with further facts, for API formats that sign requests or go elsewhere by themselves. A
    /// fact may be absent: an older host knows fewer.
    ///
    /// | fact | is |
    /// |---|---|
    /// | `host` | the value of the `Host` header: the target's name, with its port unless that is the scheme's own |
    /// | `base_path` | the path of the user's URL, without a slash at its end: it stands in front of the endpoint's path, unless it ends in what that begins with |
    /// | `path` | the whole path, when the user has fixed it; what [`RequestWriter::path`] says has no effect then |
    /// | `has_api_key` | the host will send the user's key, whatever the endpoint writes into that header |
    /// | `previous_response_id` | in a conversation, the `response_id` that a parser told ([`EventSink::fact`]) of the answer before this request; absent where there was none, or where a recorded reply stands in its place |
    /// | `previous_messages` | beside it: how many of [`TurnContext::messages`], from the first one on, the server has with that answer, which is the last of them |
    /// | `unix_time_s` | seconds since 1970 by when the request is due, or now if that is later; a slot may still be waited for |
    ///
    /// Queries are never told: they may hold secrets.
    pub fn facts_json(&self) -> &'a str {
        self.0.facts_json.as_str()
    }
}

/// One message of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct TurnMessage<'a>(&'a MessageView<'a>);

impl<'a> TurnMessage<'a> {
    /// `system`, `user`, `assistant` or `tool`.
    pub fn role(&self) -> &'a str {
        self.0.role.as_str()
    }

    /// Its content, in order.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = Part<'a>> {
        self.0.parts.as_slice().iter().map(Part)
    }

    /// The texts of its content, in order.
    pub fn texts(&self) -> impl Iterator<Item = &'a str> {
        self.parts().filter(|part| part.kind() == PartKind::TEXT).map(|part| part.data())
    }

    /// The texts of its content as one, with a line feed between them.
    pub fn text(&self) -> String {
        self.texts().collect::<Vec<_>>().join("\n")
    }
}

/// One piece of a message's content.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a>(&'a PartView<'a>);

impl<'a> Part<'a> {
    /// The kind of content: a text, an image, or another medium.
    pub fn kind(&self) -> PartKind {
        PartKind(self.0.kind)
    }

    /// What the dataset calls it, such as `query` or `passages`; often empty.
    pub fn name(&self) -> &'a str {
        self.0.name.as_str()
    }

    /// The text, or a URL or data URL of a medium.
    pub fn data(&self) -> &'a str {
        self.0.data.as_str()
    }

    /// The call that a part of the kind [`PartKind::TOOL_CALL`] is.
    ///
    /// # Errors
    /// `unsupported` if it is none: no host writes that.
    #[cfg(feature = "json")]
    pub fn tool_call(&self) -> Result<ToolCall> {
        let read = serde_json::from_str(self.data());
        let call: ToolCall = read.map_err(|error| {
            PluginError::unsupported(format_args!("write a call of a tool, whose part is none: {error}"))
        })?;
        Ok(ToolCall { name: self.name().to_owned(), ..call })
    }
}

/// Where a formatter writes its request. As an [`io::Write`] it appends to the body.
///
/// The host adds `Content-Type: application/json` (or the multipart type), `Accept`, `X-Request-ID` and, unless
/// [`RequestWriter::api_key_header`] says otherwise, `Authorization: Bearer` with the user's key.
pub struct RequestWriter<'a> {
    out: RequestOut,
    host: PhantomData<&'a mut ()>,
}

impl RequestWriter<'_> {
    pub(crate) fn new(out: RequestOut) -> Self {
        Self { out, host: PhantomData }
    }

    /// Replaces the path that the manifest gives.
    pub fn path(&mut self, path: &str) {
        (self.out.vt.path())(self.out.context, path.into());
    }

    /// Adds a header; the user's own header of the same name wins.
    pub fn header(&mut self, name: &str, value: &str) {
        (self.out.vt.header())(self.out.context, name.into(), value.into());
    }

    /// Names the header that the host fills with `prefix` and the user's API key, which the plugin never sees.
    pub fn api_key_header(&mut self, name: &str, prefix: &str) {
        (self.out.vt.api_key_header())(self.out.context, name.into(), prefix.into());
    }

    /// Appends a part and makes the body `multipart/form-data`. Empty `file_name` and `content_type` are left out.
    pub fn part(&mut self, name: &str, file_name: &str, content_type: &str, bytes: &[u8]) {
        let part = self.out.vt.part();
        part(self.out.context, name.into(), file_name.into(), content_type.into(), bytes.into());
    }
}

impl io::Write for RequestWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.out.vt.body())(self.out.context, bytes.into());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for RequestWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestWriter").finish_non_exhaustive()
    }
}

/// Where a parser reports what an answer says. Nothing is allocated on the way.
pub struct EventSink<'a> {
    out: EventOut,
    host: PhantomData<&'a mut ()>,
}

impl EventSink<'_> {
    pub(crate) fn new(out: EventOut) -> Self {
        Self { out, host: PhantomData }
    }

    /// Generated text of a choice. Empty text is no token and is ignored.
    pub fn text(&mut self, kind: TextKind, choice: u32, text: &str) {
        (self.out.vt.text())(self.out.context, kind.0, choice, text.into());
    }

    /// Token counts so far; the last one of an answer stands.
    pub fn usage(&mut self, usage: &TokenUsage) {
        (self.out.vt.usage())(self.out.context, &usage.into());
    }

    /// Why a choice ended, in the server's word. When every choice has ended, and usage has come with it, a stream is over;
    /// otherwise usage is waited for, 250 ms at most.
    pub fn finish(&mut self, choice: u32, reason: &str) {
        (self.out.vt.finish())(self.out.context, choice, reason.into());
    }

    /// The server reports a failure, in a stream or in a body. The request is then an error whatever came before.
    pub fn error(&mut self, code: Option<u32>, kind: &str, message: &str) {
        (self.out.vt.error())(self.out.context, code.unwrap_or(0), kind.into(), message.into());
    }

    /// An embedding: its index and number of dimensions.
    pub fn embedding(&mut self, index: u32, dimensions: u32) {
        (self.out.vt.embedding())(self.out.context, index, dimensions);
    }

    /// A ranked document: its index in the request and its score.
    pub fn ranking(&mut self, index: u32, score: f64) {
        (self.out.vt.ranking())(self.out.context, index, score);
    }

    /// A generated medium: its content type, its size in bytes (0 when only linked) and its URL (or empty).
    pub fn media(&mut self, kind: PartKind, content_type: &str, bytes: u64, url: &str) {
        (self.out.vt.media())(self.out.context, kind.0, content_type.into(), bytes, url.into());
    }

    /// The answer is not ready: the host gets `path` after so many milliseconds and hands that body, of any status, to
    /// [`Parser::body`] of the same parser; and so on, until the answer is complete or has failed, or the request's time
    /// is over.
    ///
    /// A path with a slash in front is one below the base URL, as those of a manifest are; one without is below the
    /// request's own URL, whatever that is: a job's number is enough. A whole URL may name the request's server only. The
    /// request's headers and key are sent again. An error status is an error unless the parser answers it with another
    /// follow-up.
    pub fn follow_up(&mut self, path: &str, after_ms: u64) {
        (self.out.vt.follow_up())(self.out.context, path.into(), after_ms);
    }

    /// A named fact about the answer: `model` (the one that really ran), `response_id` (the server's name for it, which the next
    /// request of a conversation can refer to: [`TurnContext::facts_json`]), or one of the API format's own, such as
    /// how long the server says it took. The latter are kept with the request, a number as a number; the last one of a name
    /// stands.
    pub fn fact(&mut self, name: &str, value: &str) {
        (self.out.vt.fact())(self.out.context, name.into(), value.into());
    }

    /// The answer is complete: nothing that comes behind this is part of it. An API format with an end marker of its own for each
    /// of several media says it for each.
    pub fn done(&mut self) {
        (self.out.vt.done())(self.out.context);
    }

    /// A piece of a call of a tool. `index` tells the calls of a choice apart; their order is that of their first pieces. The
    /// first `id` and the first `name` that are not empty stand, and the pieces of `arguments`, a JSON text, are joined.
    ///
    /// This is the structured form of a call, for whoever puts the reply into a conversation: the texts of
    /// [`EventSink::text`] (content, reasoning) and the calls together are the reply. It is no generated text and no token:
    /// report a call as [`TextKind::TOOL`] too, so that it is measured.
    ///
    /// Since minor 1 of the contract. A host that is older does not have it: the call does nothing there.
    pub fn tool_call(&mut self, choice: u32, index: u32, id: &str, name: &str, arguments: &str) {
        if let Some(tool_call) = self.out.vt.tool_call() {
            tool_call(self.out.context, choice, index, id.into(), name.into(), arguments.into());
        }
    }
}

impl fmt::Debug for EventSink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSink").finish_non_exhaustive()
    }
}
