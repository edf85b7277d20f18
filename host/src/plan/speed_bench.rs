//! The sets of SPEED-Bench, a benchmark of speculative decoding, by the names that AIPerf has for them.

use serde::{Deserialize, Serialize};

/// Which rows of a file of SPEED-Bench are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SpeedBenchRows {
    #[default]
    All,
    Coding,
    Humanities,
    Math,
    Multilingual,
    Qa,
    Rag,
    Reasoning,
    Roleplay,
    Stem,
    Summarization,
    Writing,
    LowEntropy,
    Mixed,
    HighEntropy,
}

impl SpeedBenchRows {
    /// The category of these rows; all of them without one.
    pub(crate) fn category(self) -> Option<&'static str> {
        Some(match self {
            Self::All => return None,
            Self::Coding => "coding",
            Self::Humanities => "humanities",
            Self::Math => "math",
            Self::Multilingual => "multilingual",
            Self::Qa => "qa",
            Self::Rag => "rag",
            Self::Reasoning => "reasoning",
            Self::Roleplay => "roleplay",
            Self::Stem => "stem",
            Self::Summarization => "summarization",
            Self::Writing => "writing",
            Self::LowEntropy => "low_entropy",
            Self::Mixed => "mixed",
            Self::HighEntropy => "high_entropy",
        })
    }
}
