//! What is said: scripts of steps of parts.

use std::sync::Arc;

use prony_plugin_api::PartKind;
use serde::{Deserialize, Serialize};

use super::media::wav_seconds;
use crate::config::redact;

/// What one session is to say: a dialogue, of which a single request is one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Script {
    /// Stable name, `session_000000` and so on, or the file's own.
    pub(crate) id: String,
    /// In order; at least one.
    pub(crate) steps: Vec<Step>,
}

/// A step, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepPlace<'a> {
    /// Name of the script.
    pub(crate) script: &'a str,
    /// Its number in the script, from 0.
    pub(crate) number: u32,
    /// The step.
    pub(crate) step: &'a Step,
}

impl Script {
    /// The step at a position, which there must be.
    pub(crate) fn place(&self, position: usize) -> StepPlace<'_> {
        let number = u32::try_from(position).unwrap_or(u32::MAX);
        StepPlace { script: &self.id, number, step: &self.steps[position] }
    }
}

/// One request of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
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

impl Step {
    /// Images in it.
    pub(crate) fn images(&self) -> u32 {
        let images = self.parts.iter().filter(|part| part.kind == PartKind::IMAGE);
        u32::try_from(images.count()).unwrap_or(u32::MAX)
    }

    /// All of its audio together; nothing if there is none, or some does not say how long it is.
    pub(crate) fn audio_seconds(&self) -> Option<f64> {
        let mut clips = self.parts.iter().filter(|part| part.kind == PartKind::AUDIO).peekable();
        clips.peek()?;
        clips.map(|clip| wav_seconds(&clip.data)).sum()
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
pub(super) fn secrets(dataset: &[Arc<Script>]) -> Vec<String> {
    let steps = dataset.iter().flat_map(|script| &script.steps);
    let mut secrets: Vec<String> = steps
        .flat_map(|step| [redact::of_headers(&step.headers), redact::of_json(&step.extra_json)])
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
        Self::named_text("", data)
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
