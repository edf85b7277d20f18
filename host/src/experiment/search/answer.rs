//! What a search found, in a number and an interval.

use serde::{Deserialize, Serialize};

use super::{
    edge::Edge,
    next::{Bracket, Range},
};

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// What is known of the edge.
    #[serde(flatten)]
    pub(crate) bracket: Bracket,
    /// The load at which the objectives are just kept, where it is between two: it is as likely below as above.
    pub(crate) estimate: Option<f64>,
    /// Not as much is known as was asked for.
    pub(crate) is_noisy: bool,
}

impl Answer {
    pub(super) fn of(range: Range, edge: &Edge, confidence: f64) -> Self {
        let interval = edge.interval(confidence);
        let bracket = range.bracket(interval);
        let estimate = match bracket {
            Bracket::Between { .. } if range.is_whole => Some(edge.quantile(0.5).floor()),
            Bracket::Between { .. } => Some(edge.quantile(0.5)),
            _ => None,
        };
        Self { bracket, estimate, is_noisy: !range.is_near_enough(interval) }
    }

    /// Where runs say nothing.
    pub(super) fn unknown() -> Self {
        Self { bracket: Bracket::Unknown { kept: None }, estimate: None, is_noisy: true }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SearchEnded {
    /// Everything that the runs can tell is known.
    Answered(Answer),
    /// The user ended it.
    Interrupted { exit_code: u8 },
    /// There is no sense in going on.
    Stopped { reason: String, exit_code: u8 },
}

impl SearchEnded {
    /// What was found, if the search came to its end.
    pub(crate) fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Answered(answer) => Some(answer),
            Self::Interrupted { .. } | Self::Stopped { .. } => None,
        }
    }
}
