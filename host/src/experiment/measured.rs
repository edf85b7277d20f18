//! What a run measured, as its files tell it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use serde_json::Value;

use super::best::Key;
use crate::{
    bounded,
    metrics::{ObjectiveState, Statistic, tags},
    report::{self, file_names},
};

/// Largest summary that is read, in megabytes. Those of runs have a tenth of one.
const LONGEST_MB: u64 = 256;

/// The numbers of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measured {
    /// Each number, in the order of the summary.
    pub(super) numbers: Vec<(Key, f64)>,
    /// The unit of each metric.
    pub(super) units: BTreeMap<String, String>,
    /// Why the run is not complete, if it is not.
    pub(crate) incomplete: Option<String>,
    /// Its objectives as they were typed, and what became of each.
    pub(super) slo: Vec<(String, ObjectiveState)>,
}

/// What of a run stands in `experiment.json`.
const HEADLINE: [(&str, Statistic); 7] = [
    (tags::REQUEST_COUNT, Statistic::Avg),
    (tags::ERROR_REQUEST_COUNT, Statistic::Avg),
    (tags::REQUEST_THROUGHPUT, Statistic::Avg),
    (tags::OUTPUT_TOKEN_THROUGHPUT, Statistic::Avg),
    (tags::TIME_TO_FIRST_TOKEN, Statistic::P50),
    (tags::TIME_TO_FIRST_TOKEN, Statistic::P99),
    (tags::REQUEST_LATENCY, Statistic::P99),
];

impl Measured {
    /// Reads the summary in a run's folder.
    ///
    /// # Errors
    /// There is none, or it is no JSON.
    pub(crate) fn read(dir: &Path) -> io::Result<Self> {
        let bytes = bounded::read(&dir.join(file_names::SUMMARY), LONGEST_MB)?;
        Ok(Self::of(&serde_json::from_slice(&bytes)?))
    }

    pub(super) fn of(summary: &Value) -> Self {
        let mut measured = Self::default();
        let metrics = summary.as_object().into_iter().flatten();
        for (tag, metric) in metrics {
            let Some(unit) = metric["unit"].as_str() else { continue };
            // Sums of values are not compared: runs have several numbers of requests.
            let number =
                |of: Statistic| Some((Key::known(tag, of), metric.get(of.key()).and_then(Value::as_f64)?));
            measured.numbers.extend(Statistic::ALL.into_iter().filter_map(number));
            measured.units.insert(tag.clone(), unit.to_owned());
        }
        let reason = summary["incomplete_reason"].as_str().unwrap_or("the run is not complete");
        measured.incomplete = (summary["is_complete"] == false).then(|| reason.to_owned());
        let objectives = summary["slo"].as_array().into_iter().flatten();
        measured.slo = objectives
            .filter_map(|one| {
                let state = serde_json::from_value(one["state"].clone()).ok()?;
                Some((one["objective"].as_str()?.to_owned(), state))
            })
            .collect();
        measured
    }

    /// One number.
    pub(super) fn get(&self, key: &Key) -> Option<f64> {
        self.numbers.iter().find(|(known, _)| known == key).map(|(_, number)| *number)
    }

    /// Its most important numbers, in one line.
    pub(crate) fn in_words(&self) -> String {
        let avg = |metric: &str| self.get(&Key::known(metric, Statistic::Avg));
        let p99 = |metric: &str| self.get(&Key::known(metric, Statistic::P99));
        let rate = avg(tags::REQUEST_THROUGHPUT).map(|rate| format!("{rate:.1} requests/s"));
        let tokens = avg(tags::OUTPUT_TOKEN_THROUGHPUT).map(|rate| format!("{rate:.0} tokens/s"));
        let first = p99(tags::TIME_TO_FIRST_TOKEN).map(|ms| format!("TTFT p99 {ms:.1} ms"));
        let latency = p99(tags::REQUEST_LATENCY).map(|ms| format!("latency p99 {ms:.1} ms"));
        let errors = avg(tags::ERROR_REQUEST_COUNT).filter(|count| *count > 0.0);
        let errors = errors.map(|count| format!("{count:.0} failed"));
        [rate, tokens, first, latency, errors].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    pub(super) fn headline(&self) -> BTreeMap<String, f64> {
        let keys = HEADLINE.map(|(metric, statistic)| Key::known(metric, statistic));
        keys.iter().filter_map(|key| Some((key.joined(), self.get(key)?))).collect()
    }
}

/// The values of metrics for each request of a run, by metric and in the order in which the requests began, from its file of requests.
///
/// # Errors
/// There is none, or it cannot be read.
pub(super) fn values_of_requests(
    dir: &Path,
    metrics: &BTreeSet<&str>,
) -> io::Result<BTreeMap<String, Vec<f64>>> {
    let file = BufReader::new(File::open(report::requests_in(dir))?);
    let mut dated: BTreeMap<&str, Vec<(u64, f64)>> = BTreeMap::new();
    for line in file.lines() {
        let record: Value = serde_json::from_str(&line?)?;
        let began_ns = record["metadata"]["request_start_ns"].as_u64().unwrap_or_default();
        for metric in metrics {
            let value = record["metrics"][metric]["value"].as_f64();
            dated.entry(metric).or_default().extend(value.map(|value| (began_ns, value)));
        }
    }
    let in_order = |(metric, mut values): (&str, Vec<(u64, f64)>)| {
        values.sort_by_key(|(began_ns, _)| *began_ns);
        (metric.to_owned(), values.into_iter().map(|(_, value)| value).collect())
    };
    Ok(dated.into_iter().map(in_order).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metrics_of_a_summary_are_what_has_a_unit() {
        let summary = json!({
            "schema_version": "2.0",
            "request_latency": { "unit": "ms", "avg": 5, "p99": 9.5, "count": 3, "sum": 15 },
            "request_count": { "unit": "requests", "avg": 3 },
            "client": { "verdict": "ok" },
            "slo": [{ "objective": "error_rate < 1%", "state": "cannot_tell" }],
            "is_complete": true,
        });
        let measured = Measured::of(&summary);
        let numbers: Vec<(String, f64)> =
            measured.numbers.iter().map(|(key, number)| (key.joined(), *number)).collect();
        let expected =
            [("request_latency_avg", 5.0), ("request_latency_p99", 9.5), ("request_count_avg", 3.0)];
        assert_eq!(numbers, expected.map(|(name, number)| (name.to_owned(), number)));
        assert_eq!(measured.slo, [("error_rate < 1%".to_owned(), ObjectiveState::CannotTell)]);
        assert_eq!((measured.units["request_latency"].as_str(), measured.incomplete), ("ms", None));
    }
}
