//! `profile_export.jsonl` as AIPerf writes it: a line a request, those of the warm-up among them, with AIPerf's metrics.
//!
//! The ids of AIPerf's sessions (`x_correlation_id`, `root_correlation_id`) are left out: a journal does not have what was sent as such.
//! `conversation_id` and `session_num` tell sessions of a phase apart.

use std::sync::Arc;

use prony_plugin_api::message::PhaseKind;
use serde::Serialize;

use super::{
    super::super::line_metrics::{self, Wholes},
    summary::{self, usual_name},
};
use crate::{
    metrics::Measured,
    plan::Role,
    record::{Record, RunHeader, settings::PhaseSettings},
    request::failure_kind::FailureKind,
};

/// How a run's requests are told.
#[derive(Clone, Debug)]
pub(super) struct Style {
    wall_start_ns: u64,
    phases: Arc<[Phase]>,
}

#[derive(Debug)]
struct Phase {
    name: String,
    /// Its place among the measured ones, if it is one.
    profiling_index: Option<u32>,
}

impl Style {
    /// That of the run with this header.
    pub(super) fn of(header: &RunHeader) -> Self {
        let mut measured = 0..;
        let phase = |phase: &PhaseSettings| {
            let role = Role::from(phase.kind);
            let name = phase.name.clone().unwrap_or_else(|| usual_name(phase.kind).to_owned());
            Phase { name, profiling_index: (role == Role::Measured).then(|| measured.next()).flatten() }
        };
        let phases = header.settings.phases.iter().map(phase).collect();
        Self { wall_start_ns: header.wall_start_ns, phases }
    }

    /// Appends the line of a request.
    pub(super) fn write(
        &self,
        record: &Record,
        kind: PhaseKind,
        measured: &Measured,
        lines: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        lines.extend_from_slice(b"{\"metadata\":");
        serde_json::to_writer(&mut *lines, &self.metadata(record, kind))?;
        lines.extend_from_slice(b",\"metrics\":");
        match (record.outcome.failure(), record.counted.input) {
            (Some(_), Some(tokens)) => {
                let metrics = serde_json::json!({ "error_isl": { "value": tokens, "unit": "tokens" } });
                serde_json::to_writer(&mut *lines, &metrics)?;
            }
            _ => line_metrics::append(measured, &record.chunk_gaps_ns, Wholes::WithPoint, lines)?,
        }
        if let Some(failure) = record.outcome.failure() {
            lines.extend_from_slice(b",\"error\":");
            serde_json::to_writer(&mut *lines, &summary::error(failure))?;
        }
        lines.extend_from_slice(b"}\n");
        Ok(())
    }

    fn metadata<'a>(&'a self, record: &'a Record, kind: PhaseKind) -> Metadata<'a> {
        let wall = |run_ns: u64| self.wall_start_ns.saturating_add(run_ns);
        let instants = &record.instants;
        let phase = self.phases.get(record.phase as usize);
        let was_cancelled =
            record.outcome.failure().is_some_and(|failure| failure.kind == FailureKind::RequestCancelled);
        let is_accepted = record.status.is_some_and(|status| (200..300).contains(&status));
        Metadata {
            session_num: record.session_num,
            x_request_id: &record.request_id,
            conversation_id: &record.conversation_id,
            turn_index: record.turn_index,
            credit_issued_ns: wall(instants.scheduled),
            request_start_ns: wall(instants.started),
            request_ack_ns: instants.first_byte.filter(|_| is_accepted).map(wall),
            request_end_ns: wall(instants.end),
            worker_id: format!("worker_{}", record.worker),
            record_processor_id: "record_processor_0",
            benchmark_phase: kind,
            phase_index: record.phase,
            profiling_index: phase.and_then(|phase| phase.profiling_index),
            phase_name: phase.map_or(usual_name(kind), |phase| &phase.name),
            phase_kind: kind,
            was_cancelled,
            cancellation_time_ns: was_cancelled.then(|| wall(instants.end)),
            context_overflow_skip: false,
            agent_depth: 0,
        }
    }
}

#[derive(Serialize)]
struct Metadata<'a> {
    session_num: u64,
    x_request_id: &'a str,
    conversation_id: &'a str,
    turn_index: u32,
    credit_issued_ns: u64,
    request_start_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_ack_ns: Option<u64>,
    request_end_ns: u64,
    worker_id: String,
    record_processor_id: &'static str,
    benchmark_phase: PhaseKind,
    phase_index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    profiling_index: Option<u32>,
    phase_name: &'a str,
    phase_kind: PhaseKind,
    was_cancelled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation_time_ns: Option<u64>,
    context_overflow_skip: bool,
    agent_depth: u32,
}
