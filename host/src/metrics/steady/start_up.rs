//! A beginning that is not like the rest: [`start_up`].

use super::{LEAST_MS, mean, trend::likeness, variance};

/// A longer beginning is no start-up, in parts of all batches.
const LONGEST: usize = 4;

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
    /// That of the rest.
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
    if cut == 0 {
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
