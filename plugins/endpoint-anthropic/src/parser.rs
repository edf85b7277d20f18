//! Reading messages: [`MessagesParser`].

use prony_plugin_api::{
    EventSink, Parser, Result, TextKind,
    json::{self, Facts, Failure, Few, Usage},
};

use crate::{
    tokens::Tokens,
    wire::{Block, Delta, Event, Message},
};

/// What an event that is none is compared with.
const EVENT: &str = "an event with a `type`";
/// What an answer that is none is compared with.
const MESSAGE: &str = "a message with `content`";

/// Reads one response.
#[derive(Debug, Default)]
pub(crate) struct MessagesParser {
    facts: Facts,
    tokens: Tokens,
    /// Why the message ends. It is told when the last event has come: a stream that breaks off before it is cut,
    /// although the reason is known by then.
    stop_reason: Option<String>,
    /// The block that goes on is a call that the user's side has to answer. Blocks do not overlap.
    in_call: bool,
}

impl Parser for MessagesParser {
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        // Not of this API format, and sent by some servers all the same.
        if data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let Some(event) = json::event::<Event<'_>>(name, data, EVENT, out)? else { return Ok(()) };
        match &*event.kind {
            "content_block_delta" => {
                event.delta.iter().for_each(|delta| self.go_on(event.index.unwrap_or(0), delta, out));
            }
            "content_block_start" => {
                event.content_block.iter().for_each(|block| self.begin(event.index.unwrap_or(0), block, out));
            }
            "message_start" => {
                let message = event.message.ok_or_else(|| json::unexpected(data, "a `message`"))?;
                self.facts.tell(&message.id, &message.model, out);
                self.count(message.usage.as_ref(), out);
            }
            "message_delta" => {
                self.count(event.usage.as_ref(), out);
                if let Some(delta) = event.delta.filter(|delta| !delta.stop_reason.is_empty()) {
                    self.stop_reason = Some((*delta.stop_reason).to_owned());
                }
            }
            "message_stop" => {
                if let Some(reason) = self.stop_reason.take() {
                    out.finish(0, &reason);
                }
                out.done();
            }
            "ping" | "content_block_stop" => {}
            kind => match Failure::find(data) {
                Some(failure) => failure.report(None, out),
                None if kind.is_empty() => return Err(json::unexpected(data, EVENT)),
                // The API format may get new events.
                None => {}
            },
        }
        Ok(())
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let is_one = |message: &Message<'_>| message.error.is_none() && message.content.is_some();
        let Some(message) = json::answer(status, body, MESSAGE, is_one, out)? else { return Ok(()) };
        self.facts.tell(&message.id, &message.model, out);
        for (index, block) in message.content.iter().flat_map(Few::enumerate) {
            say(index, block, &block.input, out);
        }
        self.count(message.usage.as_ref(), out);
        if !message.stop_reason.is_empty() {
            out.finish(0, &message.stop_reason);
        }
        out.done();
        Ok(())
    }
}

impl MessagesParser {
    fn count(&mut self, usage: Option<&Usage>, out: &mut EventSink<'_>) {
        if let Some(counts) = usage.and_then(|usage| self.tokens.add(usage)) {
            out.usage(&counts);
        }
    }

    /// Tells what a block goes on with. Mostly one of these is there and the others are empty.
    fn go_on(&self, index: u32, delta: &Delta<'_>, out: &mut EventSink<'_>) {
        tell(TextKind::CONTENT, &delta.text, out);
        tell(TextKind::REASONING, &delta.thinking, out);
        tell(TextKind::TOOL, &delta.partial_json, out);
        if self.in_call && !delta.partial_json.is_empty() {
            out.tool_call(0, index, "", "", &delta.partial_json);
        }
    }

    /// Tells what a block begins with: the name of a tool, and whatever else a server does not leave to the deltas.
    fn begin(&mut self, index: u32, block: &Block<'_>, out: &mut EventSink<'_>) {
        self.in_call = is_call(block);
        say(index, block, if &*block.input == "{}" { "" } else { &block.input }, out);
    }
}

fn say(index: u32, block: &Block<'_>, input: &str, out: &mut EventSink<'_>) {
    tell(TextKind::REASONING, &block.thinking, out);
    tell(TextKind::CONTENT, &block.text, out);
    tell(TextKind::TOOL, &block.name, out);
    tell(TextKind::TOOL, input, out);
    if is_call(block) {
        out.tool_call(0, index, &block.id, &block.name, input);
    }
}

fn is_call(block: &Block<'_>) -> bool {
    &*block.kind == "tool_use"
}

/// An empty text is no token: it must not reach the host as an event.
fn tell(kind: TextKind, text: &str, out: &mut EventSink<'_>) {
    if !text.is_empty() {
        out.text(kind, 0, text);
    }
}
