//! What services are told of records: [`Announcement`].

use prony_plugin_api::{
    ErrorDetails, Message,
    message::{PhaseKind, RecordBatch, RecordSummary},
    telemetry::{RequestSpan, RequestSpanBatch, trace_of},
};

use super::{Record, live::output_tokens, settings::RunSettings};
use crate::{request::target::place_of, service::bus::Bus};

/// What a span says of the run.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses {
    urls: Vec<String>,
    model: String,
    /// Models of classes, by their number.
    models: Vec<String>,
}

impl Addresses {
    /// Those of the run with these settings.
    pub(super) fn of(settings: &RunSettings) -> Self {
        let models = settings.classes.list.iter().map(|class| settings.model_of(class).to_owned());
        Self { urls: settings.urls.clone(), model: settings.model.clone(), models: models.collect() }
    }
}

/// Spans of one message. Each may hold thousands of gaps.
const SPANS_A_MESSAGE: usize = 250;

/// Records that services have not been told of yet. Nothing is kept that nobody listens to.
pub(super) struct Announcement<'a> {
    bus: &'a Bus,
    addresses: &'a Addresses,
    records: RecordBatch,
    spans: RequestSpanBatch,
}

impl<'a> Announcement<'a> {
    /// Nothing yet.
    pub(super) fn new(bus: &'a Bus, addresses: &'a Addresses) -> Self {
        Self { bus, addresses, records: RecordBatch::default(), spans: RequestSpanBatch::default() }
    }

    /// Whether anybody listens.
    pub(super) fn is_heard(&self) -> bool {
        self.bus.has_listener(RecordBatch::TYPE) || self.bus.has_listener(RequestSpanBatch::TYPE)
    }

    /// One more record, of a phase of this kind.
    pub(super) fn add(&mut self, record: &Record, kind: PhaseKind) {
        if self.bus.has_listener(RecordBatch::TYPE) {
            self.records.records.push(summary(record, kind));
        }
        if self.bus.has_listener(RequestSpanBatch::TYPE) {
            self.spans.spans.push(self.addresses.span(record, kind));
            if self.spans.spans.len() >= SPANS_A_MESSAGE {
                self.bus.send(&std::mem::take(&mut self.spans));
            }
        }
    }

    /// Tells services of them.
    pub(super) fn send(&mut self) {
        if !self.records.records.is_empty() {
            self.bus.send(&std::mem::take(&mut self.records));
        }
        if !self.spans.spans.is_empty() {
            self.bus.send(&std::mem::take(&mut self.spans));
        }
    }
}

impl Addresses {
    fn span(&self, record: &Record, kind: PhaseKind) -> RequestSpan {
        let (trace_id, span_id) = trace_of(&record.request_id).unwrap_or_default();
        let instants = &record.instants;
        let usage = record.usage.unwrap_or_default();
        let was_cancelled = record.outcome.is_cancelled();
        RequestSpan {
            request_id: record.request_id.clone(),
            trace_id,
            span_id,
            phase: kind,
            conversation_id: record.conversation_id.clone(),
            turn_index: record.turn_index,
            url: self.urls.get(place_of(record.session_num, self.urls.len())).cloned().unwrap_or_default(),
            requested_model: self.models.get(record.class as usize).unwrap_or(&self.model).clone(),
            model: record.model.clone(),
            started_ns: instants.started,
            sent_ns: instants.sent.unwrap_or(instants.started),
            first_token_ns: instants.first_token,
            end_ns: instants.end,
            chunk_gaps_ns: record.chunk_gaps_ns.clone(),
            input_tokens: usage.prompt.or(record.counted.input),
            output_tokens: usage.completion.or(record.counted.output),
            finish_reasons: record.finish_reasons.clone(),
            status: record.status,
            error: record.outcome.said().filter(|_| !was_cancelled).map(|error| error.kind.to_string()),
            was_cancelled,
        }
    }
}

fn summary(record: &Record, kind: PhaseKind) -> RecordSummary {
    let sent = record.instants.sent.unwrap_or(record.instants.started);
    RecordSummary {
        request_id: record.request_id.clone(),
        phase: kind,
        sent_ns: sent,
        time_to_first_token_ns: record.instants.first_token.map(|at| at.saturating_sub(sent)),
        request_latency_ns: record.instants.end.saturating_sub(sent),
        output_tokens: output_tokens(record),
        error: record.outcome.said().cloned().map(ErrorDetails::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::sample;

    #[test]
    fn a_span_says_what_the_record_does() {
        let addresses = Addresses::of(&sample::header().settings);
        let mut record = sample::a();
        record.request_id = "0af76519-16cd-43dd-8448-eb211c80319c".to_owned();
        let span = addresses.span(&record, PhaseKind::Profiling);
        assert_eq!(span.trace_id, "0af7651916cd43dd8448eb211c80319c");
        assert_eq!((span.url.as_str(), span.requested_model.as_str()), ("http://127.0.0.1:8000", "m"));
        assert_eq!((span.input_tokens, span.output_tokens), (Some(30), Some(4)));
        assert_eq!((span.end_ns - span.sent_ns, span.chunk_gaps_ns.len()), (100 * sample::MS, 3));
        assert_eq!((span.error, span.was_cancelled), (None, false));
    }

    #[test]
    fn a_failure_is_told_by_its_kind() {
        let span = Addresses::default().span(&sample::d(), PhaseKind::Profiling);
        assert_eq!((span.error.as_deref(), span.status), (Some("http_status"), Some(500)));
    }
}
