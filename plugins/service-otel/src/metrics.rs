//! Metrics of the requests so far: exports [`Metrics`], sums since the run's start.
//!
//! Names are those of the semantic conventions for clients, where they have one for it. Those of servers are left out: what is
//! measured here has the network in it.
//! Source: <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/>.

use std::collections::BTreeMap;

use prony_plugin_api::telemetry::RequestSpan;
use serde_json::{Value, json};

use crate::{
    attributes::Attributes,
    histogram::{GAPS, Histogram, SECONDS, TOKENS},
    run::Run,
};

/// Series of a metric at most: a server that invents models must not fill memory. Further ones are left out.
const MOST_SERIES: usize = 1000;

/// What a metric is called, its unit and what it is.
struct Name(&'static str, &'static str, &'static str);

const DURATION: Name = Name(
    "gen_ai.client.operation.duration",
    "s",
    "From the moment a request was sent to the end of its response.",
);
const FIRST: Name = Name(
    "gen_ai.client.operation.time_to_first_chunk",
    "s",
    "From the moment a request was sent to the first generated token.",
);
const CHUNK: Name = Name(
    "gen_ai.client.operation.time_per_output_chunk",
    "s",
    "Between two reads that brought generated tokens.",
);
const USAGE: Name = Name("gen_ai.client.token.usage", "{token}", "Tokens of a request.");
const REQUESTS: Name = Name("prony.client.requests", "{request}", "Requests that have ended.");

/// Series of one metric.
type Series<T> = BTreeMap<Attributes, T>;

/// Everything that was added up.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: u64,
    ended: Series<u64>,
    duration: Series<Histogram>,
    first: Series<Histogram>,
    chunk: Series<Histogram>,
    usage: Series<Histogram>,
}

impl Metrics {
    /// One more request.
    pub(crate) fn add(&mut self, span: &RequestSpan, run: &Run) {
        self.requests += 1;
        let attributes = Attributes::of(span, run);
        let outcome = match &span.error {
            Some(_) => "error",
            None if span.was_cancelled => "cancelled",
            None => "ok",
        };
        let error = span.error.as_deref().unwrap_or_default();
        let ended = attributes.clone().with("prony.outcome", outcome).with("error.type", error);
        if let Some(count) = entry(&mut self.ended, ended, || 0) {
            *count += 1;
        }
        // What the client ended has no duration of its own.
        if span.was_cancelled {
            return;
        }
        let seconds = |ns: u64| ns as f64 / 1e9;
        let duration = attributes.clone().with("error.type", error);
        observe(&mut self.duration, duration, &SECONDS, seconds(span.end_ns.saturating_sub(span.sent_ns)));
        if span.error.is_some() {
            return;
        }
        if let Some(first) = span.first_token_ns {
            let first = seconds(first.saturating_sub(span.sent_ns));
            observe(&mut self.first, attributes.clone(), &SECONDS, first);
        }
        for gap in &span.chunk_gaps_ns {
            observe(&mut self.chunk, attributes.clone(), &GAPS, seconds(*gap));
        }
        for (tokens, side) in [(span.input_tokens, "input"), (span.output_tokens, "output")] {
            if let Some(tokens) = tokens {
                let attributes = attributes.clone().with("gen_ai.token.type", side);
                observe(&mut self.usage, attributes, &TOKENS, tokens as f64);
            }
        }
    }

    /// Requests that were added.
    pub(crate) fn requests(&self) -> u64 {
        self.requests
    }

