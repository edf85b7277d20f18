//! A turn to be formatted.

use crate::{
    abi::host::{self, TurnMessage, TurnPart},
    endpoint::PartKind,
};

/// What a host says of a request unless a test says something else.
const FACTS: &str =
    r#"{"host":"localhost:8000","base_path":"","has_api_key":false,"unix_time_s":1700000000}"#;

/// A turn as a run would have it, built step by step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub(crate) model: String,
    pub(crate) messages: Vec<Message>,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) streaming: bool,
    pub(crate) index: u32,
    pub(crate) request_id: String,
    pub(crate) conversation_id: String,
    pub(crate) extra_json: String,
    pub(crate) facts_json: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) role: String,
    pub(crate) parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) kind: PartKind,
    pub(crate) name: String,
    pub(crate) data: String,
}

impl Turn {
    /// A conversation without messages, of the model `test-model`, that does not stream.
    pub fn empty() -> Self {
        Self {
            model: "test-model".to_owned(),
            messages: Vec::new(),
            max_tokens: None,
            streaming: false,
            index: 0,
            request_id: "request-1".to_owned(),
            conversation_id: "conversation-1".to_owned(),
            extra_json: "{}".to_owned(),
            facts_json: FACTS.to_owned(),
        }
    }

    /// One message of the user.
    pub fn user(text: &str) -> Self {
        Self::empty().message("user", text)
    }

    /// A conversation in which the model calls two tools, one of them without arguments, gets their results, the second of which
    /// is empty, and is asked for more. For endpoints with `supports_tools`.
    pub fn called_tools() -> Self {
        Self::user("Rain?")
            .message("assistant", "")
            .part(PartKind::TOOL_CALL, "weather", r#"{"id": "c-1", "arguments": "{\"b\": 1.0}"}"#)
            .part(PartKind::TOOL_CALL, "time", r#"{"id": "c-2", "arguments": ""}"#)
            .message("tool", "")
            .part(PartKind::TOOL_RESULT, "c-1", "sun")
            .message("tool", "")
            .part(PartKind::TOOL_RESULT, "c-2", "")
            .message("user", "And?")
    }

    /// Adds a message with one text.
    #[must_use]
    pub fn message(self, role: &str, text: &str) -> Self {
        let mut turn = self;
        turn.messages.push(Message { role: role.to_owned(), parts: Vec::new() });
        turn.part(PartKind::TEXT, "", text)
    }

    /// Adds a part to the last message, or to a new one of the user's.
    #[must_use]
    pub fn part(mut self, kind: PartKind, name: &str, data: &str) -> Self {
        let part = Part { kind, name: name.to_owned(), data: data.to_owned() };
        match self.messages.last_mut() {
            Some(message) => message.parts.push(part),
            None => self.messages.push(Message { role: "user".to_owned(), parts: vec![part] }),
        }
        self
    }

    /// The answer should stream.
    #[must_use]
    pub fn streaming(self) -> Self {
        Self { streaming: true, ..self }
    }

    /// Asks for so many output tokens.
    #[must_use]
    pub fn max_tokens(self, tokens: u64) -> Self {
        Self { max_tokens: Some(tokens), ..self }
    }

    /// Names the model.
    #[must_use]
    pub fn model(self, model: &str) -> Self {
        Self { model: model.to_owned(), ..self }
    }

    /// The user's own fields for the body: the text of a JSON object.
    #[must_use]
    pub fn extra(self, json: &str) -> Self {
        Self { extra_json: json.to_owned(), ..self }
    }

    /// The host's facts about the request: the text of a JSON object. Without this they are those of a request to
    /// `localhost:8000` on the 14th of November 2023.
    #[must_use]
    pub fn facts(self, json: &str) -> Self {
        Self { facts_json: json.to_owned(), ..self }
    }

    /// Lends it in the shape that crosses the boundary.
    pub(crate) fn lend<R>(&self, to: impl FnOnce(&host::Turn<'_>) -> R) -> R {
        let parts: Vec<Vec<TurnPart<'_>>> = self.messages.iter().map(Message::views).collect();
        let messages: Vec<TurnMessage<'_>> = self
            .messages
            .iter()
            .zip(&parts)
            .map(|(message, parts)| TurnMessage { role: &message.role, parts })
            .collect();
        to(&host::Turn {
            model: &self.model,
            messages: &messages,
            max_tokens: self.max_tokens,
            streaming: self.streaming,
            turn_index: self.index,
            request_id: &self.request_id,
            conversation_id: &self.conversation_id,
            extra_json: &self.extra_json,
            facts_json: &self.facts_json,
        })
    }
}

impl Message {
    fn views(&self) -> Vec<TurnPart<'_>> {
        self.parts
            .iter()
            .map(|part| TurnPart { kind: part.kind, name: &part.name, data: &part.data })
            .collect()
    }
}
