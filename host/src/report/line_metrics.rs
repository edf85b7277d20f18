//! What was measured of a request, as an object in its line: a value and a unit by tag, and the gaps as a list.
//!
//! It is most of the line, and all but its numbers is known before. Written word by word, as a general serializer does it, it
//! took a third of the time of a report.

use serde::{Serialize, Serializer};

use super::{object::Object, values::Exact};
use crate::metrics::Measured;

const NS_PER_MS: f64 = 1e6;

/// How whole numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wholes {
    /// As short as they can be: `2`.
    Short,
    /// What is no count has a point: `2.0`, as programs in Python write it.
    WithPoint,
}

/// Appends the object. A request without metrics, which has failed, has no gaps there either.
///
/// # Errors
/// A bug of ours: a number that is no JSON.
pub(super) fn append(
    measured: &Measured,
    gaps_ns: &[u64],
    wholes: Wholes,
    line: &mut Vec<u8>,
) -> serde_json::Result<()> {
    let mut object = Object::begin(line);
    for (metric, value) in measured {
        if wholes == Wholes::Short || metric.is_count() || metric.unit == "count" {
            object.set_with_unit(metric.tag, &Exact(*value), metric.unit)?;
        } else {
            object.set_with_unit(metric.tag, value, metric.unit)?;
        }
    }
    if !measured.is_empty() && !gaps_ns.is_empty() {
        object.set_with_unit("inter_chunk_latency", &Gaps(gaps_ns, wholes), "ms")?;
    }
    object.end();
    Ok(())
}

/// Gaps of nanoseconds, in milliseconds.
struct Gaps<'a>(&'a [u64], Wholes);

impl Serialize for Gaps<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(gaps, wholes) = self;
        let gaps_ms = gaps.iter().map(|gap| *gap as f64 / NS_PER_MS);
        match wholes {
            Wholes::Short => serializer.collect_seq(gaps_ms.map(Exact)),
            Wholes::WithPoint => serializer.collect_seq(gaps_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::metrics::catalogue::CATALOGUE;

    fn object(measured: &Measured, gaps_ns: &[u64]) -> Value {
        let mut line = Vec::new();
        append(measured, gaps_ns, Wholes::Short, &mut line).unwrap();
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn every_metric_of_the_catalogue_is_an_entry_under_its_tag() {
        let measured: Measured = CATALOGUE.iter().map(|metric| (metric, 1.5)).collect();
        let expected: serde_json::Map<_, _> = CATALOGUE
            .iter()
            .map(|metric| (metric.tag.to_owned(), json!({"value": 1.5, "unit": metric.unit})))
            .collect();
        assert_eq!(object(&measured, &[]), Value::Object(expected));
    }

    #[test]
    fn gaps_are_milliseconds_and_only_of_requests_with_metrics() {
        let one = vec![(&CATALOGUE[0], 2.0)];
        assert_eq!(
            object(&one, &[1_500_000, 2_000_000])["inter_chunk_latency"],
            json!({"value": [1.5, 2], "unit": "ms"})
        );
        assert_eq!(object(&Measured::new(), &[1]), json!({}));
    }

    #[test]
    fn what_is_no_count_may_have_a_point() {
        let found = |tag: &str| CATALOGUE.iter().find(|metric| metric.tag == tag).unwrap();
        let measured = vec![(found("request_latency"), 2.0), (found("output_sequence_length"), 3.0)];
        let mut line = Vec::new();
        append(&measured, &[1_000_000], Wholes::WithPoint, &mut line).unwrap();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "{\"request_latency\":{\"value\":2.0,\"unit\":\"ms\"},\
             \"output_sequence_length\":{\"value\":3,\"unit\":\"tokens\"},\
             \"inter_chunk_latency\":{\"value\":[1.0],\"unit\":\"ms\"}}"
        );
    }
}
