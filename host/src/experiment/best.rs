//! What makes a cell better than another one.

use crate::metrics::Statistic;

/// The number by which cells are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Criterion {
    pub(crate) key: Key,
    /// A larger value is better.
    pub(crate) larger_is_better: bool,
}

/// A number of a run: a metric and a statistic of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) metric: String,
    pub(crate) statistic: String,
}

impl Key {
    /// A number that prony's own summaries have.
    pub(crate) fn known(metric: &str, statistic: Statistic) -> Self {
        Self::new(metric, statistic.key())
    }

    /// A number by its names, which another tool or an older version may have given it.
    pub(crate) fn new(metric: &str, statistic: &str) -> Self {
        Self { metric: metric.to_owned(), statistic: statistic.to_owned() }
    }

    /// As one word: `request_latency_p99`, as AIPerf has it.
    pub(crate) fn joined(&self) -> String {
        format!("{}_{}", self.metric, self.statistic)
    }
}

/// The place of the best of these values; the first of equal ones.
pub(super) fn best(values: &[Option<f64>], larger_is_better: bool) -> Option<usize> {
    let known = values.iter().enumerate().filter_map(|(at, value)| Some((at, (*value)?)));
    let better = |one: f64, other: f64| if larger_is_better { one > other } else { one < other };
    known.reduce(|best, other| if better(other.1, best.1) { other } else { best }).map(|(at, _)| at)
}

/// The places of the points that no other one beats: none has at least as much throughput at no more latency, and is better
/// in one of the two. A point has its throughput first.
pub(super) fn front(points: &[Option<(f64, f64)>]) -> Vec<usize> {
    let beats = |(more, sooner): (f64, f64), (less, later): (f64, f64)| {
        more >= less && sooner <= later && (more > less || sooner < later)
    };
    let is_beaten = |point| points.iter().flatten().any(|other| beats(*other, point));
    let known = points.iter().enumerate().filter_map(|(at, point)| Some((at, (*point)?)));
    known.filter(|(_, point)| !is_beaten(*point)).map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_value_is_the_largest_or_the_smallest() {
        let values = [None, Some(2.0), Some(5.0), Some(5.0), Some(1.0)];
        assert_eq!((best(&values, true), best(&values, false)), (Some(2), Some(4)));
        assert_eq!(best(&[None], true), None);
    }

    #[test]
    fn the_front_is_what_nothing_beats() {
        // Throughput and latency: the third is slower than the second at less throughput, the last is a failure.
        let points = [Some((10.0, 1.0)), Some((30.0, 2.0)), Some((25.0, 3.0)), Some((40.0, 9.0)), None];
        assert_eq!(front(&points), [0, 1, 3]);
        // Neither of two equal points beats the other.
        assert_eq!(front(&[Some((1.0, 1.0)), Some((1.0, 1.0)), Some((1.0, 2.0))]), [0, 1]);
    }
}
