//! Reading generated text: [`CompletionParser`].

use prony_plugin_api::{
    EventSink, Parser, Result, TextKind, TokenUsage,
    json::{self, Facts, Failure, Few, Name, Text},
};
use serde::{Deserialize, de::IgnoredAny};

/// What an answer that is none is compared with.
const EXPECTED: &str = "an object with `content`, or a list of such";
/// What an event that is none is compared with.
const EVENT: &str = "an event with `content`";

/// Reads one response.
#[derive(Debug, Default)]
pub(crate) struct CompletionParser {
    facts: Facts,
    timed: bool,
    /// Sums over the prompts that have ended.
    usage: TokenUsage,
}

/// A whole answer to a prompt, or an event of a stream. The last event of a prompt has all members.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with `content`")]
#[expect(clippy::struct_excessive_bools, reason = "as the server has them")]
struct Reply<'a> {
    /// Which prompt of a batch.
    index: u32,
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    model: Name<'a>,
    stop: bool,
    /// Why it ended: `eos`, `limit` or `word`.
    #[serde(borrow)]
    stop_type: Text<'a>,
    /// The same as older servers say it.
    stopped_eos: bool,
    stopped_limit: bool,
    stopped_word: bool,
    tokens_predicted: Option<u64>,
    tokens_evaluated: Option<u64>,
    timings: Option<Timings>,
    /// Present and not `null`.
    error: Option<IgnoredAny>,
}

/// What the server measured.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Timings {
    /// Prompt tokens that its cache had.
    cache_n: Option<u64>,
    prompt_ms: Option<f64>,
    predicted_ms: Option<f64>,
}

impl Parser for CompletionParser {
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        // Not of this API format's own, and of its neighbour's.
        if data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let Some(event) = json::event::<Reply<'_>>(name, data, EVENT, out)? else { return Ok(()) };
        if event.error.is_some() || event.content.is_none() {
            Failure::find(data).ok_or_else(|| json::unexpected(data, EVENT))?.report(None, out);
        } else {
            self.tell(&event, out);
        }
        Ok(())
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let is_one = |replies: &Few<Reply<'_>>| {
            let mut replies = replies.iter();
            let is_whole = |reply: &Reply<'_>| reply.error.is_none() && reply.content.is_some();
            replies.next().is_some_and(is_whole) && replies.all(is_whole)
        };
        let Some(replies) = json::answer(status, body, EXPECTED, is_one, out)? else { return Ok(()) };
        for (position, reply) in replies.enumerate() {
            // A list may number its entries or not.
            let index = if reply.index == 0 { position } else { reply.index };
            self.say(index, reply, out);
            self.end(index, reply, out);
        }
        out.done();
        Ok(())
    }
}

impl CompletionParser {
    fn tell(&mut self, event: &Reply<'_>, out: &mut EventSink<'_>) {
        self.say(event.index, event, out);
        if event.stop {
            self.end(event.index, event, out);
        }
    }

    fn say(&mut self, index: u32, reply: &Reply<'_>, out: &mut EventSink<'_>) {
        self.facts.tell("", &reply.model, out);
        if let Some(text) = reply.content.as_ref().filter(|text| !text.is_empty()) {
            out.text(TextKind::CONTENT, index, text);
        }
    }

    fn end(&mut self, index: u32, reply: &Reply<'_>, out: &mut EventSink<'_>) {
        self.count(reply, out);
        if let Some(timings) = reply.timings.as_ref().filter(|_| !self.timed) {
            self.timed = true;
            for (name, ms) in [("prompt_ms", timings.prompt_ms), ("predicted_ms", timings.predicted_ms)] {
                if let Some(ms) = ms {
                    out.fact(name, &ms.to_string());
                }
            }
        }
        if let Some(reason) = reason(reply) {
            out.finish(index, reason);
        }
    }

    fn count(&mut self, reply: &Reply<'_>, out: &mut EventSink<'_>) {
        let add = |sum: &mut Option<u64>, count: Option<u64>| {
            if let Some(count) = count {
                *sum = Some(sum.unwrap_or(0).saturating_add(count));
            }
        };
        add(&mut self.usage.prompt, reply.tokens_evaluated);
        add(&mut self.usage.completion, reply.tokens_predicted);
        add(&mut self.usage.cache_read, reply.timings.as_ref().and_then(|timings| timings.cache_n));
        if self.usage != TokenUsage::default() {
            out.usage(&self.usage);
        }
    }
}

/// Why a prompt's answer ended. Nothing if the server does not even say that it did.
fn reason<'a>(reply: &'a Reply<'_>) -> Option<&'a str> {
    match &*reply.stop_type {
        "" if reply.stopped_eos => Some("eos"),
        "" if reply.stopped_limit => Some("limit"),
        "" if reply.stopped_word => Some("word"),
        "" => reply.stop.then_some("stop"),
        reason => Some(reason),
    }
}
