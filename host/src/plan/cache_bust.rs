//! Markers that keep a server from finding the beginning of a prompt in its prefix cache.

use serde::{Deserialize, Serialize};

/// Which conversations have a marker, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CacheBust {
    pub(crate) target: CacheBustTarget,
    /// Tokens of a marker where it stands, by the run's tokenizer; 0 where nothing counts them.
    pub(crate) tokens: u32,
}

/// Where the marker stands: at an end of the system message, which there may be for it alone, or of the user's first text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CacheBustTarget {
    /// There is none.
    #[default]
    None,
    SystemPrefix,
    SystemSuffix,
    FirstTurnPrefix,
    FirstTurnSuffix,
    /// In front of the system message, in warm-ups only, where all have the same one.
    WarmupIsolationSystem,
    /// The same in front of the user's first text.
    WarmupIsolationFirstTurn,
}

impl CacheBust {
    /// Nothing is marked.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    pub(crate) fn is_none(&self) -> bool {
        self.target == CacheBustTarget::None
    }
}

impl CacheBustTarget {
    /// What it is called on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SystemPrefix => "system-prefix",
            Self::SystemSuffix => "system-suffix",
            Self::FirstTurnPrefix => "first-turn-prefix",
            Self::FirstTurnSuffix => "first-turn-suffix",
            Self::WarmupIsolationSystem => "warmup-isolation-system",
            Self::WarmupIsolationFirstTurn => "warmup-isolation-first-turn",
        }
    }

    /// Only a warm-up is marked.
    pub(crate) fn is_of_warmup(self) -> bool {
        matches!(self, Self::WarmupIsolationSystem | Self::WarmupIsolationFirstTurn)
    }
}
