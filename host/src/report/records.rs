//! One line of JSON a request, in AIPerf's record shape.
//!
//! Instants are wall-clock nanoseconds since the Unix epoch: the run's one wall stamp plus an offset on the monotonic
//! clock, so that differences between them are exact. Unknown values are left out. Compatibility: keys are only ever added.

use std::{fmt, sync::Arc};

use prony_plugin_api::{message::PhaseKind, telemetry::trace_of};
use serde::{Serialize, Serializer};

use super::{
    by_phase, by_url,
    line_metrics::{self, Wholes},
    trace::{Protocol, Trace},
};
use crate::{
    metrics::Measured,
    plan::Class,
    record::{Record, RunHeader},
    request::target::place_of,
};

/// How a run's requests are told.
#[derive(Clone, Debug)]
pub(super) struct LineStyle {
    wall_start_ns: u64,
    /// Base URLs, where there are several.
    urls: Arc<[String]>,
    /// Of each class its name and its model, where there are classes.
    classes: Arc<[(String, String)]>,
    /// The name of each phase, where several are measured.
    phases: Arc<[String]>,
    /// Write traces, of requests in this protocol.
    traced: Option<Protocol>,
    /// Requests said which trace they were in.
    has_trace_context: bool,
}

impl LineStyle {
    /// That of the run with this header.
    pub(super) fn of(header: &RunHeader) -> Self {
        let protocol = if header.settings.http2 { Protocol::Http2 } else { Protocol::Http1 };
        let traced = header.settings.export_http_trace.then_some(protocol);
        let settings = &header.settings;
        let class = |class: &Class| (class.name.clone(), settings.model_of(class).to_owned());
        Self {
            wall_start_ns: header.wall_start_ns,
            urls: by_url::names(header).into(),
            classes: settings.classes.list.iter().map(class).collect(),
            phases: by_phase::names(header).into(),
            traced,
            has_trace_context: settings.traceparent,
        }
    }

    /// Appends the line of a request, which is a good one or not, if that is judged.
    ///
    /// # Errors
    /// A bug of ours: a line that is no JSON.
    pub(super) fn write(
        &self,
        record: &Record,
        kind: PhaseKind,
        is_good: Option<bool>,
        measured: &Measured,
        lines: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        let class = self.classes.get(record.class as usize);
        let trace = if self.has_trace_context { trace_of(&record.request_id) } else { None };
        let (trace_id, span_id) = trace.unzip();
        let metadata = Metadata {
            trace_id,
            span_id,
            target_url: self.url_of(record),
            class: class.map(|(name, _)| name.as_str()),
            requested_model: class.map(|(_, model)| model.as_str()),
            phase_name: self.phases.get(record.phase as usize).map(String::as_str),
            ..Metadata::of(record, kind, self.wall_start_ns)
        };
        lines.extend_from_slice(b"{\"metadata\":");
        serde_json::to_writer(&mut *lines, &metadata)?;
        lines.extend_from_slice(b",\"metrics\":");
        line_metrics::append(measured, &record.chunk_gaps_ns, Wholes::Short, lines)?;
        if let Some(is_good) = is_good {
            lines.extend_from_slice(if is_good { b",\"good\":true" } else { b",\"good\":false" });
        }
        if let Some(protocol) = self.traced {
            lines.extend_from_slice(b",\"trace_data\":");
            serde_json::to_writer(&mut *lines, &Trace::of(record, self.wall_start_ns, protocol))?;
        }
        if let Some(error) = record.outcome.said() {
            lines.extend_from_slice(b",\"error\":");
            serde_json::to_writer(&mut *lines, error)?;
        }
        lines.push(b'}');
        lines.push(b'\n');
        Ok(())
    }
}

impl LineStyle {
    fn url_of(&self, record: &Record) -> Option<&str> {
        self.urls.get(place_of(record.session_num, self.urls.len())).map(String::as_str)
    }
}

