//! The server's Prometheus page, made from the same totals as the truth: the two cannot disagree.
//!
//! Tokens and times to first token are counted when their request ends.

use std::fmt::Write as _;

use super::truth::{TTFT_BOUNDS_MS, Totals};

/// The page's content type: version 0.0.4 of the text format.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes the page; with what the prefix cache had, if there is one.
pub(super) fn render(totals: &Totals, has_prefix_cache: bool) -> String {
    let mut page = Page(String::new());
    let outcomes = [("ok", totals.ok), ("rejected", totals.rejected), ("abandoned", totals.abandoned)];
    let faults = totals.failed_by_fault.iter().map(|(fault, count)| (*fault, *count));
    page.family("prony_mock_requests_total", "counter", "API requests that ended, by outcome.");
    for (outcome, count) in outcomes.into_iter().chain(faults) {
        page.sample(&format!("prony_mock_requests_total{{outcome=\"{outcome}\"}}"), count);
    }
    let single = [
        ("prony_mock_requests_running", "gauge", "API requests in flight.", totals.in_flight),
        ("prony_mock_connections_total", "counter", "Connections accepted.", totals.connections),
        ("prony_mock_prompt_tokens_total", "counter", "Prompt tokens (words).", totals.prompt_tokens),
        ("prony_mock_generation_tokens_total", "counter", "Output tokens sent.", totals.tokens_sent),
    ];
    let of_cache = [
        (
            "prony_mock_prefix_cache_queries_total",
            "counter",
            "Prompt tokens looked for in the prefix cache.",
            totals.looked_up_tokens,
        ),
        ("prony_mock_prefix_cache_hits_total", "counter", "Those that were there.", totals.cached_tokens),
    ];
    let of_cache = of_cache.into_iter().filter(|_| has_prefix_cache);
    for (name, kind, help, value) in single.into_iter().chain(of_cache) {
        page.family(name, kind, help);
        page.sample(name, value);
    }
    page.ttft(totals);
    page.0
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, series: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{series} {value}");
    }

    fn ttft(&mut self, totals: &Totals) {
        const NAME: &str = "prony_mock_time_to_first_token_seconds";
        self.family(NAME, "histogram", "From a request's arrival to the write of its first token.");
        let mut within = 0;
        for (bound, count) in TTFT_BOUNDS_MS.iter().zip(totals.ttft_counts) {
            within += count;
            self.sample(&format!("{NAME}_bucket{{le=\"{}\"}}", *bound as f64 / 1e3), within);
        }
        self.sample(&format!("{NAME}_bucket{{le=\"+Inf\"}}"), totals.ttft_count);
        self.sample(&format!("{NAME}_sum"), totals.ttft_sum_ns as f64 / 1e9);
        self.sample(&format!("{NAME}_count"), totals.ttft_count);
    }
}
