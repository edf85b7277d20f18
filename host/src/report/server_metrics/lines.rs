//! `server_metrics_export.jsonl`: every scrape of a metrics page, one a line, in AIPerf's shape.
//!
//! A counter, a gauge and what has no kind is a list of `labels` and `value`; a histogram one of `labels`, `buckets` by their upper
//! bounds, `sum` and `count`; a summary one with `quantiles`. A scrape that failed has `error` in place of `metrics`.

use std::collections::BTreeMap;

use prony_plugin_api::message::{MetricFamily, MetricKind, MetricSample, ServerMetricsSample};
use serde_json::{Map, Value, json};

use super::timeline::Labels;
use crate::report::values::Exact;

/// Appends the line of a scrape in a run that began at `wall_start_ns`.
///
/// # Errors
/// A bug of ours: a line that is no JSON.
pub(crate) fn append(
    sample: &ServerMetricsSample,
    wall_start_ns: u64,
    lines: &mut Vec<u8>,
) -> serde_json::Result<()> {
    let mut line = json!({
        "endpoint_url": sample.url,
        "timestamp_ns": wall_start_ns.saturating_add(sample.at_ns),
        "endpoint_latency_ns": sample.latency_ns,
    });
    if let Some(error) = &sample.error {
        line["error"] = serde_json::to_value(error)?;
    } else {
        let metrics = sample.families.iter().map(|family| (family.name.clone(), values(family)));
        line["metrics"] = Value::Object(metrics.collect());
    }
    serde_json::to_writer(&mut *lines, &line)?;
    lines.push(b'\n');
    Ok(())
}

fn values(family: &MetricFamily) -> Value {
    match family.kind {
        MetricKind::Histogram => grouped(family, "le", "buckets"),
        MetricKind::Summary => grouped(family, "quantile", "quantiles"),
        MetricKind::Counter | MetricKind::Gauge | MetricKind::Untyped => family
            .samples
            .iter()
            .map(|sample| json!({ "labels": sample.labels, "value": Exact(sample.value) }))
            .collect(),
    }
}

/// The series of a family each of which is several samples: those with the label `by`, their sum and their count.
fn grouped(family: &MetricFamily, by: &str, name: &str) -> Value {
    let mut series: BTreeMap<Labels, Map<String, Value>> = BTreeMap::new();
    for MetricSample { suffix, labels, value } in &family.samples {
        let mut labels = labels.clone();
        let bound = labels.remove(by);
        let one = series.entry(labels).or_default();
        match (suffix.as_str(), bound) {
            ("_sum", _) => drop(one.insert("sum".to_owned(), json!(Exact(*value)))),
            ("_count", _) => drop(one.insert("count".to_owned(), json!(Exact(*value)))),
            (_, Some(bound)) => {
                let parts = one.entry(name).or_insert_with(|| json!({}));
                parts[bound.as_str()] = json!(Exact(*value));
            }
            _ => {}
        }
    }
    let with_labels = |(labels, mut one): (Labels, Map<String, Value>)| {
        one.insert("labels".to_owned(), json!(labels));
        Value::Object(one)
    };
    series.into_iter().map(with_labels).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(suffix: &str, labels: &[(&str, &str)], value: f64) -> MetricSample {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        MetricSample { suffix: suffix.into(), labels, value }
    }

    fn family(name: &str, kind: MetricKind, samples: Vec<MetricSample>) -> MetricFamily {
        MetricFamily { name: name.into(), kind, help: String::new(), samples }
    }

    #[test]
    fn the_samples_of_a_histogram_are_one_entry_for_each_set_of_labels() {
        let samples = vec![
            sample("_bucket", &[("model", "m"), ("le", "0.1")], 2.0),
            sample("_bucket", &[("model", "m"), ("le", "+Inf")], 3.0),
            sample("_sum", &[("model", "m")], 0.7),
            sample("_count", &[("model", "m")], 3.0),
        ];
        let scrape = ServerMetricsSample {
            url: "http://one/metrics".into(),
            at_ns: 5,
            families: vec![
                family("latency", MetricKind::Histogram, samples),
                family("running", MetricKind::Gauge, vec![sample("", &[], 4.0)]),
            ],
            ..ServerMetricsSample::default()
        };
        let mut line = Vec::new();
        append(&scrape, 100, &mut line).unwrap();
        let line: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(
            (&line["timestamp_ns"], &line["endpoint_url"]),
            (&json!(105), &json!("http://one/metrics"))
        );
        assert_eq!(
            line["metrics"],
            json!({
                "latency": [{
                    "labels": {"model": "m"}, "buckets": {"0.1": 2, "+Inf": 3}, "sum": 0.7, "count": 3
                }],
                "running": [{ "labels": {}, "value": 4 }],
            })
        );
    }
}
