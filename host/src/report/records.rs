//! One line of JSON a request, in AIPerf's record shape: [`RecordFile`].
//!
//! Instants are wall-clock nanoseconds since the Unix epoch: the run's one wall stamp plus an offset on the monotonic
//! clock, so that differences between them are exact. Unknown values are left out. Compatibility: keys are only ever added.

use std::path::{Path, PathBuf};

use prony_plugin_api::{ErrorDetails, message::PhaseKind};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    ReportError,
    artifacts::Artifact,
    json::number,
    trace::{Protocol, Trace},
};
use crate::{
    metrics::Measured,
    record::{Record, RunHeader},
};

/// Profiled requests.
pub(super) const FILE_NAME: &str = "profile_export.jsonl";
/// Requests of the warm-up.
pub(super) const WARMUP_FILE_NAME: &str = "profile_export_warmup.jsonl";

/// A file of lines, in the order of the journal.
#[derive(Debug)]
pub(super) struct RecordFile {
    artifact: Artifact,
    wall_start_ns: u64,
    /// Write traces, of requests in this protocol.
    traced: Option<Protocol>,
}

impl RecordFile {
    /// Begins a file of the run with this header.
    pub(super) fn create(dir: &Path, name: &str, header: &RunHeader) -> Result<Self, ReportError> {
        let protocol = if header.config.target.http2 { Protocol::Http2 } else { Protocol::Http1 };
        let (wall_start_ns, traced) = (header.wall_start_ns, header.config.export_http_trace);
        let artifact = Artifact::create(dir, name)?;
        Ok(Self { artifact, wall_start_ns, traced: traced.then_some(protocol) })
    }

    /// Writes one request's line.
    pub(super) fn append(
        &mut self,
        record: &Record,
        kind: PhaseKind,
        measured: &Measured,
    ) -> Result<(), ReportError> {
        let line = Line {
            metadata: Metadata::of(record, kind, self.wall_start_ns),
            metrics: Metrics { measured, gaps_ns: &record.chunk_gaps_ns },
            trace_data: self.traced.map(|protocol| Trace::of(record, self.wall_start_ns, protocol)),
            error: record.error.as_ref(),
        };
        self.artifact.fill(|out| {
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")
        })
    }

    /// Gives the file its name. Returns where it is.
    pub(super) fn commit(self) -> Result<PathBuf, ReportError> {
        self.artifact.commit()
    }
}

#[derive(Serialize)]
struct Line<'a> {
    metadata: Metadata<'a>,
    metrics: Metrics<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_data: Option<Trace>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a ErrorDetails>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    session_num: u64,
    x_request_id: &'a str,
    conversation_id: &'a str,
    turn_index: u32,
    /// When the schedule wanted it sent.
    credit_issued_ns: u64,
    /// When it could be sent.
    request_start_ns: u64,
    /// When the response's head arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_ack_ns: Option<u64>,
    request_end_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation_time_ns: Option<u64>,
    worker_id: String,
    benchmark_phase: PhaseKind,
    phase_index: u32,
    was_cancelled: bool,
    retried: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    finish_reasons: &'a [String],
    response_bytes: u64,
    largest_read_bytes: u64,
}

impl<'a> Metadata<'a> {
    fn of(record: &'a Record, kind: PhaseKind, wall_start_ns: u64) -> Self {
        let wall = |run_ns: u64| wall_start_ns.saturating_add(run_ns);
        let instants = &record.instants;
        Self {
            session_num: record.session_num,
            x_request_id: &record.request_id,
            conversation_id: &record.conversation_id,
            turn_index: record.turn_index,
            credit_issued_ns: wall(instants.scheduled),
            request_start_ns: wall(instants.sent.unwrap_or(instants.started)),
            request_ack_ns: instants.first_byte.map(wall),
            request_end_ns: wall(instants.end),
            cancellation_time_ns: record.cancelled.then(|| wall(instants.end)),
            worker_id: format!("worker_{}", record.worker),
            benchmark_phase: kind,
            phase_index: record.phase,
            was_cancelled: record.cancelled,
            retried: record.retried,
            status: record.status,
            model: record.model.as_deref(),
            finish_reasons: &record.finish_reasons,
            response_bytes: record.response_bytes,
            largest_read_bytes: record.largest_read_bytes,
        }
    }
}

/// What was measured: a value and a unit by tag, and the gaps as a list.
struct Metrics<'a> {
    measured: &'a Measured,
    gaps_ns: &'a [u64],
}

#[derive(Serialize)]
struct Value<T> {
    value: T,
    unit: &'static str,
}

impl Serialize for Metrics<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (metric, value) in self.measured {
            map.serialize_entry(metric.tag, &Value { value: number(*value), unit: metric.unit })?;
        }
        // A failed request has no metrics.
        if !self.measured.is_empty() && !self.gaps_ns.is_empty() {
            let gaps: Vec<_> = self.gaps_ns.iter().map(|gap| number(*gap as f64 / 1e6)).collect();
            map.serialize_entry("inter_chunk_latency", &Value { value: gaps, unit: "ms" })?;
        }
        map.end()
    }
}
