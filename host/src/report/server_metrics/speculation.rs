//! What servers' own metrics say of speculative decoding.

use serde_json::{Value, json};

use super::{
    super::text::decimal,
    export::{Metric, ServerMetricsReport},
    stats::Stats,
};

/// vLLM's counters, without `_total`. Source: <https://docs.vllm.ai/en/latest/usage/metrics/>
const STEPS: &str = "vllm:spec_decode_num_drafts";
const DRAFTED: &str = "vllm:spec_decode_num_draft_tokens";
const ACCEPTED: &str = "vllm:spec_decode_num_accepted_tokens";

/// `SGLang`'s gauges. Source: <https://docs.sglang.ai/references/production_metrics.html>
const LENGTH: &str = "sglang:spec_accept_length";
const RATE: &str = "sglang:spec_accept_rate";

/// Over all measured phases and pages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Speculation {
    /// Tokens that a step brought: the model's own one, and the drafted ones that it accepted.
    pub(crate) length: Option<f64>,
    /// Accepted tokens in percent of the drafted ones.
    pub(crate) rate: Option<f64>,
}

impl ServerMetricsReport {
    /// What the servers say. `None` where they say nothing, as without speculative decoding.
    pub(crate) fn speculation(&self) -> Option<Speculation> {
        let grown = |name: &str| self.metrics.get(name).and_then(total).filter(|total| *total > 0.0);
        let accepted = self.metrics.get(ACCEPTED).and_then(total);
        let of = |whole: &str| Some(accepted? / grown(whole)?);
        let mean = |name: &str| self.metrics.get(name).and_then(mean);
        let found = Speculation {
            length: of(STEPS).map(|accepted| 1.0 + accepted).or_else(|| mean(LENGTH)),
            rate: of(DRAFTED).or_else(|| mean(RATE)).map(|share| 100.0 * share),
        };
        (found != Speculation::default()).then_some(found)
    }
}

impl Speculation {
    pub(crate) fn summary(self) -> Value {
        json!({ "server_acceptance_length": self.length, "server_acceptance_rate": self.rate })
    }

    /// For people.
    pub(crate) fn line(self) -> String {
        let length = self.length.map(|length| format!("{} tokens a step", decimal(length)));
        let rate = self.rate.map(|rate| format!("{} % of the drafted tokens", decimal(rate)));
        let said: Vec<String> = [length, rate].into_iter().flatten().collect();
        format!("accepted by speculative decoding (server metrics): {}", said.join(", "))
    }
}

/// How much a counter grew.
fn total(metric: &Metric) -> Option<f64> {
    let counted = metric.series.iter().filter_map(|series| match &series.stats {
        Stats::Counter(counter) => Some(counter.total),
        _ => None,
    });
    counted.reduce(|one, other| one + other)
}

/// The mean of a gauge, over the scrapes at which it had a value: it is 0 before the first step.
fn mean(metric: &Metric) -> Option<f64> {
    let means = metric.series.iter().filter_map(|series| match &series.stats {
        Stats::Gauge(gauge) => Some(gauge.avg).filter(|mean| *mean > 0.0),
        _ => None,
    });
    let (sum, count) = means.fold((0.0, 0_u32), |(sum, count), mean| (sum + mean, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}
