//! What the requests say, and what counts their tokens.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    cache_bust::CacheBustTarget,
    corpus::PromptCorpus,
    dialogue::{ContextConfig, DialogueConfig, SystemPrompt},
    length::{LengthLaw, SequenceLaw, SequenceLengths},
    lossy,
    media::{MediaConfig, PictureConfig},
    replay::RecordedTiming,
    reshaping::Reshaping,
    speed_bench::SpeedBenchRows,
};

/// Where content comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum DatasetConfig {
    /// Generated text of exact token lengths.
    Synthetic {
        /// Number of different prompts; without one, each request has its own.
        entries: Option<usize>,
        /// Tokens of a turn's input, and of the output that it asks for.
        #[serde(flatten)]
        lengths: SequenceLengths,
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
        /// What texts are made of.
        #[serde(default, skip_serializing_if = "PromptCorpus::is_usual")]
        corpus: PromptCorpus,
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
    /// A file of requests or conversations.
    File {
        #[serde(serialize_with = "lossy::path")]
        path: PathBuf,
        /// Use only so many entries; once it is read, how many there are.
        entries: Option<usize>,
        /// Requests to be drawn, where it turns out to be a folder of pools and `entries` says no number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pool_requests: Option<usize>,
        /// Requested output tokens of lines that name none.
        osl: Option<SequenceLaw>,
        #[serde(default)]
        format: FileFormat,
        /// Delays between turns are multiplied by this.
        #[serde(default = "one")]
        delay_ratio: f64,
        /// What else becomes of recorded times.
        #[serde(default, skip_serializing_if = "RecordedTiming::is_unchanged")]
        timing: RecordedTiming,
        /// What else becomes of recorded lengths, prefixes and sessions.
        #[serde(default, skip_serializing_if = "Reshaping::is_unchanged")]
        reshaping: Reshaping,
        /// System message of all conversations, before their own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        system: Option<SystemPrompt>,
        /// On an agent: the folder with the files that lines name, each under a name made of what lines call it. Elsewhere they are
        /// where lines say.
        #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "lossy::optional")]
        media: Option<PathBuf>,
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

/// The format of an input file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileFormat {
    /// What it begins with says it.
    #[default]
    Detected,
    /// One request a line.
    SingleTurn,
    /// One conversation a line.
    MultiTurn,
    /// One whole body a line.
    RawPayload,
    /// Contents from which requests are drawn.
    RandomPool,
    /// Whole bodies by session, in one document.
    InputsJson,
    /// Lengths and blocks of 512 tokens.
    MooncakeTrace,
    /// Lengths and blocks of 16 tokens, by chat.
    BailianTrace,
    /// A table of lengths, `Timestamp,…,Request tokens,Response tokens`.
    BurstGptTrace,
    /// A table of lengths, `TIMESTAMP,ContextTokens,GeneratedTokens`.
    AzureTrace,
    /// One request a line, as messages.
    OpenaiMessages,
    /// One request a line, each with its API.
    OpenaiBatch,
    /// Conversations with recorded answers.
    Sharegpt,
    /// Calls that SageMaker recorded.
    SagemakerDataCapture,
    /// Trees of agents, one session a line.
    DagJsonl,
    /// Traces of coding agents, with lengths and blocks.
    WekaTrace,
    /// Rounds of coding agents, with lengths and what was cached.
    Tracelab,
    /// Conversations, one message a line.
    Mlperf,
    /// Spans of OpenTelemetry with messages.
    Otel,
    /// Trajectories of agents, as Harbor writes them.
    Atif,
    /// Session files of Claude Code.
    ClaudeCode,
    /// Session files of Codex.
    Codex,
    /// Conversations by category, one a line.
    SpeedBench(SpeedBenchRows),
    /// What all others become.
    PronySessions,
}

impl FileFormat {
    /// What each is called, in the order in which help shows them. Names that AIPerf has as well are AIPerf's.
    pub(crate) const NAMES: &'static [(&'static str, Self)] = &[
        ("single-turn", Self::SingleTurn),
        ("multi-turn", Self::MultiTurn),
        ("raw-payload", Self::RawPayload),
        ("random-pool", Self::RandomPool),
        ("inputs-json", Self::InputsJson),
        ("mooncake-trace", Self::MooncakeTrace),
        ("bailian-trace", Self::BailianTrace),
        ("burst-gpt-trace", Self::BurstGptTrace),
        ("azure-trace", Self::AzureTrace),
        ("openai-messages", Self::OpenaiMessages),
        ("openai-batch", Self::OpenaiBatch),
        ("sharegpt", Self::Sharegpt),
        ("sagemaker-data-capture", Self::SagemakerDataCapture),
        ("dag-jsonl", Self::DagJsonl),
        ("weka-trace", Self::WekaTrace),
        ("tracelab", Self::Tracelab),
        ("mlperf", Self::Mlperf),
        ("otel", Self::Otel),
        ("atif", Self::Atif),
        ("claude-code", Self::ClaudeCode),
        ("codex", Self::Codex),
        ("speed-bench", Self::SpeedBench(SpeedBenchRows::All)),
        ("prony-sessions", Self::PronySessions),
    ];

    /// Sessions of it may have branches.
    pub(crate) fn has_forks(self) -> bool {
        matches!(
            self,
            Self::BailianTrace
                | Self::DagJsonl
                | Self::WekaTrace
                | Self::Otel
                | Self::Atif
                | Self::ClaudeCode
                | Self::PronySessions
        )
    }

    /// It says which blocks prompts share.
    pub(crate) fn has_blocks(self) -> bool {
        matches!(self, Self::MooncakeTrace | Self::BailianTrace | Self::WekaTrace | Self::PronySessions)
    }

    /// Its blocks may have any number of tokens, whatever is usual.
    pub(crate) fn has_blocks_of_any_size(self) -> bool {
        matches!(self, Self::MooncakeTrace | Self::BailianTrace | Self::WekaTrace)
    }

    /// The same, of all rows of a file.
    pub(crate) fn whole(self) -> Self {
        match self {
            Self::SpeedBench(_) => Self::SpeedBench(SpeedBenchRows::All),
            other => other,
        }
    }

    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, format)| *format == self.whole()).map_or("detected", |(name, _)| *name)
    }
}

