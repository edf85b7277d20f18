//! When the requests of a phase arrive: its rate and its law, from the settings of the load and of the warm-up.

use super::{
    error::{ConfigError, Said},
    flags::ArrivalPattern,
    problems::Problems,
    rate_series::RateSeries,
    spec::{Flag, Origin, RunSpec},
    units,
};
use crate::plan::{Law, Ramp, RampError, Smoothness};

/// A rate that rises begins with so many seconds' part of it, as AIPerf's does, which changes it so often.
const RAMP_STEP_S: f64 = 0.1;

/// What an open loop has and a closed one has not.
pub(super) type OpenLoop = (Ramp<f64>, Law);

/// What is said of the arrivals of one phase.
struct Wanted<'a> {
    rate: Option<Rate<'a>>,
    /// What gives the phase a rate that it must have.
    rate_by: Option<Origin>,
    /// What would do so.
    rate_flag: Flag,
    pattern: Option<(ArrivalPattern, Origin)>,
    smoothness: Option<Smoothness>,
    /// How long the rate rises, in seconds.
    over_s: Option<f64>,
    /// Settings that say nothing without a rate.
    of_a_rate: [Option<Origin>; 3],
}

#[derive(Clone, Copy)]
enum Rate<'a> {
    Number(f64),
    Series(&'a RateSeries),
}

/// The rate and the law of what is measured; none in a closed loop.
pub(super) fn measured(spec: &RunSpec, problems: &mut Problems) -> Option<OpenLoop> {
    let (number, series) = (&spec.request_rate, &spec.request_rate_series);
    if let (Some(flag), Some(with)) = (series.origin(), number.origin()) {
        let reason = "both say what the rate is";
        problems.push(ConfigError::Clash { flag: flag.into(), with: with.into(), reason });
    }
    let pattern = spec.arrival_pattern.given().map(|(pattern, by)| (*pattern, by));
    if let (Some(flag), Some((pattern, by))) = (spec.arrival_smoothness.origin(), pattern)
        && pattern != ArrivalPattern::Gamma
    {
        let reason = "only gamma gaps have a shape";
        let with = Said::with_value(by, units::name(pattern));
        problems.push(ConfigError::Clash { flag: flag.into(), with, reason });
        return None;
    }
    let wanted = Wanted {
        rate: number.value().map(Rate::Number).or(series.get().map(Rate::Series)),
        rate_by: number.origin().or(series.origin()),
        rate_flag: number.flag(),
        pattern,
        smoothness: spec.arrival_smoothness.value(),
        over_s: spec.request_rate_ramp_duration.value(),
        of_a_rate: [
            spec.arrival_pattern.origin(),
            spec.arrival_smoothness.origin(),
            spec.request_rate_ramp_duration.origin(),
        ],
    };
    wanted.open_loop(problems)
}

/// The same of the warm-up: what it has no setting of its own for is as it is measured.
pub(super) fn warmup(spec: &RunSpec, problems: &mut Problems) -> Option<OpenLoop> {
    let (rate, pattern) = (&spec.warmup_request_rate, &spec.warmup_arrival_pattern);
    let measured = spec.arrival_pattern.given().filter(|(pattern, _)| {
        // A rate of its own makes it an open loop beside a closed one.
        !rate.is_given() || **pattern != ArrivalPattern::ConcurrencyBurst
    });
    let first = || spec.request_rate_series.get().map(RateSeries::first);
    let number = rate.value().or(spec.request_rate.value()).or_else(first);
    let over_s = &spec.warmup_request_rate_ramp_duration;
    let wanted = Wanted {
        rate: number.map(Rate::Number),
        rate_by: rate.origin(),
        rate_flag: rate.flag(),
        pattern: pattern.given().or(measured).map(|(pattern, by)| (*pattern, by)),
        smoothness: spec.arrival_smoothness.value(),
        over_s: over_s.value().or(spec.request_rate_ramp_duration.value()),
        of_a_rate: [pattern.origin(), over_s.origin(), None],
    };
    wanted.open_loop(problems)
}

impl Wanted<'_> {
    fn open_loop(self, problems: &mut Problems) -> Option<OpenLoop> {
        let closed_by = self.pattern.filter(|(pattern, _)| *pattern == ArrivalPattern::ConcurrencyBurst);
        if let (Some(flag), Some((pattern, by))) = (self.rate_by, closed_by) {
            let (with, reason) =
                (Said::with_value(by, units::name(pattern)), "a closed loop has no rate of its own");
            problems.push(ConfigError::Clash { flag: flag.into(), with, reason });
            return None;
        }
        let closed_by = closed_by.map(|(_, by)| by);
        let Some(rate) = self.rate.filter(|_| closed_by.is_none()) else {
            for flag in self.of_a_rate.into_iter().flatten().filter(|flag| closed_by != Some(*flag)) {
                problems.push(ConfigError::Needs { flag, needs: self.rate_flag });
            }
            return None;
        };
        let curve = match rate {
            Rate::Number(rate) => rising(rate, self.over_s),
            Rate::Series(series) => {
                series.ramp(self.over_s.map(|over_s| (over_s, first_of(series.first(), over_s))))
            }
        };
        Some((problems.note(curve)?, law(self.pattern.map(|(pattern, _)| pattern), self.smoothness)))
    }
}

/// How far the arrivals of an open loop are apart.
fn law(pattern: Option<ArrivalPattern>, smoothness: Option<Smoothness>) -> Law {
    match (pattern, smoothness) {
        (Some(ArrivalPattern::Constant), _) => Law::Constant,
        (Some(ArrivalPattern::Gamma), _) | (None, Some(_)) => {
            Law::Gamma { smoothness: smoothness.unwrap_or(Smoothness::POISSON) }
        }
        (Some(ArrivalPattern::Poisson | ArrivalPattern::ConcurrencyBurst), _) | (None, None) => Law::Poisson,
    }
}

/// A rate, and how long it rises to it.
fn rising(rate: f64, over_s: Option<f64>) -> Result<Ramp<f64>, RampError> {
    match over_s {
        Some(over_s) => Ramp::linear(first_of(rate, over_s), rate, over_s),
        None => Ramp::constant(rate),
    }
}

/// The rate that one begins with that rises in so many seconds.
fn first_of(rate: f64, over_s: f64) -> f64 {
    rate * (RAMP_STEP_S / over_s).min(1.0)
}
