//! Whether values in a row rise or fall: [`drift`].

use std::cmp::Ordering;

use super::{LEAST_MS, mean};

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

/// Latencies that rise or fall over a phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Drift {
    /// At its beginning, in milliseconds.
    pub(crate) from_ms: f64,
    /// At its end.
    pub(crate) to_ms: f64,
}

impl Drift {
    /// How much changes, as a part of the larger one.
    pub(super) fn size(&self) -> f64 {
        (self.to_ms - self.from_ms).abs() / self.to_ms.max(self.from_ms)
    }
}

/// How the means rise or fall, if they do: by Mann and Kendall's test, and by enough to be worth a word.
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
    let is_sure = sum.abs() - 1.0 > SURE * variance.sqrt();
    let line = Line::through(means);
    let (from_ms, to_ms) = (line.at(0), line.at(means.len() - 1));
    let difference = (to_ms - from_ms).abs();
    let is_worth_a_word = difference >= LEAST_MS && difference >= LEAST_SHARE * mean(means);
    (is_sure && is_worth_a_word).then_some(Drift { from_ms: from_ms.max(0.0), to_ms: to_ms.max(0.0) })
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
    let line = Line::through(values);
    let beside_line: Vec<f64> = (0..values.len()).map(|at| values[at] - line.at(at)).collect();
    let beside_step = beside_step(values);
    let size = |rest: &[f64]| rest.iter().map(|value| value.powi(2)).sum::<f64>();
    let rest = if size(&beside_step) < size(&beside_line) { beside_step } else { beside_line };
    let (count, all) = (rest.len() as f64, size(&rest));
    let level = mean(values);
    let before: Vec<f64> = values.iter().map(|value| value - level).collect();
    if all <= LITTLE * size(&before) {
        return 0.0;
    }
    let neighbours: f64 = rest.windows(2).map(|pair| pair[0] * pair[1]).sum();
    ((count * neighbours / all + 1.0) / (count - 4.0)).clamp(0.0, MOST_ALIKE)
}

/// What is left of values beside the one step that explains most of them.
fn beside_step(values: &[f64]) -> Vec<f64> {
    let beside = |place: usize| -> Vec<f64> {
        let (before, behind) = values.split_at(place);
        let levels = (mean(before), mean(behind));
        let before = before.iter().map(|value| value - levels.0);
        before.chain(behind.iter().map(|value| value - levels.1)).collect()
    };
    let size = |rest: &Vec<f64>| rest.iter().map(|value| value.powi(2)).sum::<f64>();
    let places = LEAST_LEVEL..values.len().saturating_sub(LEAST_LEVEL);
    let best = places.map(beside).min_by(|a, b| size(a).total_cmp(&size(b)));
    best.unwrap_or_else(|| values.to_vec())
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

    fn at(self, position: usize) -> f64 {
        self.at_zero + self.slope * position as f64
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        even if even % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}
