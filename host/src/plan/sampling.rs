//! Which session of a dataset comes when.

use serde::{Deserialize, Serialize};

use super::replay::Replay;

/// How sessions are taken from a dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sampling {
    /// In the order of the dataset, again and again.
    #[default]
    Sequential,
    /// Each time any of them.
    Random,
    /// All of them in a random order, then all of them in another one.
    Shuffle,
}

impl Sampling {
    /// In the order of the dataset.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference to the field")]
    pub(crate) fn is_sequential(&self) -> bool {
        *self == Self::Sequential
    }
}

/// What decides which session comes when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SessionOrder {
    /// The load asks for the next one.
    Sampled(Sampling),
    /// Their recorded instants.
    Recorded(Replay),
}

impl Default for SessionOrder {
    fn default() -> Self {
        Self::Sampled(Sampling::default())
    }
}

impl From<Option<Replay>> for SessionOrder {
    fn from(replay: Option<Replay>) -> Self {
        replay.map_or_else(Self::default, Self::Recorded)
    }
}

impl SessionOrder {
    /// What is replayed at its own instants, if anything is.
    pub(crate) fn replay(self) -> Option<Replay> {
        match self {
            Self::Recorded(replay) => Some(replay),
            Self::Sampled(_) => None,
        }
    }

    /// How sessions are taken; those of a replay in its order.
    pub(crate) fn sampling(self) -> Sampling {
        match self {
            Self::Sampled(sampling) => sampling,
            Self::Recorded(_) => Sampling::Sequential,
        }
    }
}
