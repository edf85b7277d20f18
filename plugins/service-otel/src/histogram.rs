//! A histogram with fixed bounds, as OTLP sends it: exports [`Histogram`].

use serde_json::{Value, json};

/// Bounds of times in seconds, as the semantic conventions have them.
/// Source: <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/>.
pub(crate) const SECONDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

/// Bounds of numbers of tokens, from the same source.
pub(crate) const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// Bounds of the time between tokens in seconds. Those of the conventions begin at 10 ms, above what most servers need.
pub(crate) const GAPS: [f64; 14] =
    [0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.03, 0.04, 0.08, 0.16, 0.64, 2.56];

/// How many values are at most each bound, and not at most the one before it.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    bounds: &'static [f64],
    counts: Vec<u64>,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Histogram {
    /// One without values.
    pub(crate) fn new(bounds: &'static [f64]) -> Self {
        let counts = vec![0; bounds.len() + 1];
        Self { bounds, counts, count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }

    /// One more value.
    pub(crate) fn add(&mut self, value: f64) {
        let slot = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(slot) {
            *count += 1;
        }
        self.count += 1;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// A data point, without its attributes and instants. There is a value.
    pub(crate) fn json(&self) -> Value {
        let counts: Vec<String> = self.counts.iter().map(u64::to_string).collect();
        json!({
            "count": self.count.to_string(),
            "sum": self.sum,
            "min": self.min,
            "max": self.max,
            "bucketCounts": counts,
            "explicitBounds": self.bounds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_a_bound_is_below_it() {
        let mut histogram = Histogram::new(&TOKENS);
        for value in [1.0, 1.5, 4.0, 1e9] {
            histogram.add(value);
        }
        let json = histogram.json();
        let counts: Vec<&str> =
            json["bucketCounts"].as_array().unwrap().iter().map(|count| count.as_str().unwrap()).collect();
        assert_eq!((counts.len(), &counts[..3], counts[14]), (15, ["1", "2", "0"].as_slice(), "1"));
        assert_eq!((json["count"].as_str(), json["min"].as_f64()), (Some("4"), Some(1.0)));
    }
}
