//! `profile_export_aiperf.json`: what a run comes to, in the schema 1.4.
//!
//! What describes the configuration has AIPerf's keys for what both have: `input_config` is no file that AIPerf would run.
//! `telemetry_data` is always there, with empty lists where no GPU was read, as in AIPerf. Times are in UTC, where AIPerf has the zone
//! of the machine.

use std::io::{self, Write};

use http::StatusCode;
use prony_plugin_api::message::PhaseKind;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::{
    super::super::{errors::ErrorGroup, model::Report, verdict},
    statistics,
};
use crate::{
    metrics::{PhaseSpan, other_tools::ToolResults},
    record::{
        RequestFailure,
        settings::{LawName, PhaseSettings},
    },
    request::failure_kind::FailureKind,
};

/// The schema of the version of AIPerf whose files these are like.
const SCHEMA_VERSION: &str = "1.4";

/// That version, and who wrote the file: a local version, as Python's packages have them.
const AIPERF_VERSION: &str = concat!("0.13.0+prony.", env!("CARGO_PKG_VERSION"));

/// Writes it, indented by two spaces.
pub(super) fn write(
    results: &ToolResults,
    errors: &[ErrorGroup],
    report: &Report,
    out: &mut dyn Write,
) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &summary(results, errors, report))?;
    out.write_all(b"\n")
}

fn summary(results: &ToolResults, errors: &[ErrorGroup], report: &Report) -> Value {
    let header = &report.header;
    let mut summary = Map::new();
    let mut set = |key: &str, value: Value| summary.insert(key.to_owned(), value);
    set("schema_version", SCHEMA_VERSION.into());
    set("aiperf_version", AIPERF_VERSION.into());
    set("benchmark_id", header.run_id.as_str().into());
    for (tag, value) in statistics::metrics(results.table()) {
        set(&tag, value);
    }
    set("telemetry_data", telemetry(report));
    set("input_config", input_config(report));
    set(
        "run_info",
        json!({
            "benchmark_id": header.run_id,
            "random_seed": header.settings.random_seed,
            "trial": 0,
            "cli_command": header.command,
        }),
    );
    set("was_cancelled", report.was_cancelled().into());
    let reason = verdict::why_incomplete(report);
    set("is_complete", reason.is_none().into());
    if let Some(reason) = reason {
        set("incomplete_reason", reason.into());
    }
    set("error_summary", errors.iter().map(error_count).collect());
    for (key, text) in ends(report) {
        set(key, text.into());
    }
    if let Some(warmup) = &results.warmup {
        set("warmup_metrics", Value::Object(statistics::metrics(&warmup.table)));
    }
    Value::Object(summary)
}

/// When the measured phases began and ended, by key.
fn ends(report: &Report) -> impl Iterator<Item = (&'static str, String)> {
    let measured = || report.phases.iter().filter(|span| span.kind == PhaseKind::Profiling);
    let ends = [
        ("start_time", measured().map(|span| span.start_ns).min()),
        ("end_time", measured().filter_map(PhaseSpan::window_end_ns).max()),
    ];
    ends.into_iter().filter_map(move |(key, at_ns)| Some((key, naive_time(report, at_ns?)?)))
}

/// What GPUs did: prony's own summary has AIPerf's shape, but for the times and for what an error is called.
fn telemetry(report: &Report) -> Value {
    let nothing = || {
        json!({
            "summary": { "endpoints_configured": [], "endpoints_successful": [] },
            "endpoints": {},
            "error_summary": [],
        })
    };
    let mut telemetry = report.beside.summary().remove("telemetry_data").unwrap_or_else(nothing);
    for (key, text) in ends(report) {
        telemetry["summary"][key] = text.into();
    }
    for error in telemetry["error_summary"].as_array_mut().into_iter().flatten() {
        *error = json!({ "error_details": { "message": error["message"] }, "count": error["count"] });
    }
    telemetry
}

/// What AIPerf calls a phase of this kind, where the user has named none.
pub(super) fn usual_name(kind: PhaseKind) -> &'static str {
    match kind {
        PhaseKind::Warmup => "warmup",
        PhaseKind::Profiling => "profiling",
    }
}

/// Failures of one kind, with the first of them.
fn error_count(group: &ErrorGroup) -> Value {
    json!({ "error_details": error(&group.sample), "count": group.count })
}

/// A failure, with the keys that AIPerf gives one.
pub(super) fn error(failure: &RequestFailure) -> Value {
    let mut error = Map::new();
    failure.code.iter().for_each(|code| drop(error.insert("code".to_owned(), (*code).into())));
    error.insert("type".to_owned(), kind(failure).into());
    error.insert("message".to_owned(), failure.message.as_str().into());
    if !failure.cause_chain.is_empty() {
        error.insert("cause_chain".to_owned(), json!(failure.cause_chain));
    }
    Value::Object(error)
}

/// What AIPerf calls a failure that both find in the same way: that of a status has the words of the status. Others have prony's names.
fn kind(failure: &RequestFailure) -> String {
    let status = failure.code.and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
    match (&failure.kind, status.and_then(|status| status.canonical_reason())) {
        (FailureKind::HttpStatus, Some(reason)) => reason.to_owned(),
        (FailureKind::RequestCancelled, _) => "RequestCancellationError".to_owned(),
        (kind, _) => kind.to_string(),
    }
}

/// What was asked for.
pub(super) fn input_config(report: &Report) -> Value {
    let settings = &report.header.settings;
    let models = settings.classes.list.iter().map(|class| settings.model_of(class));
    let mut names: Vec<&str> = Vec::new();
    for name in models.chain([settings.model.as_str()]).filter(|name| !name.is_empty()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let models: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
    let tokenizer = report.header.tokenizer.as_deref().and_then(|name| name.split(' ').next());
    let mut config = json!({
        "models": { "items": models },
        "endpoint": {
            "urls": settings.urls,
            "type": settings.endpoint_type,
            "streaming": settings.streaming,
        },
        "phases": settings.phases.iter().map(phase).collect::<Value>(),
    });
    if let Some(tokenizer) = tokenizer {
        config["tokenizer"] = json!({ "name": tokenizer });
    }
    config
}

fn phase(phase: &PhaseSettings) -> Value {
    let is_warmup = phase.kind == PhaseKind::Warmup;
    let load = match phase.law {
        LawName::ClosedLoop => "concurrency",
        LawName::Replay => "fixed_schedule",
        LawName::Users => "user_centric",
        LawName::Constant | LawName::Poisson | LawName::Gamma | LawName::Other(_) => phase.law.as_str(),
    };
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("name", phase.name.as_deref().unwrap_or(usual_name(phase.kind)).into());
    set("kind", usual_name(phase.kind).into());
    set("type", load.into());
    if is_warmup {
        set("exclude_from_results", true.into());
    }
    let optional = [
        ("requests", json!(phase.request_count)),
        ("duration", json!(phase.duration_s)),
        ("concurrency", json!(phase.concurrency)),
        ("rate", json!(phase.rate)),
        ("smoothness", json!(phase.smoothness)),
        ("users", json!(phase.users)),
    ];
    optional.into_iter().filter(|(_, value)| !value.is_null()).for_each(|(key, value)| drop(set(key, value)));
    Value::Object(object)
}

/// An instant of the run as AIPerf writes it: in UTC, to the microsecond, without a zone.
fn naive_time(report: &Report, run_ns: u64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(report.wall_ns(run_ns).into()).ok()?;
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second, micro) = time.to_hms_micro();
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}"))
}
