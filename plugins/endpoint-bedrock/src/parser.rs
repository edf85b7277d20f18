//! Reading generated text: [`ConverseParser`].

use prony_plugin_api::{
    EventSink, Parser, PluginError, Result, TextKind, TokenUsage,
    json::{self, Arguments, Failure, Few, Name, Text, Usage},
};
use serde::{Deserialize, de::IgnoredAny};

use crate::{
    credentials::Secrets,
    frames::{Frame, FrameError, Frames},
};

/// What an answer that is none is compared with.
const EXPECTED: &str = "an object with `output`";
/// What bytes that are none are compared with.
const FRAME: &str = "a frame of an event stream";
/// What an event that is none is compared with.
const EVENT: &str = "the payload of an event";

/// Reads one response.
#[derive(Debug)]
pub(crate) struct ConverseParser {
    frames: Frames,
    secrets: Secrets,
}

/// A whole answer, or the payload of an event.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object with `output`")]
struct Reply<'a> {
    #[serde(borrow)]
    output: Option<Output<'a>>,
    /// Number of the block that an event is about.
    content_block_index: Option<u32>,
    #[serde(borrow)]
    start: Option<Block<'a>>,
    #[serde(borrow)]
    delta: Option<Block<'a>>,
    #[serde(borrow)]
    stop_reason: Text<'a>,
    usage: Option<Usage>,
    /// Present and not `null`: what went wrong, in AWS's words or in a gateway's.
    message: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Output<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: Few<Block<'a>>,
}

/// A block of content, what one begins with, or what is added to one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Block<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    reasoning_content: Option<Reasoning<'a>>,
    #[serde(borrow)]
    tool_use: Option<ToolUse<'a>>,
}

/// Thinking: on its own in an event, one level deeper in a whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reasoning<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    reasoning_text: Option<ReasoningText<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReasoningText<'a> {
    #[serde(borrow)]
    text: Text<'a>,
}

/// A call of a tool. Its input comes as pieces of text in events, and as JSON in a whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToolUse<'a> {
    #[serde(rename = "toolUseId", borrow)]
    id: Name<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    input: Arguments<'a>,
}

impl Parser for ConverseParser {
    fn event(&mut self, _name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let Self { frames, secrets } = self;
        let mut failure = None;
        let fed = frames.feed(
            data,
            |frame| read(frame, secrets, out),
            |error, bytes| {
                failure = Failure::find(&secrets.masked(bytes));
                broken(error, &secrets.masked(bytes))
            },
        );
        match failure {
            // A gateway's own error in the place of a stream.
            Some(failure) => {
                failure.report(None, out);
                Ok(())
            }
            None => fed,
        }
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if !(200..300).contains(&status) {
            Failure::read(self.secrets.masked(body).trim_ascii()).report(Some(status), out);
            return Ok(());
        }
        let masked = self.secrets.masked(body);
        let is_one = |reply: &Reply<'_>| reply.output.is_some() || is_failure(reply);
        let Some(reply) = json::answer(status, &masked, EXPECTED, is_one, out)? else { return Ok(()) };
        if is_failure(&reply) {
            Failure::read(&masked).report(None, out);
            return Ok(());
        }
        let message = reply.output.as_ref().and_then(|output| output.message.as_ref());
        for (index, block) in message.iter().flat_map(|message| message.content.enumerate()) {
            say(index, block, out);
        }
        tell(&reply, out);
        out.done();
        Ok(())
    }
}

impl ConverseParser {
    pub(crate) fn new(secrets: Secrets) -> Self {
        Self { frames: Frames::default(), secrets }
    }
}

/// A whole answer that says what went wrong instead.
fn is_failure(reply: &Reply<'_>) -> bool {
    reply.error.is_some() || (reply.output.is_none() && reply.message.is_some())
}

fn read(frame: &Frame<'_>, secrets: &Secrets, out: &mut EventSink<'_>) -> Result<()> {
    match frame.message_type {
        "exception" => {
            let failure = Failure::read(&secrets.masked(frame.payload));
            // The exception's name says more than its payload, which has a message and nothing else.
            out.error(code_of(frame.exception_type), frame.exception_type, failure.message());
            return Ok(());
        }
        "error" => {
            let message = secrets.masked(frame.error_message.as_bytes());
            out.error(None, frame.error_code, &String::from_utf8_lossy(&message));
            return Ok(());
        }
        _ => {}
    }
    // The API format may get new events.
    if !["contentBlockDelta", "contentBlockStart", "messageStop", "metadata"].contains(&frame.event_type) {
        return Ok(());
    }
    let Some(event) = json::event::<Reply<'_>>("", frame.payload, EVENT, out)? else { return Ok(()) };
    for block in event.start.iter().chain(&event.delta) {
        say(event.content_block_index.unwrap_or(0), block, out);
    }
    tell(&event, out);
    Ok(())
}

fn say(index: u32, block: &Block<'_>, out: &mut EventSink<'_>) {
    let mut say = |kind, text: &str| {
        // An empty text is no token.
        if !text.is_empty() {
            out.text(kind, 0, text);
        }
    };
    if let Some(thought) = &block.reasoning_content {
        say(TextKind::REASONING, &thought.text);
        say(TextKind::REASONING, thought.reasoning_text.as_ref().map_or("", |thought| &thought.text));
    }
    say(TextKind::CONTENT, &block.text);
    if let Some(call) = &block.tool_use {
        say(TextKind::TOOL, &call.name);
        say(TextKind::TOOL, &call.input);
        out.tool_call(0, index, &call.id, &call.name, &call.input);
    }
}

fn tell(reply: &Reply<'_>, out: &mut EventSink<'_>) {
    if let Some(counts) = reply.usage.as_ref().and_then(Usage::counts) {
        // What came from a cache, or went into one, is not in the prompt's count here.
        let cached = counts.cache_read.unwrap_or(0).saturating_add(counts.cache_write.unwrap_or(0));
        let prompt = counts.prompt.map(|prompt| prompt.saturating_add(cached));
        out.usage(&TokenUsage { prompt, ..*counts });
    }
    if !reply.stop_reason.is_empty() {
        out.finish(0, &reply.stop_reason);
    }
}

/// The HTTP status that an exception has when it comes before the stream.
fn code_of(exception: &str) -> Option<u32> {
    Some(match exception {
        "validationException" => 400,
        "modelStreamErrorException" => 424,
        "throttlingException" => 429,
        "internalServerException" => 500,
        "serviceUnavailableException" => 503,
        _ => return None,
    })
}

fn broken(error: FrameError, bytes: &[u8]) -> PluginError {
    match error {
        FrameError::Prelude => json::unexpected(bytes, FRAME),
        _ => PluginError::malformed(format_args!("read the response: {FRAME} {}", error.text()))
            .hint("something between prony and the server changes what it passes on"),
    }
}
