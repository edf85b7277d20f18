//! Runs that stand in folders, told in a few words each: from the header of the journal and the summary beside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{file_names, headline, text::decimal};
use crate::{
    bounded,
    metrics::{Statistic, catalogue::CATALOGUE, samples::carries, tags, units},
    record::{
        RunHeader,
        journal::{self, Beginning, Reader},
    },
    screen::counted,
};

/// A summary is not larger than this, in megabytes.
const MOST_MEGABYTES: u64 = 64;

/// A run that stands in a folder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PastRun {
    /// Its folder.
    pub(crate) dir: PathBuf,
    /// Its identity; empty where its journal cannot be read.
    pub(crate) run_id: String,
    /// When it began, in nanoseconds since 1970.
    pub(crate) started_ns: u64,
    /// The same, as RFC 3339 says it.
    started: Option<String>,
    /// What became of it.
    state: State,
    /// Models that it asked for.
    models: Vec<String>,
    endpoint_type: String,
    /// The loads of its measured phases, in words.
    loads: Vec<String>,
    /// Metrics of its summary that make a headline, each its mean and percentiles that are there.
    headline: Vec<HeadlineMetric>,
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It came to its end.
    Complete,
    /// It ended before its time.
    Incomplete,
    /// Its journal has not become a report.
    NoReport,
    /// Its journal cannot be read.
    Unreadable,
}

/// A metric of the headline.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct HeadlineMetric {
    tag: &'static str,
    unit: &'static str,
    avg: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99: Option<f64>,
}

/// What a headline has, and how it is called there.
const HEADLINE: [(&str, &str); 6] = [
    (tags::REQUEST_COUNT, ""),
    (tags::ERROR_REQUEST_COUNT, "failed"),
    (tags::REQUEST_THROUGHPUT, "requests/s"),
    (tags::OUTPUT_TOKEN_THROUGHPUT, "tokens/s"),
    (tags::TIME_TO_FIRST_TOKEN, "first token"),
    (tags::REQUEST_LATENCY, "latency"),
];

/// The runs in a folder and in the folders in it.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<PastRun>> {
    let mut runs = Vec::new();
    runs.extend(read(dir));
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            runs.extend(read(&path));
        }
    }
    Ok(runs)
}

/// The run that stands in a folder, if one does.
fn read(dir: &Path) -> Option<PastRun> {
    if !dir.join(journal::FILE_NAME).is_file() {
        return None;
    }
    let header = Reader::open(dir).ok().and_then(|mut reader| match reader.begin() {
        Beginning::Header(header) => Some(*header),
        Beginning::Lost | Beginning::Nothing => None,
    });
    let summary = bounded::read(&dir.join(file_names::SUMMARY), MOST_MEGABYTES).ok();
    let summary = summary.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let Some(header) = header else {
        let state = State::Unreadable;
        return Some(PastRun { state, ..PastRun::of(dir, &RunHeader::lost(), summary.as_ref()) });
    };
    // One that is of an earlier run in this folder says nothing.
    let summary = summary.filter(|summary| summary["run_id"] == header.run_id.as_str());
    Some(PastRun::of(dir, &header, summary.as_ref()))
}

/// An instant in nanoseconds since 1970 as RFC 3339 says it; nothing for 0, which is no instant.
pub(crate) fn timestamp(ns: u64) -> Option<String> {
    let instant = OffsetDateTime::from_unix_timestamp_nanos(ns.into()).ok().filter(|_| ns > 0)?;
    instant.format(&Rfc3339).ok()
}

/// The line above what is said of a folder: when it began, to the minute, and where it is.
pub(crate) fn title(started: Option<&str>, dir: &Path) -> String {
    let started = started.and_then(|text| text.get(..16)).unwrap_or("unknown time");
    format!("{}  {}", started.replace('T', " "), dir.display())
}

impl PastRun {
    fn of(dir: &Path, header: &RunHeader, summary: Option<&Value>) -> Self {
        let state = match summary.map(|summary| summary["is_complete"].as_bool()) {
            None => State::NoReport,
            Some(Some(true)) => State::Complete,
            Some(_) => State::Incomplete,
        };
        Self {
            dir: dir.to_owned(),
            run_id: header.run_id.clone(),
            started_ns: header.wall_start_ns,
            started: timestamp(header.wall_start_ns),
            state,
            models: headline::models(&header.settings).into_iter().map(str::to_owned).collect(),
            endpoint_type: header.settings.endpoint_type.clone(),
            loads: headline::loads(&header.settings),
            headline: summary.map(headline_of).unwrap_or_default(),
        }
    }

