//! What servers' own metrics say of their prefix caches.

use super::{
    export::{Metric, ServerMetricsReport},
    stats::Stats,
};

/// Counters of the tokens that a prefix cache had, and of those that were looked for in it, without `_total`. Of a server that has
/// neither nothing is known: llama.cpp counts what it has processed alone, and a rate that the server has averaged by itself
/// is none of a phase.
/// Sources: <https://docs.vllm.ai/en/latest/usage/metrics/> (the second is the name before version 0.10),
/// <https://docs.sglang.ai/references/production_metrics.html>, and prony's own mock server.
const COUNTERS: [(&str, &str); 4] = [
    ("vllm:prefix_cache_hits", "vllm:prefix_cache_queries"),
    ("vllm:gpu_prefix_cache_hits", "vllm:gpu_prefix_cache_queries"),
    ("sglang:cached_tokens", "sglang:prompt_tokens"),
    ("prony_mock_prefix_cache_hits", "prony_mock_prefix_cache_queries"),
];

impl ServerMetricsReport {
    /// The share of prompt tokens in measured phases that the servers had cached, of all pages together. `None` where they do not
    /// say it.
    pub(crate) fn prefix_hit_rate(&self) -> Option<f64> {
        let grown = |name: &str| self.metrics.get(name).map(total);
        let (mut hits, mut queries) = (0.0, 0.0);
        for (hit, query) in COUNTERS {
            if let Some(more_queries) = grown(query) {
                // A server may leave out a count of 0.
                hits += grown(hit).unwrap_or(0.0);
                queries += more_queries;
            }
        }
        (queries > 0.0).then(|| hits / queries)
    }
}

/// How much a counter grew, over all series and measured phases.
fn total(metric: &Metric) -> f64 {
    let totals = metric.series.iter().map(|series| match &series.stats {
        Stats::Counter(counter) => counter.total,
        _ => 0.0,
    });
    totals.sum()
}
