//! Recipes of AIPerf's: presets of searches and of sweeps.

use crate::config::units::Choice;

/// A preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recipe {
    /// The highest concurrency within bounds.
    ConcurrencyUnderSla,
    /// The same with a bound on the time to first token.
    ThroughputUnderTtft,
    /// The same with a bound on the inter-token latency.
    ThroughputUnderItl,
    /// The highest concurrency at which a part of the requests keeps to bounds.
    GoodputUnderSlo,
    /// A sweep over the concurrency.
    ConcurrencyRamp,
    /// A sweep over the length of prompts.
    PrefillCurve,
    /// A sweep over the concurrency and the length of responses.
    DecodeCurve,
    /// A sweep over pairs of lengths, and over concurrencies where there are several.
    ParetoSweep,
}

impl Choice for Recipe {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("max-concurrency-under-sla", Self::ConcurrencyUnderSla),
        ("max-throughput-ttft-sla", Self::ThroughputUnderTtft),
        ("max-throughput-itl-sla", Self::ThroughputUnderItl),
        ("max-goodput-under-slo", Self::GoodputUnderSlo),
        ("concurrency-ramp", Self::ConcurrencyRamp),
        ("prefill-ttft-curve", Self::PrefillCurve),
        ("decode-itl-curve", Self::DecodeCurve),
        ("pareto-sweep", Self::ParetoSweep),
    ];
}
