//! Statistics of a metric, as AIPerf's files have them.

use serde_json::{Map, Value, json};

use crate::metrics::{
    Metric, MetricTable, Statistic, Stats,
    other_tools::aiperf::{BEGAN, ENDED},
    statistic::WITHOUT_P999,
};

/// The percentiles of what has one value at each moment; many values have those of [`WITHOUT_P999`].
const PERCENTILES_OVER_TIME: [Statistic; 4] =
    [Statistic::P50, Statistic::P90, Statistic::P95, Statistic::P99];

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
    let mut all = vec![(Statistic::Avg.key(), json!(stats.avg()))];
    let mut add = |statistics: &[Statistic], value: &dyn Fn(Statistic) -> f64| {
        all.extend(statistics.iter().map(|statistic| (statistic.key(), json!(value(*statistic)))));
    };
    let ends = [Statistic::Min, Statistic::Max, Statistic::Std];
    match stats {
        Stats::Scalar(_) => {}
        Stats::Distribution(values) => {
            add(&WITHOUT_P999, &|statistic| values.statistic(statistic));
            add(&ends, &|statistic| values.statistic(statistic));
            all.extend([("count", json!(values.count)), ("sum", json!(values.sum))]);
        }
        Stats::OverTime(curve) => {
            add(&PERCENTILES_OVER_TIME, &|statistic| curve.statistic(statistic));
            add(&ends, &|statistic| curve.statistic(statistic));
        }
    }
    all
}
