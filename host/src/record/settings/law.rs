//! The law of a phase's requests, by the name that it has in a journal.

use serde::{Deserialize, Serialize};

use crate::record::stored_word::stored_words;

/// How the starts of a phase's requests follow each other. What the laws of an open loop mean is in `schedule::arrival`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) enum LawName {
    /// A session starts when another one has ended.
    ClosedLoop,
    /// Equal gaps.
    Constant,
    /// Exponential gaps.
    Poisson,
    /// Gaps with the gamma distribution.
    Gamma,
    /// Requests start when they did when they were recorded.
    Replay,
    /// Users send in turn, each one at equal distances.
    Users,
    /// A law of a newer version; it is only shown.
    Other(String),
}

stored_words! {
    LawName {
        ClosedLoop => "closed_loop",
        Constant => "constant",
        Poisson => "poisson",
        Gamma => "gamma",
        Replay => "replay",
        Users => "users",
    }
}

impl LawName {
    /// Sessions start at a rate, independently of each other's ends and of who sends them.
    pub(crate) fn has_rate(&self) -> bool {
        match self {
            Self::Constant | Self::Poisson | Self::Gamma => true,
            Self::ClosedLoop | Self::Replay | Self::Users | Self::Other(_) => false,
        }
    }
}
