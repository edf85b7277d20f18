//! Reading responses: [`ResponsesParser`].

use prony_plugin_api::{
    EventSink, Parser, Result, TextKind,
    json::{self, Facts, Failure, Few},
};
use serde_json::Value;

use super::wire::{Event, Item, Response};
use crate::said::Content;

/// What an event that is none is compared with.
const EVENT: &str = "an event with a `type`";
/// What an answer that is none is compared with.
const RESPONSE: &str = "an object with `output`";

/// More pieces of one response than this are told twice by a server that repeats each of them.
const MOST_PIECES: usize = 4096;

/// Reads one response.
///
/// A server tells everything up to three times: as deltas, as the whole of a piece at the piece's end, and as the whole
/// response at the end of all. Some leave out the deltas. So each piece is taken from where it comes first.
#[derive(Debug, Default)]
pub(crate) struct ResponsesParser {
    facts: Facts,
    /// The pieces that were told, in order. One for each thought, message and call.
    heard: Vec<Piece>,
    /// The last event came, or a failure.
    over: bool,
}

/// Something that a server may tell several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    what: What,
    output: u32,
    content: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Text,
    Refusal,
    Thought,
    Summary,
    /// Id of a call. It is no text.
    Id,
    /// Name of a function.
    Name,
    Arguments,
    /// Name and arguments of a call that the server makes itself. Nobody has to answer it, so that it is a text only.
    OwnName,
    OwnArguments,
}

impl What {
    /// Tells a text, and a piece of a call as one of its call too: the place of a call in the output is its number.
    fn tell(self, output: u32, text: &str, out: &mut EventSink<'_>) {
        let kind = match self {
            Self::Text => TextKind::CONTENT,
            Self::Refusal => TextKind::REFUSAL,
            Self::Thought | Self::Summary => TextKind::REASONING,
            Self::OwnName | Self::OwnArguments => TextKind::TOOL,
            Self::Id => return out.tool_call(0, output, text, "", ""),
            Self::Name => {
                out.tool_call(0, output, "", text, "");
                TextKind::TOOL
            }
            Self::Arguments => {
                out.tool_call(0, output, "", "", text);
                TextKind::TOOL
            }
        };
        out.text(kind, 0, text);
    }
}

impl Parser for ResponsesParser {
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        // Not of this API format, and sent by some servers all the same.
        if data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let Some(event) = json::event::<Event<'_>>(name, data, EVENT, out)? else { return Ok(()) };
        // Some servers leave out the line with the event's name, and nobody the member.
        match &*event.kind {
            "response.output_text.delta" => self.delta(What::Text, &event, out),
            "response.refusal.delta" => self.delta(What::Refusal, &event, out),
            "response.reasoning_text.delta" => self.delta(What::Thought, &event, out),
            "response.reasoning_summary_text.delta" => self.delta(What::Summary, &event, out),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.delta(What::Arguments, &event, out);
            }
            "response.mcp_call_arguments.delta" => self.delta(What::OwnArguments, &event, out),
            "response.output_text.done" => self.whole(What::Text, &event, &event.text, out),
            "response.refusal.done" => self.whole(What::Refusal, &event, &event.refusal, out),
            "response.reasoning_text.done" => self.whole(What::Thought, &event, &event.text, out),
            "response.reasoning_summary_text.done" => self.whole(What::Summary, &event, &event.text, out),
            "response.function_call_arguments.done" => {
                self.whole(What::Name, &event, &event.name, out);
                self.whole(What::Arguments, &event, &event.arguments, out);
            }
            "response.output_item.added" | "response.output_item.done" => {
                if let Some(item) = &event.item {
                    self.call(event.output_index, item, out);
                }
            }
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => {
                let response = event.response.ok_or_else(|| json::unexpected(data, "a `response`"))?;
                self.response(&response, data, out);
            }
            _ => self.other(&event, data, out)?,
        }
        Ok(())
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let is_one = |response: &Response<'_>| {
            response.output.is_some() || !(response.output_text.is_empty() && response.status.is_empty())
        };
        if let Some(response) = json::answer::<Response<'_>>(status, body, RESPONSE, is_one, out)? {
            self.response(&response, body, out);
        }
        Ok(())
    }
}

impl ResponsesParser {
    fn delta(&mut self, what: What, event: &Event<'_>, out: &mut EventSink<'_>) {
        let piece = Piece { what, output: event.output_index, content: event.content_index };
        // A thought that was told as it is need not be told in other words.
        if event.delta.is_empty() || (what == What::Summary && self.has_heard(What::Thought, piece.output)) {
            return;
        }
        self.note(piece);
        what.tell(piece.output, &event.delta, out);
    }

    /// All of a piece. It is news only when the piece had no deltas.
    fn whole(&mut self, what: What, event: &Event<'_>, text: &str, out: &mut EventSink<'_>) {
        self.tell(Piece { what, output: event.output_index, content: event.content_index }, text, out);
    }

