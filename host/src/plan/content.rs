//! What the requests say, and what counts their tokens.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    dialogue::{ContextConfig, DialogueConfig, SystemPrompt},
    length::LengthLaw,
    lossy,
    media::MediaConfig,
};

/// Where content comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum DatasetConfig {
    /// Generated text of exact token lengths.
    Synthetic {
        /// Number of different prompts; without one, each request has its own.
        entries: Option<usize>,
        /// Input tokens of a turn.
        isl: LengthLaw,
        /// Requested output tokens; nothing is requested without it.
        osl: Option<LengthLaw>,
        /// Texts in one request, for API formats that take several; none where there are only media.
        batch_size: usize,
        /// What each request shows and plays beside them.
        #[serde(default, skip_serializing_if = "MediaConfig::is_empty")]
        media: MediaConfig,
        /// Turns of a conversation.
        #[serde(default, skip_serializing_if = "DialogueConfig::is_single")]
        dialogue: DialogueConfig,
        /// What stands in front of each.
        #[serde(default, skip_serializing_if = "ContextConfig::is_empty")]
        context: ContextConfig,
    },
    /// Generated questions to rank passages by.
    Rankings {
        /// Number of different questions; without one, each request has its own.
        entries: Option<usize>,
        /// Passages of one question.
        passages: LengthLaw,
        /// Tokens of a passage.
        passage: LengthLaw,
        /// Tokens of a query.
        query: LengthLaw,
    },
    /// A JSONL file, one conversation a line.
    File {
        #[serde(serialize_with = "lossy::path")]
        path: PathBuf,
        /// Use only so many entries; once it is read, how many there are.
        entries: Option<usize>,
        /// Requested output tokens of lines that name none.
        osl: Option<LengthLaw>,
        /// What the lines are.
        #[serde(default)]
        format: FileFormat,
        /// Delays between turns are multiplied by this.
        #[serde(default = "one")]
        delay_ratio: f64,
        /// System message of all conversations, before their own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        system: Option<SystemPrompt>,
    },
    /// A JSONL file, one whole body a line.
    RawPayloads {
        #[serde(serialize_with = "lossy::path")]
        path: PathBuf,
        /// Use only so many entries; once it is read, how many there are.
        entries: Option<usize>,
    },
}

fn one() -> f64 {
    1.0
}

/// What the lines of a file are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileFormat {
    /// Single requests, or conversations where a line has `turns`.
    #[default]
    Detected,
    /// Single requests.
    SingleTurn,
    /// Conversations.
    MultiTurn,
}

impl DatasetConfig {
    /// Notes how many entries a file has.
    pub(crate) fn set_entries(&mut self, count: u64) {
        if let Self::File { entries, .. } | Self::RawPayloads { entries, .. } = self {
            *entries = Some(usize::try_from(count).unwrap_or(usize::MAX));
        }
    }
}

/// Whose replies become part of what was said in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReplyPolicy {
    /// The server's.
    #[default]
    Live,
    /// Those that the dataset has recorded; the server's where it has none.
    Recorded,
}

impl ReplyPolicy {
    /// The server's replies are repeated.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    pub(super) fn is_live(&self) -> bool {
        *self == Self::Live
    }
}

/// What counts tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenizerChoice {
    /// The `o200k_base` vocabulary that ships inside the binary.
    Builtin,
    /// A `tokenizer.json` or the folder that holds one.
    Local(#[serde(serialize_with = "lossy::path")] PathBuf),
}

impl TokenizerChoice {
    /// The same, wherever the working directory goes.
    pub(crate) fn absolute(&self) -> Self {
        match self {
            Self::Local(path) => Self::Local(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
            Self::Builtin => Self::Builtin,
        }
    }
}