#[cfg(test)]
impl DatasetConfig {
    /// A file whose format is detected, used as it is.
    pub(crate) fn of_file(path: impl Into<PathBuf>) -> Self {
        Self::File {
            path: path.into(),
            entries: None,
            pool_requests: None,
            osl: None,
            format: FileFormat::default(),
            delay_ratio: 1.0,
            timing: RecordedTiming::default(),
            reshaping: Reshaping::default(),
            system: None,
            media: None,
        }
    }
}

impl DatasetConfig {
    /// Generated tokens that its prompts share in front of a marker, if there is one; none where there are none to share.
    pub(crate) fn shared_prompt_tokens(&self, marker: CacheBustTarget) -> Option<u64> {
        match self {
            Self::Synthetic { context, .. } => {
                let is_any = context.shared_tokens(CacheBustTarget::None) > 0;
                is_any.then(|| context.shared_tokens(marker))
            }
            Self::Rankings { .. } | Self::File { .. } | Self::RawPayloads { .. } => None,
        }
    }

    /// The same, wherever the working directory goes.
    pub(crate) fn absolute(&self) -> Self {
        let mut absolute = self.clone();
        if let Self::File { path, .. } | Self::RawPayloads { path, .. } = &mut absolute {
            *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
        }
        if let Self::Synthetic {
            media: MediaConfig { pictures: Some(PictureConfig { folder, .. }), .. },
            ..
        } = &mut absolute
        {
            *folder = std::path::absolute(&*folder).unwrap_or_else(|_| folder.clone());
        }
        absolute
    }

    /// The same, of whose file so many entries are used.
    pub(crate) fn with_entries(mut self, wanted: Option<usize>) -> Self {
        if let Self::File { entries, .. } | Self::RawPayloads { entries, .. } = &mut self {
            *entries = wanted;
        }
        self
    }

    /// The same, of which the file is found there.
    pub(crate) fn at(&self, file: PathBuf) -> Self {
        let mut moved = self.clone();
        if let Self::File { path, .. } | Self::RawPayloads { path, .. } = &mut moved {
            *path = file;
        }
        moved
    }

    /// The same, whose lines name files that are in this folder.
    pub(crate) fn with_media_in(mut self, folder: PathBuf) -> Self {
        if let Self::File { media, .. } = &mut self {
            *media = Some(folder);
        }
        self
    }

    /// Notes how many entries a file has.
    pub(crate) fn set_entries(&mut self, count: u64) {
        if let Self::File { entries, .. } | Self::RawPayloads { entries, .. } = self {
            *entries = Some(usize::try_from(count).unwrap_or(usize::MAX));
        }
    }
}

impl DatasetConfig {
    /// Has first turns of generated conversations leave room for so many tokens.
    pub(super) fn leave_room(&mut self, tokens: u32) {
        if let Self::Synthetic { context, .. } = self {
            context.marker_tokens = tokens;
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

/// A vocabulary that `tiktoken` knows by a name, and that is not the built-in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Encoding {
    #[serde(rename = "cl100k_base")]
    Cl100k,
    #[serde(rename = "p50k_base")]
    P50k,
    #[serde(rename = "r50k_base")]
    R50k,
}

/// What counts tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenizerChoice {
    /// The `o200k_base` vocabulary that ships inside the binary.
    Builtin,
    /// Another vocabulary of OpenAI's.
    Encoding(Encoding),
    /// A `tokenizer.json` or the folder that holds one.
    Local(#[serde(serialize_with = "lossy::path")] PathBuf),
}

impl Encoding {
    /// What `tiktoken` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cl100k => "cl100k_base",
            Self::P50k => "p50k_base",
            Self::R50k => "r50k_base",
        }
    }
}

impl TokenizerChoice {
    /// The vocabulary with this name of `tiktoken`'s, if it is one. Some names are of the same vocabulary, with other special
    /// tokens, which no text has.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "builtin" | "o200k_base" | "o200k_harmony" => Self::Builtin,
            "cl100k_base" => Self::Encoding(Encoding::Cl100k),
            "p50k_base" | "p50k_edit" => Self::Encoding(Encoding::P50k),
            "r50k_base" | "gpt2" => Self::Encoding(Encoding::R50k),
            _ => return None,
        })
    }

    /// The same, wherever the working directory goes.
    pub(crate) fn absolute(&self) -> Self {
        match self {
            Self::Local(path) => Self::Local(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
            other => other.clone(),
        }
    }
}
