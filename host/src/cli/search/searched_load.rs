//! [`SearchedLoad`]: the load that a search raises.

use crate::config::units::Choice;

/// The setting that a search raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SearchedLoad {
    Rate,
    Concurrency,
    Users,
}

impl Choice for SearchedLoad {
    const NAMES: &'static [(&'static str, Self)] =
        &[("rate", Self::Rate), ("concurrency", Self::Concurrency), ("users", Self::Users)];
    const SYNONYMS: &'static [(&'static str, Self)] =
        &[("request-rate", Self::Rate), ("sessions", Self::Concurrency), ("num-users", Self::Users)];
}

impl SearchedLoad {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Concurrency => "concurrency",
            Self::Users => "users",
        }
    }

    /// Only whole numbers are such loads.
    pub(super) fn is_whole(self) -> bool {
        self != Self::Rate
    }

    /// The setting, by the long name of its flag.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::Rate => "request-rate",
            Self::Concurrency => "concurrency",
            Self::Users => "num-users",
        }
    }
}
