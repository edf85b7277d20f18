//! The generated texts, for runs that keep them: `outputs.json`, in AIPerf's shape with three entries more.
//!
//! `response_text` is what AIPerf writes: reasoning and content of the first choice, joined; `null` for a request that
//! failed. `outputs` has every channel of every choice. `tool_calls` has the calls of tools, where there are any. AIPerf's metrics are bare numbers here; `units`, at the top, says
//! in which units they are. Compatibility: keys are only ever added.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde_json::{Map, Value, json};

use super::values::Exact;
use crate::{
    metrics::Measured,
    record::{Output, Record, TextChannel},
};

/// Version of the file. Readers of a version read every later one with the same major number.
pub(super) const SCHEMA_VERSION: &str = "1.0";

/// Profiled requests with their texts.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    entries: Vec<(u64, Value)>,
    /// Of every metric that a request has.
    units: BTreeMap<&'static str, &'static str>,
}

impl Outputs {
    /// Keeps one request.
    pub(super) fn record(&mut self, record: &Record, measured: &Measured, wall_start_ns: u64) {
        let instants = &record.instants;
        let metrics: Map<String, Value> =
            measured.iter().map(|(metric, value)| (metric.tag.to_owned(), json!(Exact(*value)))).collect();
        self.units.extend(measured.iter().map(|(metric, _)| (metric.tag, metric.unit)));
        let mut entry = json!({
            "session_num": record.session_num,
            "conversation_id": record.conversation_id,
            "turn_index": record.turn_index,
            "x_request_id": record.request_id,
            "request_start_ns": wall_start_ns.saturating_add(instants.started),
            "request_end_ns": wall_start_ns.saturating_add(instants.end),
            "metrics": metrics,
            "response_text": record.outcome.is_ok().then(|| response_text(&record.outputs)),
            "outputs": record.outputs,
        });
        if !record.tool_calls.is_empty() {
            entry["tool_calls"] = json!(record.tool_calls);
        }
        self.entries.push((record.session_num, entry));
    }

    /// Takes in those of another collector.
    pub(super) fn merge(&mut self, part: Self) {
        self.entries.extend(part.entries);
        self.units.extend(part.units);
    }

    /// Writes them in the order of their credits.
    pub(super) fn write(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.entries.sort_by_key(|(session_num, _)| *session_num);
        let data: Vec<Value> = self.entries.drain(..).map(|(_, entry)| entry).collect();
        let document = json!({ "schema_version": SCHEMA_VERSION, "units": self.units, "data": data });
        Ok(serde_json::to_writer_pretty(out, &document)?)
    }
}

fn response_text(outputs: &[Output]) -> String {
    let first = |channel: TextChannel| {
        outputs.iter().filter(move |output| output.choice == 0 && output.channel == channel)
    };
    first(TextChannel::Reasoning)
        .chain(first(TextChannel::Content))
        .map(|output| output.text.as_str())
        .collect()
}
