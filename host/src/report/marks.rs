//! What was done around the load: commands and calls, with their times.

use serde_json::{Value, json};

use super::model::Report;
use crate::{plan::Role, record::Mark};

/// How it ends well.
const OK: &str = "ok";

/// All of it, with instants on the wall clock, if there is anything.
pub(super) fn summary(report: &Report) -> Option<Value> {
    (!report.marks.is_empty()).then(|| report.marks.iter().map(|mark| in_full(mark, report)).collect())
}

/// What is known of a mark; what has nothing to say is left out.
fn in_full(mark: &Mark, report: &Report) -> Value {
    let mut entry = json!({
        "name": mark.name,
        "begin_ns": report.wall_ns(mark.begin_ns),
        "end_ns": report.wall_ns(mark.end_ns),
        "duration_s": duration_s(mark),
        "outcome": mark.outcome,
    });
    let Mark { phase, reason, exit_code, output, url, .. } = mark;
    let others = [
        ("phase", phase.map(Value::from)),
        ("exit_code", exit_code.map(Value::from)),
        ("reason", reason.as_deref().map(Value::from)),
        ("output", output.as_deref().map(Value::from)),
        ("url", url.as_deref().map(Value::from)),
    ];
    for (key, value) in others.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        entry[key] = value;
    }
    entry
}

/// The same in one line, if there is anything.
pub(super) fn line(report: &Report) -> Option<String> {
    let marks: Vec<String> = report.marks.iter().map(|mark| in_words(mark, report)).collect();
    (!marks.is_empty()).then(|| format!("around the load: {}", marks.join(", ")))
}

fn in_words(mark: &Mark, report: &Report) -> String {
    let name = match (mark.name.strip_suffix("_phase"), mark.phase) {
        (Some(place), Some(phase)) => format!("{place} {}", name_of(phase, report)),
        _ => mark.name.replace('_', " "),
    };
    let how =
        if mark.outcome == OK { String::new() } else { format!(", {}", mark.outcome.replace('_', " ")) };
    format!("{name} ({:.2} s{how})", duration_s(mark))
}

/// What people call a phase; its number where that is not known.
fn name_of(phase: u32, report: &Report) -> String {
    let settings = report.header.settings.phases.get(phase as usize);
    let name =
        settings.map(|known| known.name.clone().unwrap_or_else(|| Role::from(known.kind).name().to_owned()));
    name.unwrap_or_else(|| format!("phase {phase}"))
}

fn duration_s(mark: &Mark) -> f64 {
    mark.end_ns.saturating_sub(mark.begin_ns) as f64 / 1e9
}