    /// For people: the folder, what was asked for, and what came of it. `is_going` is whether it goes on.
    pub(crate) fn lines(&self, is_going: bool) -> Vec<String> {
        let title = title(self.started.as_deref(), &self.dir);
        let asked = [self.models.join(", "), self.endpoint_type.clone()];
        let asked: Vec<String> =
            asked.into_iter().chain(self.loads.iter().cloned()).filter(|text| !text.is_empty()).collect();
        let numbers =
            self.headline.iter().filter_map(HeadlineMetric::in_words).collect::<Vec<_>>().join(", ");
        let state = match self.state {
            _ if is_going => Some("still going".to_owned()),
            State::Complete => None,
            State::Incomplete => Some("ended before its time".to_owned()),
            State::NoReport => Some(format!("no report yet: `prony report {}` makes it", self.dir.display())),
            State::Unreadable => Some("its journal cannot be read".to_owned()),
        };
        let further = [Some(asked.join(", ")), Some(numbers), state].into_iter().flatten();
        std::iter::once(title).chain(further.filter(|text| !text.is_empty())).collect()
    }
}

fn headline_of(summary: &Value) -> Vec<HeadlineMetric> {
    let metric = |(tag, _): &(&'static str, &str)| {
        let values = summary.get(tag)?;
        let unit = CATALOGUE.iter().find(|metric| metric.tag == *tag)?.unit;
        let count = values.get("count").and_then(Value::as_u64);
        // A percentile that the samples do not carry is no headline.
        let is_carried = |statistic: Statistic| count.is_none_or(|count| carries(count, statistic));
        let of = |statistic: Statistic| {
            values.get(statistic.key()).and_then(Value::as_f64).filter(|_| is_carried(statistic))
        };
        let (p50, p99) = (of(Statistic::P50), of(Statistic::P99));
        Some(HeadlineMetric { tag, unit, avg: of(Statistic::Avg)?, p50, p99 })
    };
    HEADLINE.iter().filter_map(metric).collect()
}

impl HeadlineMetric {
    fn in_words(&self) -> Option<String> {
        let (_, name) = HEADLINE.iter().find(|(tag, _)| *tag == self.tag)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of requests, which is whole and not below 0"
        )]
        let count = self.avg as u64;
        Some(match (self.tag, self.p50, self.p99) {
            (tags::REQUEST_COUNT, ..) => counted(count, "request"),
            (tags::ERROR_REQUEST_COUNT, ..) => {
                return (count > 0).then(|| format!("{count} {name}"));
            }
            (_, Some(p50), Some(p99)) => {
                format!("{name} p50 {} p99 {} {}", decimal(p50), decimal(p99), self.unit)
            }
            (_, Some(p50), None) => format!("{name} p50 {} {}", decimal(p50), self.unit),
            _ if self.unit == units::MS => format!("{name} {} ms on average", decimal(self.avg)),
            _ => format!("{} {name}", decimal(self.avg)),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metrics::sample;

    #[test]
    fn a_run_is_told_in_three_lines() {
        let summary = json!({
            "is_complete": true,
            "request_count": {"avg": 200.0},
            "error_request_count": {"avg": 2.0},
            "request_throughput": {"avg": 12.5},
            "request_latency": {"avg": 1500.0, "p50": 1400.0, "p99": 3000.25},
        });
        let run = PastRun::of(Path::new("artifacts/a"), &sample::header(), Some(&summary));
        let lines = run.lines(false);
        assert!(lines[0].ends_with("  artifacts/a"), "{lines:?}");
        assert_eq!(
            lines[2],
            "200 requests, 2 failed, 12.50 requests/s, latency p50 1,400.00 p99 3,000.25 ms"
        );
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn a_percentile_of_few_samples_is_no_headline() {
        let of = |count: u64| {
            let latency = json!({"avg": 1500.0, "p50": 1400.0, "p99": 3000.25, "count": count});
            let summary = json!({"is_complete": true, "request_latency": latency});
            let run = PastRun::of(Path::new("a"), &sample::header(), Some(&summary));
            run.lines(false).last().unwrap().clone()
        };
        assert_eq!(of(662), "latency p50 1,400.00 p99 3,000.25 ms");
        assert_eq!(of(661), "latency p50 1,400.00 ms");
        assert_eq!(of(10), "latency 1,500.00 ms on average");
    }

    #[test]
    fn a_run_without_a_report_says_how_to_make_it() {
        let run = PastRun::of(Path::new("a"), &sample::header(), None);
        assert_eq!(run.lines(false).last().unwrap(), "no report yet: `prony report a` makes it");
        assert_eq!(run.lines(true).last().unwrap(), "still going");
    }
}
