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
    object::Object,
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
        lines.extend_from_slice(b"{\"metadata\":");
        self.metadata(record, kind, lines)?;
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
    /// Appends what is known of a request beside its numbers. What there is nothing of is left out.
    fn metadata(&self, record: &Record, kind: PhaseKind, lines: &mut Vec<u8>) -> serde_json::Result<()> {
        let wall = |run_ns: u64| self.wall_start_ns.saturating_add(run_ns);
        let instants = &record.instants;
        let class = self.classes.get(record.class as usize);
        // The W3C trace that its `traceparent` names, and its span there.
        let trace = if self.has_trace_context { trace_of(&record.request_id) } else { None };
        let (trace_id, span_id) = trace.unzip();
        let is_cancelled = record.outcome.is_cancelled();
        let mut object = Object::begin(lines);
        object.set("session_num", &record.session_num)?;
        object.set("x_request_id", &record.request_id)?;
        object.set_some("trace_id", trace_id)?;
        object.set_some("span_id", span_id)?;
        object.set("conversation_id", &record.conversation_id)?;
        object.set("turn_index", &record.turn_index)?;
        object.set_some("target_url", self.url_of(record))?;
        object.set_some("class", class.map(|(name, _)| name))?;
        object.set_some("requested_model", class.map(|(_, model)| model))?;
        // When the schedule wanted it sent.
        object.set("credit_issued_ns", &wall(instants.scheduled))?;
        // When work on it began, before a connection was opened: AIPerf's meaning.
        object.set("request_start_ns", &wall(instants.started))?;
        // When the system had taken its last byte: latencies of a closed loop count from here.
        object.set_some("request_sent_ns", instants.sent.map(wall))?;
        // When the response's head arrived.
        object.set_some("request_ack_ns", instants.first_byte.map(wall))?;
        object.set("request_end_ns", &wall(instants.end))?;
        // How long it waited for slots after its time had come.
        object.set_some("gate_wait_ns", Some(record.gate_wait_ns).filter(|waited| *waited > 0))?;
        object.set_some("cancellation_time_ns", is_cancelled.then(|| wall(instants.end)))?;
        object.set("worker_id", &WorkerId(record.worker))?;
        // Number of its node, where that is not the first one.
        object.set_some("node", Some(record.node).filter(|node| *node > 0))?;
        object.set("benchmark_phase", &kind)?;
        object.set("phase_index", &record.phase)?;
        // The name of its phase, where several are measured.
        object.set_some("phase_name", self.phases.get(record.phase as usize))?;
        object.set("was_cancelled", &is_cancelled)?;
        object.set("retried", &record.retried)?;
        object.set_some("cut_after_end", record.cut_after_end.then_some(true))?;
        object.set_some("status", record.status)?;
        // Method and path, if it failed.
        object.set_some("request", record.asked.as_ref())?;
        object.set_some("model", record.model.as_ref())?;
        object.set("finish_reasons", &record.finish_reasons)?;
        object.set_some("facts", Some(FactsObject(&record.facts)).filter(|facts| !facts.is_empty()))?;
        object.set("response_bytes", &record.response_bytes)?;
        object.set_some("follow_ups", Some(record.follow_ups).filter(|count| *count > 0))?;
        object.set_some("follow_up_bytes", Some(record.follow_up_bytes).filter(|_| record.follow_ups > 0))?;
        object.set("largest_read_bytes", &record.largest_read_bytes)?;
        // Events with tokens that were read together with the first token; left out when it came alone.
        object.set_some("first_read_events", Some(record.first_read_events).filter(|count| *count > 1))?;
        object.end();
        Ok(())
    }

    /// The base URL that it was sent to, where there are several.
    fn url_of(&self, record: &Record) -> Option<&str> {
        self.urls.get(place_of(record.session_num, self.urls.len())).map(String::as_str)
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("12", "12")]
    #[case("-1.5", "-1.5")]
    #[case(" 5", r#"" 5""#)]
    #[case("1.50", r#""1.50""#)]
    #[case("v1", r#""v1""#)]
    #[case("-", r#""-""#)]
    #[case("", r#""""#)]
    #[case("٣", r#""٣""#)]
    fn a_fact_is_a_number_only_where_that_says_the_same(#[case] value: &str, #[case] expected: &str) {
        assert_eq!(serde_json::to_string(&Fact::of(value)).unwrap(), expected);
    }
}