    fn tell(&mut self, piece: Piece, text: &str, out: &mut EventSink<'_>) {
        let is_known = match piece.what {
            What::Id | What::Name | What::Arguments | What::OwnName | What::OwnArguments => {
                self.has_heard(piece.what, piece.output)
            }
            What::Summary => self.has_heard(What::Thought, piece.output) || self.heard.contains(&piece),
            _ => self.heard.contains(&piece),
        };
        if !text.is_empty() && !is_known {
            self.note(piece);
            piece.what.tell(piece.output, text, out);
        }
    }

    fn has_heard(&self, what: What, output: u32) -> bool {
        self.heard.iter().any(|piece| piece.what == what && piece.output == output)
    }

    /// Deltas of one piece follow each other, so mostly the last entry is the one.
    fn note(&mut self, piece: Piece) {
        if self.heard.last() != Some(&piece) && self.heard.len() < MOST_PIECES && !self.heard.contains(&piece)
        {
            self.heard.push(piece);
        }
    }

    /// The id, the name and the arguments of a call; an item that is none has none of them.
    fn call(&mut self, output: u32, item: &Item<'_>, out: &mut EventSink<'_>) {
        if !item.kind.ends_with("_call") {
            return;
        }
        let is_own = !matches!(&*item.kind, "function_call" | "custom_tool_call");
        let (name, arguments) =
            if is_own { (What::OwnName, What::OwnArguments) } else { (What::Name, What::Arguments) };
        if !is_own && !item.name.is_empty() {
            self.tell(Piece { what: What::Id, output, content: 0 }, &item.call_id, out);
        }
        self.tell(Piece { what: name, output, content: 0 }, &item.name, out);
        self.tell(Piece { what: arguments, output, content: 0 }, &item.arguments, out);
        self.tell(Piece { what: arguments, output, content: 0 }, &item.input, out);
    }

    /// An event that brings nothing, unless it is an error in one of its shapes or no event of this API format.
    fn other(&mut self, event: &Event<'_>, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if let Some(response) = &event.response {
            self.facts.tell(&response.id, &response.model, out);
        }
        if (event.error.is_some() || event.kind.is_empty() || &*event.kind == "error")
            && let Some(failure) = Failure::find(data)
        {
            self.fail(&failure, out);
        } else if event.kind.is_empty() {
            return Err(json::unexpected(data, EVENT));
        }
        Ok(())
    }

    /// A response that is over.
    fn response(&mut self, response: &Response<'_>, data: &[u8], out: &mut EventSink<'_>) {
        if self.over {
            return;
        }
        self.facts.tell(&response.id, &response.model, out);
        if self.heard.is_empty() {
            self.output(response, out);
        }
        if let Some(counts) = response.usage.as_ref().and_then(json::Usage::counts) {
            out.usage(counts);
        }
        let reason = response.incomplete_details.as_ref().map_or("", |details| &details.reason);
        match (&*response.status, reason) {
            (status @ ("failed" | "cancelled"), _) => self.fail(&given_up(status, data), out),
            _ if response.error.is_some() => self.fail(&given_up(&response.status, data), out),
            (status @ ("queued" | "in_progress"), _) => {
                let text = format!("the response is `{status}`: one in the background is not waited for");
                self.fail(&Failure::of_text(&text), out);
            }
            // It says neither how it ended nor anything else.
            ("", "") if self.heard.is_empty() => {
                self.over = true;
                out.done();
            }
            ("", "") => self.finish("completed", out),
            (status, "") => self.finish(status, out),
            (_, reason) => self.finish(reason, out),
        }
    }

    fn finish(&mut self, reason: &str, out: &mut EventSink<'_>) {
        self.over = true;
        out.finish(0, reason);
        out.done();
    }

    fn fail(&mut self, failure: &Failure, out: &mut EventSink<'_>) {
        self.over = true;
        failure.report(None, out);
    }

    /// All that a response holds, of which nothing was told before.
    fn output(&mut self, response: &Response<'_>, out: &mut EventSink<'_>) {
        for (output, item) in response.output.iter().flat_map(Few::enumerate) {
            match &*item.kind {
                "reasoning" => {
                    self.content(What::Thought, output, &item.content, out);
                    self.content(What::Summary, output, &item.summary, out);
                }
                kind if kind.ends_with("_call") => self.call(output, item, out),
                _ => self.content(What::Text, output, &item.content, out),
            }
        }
        if self.heard.is_empty() {
            self.tell(Piece { what: What::Text, output: 0, content: 0 }, &response.output_text, out);
        }
    }

    fn content(&mut self, what: What, output: u32, content: &Content<'_>, out: &mut EventSink<'_>) {
        match content {
            Content::Whole(text) => self.tell(Piece { what, output, content: 0 }, text, out),
            Content::Parts(parts) => {
                for (content, part) in (0..).zip(parts) {
                    self.tell(Piece { what, output, content }, &part.text, out);
                    self.tell(Piece { what: What::Refusal, output, content }, &part.refusal, out);
                }
            }
        }
    }
}

/// Why a response was given up: its own `error`, in an event or not, or at least its status.
fn given_up(status: &str, data: &[u8]) -> Failure {
    let answer: Value = serde_json::from_slice(data).unwrap_or_default();
    let response = answer.get("response").unwrap_or(&answer);
    Failure::of(response)
        .unwrap_or_else(|| Failure::of_text(&format!("the server says the response is `{status}`")))
}
