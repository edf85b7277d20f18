//! Reading answers from documents: [`SolidoParser`].

use prony_plugin_api::{
    EventSink, Parser, Result, TextKind,
    json::{self, Failure, Text},
};
use serde::{Deserialize, de::IgnoredAny};

/// What an answer that is none is compared with.
const EXPECTED: &str = "an object with `content`";

/// Reads one response.
#[derive(Debug)]
pub(crate) struct SolidoParser;

/// A whole answer, or a piece of a stream. Where the answer is from (`sources`) is skipped.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with `content`")]
struct Reply<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    /// Present, with the last piece of a stream.
    sources: Option<IgnoredAny>,
    /// Present and not `null`.
    error: Option<IgnoredAny>,
}

impl Parser for SolidoParser {
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if data.trim_ascii() == b"[DONE]" {
            out.done();
            return Ok(());
        }
        let Some(event) = json::event::<Reply<'_>>(name, data, EXPECTED, out)? else { return Ok(()) };
        if event.error.is_some() || (event.content.is_none() && event.sources.is_none()) {
            Failure::find(data).ok_or_else(|| json::unexpected(data, EXPECTED))?.report(None, out);
            return Ok(());
        }
        tell(&event, out);
        if event.sources.is_some() {
            out.done();
        }
        Ok(())
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let is_one = |reply: &Reply<'_>| reply.error.is_none() && reply.content.is_some();
        if let Some(reply) = json::answer(status, body, EXPECTED, is_one, out)? {
            tell(&reply, out);
            out.done();
        }
        Ok(())
    }
}

fn tell(reply: &Reply<'_>, out: &mut EventSink<'_>) {
    if let Some(text) = reply.content.as_ref().filter(|text| !text.is_empty()) {
        out.text(TextKind::CONTENT, 0, text);
    }
}
