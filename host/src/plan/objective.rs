//! Objectives: what a request must keep to, to be a good one, and what a run must keep to.

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

/// On which side of its bound a value is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Side {
    /// Above it, and not below.
    pub(crate) at_least: bool,
    /// A value that is equal to it does not keep to it.
    pub(crate) is_strict: bool,
}

impl Side {
    /// Whether a value keeps to a bound.
    pub(crate) fn is_kept(self, value: f64, bound: f64) -> bool {
        match (self.at_least, self.is_strict) {
            (true, true) => value > bound,
            (true, false) => value >= bound,
            (false, true) => value < bound,
            (false, false) => value <= bound,
        }
    }
}

/// A bound on a number of a run, or of a class of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunObjective {
    /// As it was typed.
    pub(crate) text: String,
    /// Name of the class that it is about; the whole run without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) class: Option<String>,
    /// Tag of the metric.
    pub(crate) metric: String,
    /// The statistic as summaries spell it: `p99`, `avg`. A metric that is one number has it as its mean.
    pub(crate) statistic: String,
    /// In the metric's unit.
    pub(crate) bound: f64,
    pub(crate) side: Side,
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
    /// That has to be a recording's.
    pub(crate) needs_replay: bool,
    /// The run has to have a price.
    pub(crate) needs_price: bool,
    /// The steps of requests have to be written down.
    pub(crate) needs_trace: bool,
    /// GPUs have to be watched.
    pub(crate) needs_gpus: bool,
    /// The round trip to the servers has to be measured.
    pub(crate) needs_network_latency: bool,
    /// Requests have to have objectives of their own.
    pub(crate) needs_goodput: bool,
    /// Its statistics, as summaries spell them; none where it is one number.
    pub(crate) statistics: &'static [&'static str],
    /// Classes have it as well.
    pub(crate) is_of_classes: bool,
    /// There is always some of it.
    pub(crate) is_never_0: bool,
    /// The largest value that there can be, where it is a part of a whole.
    pub(crate) largest: Option<f64>,
}
