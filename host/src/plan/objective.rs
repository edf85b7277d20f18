//! Objectives of requests: what a request must keep to, to be a good one.

use serde::{Deserialize, Serialize};

/// A bound on a metric of requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Objective {
    /// Tag of the metric.
    pub(crate) metric: String,
    /// In the metric's unit. A value that is equal to it keeps to it.
    pub(crate) bound: f64,
    /// The bound is the least value and not the most: a larger value of this metric is better.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) at_least: bool,
}

/// What an objective has to know of a metric before a run.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a condition of its own")]
pub(crate) struct MetricFacts {
    pub(crate) tag: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) larger_is_better: bool,
    /// Each request has a value of its own.
    pub(crate) is_of_requests: bool,
    /// Only streams have it.
    pub(crate) needs_streaming: bool,
    /// The output has to be counted in tokens.
    pub(crate) needs_output_tokens: bool,
    /// The input has to be counted in tokens.
    pub(crate) needs_input_tokens: bool,
    /// Requests have to have a schedule.
    pub(crate) needs_schedule: bool,
}
