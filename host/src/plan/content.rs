//! What the requests say, and what counts their tokens.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{length::LengthLaw, lossy, media::MediaConfig};

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
    /// A JSONL file, one single-turn conversation a line.
    File {
        #[serde(serialize_with = "lossy::path")]
        path: PathBuf,
        /// Use only so many entries; once it is read, how many there are.
        entries: Option<usize>,
        /// Requested output tokens of lines that name none.
        osl: Option<LengthLaw>,
    },
    /// A JSONL file, one whole body a line.
    RawPayloads {
        #[serde(serialize_with = "lossy::path")]
        path: PathBuf,
        /// Use only so many entries; once it is read, how many there are.
        entries: Option<usize>,
    },
}

impl DatasetConfig {
    /// Notes how many entries a file has.
    pub(crate) fn set_entries(&mut self, count: u64) {
        if let Self::File { entries, .. } | Self::RawPayloads { entries, .. } = self {
            *entries = Some(usize::try_from(count).unwrap_or(usize::MAX));
        }
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
