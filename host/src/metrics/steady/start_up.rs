//! A beginning that is not like the rest: [`start_up`].

use super::{LEAST_MS, mean, trend::likeness, variance};

/// A longer beginning is no start-up, in parts of all batches.
const LONGEST: usize = 4;

/// Fewest batches: one that is the slowest of all is the first one by chance in one of thirty runs.
const LEAST_BATCHES: usize = 2;

/// Standard deviations by which the beginning differs.
const SURE: f64 = 5.0;

/// The least difference that is worth a word, as a share of the rest.
const LEAST_SHARE: f64 = 0.2;

/// A beginning that is not like the rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StartUp {
    /// Its part of all requests.
    pub(crate) share: f64,
    /// Its mean, in milliseconds.
    pub(crate) first_ms: f64,
    /// The mean of all later requests, in milliseconds.
    pub(crate) rest_ms: f64,
}

impl StartUp {
    /// How much differs, as a part of the larger one.
    pub(super) fn size(&self) -> f64 {
        (self.first_ms - self.rest_ms).abs() / self.first_ms.max(self.rest_ms)
    }
}

/// How many of the first means are unlike the others, and how; nothing where there are none.
///
/// Which ones that may be is the point at which the standard error of the mean of the rest is the least. Source: White, An effective
/// truncation heuristic for bias reduction in simulation output, Simulation 69 (1997): MSER.
pub(super) fn start_up(means: &[f64]) -> Option<(usize, StartUp)> {
    let error = |cut: usize| {
        let rest = &means[cut..];
        variance(rest) * (rest.len() as f64 - 1.0) / (rest.len() as f64).powi(2)
    };
    let cut = (0..=means.len() / LONGEST).min_by(|a, b| error(*a).total_cmp(&error(*b)))?;
    // The error is as small where some of the rest are cut off as well.
    let cut = beyond(&means[..cut], &means[cut..]);
    if cut < LEAST_BATCHES {
        return None;
    }
    let (first, rest) = means.split_at(cut);
    let (first_ms, rest_ms) = (mean(first), mean(rest));
    let inflated = (1.0 + likeness(rest)) / (1.0 - likeness(rest));
    let deviation = (variance(rest) * inflated * (1.0 / first.len() as f64 + 1.0 / rest.len() as f64)).sqrt();
    let difference = (first_ms - rest_ms).abs();
    let is_sure = difference > SURE * deviation;
    let is_worth_a_word = difference >= LEAST_MS && difference >= LEAST_SHARE * rest_ms;
    let share = cut as f64 / means.len() as f64;
    (is_sure && is_worth_a_word).then_some((cut, StartUp { share, first_ms, rest_ms }))
}

/// How many of the first are all larger, or all smaller, than all of the rest.
fn beyond(first: &[f64], rest: &[f64]) -> usize {
    let (least, most) = rest.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
        (least.min(*value), most.max(*value))
    });
    let above = first.iter().take_while(|value| **value > most).count();
    let below = first.iter().take_while(|value| **value < least).count();
    above.max(below)
}
