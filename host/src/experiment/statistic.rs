//! Which statistics a metric has.

use super::measured::STATISTICS;
use crate::metrics::{Metric, quantile::PERCENTILES};

/// Why a text is no statistic of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoStatistic {
    /// The metric has many values, and none is said.
    Missing,
    /// The metric is one number, and something else than its mean is said.
    OneNumber,
    /// There is no such statistic.
    Unknown,
}

/// All there are, for people.
pub(super) fn names() -> String {
    STATISTICS.into_iter().chain(PERCENTILES.map(|(name, _)| name)).collect::<Vec<_>>().join(", ")
}

/// The statistic as summaries spell it. A metric that is one number has it as its mean.
///
/// # Errors
/// The metric has no such statistic.
pub(super) fn statistic_of(metric: &Metric, typed: &str) -> Result<&'static str, NoStatistic> {
    let mut known = STATISTICS.into_iter().chain(PERCENTILES.map(|(name, _)| name));
    match (metric.has_many_values(), typed) {
        (false, "" | "avg") => Ok("avg"),
        (false, typed) if known.any(|name| name == typed) => Err(NoStatistic::OneNumber),
        (true, "") => Err(NoStatistic::Missing),
        (_, typed) => known.find(|name| *name == typed).ok_or(NoStatistic::Unknown),
    }
}
