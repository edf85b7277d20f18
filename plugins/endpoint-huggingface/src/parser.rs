//! Reading generated text: [`GenerateParser`].

use prony_plugin_api::{
    EventSink, Parser, Result, TextKind, TokenUsage,
    json::{self, Failure, Text},
};
use serde::{Deserialize, de::IgnoredAny};

/// What an answer that is none is compared with.
const EXPECTED: &str = "an object with `generated_text`, or a list of one";
/// What an event that is none is compared with.
const EVENT: &str = "an event with a `token`";

/// Reads one response.
#[derive(Debug, Default)]
pub(crate) struct GenerateParser {
    /// Some text was told: that of the last event, which is all of it, is no news.
    spoke: bool,
}

/// A whole answer, or an event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with `generated_text` or a `token`")]
struct Reply<'a> {
    #[serde(borrow)]
    token: Option<Token<'a>>,
    /// All of the text; in a stream, of its last event only.
    #[serde(borrow)]
    generated_text: Option<Text<'a>>,
    #[serde(borrow)]
    details: Option<Details<'a>>,
    /// Present and not `null`.
    error: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Token<'a> {
    #[serde(borrow)]
    text: Text<'a>,
    /// A mark such as the end of the sequence: no text.
    special: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details<'a> {
    #[serde(borrow)]
    finish_reason: Text<'a>,
    generated_tokens: Option<u64>,
    input_length: Option<u64>,
}

impl Parser for GenerateParser {
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let Some(event) = json::event::<Reply<'_>>(name, data, EVENT, out)? else { return Ok(()) };
        if event.error.is_some() || (event.token.is_none() && event.generated_text.is_none()) {
            Failure::find(data).ok_or_else(|| json::unexpected(data, EVENT))?.report(None, out);
            return Ok(());
        }
        if let Some(token) = event.token.filter(|token| !token.special && !token.text.is_empty()) {
            self.spoke = true;
            out.text(TextKind::CONTENT, 0, &token.text);
        }
        if let Some(text) = event.generated_text {
            self.end(&text, event.details, out);
        }
        Ok(())
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let is_one = |reply: &Reply<'_>| reply.error.is_none() && reply.generated_text.is_some();
        let reply = if body.trim_ascii_start().starts_with(b"[") {
            // One answer a prompt, and there is one prompt.
            let is_one = |replies: &[Reply<'_>; 1]| is_one(&replies[0]);
            json::answer(status, body, EXPECTED, is_one, out)?.map(|[only]| only)
        } else {
            json::answer(status, body, EXPECTED, is_one, out)?
        };
        if let Some(reply) = reply {
            self.end(&reply.generated_text.unwrap_or_default(), reply.details, out);
        }
        Ok(())
    }
}

impl GenerateParser {
    fn end(&mut self, text: &str, details: Option<Details<'_>>, out: &mut EventSink<'_>) {
        if !self.spoke && !text.is_empty() {
            self.spoke = true;
            out.text(TextKind::CONTENT, 0, text);
        }
        let details = details.unwrap_or_default();
        let (prompt, completion) = (details.input_length, details.generated_tokens);
        if prompt.or(completion).is_some() {
            let total = prompt.zip(completion).map(|(prompt, completion)| prompt.saturating_add(completion));
            out.usage(&TokenUsage { prompt, completion, total, ..TokenUsage::default() });
        }
        if !details.finish_reason.is_empty() {
            out.finish(0, &details.finish_reason);
        }
        out.done();
    }
}
