//! Numbers and statistics as values of JSON.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::verdict;
use crate::metrics::{Distribution, MetricTable, Stats, TimeWeighted, statistic::PERCENTILES};

/// A number that is written as short as it can be and still exact: whole ones have no point. One that JSON has no
/// words for is `null`.
#[derive(Clone, Copy)]
pub(super) struct Exact(pub(super) f64);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const EXACT: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;
        let Self(value) = *self;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what a cast changes is no whole number of 53 bits"
        )]
        let whole = value as i64;
        let is_whole = value.abs() < EXACT && value - whole as f64 == 0.0;
        if is_whole { serializer.serialize_i64(whole) } else { serializer.serialize_f64(value) }
    }
}

/// Each metric under its tag.
pub(super) fn metrics(table: &MetricTable) -> Map<String, Value> {
    table.rows().map(|(metric, stats)| (metric.tag.to_owned(), statistics(metric.unit, &stats))).collect()
}

/// A metric as an object: its unit, and each statistic that it has.
pub(super) fn statistics(unit: &str, stats: &Stats) -> Value {
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("unit", unit.into());
    set("avg", json!(Exact(stats.avg())));
    let (percentiles, min, max, std, of_all) = match stats {
        Stats::Scalar(_) => return Value::Object(object),
        Stats::Distribution(Distribution { percentiles, min, max, std, count, sum, .. }) => {
            (percentiles, min, max, std, Some((*count, *sum)))
        }
        Stats::OverTime(TimeWeighted { percentiles, min, max, std, .. }) => {
            (percentiles, min, max, std, None)
        }
    };
    for ((percentile, _), value) in std::iter::zip(PERCENTILES, percentiles) {
        set(percentile.key(), json!(Exact(*value)));
    }
    for (key, value) in [("min", min), ("max", max), ("std", std)] {
        set(key, json!(Exact(*value)));
    }
    if let Stats::Distribution(values) = stats {
        set("carried", verdict::carried(values).collect());
    }
    if let Some((count, sum)) = of_all {
        set("count", count.into());
        set("sum", json!(Exact(sum)));
    }
    Value::Object(object)
}
