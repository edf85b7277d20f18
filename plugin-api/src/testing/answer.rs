//! What a parser said.

use crate::{
    abi::host::ResponseSink,
    endpoint::{PartKind, TextKind, TokenUsage},
    error::PluginError,
};

/// Most calls and most bytes of text that are kept of one response: a parser that never ends must not take a
/// test's memory.
const MOST_CALLS: u64 = 4_000_000;
const MOST_BYTES: u64 = 1 << 30;

/// Everything that a parser reported about one response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Generated text, one entry a choice and channel, in order of appearance.
    pub passages: Vec<Passage>,
    /// The last token counts.
    pub usage: Option<TokenUsage>,
    /// Why each choice ended, in order.
    pub finish_reasons: Vec<(u32, String)>,
    /// Failures that the server reported.
    pub errors: Vec<ServerError>,
    /// Embeddings: index and number of dimensions.
    pub embeddings: Vec<(u32, u32)>,
    /// Ranked documents: index and score.
    pub rankings: Vec<(u32, f64)>,
    /// Generated media.
    pub media: Vec<Media>,
    /// Paths to poll, and after how many milliseconds.
    pub follow_ups: Vec<(String, u64)>,
    /// Named facts, in order.
    pub facts: Vec<(String, String)>,
    /// The parser called `done`.
    pub done: bool,
    /// Calls of tools, whole, in the order of their first pieces.
    pub tool_calls: Vec<ToolCall>,
    /// The parser itself failed, or panicked; nothing was read after that.
    pub failure: Option<PluginError>,
    calls: u64,
    bytes: u64,
}

/// Text of one channel of one choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Number of the choice, from 0.
    pub choice: u32,
    /// Channel.
    pub kind: TextKind,
    /// The text of all of its pieces together.
    pub text: String,
}

/// A call of a tool, put together from its pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// Number of the choice, from 0.
    pub choice: u32,
    /// What the parser tells it apart by from the other calls of its choice.
    pub index: u32,
    /// The first id that is not empty.
    pub id: String,
    /// The first name that is not empty.
    pub name: String,
    /// All of the arguments, a JSON text.
    pub arguments: String,
}

/// A failure that the server reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// Its number, if it has one.
    pub code: Option<u32>,
    /// Its type, or empty.
    pub kind: String,
    /// What it says.
    pub message: String,
}

/// A generated medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// An image, audio or a video.
    pub kind: PartKind,
    /// Content type.
    pub content_type: String,
    /// Size in bytes; 0 when it is only linked.
    pub bytes: u64,
    /// URL, or empty.
    pub url: String,
}

impl Answer {
    /// The visible text of choice 0.
    pub fn text(&self) -> &str {
        self.text_of(0, TextKind::CONTENT)
    }

    /// The text of one channel of one choice; empty when there is none.
    pub fn text_of(&self, choice: u32, kind: TextKind) -> &str {
        self.passages
            .iter()
            .find(|passage| passage.choice == choice && passage.kind == kind)
            .map_or("", |passage| passage.text.as_str())
    }

    /// The host would take it for whole: the end marker came, or a reason for the end of every choice that it began.
    pub fn is_complete(&self) -> bool {
        let is_finished = |choice| self.finish_reasons.iter().any(|(finished, _)| *finished == choice);
        self.done
            || (!self.finish_reasons.is_empty()
                && self.passages.iter().all(|passage| is_finished(passage.choice)))
    }

    /// The host would count it as a success: complete, and nobody reported a failure.
    pub fn is_success(&self) -> bool {
        self.is_complete() && self.errors.is_empty() && self.failure.is_none()
    }

    fn admits(&mut self, bytes: usize) -> bool {
        self.calls += 1;
        self.bytes = self.bytes.saturating_add(bytes as u64);
        self.calls <= MOST_CALLS && self.bytes <= MOST_BYTES
    }

    /// Bytes of text in all passages.
    pub(crate) fn text_bytes(&self) -> usize {
        self.passages.iter().map(|passage| passage.text.len()).sum()
    }

    /// Bytes of all that is kept of calls of tools.
    pub(crate) fn call_bytes(&self) -> usize {
        self.tool_calls.iter().map(|call| call.id.len() + call.name.len() + call.arguments.len()).sum()
    }

    /// It says anything that a run would measure.
    pub(crate) fn has_content(&self) -> bool {
        let is_about_content = |name: &str| !matches!(name, "response_id" | "model");
        self.text_bytes() > 0
            || self.facts.iter().any(|(name, _)| is_about_content(name))
            || !(self.embeddings.is_empty() && self.rankings.is_empty() && self.media.is_empty())
            || !self.tool_calls.is_empty()
    }
}

impl ResponseSink for Answer {
    fn text(&mut self, kind: TextKind, choice: u32, text: &str) {
        if text.is_empty() || !self.admits(text.len()) {
            return;
        }
        match self.passages.iter_mut().find(|passage| passage.choice == choice && passage.kind == kind) {
            Some(passage) => passage.text.push_str(text),
            None => self.passages.push(Passage { choice, kind, text: text.to_owned() }),
        }
    }

    fn usage(&mut self, usage: &TokenUsage) {
        self.usage = Some(*usage);
    }

    fn finish(&mut self, choice: u32, reason: &str) {
        if self.admits(reason.len()) {
            self.finish_reasons.push((choice, reason.to_owned()));
        }
    }

    fn error(&mut self, code: Option<u32>, kind: &str, message: &str) {
        if self.admits(kind.len() + message.len()) {
            self.errors.push(ServerError { code, kind: kind.to_owned(), message: message.to_owned() });
        }
    }

    fn embedding(&mut self, index: u32, dimensions: u32) {
        if self.admits(0) {
            self.embeddings.push((index, dimensions));
        }
    }

    fn ranking(&mut self, index: u32, score: f64) {
        if self.admits(0) {
            self.rankings.push((index, score));
        }
    }

    fn media(&mut self, kind: PartKind, content_type: &str, bytes: u64, url: &str) {
        if self.admits(content_type.len() + url.len()) {
            let (content_type, url) = (content_type.to_owned(), url.to_owned());
            self.media.push(Media { kind, content_type, bytes, url });
        }
    }

    fn follow_up(&mut self, path: &str, after_ms: u64) {
        if self.admits(path.len()) {
            self.follow_ups.push((path.to_owned(), after_ms));
        }
    }

    fn fact(&mut self, name: &str, value: &str) {
        if self.admits(name.len() + value.len()) {
            self.facts.push((name.to_owned(), value.to_owned()));
        }
    }

    fn done(&mut self) {
        self.done = true;
    }

    fn tool_call(&mut self, choice: u32, index: u32, id: &str, name: &str, arguments: &str) {
        if !self.admits(id.len() + name.len() + arguments.len()) {
            return;
        }
        let known = self.tool_calls.iter().position(|call| call.choice == choice && call.index == index);
        let place = known.unwrap_or_else(|| {
            self.tool_calls.push(ToolCall { choice, index, ..ToolCall::default() });
            self.tool_calls.len() - 1
        });
        let call = &mut self.tool_calls[place];
        for (kept, said) in [(&mut call.id, id), (&mut call.name, name)] {
            if kept.is_empty() {
                said.clone_into(kept);
            }
        }
        call.arguments.push_str(arguments);
    }
}
