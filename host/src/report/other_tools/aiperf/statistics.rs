//! Statistics of a metric, as AIPerf's files have them.

use serde_json::{Map, Value, json};

use crate::metrics::{
    Metric, MetricTable, Stats,
    other_tools::aiperf::{BEGAN, ENDED},
};

/// The percentiles of many values, by key.
pub(super) const PERCENTILES: [&str; 9] = ["p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99"];

/// Those of what has one value at each moment.
const PERCENTILES_OVER_TIME: [&str; 4] = ["p50", "p90", "p95", "p99"];

/// Metrics that AIPerf computes and does not write.
const HIDDEN: [&str; 3] = [BEGAN, ENDED, "replay_send_schedule_offset"];

/// One that is written only where there are any.
const IF_ANY: &str = "error_request_count";

/// The one that is made of those that are not written: its tag, its name and its unit.
pub(super) const DURATION: (&str, &str, &str) = ("benchmark_duration", "Benchmark Duration", "sec");

/// Every metric that is written, under its tag.
pub(super) fn metrics(table: &MetricTable) -> Map<String, Value> {
    let rows = written(table).map(|(metric, stats)| (metric.tag.to_owned(), object(metric, &stats)));
    let duration = benchmark_duration_s(table);
    let duration =
        duration.map(|seconds| (DURATION.0.to_owned(), json!({ "unit": DURATION.2, "avg": seconds })));
    rows.chain(duration).collect()
}

/// The rows that are written, without that of `benchmark_duration`.
pub(super) fn written(table: &MetricTable) -> impl Iterator<Item = (&'static Metric, Stats)> {
    let is_none = |tag: &str, stats: &Stats| tag == IF_ANY && stats.avg() <= 0.0;
    table.rows().filter(move |(metric, stats)| !HIDDEN.contains(&metric.tag) && !is_none(metric.tag, stats))
}

/// Seconds from the beginning of the first request that succeeded to the last event of one.
pub(super) fn benchmark_duration_s(table: &MetricTable) -> Option<f64> {
    match (table.get(BEGAN)?, table.get(ENDED)?) {
        (Stats::Distribution(began), Stats::Distribution(ended)) => Some(ended.max - began.min),
        _ => None,
    }
}

/// A metric with its statistics.
pub(super) fn object(metric: &Metric, stats: &Stats) -> Value {
    let mut object = Map::new();
    object.insert("unit".to_owned(), metric.unit.into());
    for (key, value) in of(stats) {
        object.insert(key.to_owned(), value);
    }
    Value::Object(object)
}

/// Statistics by key, in AIPerf's order. All have a point, counts as well, but for the number of values.
pub(super) fn of(stats: &Stats) -> Vec<(&'static str, Value)> {
    let mut all = vec![("avg", json!(stats.avg()))];
    let mut add = |keys: &[&'static str], statistic: &dyn Fn(&str) -> Option<f64>| {
        all.extend(keys.iter().filter_map(|key| Some((*key, json!(statistic(key)?)))));
    };
    let ends = ["min", "max", "std"];
    match stats {
        Stats::Scalar(_) => {}
        Stats::Distribution(values) => {
            add(&PERCENTILES, &|key| values.statistic(key));
            add(&ends, &|key| values.statistic(key));
            all.extend([("count", json!(values.count)), ("sum", json!(values.sum))]);
        }
        Stats::OverTime(curve) => {
            add(&PERCENTILES_OVER_TIME, &|key| curve.statistic(key));
            add(&ends, &|key| curve.statistic(key));
        }
    }
    all
}
