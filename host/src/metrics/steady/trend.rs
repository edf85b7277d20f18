//! Whether values in a row rise or fall: [`drift`].

use std::cmp::Ordering;

use super::{LEAST_MS, mean};
use crate::metrics::quantile::quantile;

/// Standard deviations that are no chance: 27 in 10,000, to either side.
const SURE: f64 = 3.0;

/// The least change from the first to the last that is worth a word, as a share.
const LEAST_SHARE: f64 = 0.1;

/// Fewer values than these on a side of a step are no level.
const LEAST_LEVEL: usize = 3;

/// Where a trend leaves no more of the squares than this, neighbours are alike because of it, and by no chance.
const LITTLE: f64 = 0.1;

/// No more than this is corrected for: with neighbours that are so alike nothing can be told.
const MOST_ALIKE: f64 = 0.9;

/// Values that rise or fall over a phase: the levels before and behind a step where that explains more than a line, else the means of
/// the first and of the last batches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Drift {
    /// At its beginning, in milliseconds, or in tokens where the values are lengths.
    pub(crate) from: f64,
    /// At its end.
    pub(crate) to: f64,
}

impl Drift {
    /// How much changes, as a part of the larger one.
    pub(super) fn size(&self) -> f64 {
        (self.to - self.from).abs() / self.to.max(self.from)
    }
}

/// How the means rise or fall, if they do: by Mann and Kendall's test, or by one step that leaves nearly nothing; and by enough to be
/// worth a word. A step near an end has too few values on one side for the test, however large it is.
///
/// Where neighbours are alike the variance of the test is larger, by (1 + r) / (1 - r) with r the correlation of neighbours, as of an
/// autoregressive process. Sources: Kendall, Rank Correlation Methods (1975), with its variance for ties; Hamed and Rao, Journal of
/// Hydrology 204 (1998), for the correction.
pub(super) fn drift(means: &[f64]) -> Option<Drift> {
    let count = means.len() as f64;
    let pairs = || (0..means.len()).flat_map(|i| (i + 1..means.len()).map(move |j| (i, j)));
    let sum: f64 = pairs()
        .map(|(i, j)| match means[j].total_cmp(&means[i]) {
            Ordering::Greater => 1.0,
            Ordering::Equal => 0.0,
            Ordering::Less => -1.0,
        })
        .sum();
    let of_group = |size: f64| size * (size - 1.0) * (2.0 * size + 5.0);
    let ties: f64 = tied(means).into_iter().map(of_group).sum();
    let alike = likeness(means);
    let variance = (of_group(count) - ties) / 18.0 * (1.0 + alike) / (1.0 - alike);
    // Kendall's correction for a sum that is a whole number.
    let is_trend = sum.abs() - 1.0 > SURE * variance.sqrt();
    let step = Step::of(means);
    let is_step = squares(&step.beside(means)) <= LITTLE * squares_about_mean(means);
    let drift = if squares(&step.beside(means)) < squares(&Line::through(means).beside(means)) {
        step.levels
    } else {
        let last = means.len().saturating_sub(LEAST_LEVEL);
        Drift { from: mean(&means[..LEAST_LEVEL.min(means.len())]), to: mean(&means[last..]) }
    };
    let change = drift.to - drift.from;
    let is_worth_a_word = change.abs() >= LEAST_MS && change.abs() >= LEAST_SHARE * mean(means);
    // Values that go up and come down again have a test and a step that contradict each other.
    let is_one_way = change.signum() == sum.signum();
    ((is_trend || is_step) && is_one_way && is_worth_a_word).then_some(drift)
}

/// Sizes of the groups of equal values.
fn tied(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a.total_cmp(b) == Ordering::Equal).map(|group| group.len() as f64).collect()
}

/// The correlation of neighbours beside any trend, 0 or more. The trend is the line or the step that explains more.
///
/// The usual estimate is too small for few values. Source: Marriott and Pope, Biometrika 41 (1954): (n r + 1) / (n - 4).
pub(super) fn likeness(values: &[f64]) -> f64 {
    let (beside_line, beside_step) = (Line::through(values).beside(values), Step::of(values).beside(values));
    let rest = if squares(&beside_step) < squares(&beside_line) { beside_step } else { beside_line };
    let (count, all) = (rest.len() as f64, squares(&rest));
    if all <= LITTLE * squares_about_mean(values) {
        return 0.0;
    }
    let neighbours: f64 = rest.windows(2).map(|pair| pair[0] * pair[1]).sum();
    ((count * neighbours / all + 1.0) / (count - 4.0)).clamp(0.0, MOST_ALIKE)
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value.powi(2)).sum()
}

fn squares_about_mean(values: &[f64]) -> f64 {
    let level = mean(values);
    values.iter().map(|value| (value - level).powi(2)).sum()
}

/// One change from a level to another.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Position of the first value behind it.
    place: usize,
    /// The means before and behind it.
    levels: Drift,
}

impl Step {
    /// The one that explains most of the values; none at all where there are too few for two levels.
    fn of(values: &[f64]) -> Self {
        let at = |place: usize| {
            let (before, behind) = values.split_at(place);
            Self { place, levels: Drift { from: mean(before), to: mean(behind) } }
        };
        let places = LEAST_LEVEL..(values.len() + 1).saturating_sub(LEAST_LEVEL);
        let left = |step: &Self| squares(&step.beside(values));
        let best = places.map(at).min_by(|a, b| left(a).total_cmp(&left(b)));
        let level = mean(values);
        best.unwrap_or(Self { place: 0, levels: Drift { from: level, to: level } })
    }

    /// What is left of values beside it.
    fn beside(self, values: &[f64]) -> Vec<f64> {
        let level = |at: usize| if at < self.place { self.levels.from } else { self.levels.to };
        values.iter().enumerate().map(|(at, value)| value - level(at)).collect()
    }
}

/// A straight line over positions.
#[derive(Clone, Copy, Debug)]
struct Line {
    slope: f64,
    at_zero: f64,
}

impl Line {
    /// The line of Theil and Sen: the median of all slopes, which single odd values do not bend.
    fn through(values: &[f64]) -> Self {
        let slopes = (0..values.len())
            .flat_map(|i| (i + 1..values.len()).map(move |j| (values[j] - values[i]) / (j - i) as f64));
        let slope = median(slopes.collect());
        let starts = values.iter().enumerate().map(|(at, value)| value - slope * at as f64);
        Self { slope, at_zero: median(starts.collect()) }
    }

    /// What is left of values beside it.
    fn beside(self, values: &[f64]) -> Vec<f64> {
        let on_line = |at: usize| self.at_zero + self.slope * at as f64;
        values.iter().enumerate().map(|(at, value)| value - on_line(at)).collect()
    }
}

/// That of no values is 0.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    if values.is_empty() { 0.0 } else { quantile(&values, 0.5) }
}
