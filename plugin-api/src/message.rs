//! The messages that travel between the host and its services.
//!
//! A message is a serde type with a [`Message::TYPE`]. It crosses the boundary as MessagePack with *named* fields:
//! a reader ignores fields it does not know and fills missing ones with their default, so old and new sides can
//! talk. Add fields with `#[serde(default)]`; never rename or retype one.

use std::collections::BTreeMap;

use serde::{de::DeserializeOwned, Deserialize, Serialize};

use crate::error::{ErrorDetails, PluginError, Result};

/// A typed message.
pub trait Message: Serialize + DeserializeOwned {
    /// The name by which services subscribe, in `snake_case`.
    const TYPE: &'static str;

    /// Encodes for the boundary.
    ///
    /// # Errors
    /// A value that MessagePack cannot hold, which none of the types here contain.
    fn encode(&self) -> Result<Vec<u8>> {
        rmp_serde::to_vec_named(self).map_err(PluginError::malformed)
    }

    /// Decodes what [`Message::encode`] wrote, by this or another version.
    ///
    /// # Errors
    /// `malformed` when the bytes are not this message.
    fn decode(payload: &[u8]) -> Result<Self> {
        rmp_serde::from_slice(payload)
            .map_err(|error| PluginError::malformed(format!("decode a `{}` message: {error}", Self::TYPE)))
    }
}

/// Which part of a run something belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// Excluded from the results.
    Warmup,
    /// What is being measured. Also what an unknown kind of a newer side reads as.
    #[default]
    #[serde(other)]
    Profiling,
}

/// A phase begins. The load starts once every service has handled this message, or after a quarter of a second: a
/// service that takes stock of something does it before it returns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PhaseStarted {
    /// Position in the run, from 0.
    pub index: u32,
    /// Warm-up or profiling.
    pub kind: PhaseKind,
    /// Nanoseconds since the run's start, on the host's monotonic clock.
    pub at_ns: u64,
}

impl Message for PhaseStarted {
    const TYPE: &'static str = "phase_started";
}

/// A phase is over: its last request has ended or was cancelled. Sent at that instant, which is before the last
/// [`RecordBatch`] of the phase: [`PhaseRecorded`] follows that one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PhaseEnded {
    /// Position in the run, from 0.
    pub index: u32,
    /// Warm-up or profiling.
    pub kind: PhaseKind,
    /// Nanoseconds since the run's start, on the host's monotonic clock.
    pub at_ns: u64,
}

impl Message for PhaseEnded {
    const TYPE: &'static str = "phase_ended";
}

/// Every [`RecordBatch`] of a phase has been sent. Each phase has one, also that of a run which is interrupted. In a run with agents it
/// comes before them: there, all batches are sent at the end of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PhaseRecorded {
    /// Position in the run, from 0.
    pub index: u32,
    /// Warm-up or profiling.
    pub kind: PhaseKind,
}

impl Message for PhaseRecorded {
    const TYPE: &'static str = "phase_recorded";
}

/// What one finished request looked like, without its text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordSummary {
    /// The `X-Request-ID` that was sent.
    pub request_id: String,
    /// Warm-up or profiling.
    pub phase: PhaseKind,
    /// Nanoseconds since the run's start at which the request was sent: the system had taken its last byte.
    pub sent_ns: u64,
    /// Nanoseconds from there to the first generated token, where there was one.
    pub time_to_first_token_ns: Option<u64>,
    /// Nanoseconds from there to the end of the answer.
    pub request_latency_ns: u64,
    /// Tokens generated, from the server's usage or counted here.
    pub output_tokens: u64,
    /// Why it failed, if it did.
    pub error: Option<ErrorDetails>,
}

/// Finished requests, several at a time, as soon as their tokens are counted. All are sent before `stop`. In a run with agents, those of
/// all phases are sent at the end of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordBatch {
    /// In order of completion on one worker.
    pub records: Vec<RecordSummary>,
}

impl Message for RecordBatch {
    const TYPE: &'static str = "record_batch";
}

/// One scrape of a server's Prometheus page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerMetricsSample {
    /// The scraped URL.
    pub url: String,
    /// Nanoseconds since the run's start, halfway between sending the scrape and its answer.
    pub at_ns: u64,
    /// Nanoseconds the scrape took.
    pub latency_ns: u64,
    /// The families on the page, in its order. Empty when the scrape failed.
    pub families: Vec<MetricFamily>,
    /// Why the scrape failed, if it did.
    pub error: Option<ErrorDetails>,
}

