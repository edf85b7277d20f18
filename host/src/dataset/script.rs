//! What is said: scripts, which are graphs of steps, which add messages.

use std::{borrow::Cow, sync::Arc};

use prony_plugin_api::PartKind;
use serde::{Deserialize, Serialize};

use super::{
    media::clip_seconds,
    prompt::{Prompt, Unwritten},
    roles,
};
use crate::config::redact;

/// What one session is to say: a graph of steps, of which a single request is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Script {
    /// Stable name, `session_000000` and so on, or the file's own.
    pub(crate) id: String,
    /// When a recording of it began, in nanoseconds since the first one of its dataset; `None` where nothing says it.
    #[serde(default)]
    pub(crate) starts_ns: Option<u64>,
    /// At least one. The first waits for nothing.
    pub(crate) steps: Vec<Step>,
    /// The part of a benchmark that it belongs to, whose results are told apart.
    #[serde(default)]
    pub(crate) category: Option<Arc<str>>,
}

/// A step, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepPlace<'a> {
    /// Name of the script.
    pub(crate) script: &'a str,
    /// Its number in the script, from 0.
    pub(crate) number: u32,
    pub(crate) step: &'a Step,
}

impl Script {
    /// A single request.
    pub(crate) fn single(id: String, step: Step) -> Self {
        Self { id, starts_ns: None, steps: vec![step], category: None }
    }

    /// A dialogue: each step waits for the one before it, and goes on with what was said there.
    pub(crate) fn dialogue(id: String, steps: impl IntoIterator<Item = Step>) -> Self {
        let chained = (0..).zip(steps).map(|(position, step): (u32, Step)| match position.checked_sub(1) {
            None => step,
            Some(before) => Step { after: vec![before], context: Some(before), ..step },
        });
        Self { id, starts_ns: None, steps: chained.collect(), category: None }
    }

    /// The step at a position, which there must be.
    pub(crate) fn place(&self, position: usize) -> StepPlace<'_> {
        let number = u32::try_from(position).unwrap_or(u32::MAX);
        StepPlace { script: &self.id, number, step: &self.steps[position] }
    }
}

/// One request of a session: what it waits for, and what it adds to what was said.
///
/// Steps are a graph without circles: each refers to earlier ones only. A dialogue is a chain, in which every step waits for the
/// one before it and goes on with what was said there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Step {
    /// Positions of the steps that must be over before it. None: it goes when the session starts.
    pub(crate) after: Vec<u32>,
    /// When it goes, once they are over.
    pub(crate) start: Start,
    /// The step whose conversation it goes on with: what was said up to there, and the reply, come before its own messages.
    /// None: it begins a conversation.
    pub(crate) context: Option<u32>,
    /// What it adds to the conversation, in order; at least one message.
    pub(crate) messages: Vec<Message>,
    /// What was replied when this was recorded.
    pub(crate) reply: Option<Message>,
    /// Tokens of its texts, as those of `input_tokens`.
    pub(crate) reply_tokens: Option<u64>,
    /// Requested output tokens.
    pub(crate) max_tokens: Option<u64>,
    /// The text of a JSON object to merge into the body; empty when there is none.
    pub(crate) extra_json: String,
    /// Headers of its request, over all others of their names. Their values are shown nowhere.
    pub(crate) headers: Vec<(String, String)>,
    /// What its own prompt is made of, where a recording has lengths and no text. In a run there is `unwritten` instead.
    pub(crate) prompt: Option<Prompt>,
    /// The prompt whose text one of its messages waits for. It is written when the step is due, and not kept: a session may
    /// sleep for minutes between two long prompts.
    #[serde(skip)]
    pub(crate) unwritten: Option<Arc<Unwritten>>,
    /// The path of the API that its content is for, as the file says it; `None` where it is for any.
    pub(crate) path: Option<String>,
    /// What a recording says of it. Nothing of this is sent.
    pub(crate) recorded: Recorded,
    /// Why it could not be read when it was due, though it could before: its request fails. There are no messages then.
    pub(crate) unreadable: Option<Box<str>>,
    /// Tokens of all texts of its own messages together, by the run's tokenizer; `None` when nothing counts them.
    pub(crate) input_tokens: Option<u64>,
}

/// What a recording says of a step, for those who look at datasets or replay them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Recorded {
    /// When its request was sent, in nanoseconds since the first one of its dataset, or of its session where that does not say
    /// when it began; `None` where nothing says it.
    pub(crate) sent_ns: Option<u64>,
    /// From there to the end of the response, in nanoseconds.
    pub(crate) took_ns: Option<u64>,
    /// Tokens of the whole prompt, what was said before included.
    pub(crate) input_tokens: Option<u64>,
    /// Tokens of the response.
    pub(crate) output_tokens: Option<u64>,
    /// Tool calls in the response; `None` where the format knows none.
    pub(crate) tool_calls: Option<u32>,
}

/// When a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Start {
    /// This number of nanoseconds after the last of the steps that it waits for: the time that a user thinks, or a tool works.
    After(u64),
    /// This number of nanoseconds after the session's start, or when the steps that it waits for are over, if that is later.
    At(u64),
}

impl Default for Start {
    fn default() -> Self {
        Self::After(0)
    }
}

/// A message: its role, and what it consists of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// `system`, `user`, `assistant`, `tool`, or another role of the API format.
    pub(crate) role: String,
    /// Its content, in order.
    pub(crate) parts: Vec<Part>,
}