#[derive(Serialize)]
struct Metadata<'a> {
    session_num: u64,
    x_request_id: &'a str,
    /// The W3C trace that its `traceparent` names, and its span there.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<String>,
    conversation_id: &'a str,
    turn_index: u32,
    /// The base URL that it was sent to, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_url: Option<&'a str>,
    /// Name of its class, where there are classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'a str>,
    /// The model that its class asks for, where there are classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_model: Option<&'a str>,
    /// When the schedule wanted it sent.
    credit_issued_ns: u64,
    /// When work on it began, before a connection was opened: AIPerf's meaning.
    request_start_ns: u64,
    /// When the system had taken its last byte: latencies of a closed loop count from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_sent_ns: Option<u64>,
    /// When the response's head arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_ack_ns: Option<u64>,
    request_end_ns: u64,
    /// How long it waited for slots after its time had come.
    #[serde(skip_serializing_if = "Option::is_none")]
    gate_wait_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation_time_ns: Option<u64>,
    worker_id: WorkerId,
    /// Number of its node, where that is not the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<u32>,
    benchmark_phase: PhaseKind,
    phase_index: u32,
    /// The name of its phase, where several are measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    phase_name: Option<&'a str>,
    was_cancelled: bool,
    retried: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut_after_end: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Method and path, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    finish_reasons: &'a [String],
    #[serde(skip_serializing_if = "FactsObject::is_empty")]
    facts: FactsObject<'a>,
    response_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    follow_ups: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    follow_up_bytes: Option<u64>,
    largest_read_bytes: u64,
    /// Events with tokens that were read together with the first token; left out when it came alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_read_events: Option<u64>,
}

impl<'a> Metadata<'a> {
    fn of(record: &'a Record, kind: PhaseKind, wall_start_ns: u64) -> Self {
        let wall = |run_ns: u64| wall_start_ns.saturating_add(run_ns);
        let instants = &record.instants;
        Self {
            session_num: record.session_num,
            x_request_id: &record.request_id,
            trace_id: None,
            span_id: None,
            conversation_id: &record.conversation_id,
            turn_index: record.turn_index,
            target_url: None,
            class: None,
            requested_model: None,
            credit_issued_ns: wall(instants.scheduled),
            request_start_ns: wall(instants.started),
            request_sent_ns: instants.sent.map(wall),
            request_ack_ns: instants.first_byte.map(wall),
            request_end_ns: wall(instants.end),
            gate_wait_ns: Some(record.gate_wait_ns).filter(|waited| *waited > 0),
            cancellation_time_ns: record.outcome.is_cancelled().then(|| wall(instants.end)),
            worker_id: WorkerId(record.worker),
            node: Some(record.node).filter(|node| *node > 0),
            benchmark_phase: kind,
            phase_index: record.phase,
            phase_name: None,
            was_cancelled: record.outcome.is_cancelled(),
            retried: record.retried,
            cut_after_end: record.cut_after_end,
            status: record.status,
            request: record.asked.as_deref(),
            model: record.model.as_deref(),
            finish_reasons: &record.finish_reasons,
            facts: FactsObject(&record.facts),
            response_bytes: record.response_bytes,
            follow_ups: Some(record.follow_ups).filter(|count| *count > 0),
            follow_up_bytes: Some(record.follow_up_bytes).filter(|_| record.follow_ups > 0),
            largest_read_bytes: record.largest_read_bytes,
            first_read_events: Some(record.first_read_events).filter(|count| *count > 1),
        }
    }
}

/// What the server says of its answer: numbers as numbers, anything else as text.
struct FactsObject<'a>(&'a [(String, String)]);

impl FactsObject<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for FactsObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Fact::of(value))))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Fact<'a> {
    Number(serde_json::Number),
    Text(&'a str),
}

impl<'a> Fact<'a> {
    fn of(value: &'a str) -> Self {
        // Most are text, and begin as no number does: that costs less to see than an error of the parser does to make.
        if !value.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return Self::Text(value);
        }
        // What a number would not say again in the same words is none: a version, a long id.
        let number = serde_json::from_str::<serde_json::Number>(value).ok();
        number.filter(|number| number.to_string() == value).map_or(Self::Text(value), Self::Number)
    }
}

/// A worker's number as a name.
struct WorkerId(u32);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker_{}", self.0)
    }
}

impl Serialize for WorkerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
