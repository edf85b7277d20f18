//! Which statistics a metric has.

use crate::metrics::{Metric, Statistic};

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
    Statistic::ALL.map(Statistic::key).join(", ")
}

/// The statistic that the user means. A metric that is one number has it as its mean.
///
/// # Errors
/// The metric has no such statistic.
pub(super) fn statistic_of(metric: &Metric, typed: &str) -> Result<Statistic, NoStatistic> {
    match (metric.has_many_values(), Statistic::of_key(typed)) {
        (false, Some(Statistic::Avg)) => Ok(Statistic::Avg),
        (false, None) if typed.is_empty() => Ok(Statistic::Avg),
        (false, Some(_)) => Err(NoStatistic::OneNumber),
        (true, Some(statistic)) => Ok(statistic),
        (true, None) if typed.is_empty() => Err(NoStatistic::Missing),
        (_, None) => Err(NoStatistic::Unknown),
    }
}