impl Message {
    /// A message of the user's.
    pub(crate) fn user(parts: Vec<Part>) -> Self {
        Self { role: roles::USER.to_owned(), parts }
    }

    /// It waits for the text of a prompt.
    pub(crate) fn is_unwritten(&self) -> bool {
        self.parts.iter().any(Part::is_unwritten)
    }
}

impl Step {
    /// The first step of a script, with one message.
    pub(crate) fn first(message: Message) -> Self {
        Self { messages: vec![message], ..Self::default() }
    }

    /// Adds the message of a prompt whose text is not there yet, behind a system message.
    pub(super) fn wait_for(&mut self, prompt: Arc<Unwritten>) {
        let place = self.messages.iter().take_while(|message| message.role == roles::SYSTEM).count();
        self.messages.insert(place, Message::user(vec![Part::named_text(UNWRITTEN, PLACE.to_owned())]));
        self.unwritten = Some(prompt);
    }

    /// Its messages, with the text of its prompt, which is written if it is not there.
    pub(crate) fn spoken(&self) -> Cow<'_, [Message]> {
        let written = self.unwritten.as_ref().and_then(|prompt| written(&self.messages, prompt));
        written.map_or(Cow::Borrowed(&self.messages), Cow::Owned)
    }

    /// Content of all its messages, in order.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.messages.iter().flat_map(|message| &message.parts)
    }

    pub(crate) fn images(&self) -> u32 {
        self.count(PartKind::IMAGE)
    }

    pub(crate) fn videos(&self) -> u32 {
        self.count(PartKind::VIDEO)
    }

    fn count(&self, kind: PartKind) -> u32 {
        u32::try_from(self.parts().filter(|part| part.kind == kind).count()).unwrap_or(u32::MAX)
    }

    /// All of its audio together; nothing if there is none, or some does not say how long it is.
    pub(crate) fn audio_seconds(&self) -> Option<f64> {
        let mut clips = self.parts().filter(|part| part.kind == PartKind::AUDIO).peekable();
        clips.peek()?;
        clips.map(|clip| clip_seconds(&clip.data)).sum()
    }
}

/// One piece of a step's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) kind: PartKind,
    /// What the dataset calls it; often empty.
    pub(crate) name: String,
    /// The text, or a URL or data URL of a medium, which scripts may share.
    pub(crate) data: Arc<str>,
}

/// What the rows of a dataset keep under the names of secrets, in their headers and extra inputs.
pub(super) fn secrets<'a>(dataset: impl IntoIterator<Item = &'a Script>) -> impl Iterator<Item = String> {
    let steps = dataset.into_iter().flat_map(|script| &script.steps);
    steps.flat_map(|step| [redact::of_headers(&step.headers), redact::of_json(&step.extra_json)]).flatten()
}

/// The name of a part that holds the fields of a message that belong to tools, in the form of OpenAI's chat API:
/// `{"tool_calls": […]}`, or `{"tool_call_id": "…"}`.
pub(crate) const TOOL_FIELDS: &str = "tools";

/// The name of a part whose text is not written yet.
const UNWRITTEN: &str = "unwritten prompt";

/// Where the prompt goes in the data of such a part: a marker may stand beside it.
const PLACE: &str = "\u{FFFC}";

/// Messages with the text of the prompt that one of them waits for; `None` where none does.
pub(crate) fn written(messages: &[Message], prompt: &Unwritten) -> Option<Vec<Message>> {
    let place = messages.iter().position(Message::is_unwritten)?;
    let mut messages = messages.to_vec();
    for part in messages[place].parts.iter_mut().filter(|part| part.is_unwritten()) {
        let text = prompt.text();
        let is_alone = &*part.data == PLACE;
        *part = Part::text(if is_alone { text } else { part.data.replacen(PLACE, &text, 1) });
    }
    Some(messages)
}

/// The name of a part that is a whole body.
pub(crate) const PAYLOAD: &str = "payload";

impl Part {
    fn is_unwritten(&self) -> bool {
        self.kind == PartKind::TEXT && self.name == UNWRITTEN
    }

    /// A text without a name.
    pub(crate) fn text(data: String) -> Self {
        Self::named_text("", data)
    }

    /// A text that others have as well.
    pub(crate) fn shared_text(data: Arc<str>) -> Self {
        Self { kind: PartKind::TEXT, name: String::new(), data }
    }

    /// A call of a tool, in the contract's form.
    pub(crate) fn tool_call(id: &str, name: &str, arguments: &str) -> Self {
        let data = serde_json::json!({"id": id, "arguments": arguments}).to_string();
        Self { kind: PartKind::TOOL_CALL, name: name.to_owned(), data: data.into() }
    }

    /// What a tool answered to the call of this id.
    pub(crate) fn tool_result(id: &str, text: Arc<str>) -> Self {
        Self { kind: PartKind::TOOL_RESULT, name: id.to_owned(), data: text }
    }

    /// A text that the dataset gives a name.
    pub(super) fn named_text(name: &str, data: String) -> Self {
        Self { kind: PartKind::TEXT, name: name.to_owned(), data: data.into() }
    }
}

/// Name of a script that has none of its own.
pub(super) fn session_id(number: u64) -> String {
    format!("session_{number:06}")
}
