//! What is said: conversations of turns of parts.

use std::sync::Arc;

use prony_plugin_api::PartKind;
use serde::{Deserialize, Serialize};

use crate::config::redact;

/// A scripted dialogue. Single-turn ones have one turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Conversation {
    /// Stable name, `session_000000` and so on, or the file's own.
    pub(crate) id: String,
    /// In order; at least one.
    pub(crate) turns: Vec<Turn>,
}

/// One request of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// Role of the message, `user` by default.
    pub(crate) role: String,
    /// Its content, in order.
    pub(crate) parts: Vec<Part>,
    /// Requested output tokens.
    pub(crate) max_tokens: Option<u64>,
    /// The text of a JSON object to merge into the body; empty when there is none.
    pub(crate) extra_json: String,
    /// Headers of its request, over all others of their names. Their values are shown nowhere.
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    /// Tokens of all texts together, by the run's tokenizer; `None` when nothing counts them.
    pub(crate) input_tokens: Option<u64>,
}

/// One piece of a turn's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// What it is.
    pub(crate) kind: PartKind,
    /// What the dataset calls it; often empty.
    pub(crate) name: String,
    /// The text, or a URL or data URL of a medium, which conversations may share.
    pub(crate) data: Arc<str>,
}

/// What the rows of a dataset keep under the names of secrets, in their headers and extra inputs.
pub(crate) fn secrets(dataset: &[Conversation]) -> Vec<String> {
    let turns = dataset.iter().flat_map(|conversation| &conversation.turns);
    let mut secrets: Vec<String> = turns
        .flat_map(|turn| [redact::of_headers(&turn.headers), redact::of_json(&turn.extra_json)])
        .flatten()
        .collect();
    secrets.sort_unstable();
    secrets.dedup();
    secrets
}

/// The name of a part that is a whole body.
pub(crate) const PAYLOAD: &str = "payload";

impl Part {
    /// A text without a name.
    pub(crate) fn text(data: String) -> Self {
        Self { kind: PartKind::TEXT, name: String::new(), data: data.into() }
    }
}

/// Name of a conversation that has none of its own.
pub(super) fn session_id(number: usize) -> String {
    format!("session_{number:06}")
}