    /// All metrics at an instant of the run; none before the first request.
    pub(crate) fn json(&self, run: &Run, now_ns: u64) -> Vec<Value> {
        let at = (run.wall(0), run.wall(now_ns));
        let counted = self
            .ended
            .iter()
            .map(|(attributes, count)| point(attributes, &at, json!({ "asInt": count.to_string() })));
        let counted: Vec<Value> = counted.collect();
        let requests = (!counted.is_empty()).then(|| {
            let data =
                json!({ "aggregationTemporality": CUMULATIVE, "isMonotonic": true, "dataPoints": counted });
            named(&REQUESTS, "sum", data)
        });
        let histograms = [
            (&DURATION, &self.duration),
            (&FIRST, &self.first),
            (&CHUNK, &self.chunk),
            (&USAGE, &self.usage),
        ];
        let histograms =
            histograms.into_iter().filter(|(_, series)| !series.is_empty()).map(|(name, series)| {
                let points: Vec<Value> =
                    series.iter().map(|(attributes, values)| point(attributes, &at, values.json())).collect();
                let data = json!({ "aggregationTemporality": CUMULATIVE, "dataPoints": points });
                named(name, "histogram", data)
            });
        requests.into_iter().chain(histograms).collect()
    }
}

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`: sums since the start, so that a report that was lost costs nothing.
const CUMULATIVE: u8 = 2;

fn named(Name(name, unit, description): &Name, kind: &str, data: Value) -> Value {
    let mut metric = json!({ "name": name, "unit": unit, "description": description });
    metric[kind] = data;
    metric
}

fn point(attributes: &Attributes, (start, now): &(String, String), mut data: Value) -> Value {
    data["attributes"] = attributes.json();
    data["startTimeUnixNano"] = start.as_str().into();
    data["timeUnixNano"] = now.as_str().into();
    data
}

fn observe(series: &mut Series<Histogram>, attributes: Attributes, bounds: &'static [f64], value: f64) {
    if let Some(histogram) = entry(series, attributes, || Histogram::new(bounds)) {
        histogram.add(value);
    }
}

fn entry<T>(series: &mut Series<T>, attributes: Attributes, new: impl FnOnce() -> T) -> Option<&mut T> {
    if series.len() >= MOST_SERIES && !series.contains_key(&attributes) {
        return None;
    }
    Some(series.entry(attributes).or_insert_with(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn span() -> RequestSpan {
        RequestSpan {
            sent_ns: 100 * MS,
            first_token_ns: Some(150 * MS),
            end_ns: 200 * MS,
            chunk_gaps_ns: vec![10 * MS, 20 * MS],
            input_tokens: Some(25),
            output_tokens: Some(3),
            ..RequestSpan::default()
        }
    }

    fn metric<'a>(metrics: &'a [Value], name: &str) -> &'a Value {
        metrics.iter().find(|metric| metric["name"] == name).unwrap_or(&Value::Null)
    }

    #[test]
    fn requests_are_added_up() {
        let run = Run { wall_start_ns: 1000, ..Run::default() };
        let mut metrics = Metrics::default();
        assert!(metrics.json(&run, 0).is_empty());
        metrics.add(&span(), &run);
        metrics.add(&span(), &run);
        metrics.add(&RequestSpan { error: Some("timeout".into()), ..span() }, &run);
        metrics.add(&RequestSpan { was_cancelled: true, ..span() }, &run);
        let json = metrics.json(&run, 500);
        let points =
            |name: &str, kind: &str| metric(&json, name)[kind]["dataPoints"].as_array().unwrap().clone();
        let duration = points("gen_ai.client.operation.duration", "histogram");
        let counts: Vec<&str> = duration.iter().map(|point| point["count"].as_str().unwrap()).collect();
        assert_eq!(counts, ["2", "1"]);
        assert!((duration[0]["sum"].as_f64().unwrap() - 0.2).abs() < 1e-12);
        assert_eq!(
            (&duration[0]["startTimeUnixNano"], &duration[0]["timeUnixNano"]),
            (&json!("1000"), &json!("1500"))
        );
        let usage = points("gen_ai.client.token.usage", "histogram");
        assert!((usage.iter().map(|point| point["sum"].as_f64().unwrap()).sum::<f64>() - 56.0).abs() < 1e-9);
        assert_eq!(points("gen_ai.client.operation.time_per_output_chunk", "histogram")[0]["count"], "4");
        assert_eq!(points("prony.client.requests", "sum").len(), 3);
        assert_eq!(metrics.requests(), 4);
    }

    #[test]
    fn a_server_that_invents_models_fills_no_memory() {
        let mut metrics = Metrics::default();
        for number in 0..MOST_SERIES + 5 {
            let model = Some(format!("m{number}"));
            metrics.add(&RequestSpan { model, ..span() }, &Run::default());
        }
        assert_eq!(metrics.duration.len(), MOST_SERIES);
    }
}
