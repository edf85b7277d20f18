//! Gauges by which servers say how busy they are, under the names that each of them has for it.
//!
//! Sources: <https://docs.vllm.ai/en/latest/usage/metrics/>, the server README of llama.cpp,
//! <https://docs.sglang.ai/references/production_metrics.html>,
//! <https://huggingface.co/docs/text-generation-inference/reference/metrics>, and prony's own mock server.

use prony_plugin_api::{
    live::ServerNow,
    message::{MetricSample, ServerMetricsSample},
};

/// Gauges of requests that a server works on.
pub(super) const RUNNING: [&str; 5] = [
    "vllm:num_requests_running",
    "llamacpp:requests_processing",
    "sglang:num_running_reqs",
    "tgi_batch_current_size",
    "prony_mock_requests_running",
];

/// Gauges of requests that wait in a server.
pub(super) const WAITING: [&str; 4] =
    ["vllm:num_requests_waiting", "llamacpp:requests_deferred", "sglang:num_queue_reqs", "tgi_queue_size"];

/// Gauges of the part of the cache of keys and values that is in use, from 0 to 1.
const CACHE_USAGE: [&str; 4] = [
    "vllm:kv_cache_usage_perc",
    "vllm:gpu_cache_usage_perc",
    "sglang:token_usage",
    "llamacpp:kv_cache_usage_ratio",
];

/// Labels that tell apart the processes which work on the same requests: all of them may report.
pub(super) const RANKS: [&str; 2] = ["tp_rank", "pp_rank"];

/// How busy a server was when its page was scraped.
pub(crate) fn server_now(scrape: &ServerMetricsSample) -> ServerNow {
    let sum = |names: &[&str]| values(scrape, names).reduce(|one, other| one + other);
    ServerNow {
        url: scrape.url.clone(),
        at_ns: scrape.at_ns,
        running: sum(&RUNNING),
        waiting: sum(&WAITING),
        cache_usage: values(scrape, &CACHE_USAGE).reduce(f64::max),
        error: scrape.error.as_ref().map(|error| error.message.clone()),
    }
}

/// The values of the first of these gauges that is on the page, one of each engine.
fn values<'a>(scrape: &'a ServerMetricsSample, names: &[&str]) -> impl Iterator<Item = f64> + use<'a> {
    let family = names.iter().find_map(|name| scrape.families.iter().find(|family| family.name == *name));
    let samples = family.into_iter().flat_map(|family| &family.samples);
    samples.filter(|sample| is_first(sample)).map(|sample| sample.value).filter(|value| !value.is_nan())
}

fn is_first(sample: &MetricSample) -> bool {
    RANKS.iter().all(|name| sample.labels.get(*name).is_none_or(|rank| rank == "0"))
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::{ErrorDetails, message::MetricFamily};

    use super::*;

    fn family(name: &str, samples: &[(&str, &str, f64)]) -> MetricFamily {
        let sample = |(label, text, value): &(&str, &str, f64)| MetricSample {
            labels: [((*label).to_owned(), (*text).to_owned())].into(),
            value: *value,
            ..MetricSample::default()
        };
        MetricFamily {
            name: name.into(),
            samples: samples.iter().map(sample).collect(),
            ..MetricFamily::default()
        }
    }

    #[test]
    fn engines_are_added_up_and_ranks_are_not() {
        let scrape = ServerMetricsSample {
            url: "u".into(),
            at_ns: 7,
            families: vec![
                family("sglang:num_running_reqs", &[("engine", "0", 3.0), ("engine", "1", 4.0)]),
                family("sglang:num_queue_reqs", &[("tp_rank", "0", 2.0), ("tp_rank", "1", 2.0)]),
                family("sglang:token_usage", &[("engine", "0", 0.25), ("engine", "1", 0.5)]),
            ],
            ..ServerMetricsSample::default()
        };
        let now = server_now(&scrape);
        assert_eq!((now.running, now.waiting, now.cache_usage), (Some(7.0), Some(2.0), Some(0.5)));
        assert_eq!((now.url.as_str(), now.at_ns, now.error), ("u", 7, None));
    }

    #[test]
    fn a_page_that_does_not_answer_says_nothing_but_why() {
        let error = ErrorDetails { message: "get the page".into(), ..ErrorDetails::default() };
        let scrape = ServerMetricsSample { error: Some(error), ..ServerMetricsSample::default() };
        let now = server_now(&scrape);
        assert_eq!((now.running, now.cache_usage, now.error.as_deref()), (None, None, Some("get the page")));
    }
}
