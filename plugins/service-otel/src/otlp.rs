//! Requests to a collector, in the JSON form of OTLP.
//!
//! Source: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>: identifiers are hexadecimal, numbers of 64 bits are
//! texts, and enumerations are numbers.

use std::collections::BTreeMap;

use prony_plugin_api::telemetry::RequestSpan;
use serde_json::{Value, json};

use crate::{
    attributes::{Attributes, list_attribute, number_attribute, text_attribute},
    run::Run,
};

/// `SPAN_KIND_CLIENT`.
const CLIENT: u8 = 3;

/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// Who sends: this run of prony, and what the user says of it.
pub(crate) fn resource(run: &Run, own: &BTreeMap<String, String>) -> Value {
    let usual = [
        ("service.name", "prony"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("service.instance.id", run.id.as_str()),
    ];
    let usual = usual.into_iter().filter(|(name, _)| !own.contains_key(*name));
    let own = own.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let attributes: Vec<Value> = usual.chain(own).map(|(name, value)| text_attribute(name, value)).collect();
    json!({ "attributes": attributes })
}

fn scope() -> Value {
    json!({ "name": "prony", "version": env!("CARGO_PKG_VERSION") })
}

/// A request with metrics.
pub(crate) fn metrics(resource: &Value, metrics: &[Value]) -> Value {
    let scoped = json!({ "scope": scope(), "metrics": metrics });
    json!({ "resourceMetrics": [{ "resource": resource, "scopeMetrics": [scoped] }] })
}

/// A request with spans.
pub(crate) fn spans(resource: &Value, spans: &[RequestSpan], run: &Run) -> Value {
    let spans: Vec<Value> = spans.iter().map(|span| one(span, run)).collect();
    let scoped = json!({ "scope": scope(), "spans": spans });
    json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [scoped] }] })
}

fn one(span: &RequestSpan, run: &Run) -> Value {
    let mut attributes = Attributes::of(span, run)
        .with("gen_ai.conversation.id", &span.conversation_id)
        .with("prony.request_id", &span.request_id)
        .with("error.type", span.error.as_deref().unwrap_or_default());
    for (name, number) in [
        ("gen_ai.usage.input_tokens", span.input_tokens),
        ("gen_ai.usage.output_tokens", span.output_tokens),
        ("http.response.status_code", span.status.map(u64::from)),
        ("prony.turn_index", Some(span.turn_index.into())),
    ] {
        if let Some(number) = number {
            attributes = attributes.with_number(name, number);
        }
    }
    let mut attributes = attributes.json();
    if let Some(list) = attributes.as_array_mut() {
        if !span.finish_reasons.is_empty() {
            list.push(list_attribute("gen_ai.response.finish_reasons", &span.finish_reasons));
        }
        if let Some(first) = span.first_token_ns {
            let seconds = first.saturating_sub(span.sent_ns) as f64 / 1e9;
            list.push(number_attribute("gen_ai.response.time_to_first_chunk", seconds));
        }
    }
    let event = |name: &str, at_ns: u64| json!({ "name": name, "timeUnixNano": run.wall(at_ns) });
    let first = span.first_token_ns.map(|at_ns| event("first token", at_ns));
    let events: Vec<Value> = [Some(event("sent", span.sent_ns)), first].into_iter().flatten().collect();
    let mut json = json!({
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": format!("{} {}", run.operation, span.requested_model).trim_end(),
        "kind": CLIENT,
        "startTimeUnixNano": run.wall(span.started_ns),
        "endTimeUnixNano": run.wall(span.end_ns),
        "attributes": attributes,
        "events": events,
    });
    if let Some(error) = &span.error {
        json["status"] = json!({ "code": ERROR, "message": error });
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_one_of_a_client_from_start_to_end() {
        let run = Run { operation: "chat".into(), wall_start_ns: 1000, ..Run::default() };
        let span = RequestSpan {
            trace_id: "0af7651916cd43dd8448eb211c80319c".into(),
            span_id: "8448eb211c80319c".into(),
            requested_model: "m".into(),
            started_ns: 1,
            sent_ns: 2,
            first_token_ns: Some(4),
            end_ns: 9,
            error: Some("timeout".into()),
            finish_reasons: vec!["stop".into()],
            ..RequestSpan::default()
        };
        let request = spans(&resource(&run, &BTreeMap::new()), &[span], &run);
        let one = &request["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!((&one["name"], &one["kind"]), (&json!("chat m"), &json!(3)));
        assert_eq!((&one["startTimeUnixNano"], &one["endTimeUnixNano"]), (&json!("1001"), &json!("1009")));
        assert_eq!(one["status"], json!({ "code": 2, "message": "timeout" }));
        assert_eq!(one["events"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn the_user_may_say_who_sends() {
        let own =
            BTreeMap::from([("service.name".to_owned(), "load".to_owned()), ("team".into(), "a".into())]);
        let json = resource(&Run::default(), &own);
        let attributes = json["attributes"].as_array().unwrap();
        let named = |name: &str| attributes.iter().filter(|it| it["key"] == name).count();
        assert_eq!((named("service.name"), named("team"), attributes.len()), (1, 1, 4));
    }
}