/// Scrapes, several at a time. prony's own `server_metrics` publishes them when a phase begins, every second while it goes on
/// (`interval_ms`), and when it has ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerMetricsBatch {
    /// In order of time.
    pub samples: Vec<ServerMetricsSample>,
}

impl Message for ServerMetricsBatch {
    const TYPE: &'static str = "server_metrics_batch";
}

/// Type of a metric family, as the Prometheus text format names it.
/// Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// Only ever grows, but for restarts.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative buckets with a sum and a count.
    Histogram,
    /// Quantiles computed by the server.
    Summary,
    /// No `# TYPE` line, or an unknown one. Also what an unknown type of a newer side reads as.
    #[default]
    #[serde(other)]
    Untyped,
}

/// A named metric with its series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricFamily {
    /// Name without the `_bucket`, `_sum` or `_count` of its samples.
    pub name: String,
    /// Its type.
    pub kind: MetricKind,
    /// The page's `# HELP` text.
    pub help: String,
    /// Every sample line of the family.
    pub samples: Vec<MetricSample>,
}

/// One line of a Prometheus page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricSample {
    /// What follows the family's name: empty, `_bucket`, `_sum`, `_count` or `_total`.
    pub suffix: String,
    /// Label names and values, `le` and `quantile` included.
    pub labels: BTreeMap<String, String>,
    /// The value, which may be infinite or not a number.
    pub value: f64,
}

/// A table that a message brings along for people.
///
/// A message with a field [`Table::FIELD`] of this type is shown under the report's own table, on the console and in
/// `profile_export_console.txt`: of each type of message the last one of the run. Whatever else the message holds is in the
/// summary all the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Table {
    /// What stands above it.
    pub title: String,
    /// The header, from left to right.
    pub columns: Vec<String>,
    /// The rows, each with a cell for each column. Cells that are missing are empty.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Name of the field by which a message says that it has a table.
    pub const FIELD: &'static str = "prony_table";
}

/// A cell of a [`Table`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// A whole number.
    Whole(i64),
    /// Any other number; shown with two decimals.
    Number(f64),
    /// Text.
    Text(String),
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or_else(|_| Self::Text(number.to_string()), Self::Whole)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct NewerPhaseStarted {
        index: u32,
        kind: &'static str,
        at_ns: u64,
        name: String,
    }

    #[test]
    fn a_newer_sender_is_understood() {
        let newer = NewerPhaseStarted { index: 3, kind: "cooldown", at_ns: 7, name: "x".into() };
        let bytes = rmp_serde::to_vec_named(&newer).unwrap();
        let read = PhaseStarted::decode(&bytes).unwrap();
        assert_eq!(read, PhaseStarted { index: 3, kind: PhaseKind::Profiling, at_ns: 7 });
    }

    #[test]
    fn an_older_sender_is_understood() {
        let bytes = rmp_serde::to_vec_named(&BTreeMap::from([("index", 5)])).unwrap();
        assert_eq!(PhaseEnded::decode(&bytes).unwrap(), PhaseEnded { index: 5, ..PhaseEnded::default() });
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Bill {
        prony_table: Table,
    }

    impl Message for Bill {
        const TYPE: &'static str = "acme_bill";
    }

    #[test]
    fn a_table_crosses_with_its_numbers_and_texts() {
        let row = vec![7_u64.into(), 0.25.into(), "EUR".into(), (-1_i64).into(), u64::MAX.into()];
        let table = Table { title: "Bill".into(), columns: vec!["n".into()], rows: vec![row] };
        let bill = Bill { prony_table: table };
        assert_eq!(Bill::decode(&bill.encode().unwrap()).unwrap(), bill);
        let json = serde_json::to_value(&bill).unwrap();
        assert_eq!(
            json[Table::FIELD]["rows"],
            serde_json::json!([[7, 0.25, "EUR", -1, "18446744073709551615"]])
        );
    }

    #[test]
    fn other_bytes_name_the_message_they_are_not() {
        let error = RecordBatch::decode(b"\xc1").unwrap_err();
        assert!(error.message.contains("`record_batch`"), "{error}");
    }
}
