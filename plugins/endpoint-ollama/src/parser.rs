//! Reading generated text: [`ChatParser`].

use prony_plugin_api::{
    EventSink, Parser, Result, TextKind, TokenUsage,
    json::{self, Arguments, Facts, Failure, Few, Name, Text},
};
use serde::{Deserialize, de::IgnoredAny};

/// What an answer that is none is compared with.
const EXPECTED: &str = "an object with `message`";

/// Reads one response.
#[derive(Debug, Default)]
pub(crate) struct ChatParser {
    facts: Facts,
    /// Calls of tools so far: the server does not always number them.
    calls: u32,
}

/// A line of a stream, or a whole answer. The last line has all members.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with `message`")]
struct Reply<'a> {
    #[serde(borrow)]
    model: Name<'a>,
    #[serde(borrow)]
    message: Option<Said<'a>>,
    done: bool,
    /// Why it ended: `stop`, `length`, or, when nothing was to be said, `load` or `unload`.
    #[serde(borrow)]
    done_reason: Text<'a>,
    /// Tokens of the prompt. Older servers leave it out when all of them were cached.
    prompt_eval_count: Option<u64>,
    eval_count: Option<u64>,
    /// Present and not `null`.
    error: Option<IgnoredAny>,
}

/// What a message says, or what a line adds to it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    thinking: Text<'a>,
    #[serde(borrow)]
    content: Text<'a>,
    #[serde(borrow)]
    tool_calls: Few<ToolCall<'a>>,
}

/// One call of a tool, which comes whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToolCall<'a> {
    /// From newer servers.
    #[serde(borrow)]
    id: Name<'a>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    arguments: Arguments<'a>,
}

impl Parser for ChatParser {
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let Some(line) = json::event::<Reply<'_>>(name, data, EXPECTED, out)? else { return Ok(()) };
        if line.error.is_some() || (line.message.is_none() && !line.done) {
            Failure::find(data).ok_or_else(|| json::unexpected(data, EXPECTED))?.report(None, out);
        } else {
            self.tell(&line, out);
        }
        Ok(())
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let is_one = |reply: &Reply<'_>| reply.error.is_none() && reply.message.is_some();
        if let Some(reply) = json::answer(status, body, EXPECTED, is_one, out)? {
            self.tell(&reply, out);
            out.done();
        }
        Ok(())
    }
}

impl ChatParser {
    fn tell(&mut self, reply: &Reply<'_>, out: &mut EventSink<'_>) {
        self.facts.tell("", &reply.model, out);
        if let Some(said) = &reply.message {
            say(TextKind::REASONING, &said.thinking, out);
            say(TextKind::CONTENT, &said.content, out);
            for call in said.tool_calls.iter() {
                self.call(call, out);
            }
        }
        let usage = TokenUsage {
            prompt: reply.prompt_eval_count,
            completion: reply.eval_count,
            ..TokenUsage::default()
        };
        if usage != TokenUsage::default() {
            out.usage(&usage);
        }
        if reply.done {
            out.finish(0, if reply.done_reason.is_empty() { "stop" } else { &reply.done_reason });
            out.done();
        }
    }

    fn call(&mut self, call: &ToolCall<'_>, out: &mut EventSink<'_>) {
        let Some(function) = &call.function else { return };
        say(TextKind::TOOL, &function.name, out);
        say(TextKind::TOOL, &function.arguments, out);
        out.tool_call(0, self.calls, &call.id, &function.name, &function.arguments);
        self.calls = self.calls.saturating_add(1);
    }
}

/// An empty text is no token.
fn say(kind: TextKind, text: &str, out: &mut EventSink<'_>) {
    if !text.is_empty() {
        out.text(kind, 0, text);
    }
}
