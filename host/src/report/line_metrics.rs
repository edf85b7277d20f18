//! What was measured of a request, as an object in its line: a value and a unit by tag, and the gaps as a list.
//!
//! It is most of the line, and all but its numbers is known before. Written word by word, as a general serializer does it, it
//! took a third of the time of a report.

use serde::{Serialize, Serializer};

use super::values::Exact;
use crate::metrics::Measured;

const NS_PER_MS: f64 = 1e6;

/// Appends the object. A request without metrics, which has failed, has no gaps there either.
///
/// # Errors
/// A bug of ours: a number that is no JSON.
pub(super) fn append(measured: &Measured, gaps_ns: &[u64], line: &mut Vec<u8>) -> serde_json::Result<()> {
    line.push(b'{');
    for (number, (metric, value)) in measured.iter().enumerate() {
        if number > 0 {
            line.push(b',');
        }
        entry(metric.tag, &Exact(*value), metric.unit, line)?;
    }
    if !measured.is_empty() && !gaps_ns.is_empty() {
        line.push(b',');
        entry("inter_chunk_latency", &Gaps(gaps_ns), "ms", line)?;
    }
    line.push(b'}');
    Ok(())
}

/// Tags and units are names of ours, in which nothing has to be escaped.
fn entry(tag: &str, value: &impl Serialize, unit: &str, line: &mut Vec<u8>) -> serde_json::Result<()> {
    line.push(b'"');
    line.extend_from_slice(tag.as_bytes());
    line.extend_from_slice(b"\":{\"value\":");
    serde_json::to_writer(&mut *line, value)?;
    line.extend_from_slice(b",\"unit\":\"");
    line.extend_from_slice(unit.as_bytes());
    line.extend_from_slice(b"\"}");
    Ok(())
}

/// Gaps of nanoseconds, in milliseconds.
struct Gaps<'a>(&'a [u64]);

impl Serialize for Gaps<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|gap| Exact(*gap as f64 / NS_PER_MS)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::metrics::catalogue::CATALOGUE;

    fn object(measured: &Measured, gaps_ns: &[u64]) -> Value {
        let mut line = Vec::new();
        append(measured, gaps_ns, &mut line).unwrap();
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
}
