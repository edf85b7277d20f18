//! The names of arrival laws, as `--arrival-pattern` and `--warmup-arrival-pattern` take them.

use crate::config::units::Choice;

/// How requests follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArrivalPattern {
    /// At random times with a mean rate.
    Poisson,
    /// At equal distances.
    Constant,
    /// At random times, in bursts or evenly.
    Gamma,
    /// Each as soon as another has ended.
    ConcurrencyBurst,
}

impl Choice for ArrivalPattern {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("poisson", Self::Poisson),
        ("constant", Self::Constant),
        ("gamma", Self::Gamma),
        ("concurrency-burst", Self::ConcurrencyBurst),
    ];
}
