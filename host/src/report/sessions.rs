//! Sessions of several requests, one a line.
//!
//! Compatibility: keys are only ever added.

use std::io::{self, Write};

use prony_plugin_api::message::PhaseKind;
use serde_json::{Map, Value, json};

use super::{model::Report, values::Exact};
use crate::metrics::{Session, catalogue};

/// Writes the profiled sessions, in their order.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for span in report.phases.iter().filter(|span| span.kind == PhaseKind::Profiling) {
        for (number, session) in report.sessions.of(span.index) {
            serde_json::to_writer(&mut *out, &line(report, span.index, number, session))?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

fn line(report: &Report, phase: u32, number: u64, session: &Session) -> Value {
    let metrics: Map<String, Value> = catalogue::of_session(session)
        .map(|(metric, value)| (metric.tag.to_owned(), json!({ "value": Exact(value), "unit": metric.unit })))
        .collect();
    let mut line = json!({
        "session_num": number,
        "conversation_id": session.conversation_id,
        "phase_index": phase,
        "turns": session.steps,
        "succeeded": session.succeeded,
        "failed": session.failed,
        "cancelled": session.cancelled,
        "context_overflow": session.is_overflowed,
        "skipped_turns": session.skipped,
        "left_turns": session.left_out,
        "is_complete": session.is_complete(),
        "session_start_ns": report.wall_ns(session.start_ns),
        "session_end_ns": report.wall_ns(session.end_ns),
        "metrics": metrics,
    });
    if let Some(class) = report.header.settings.classes.name(session.class) {
        line["class"] = class.into();
    }
    line
}
