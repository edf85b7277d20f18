//! What was done around the load: commands and calls, with their times.

use serde_json::{Value, json};

use super::model::Report;
use crate::record::Mark;

/// How it ends well.
const OK: &str = "ok";

/// All of it, with instants on the wall clock.
pub(super) fn summary(report: &Report) -> Value {
    let mark = |mark: &Mark| {
        let mut told = json!({
            "name": mark.name,
            "begin_ns": report.wall_ns(mark.begin_ns),
            "end_ns": report.wall_ns(mark.end_ns),
            "duration_s": duration_s(mark),
            "outcome": mark.outcome,
        });
        let texts = [("reason", &mark.reason), ("output", &mark.output), ("url", &mark.url)];
        for (key, text) in texts {
            text.iter().for_each(|text| told[key] = text.as_str().into());
        }
        mark.phase.iter().for_each(|phase| told["phase"] = (*phase).into());
        mark.exit_code.iter().for_each(|code| told["exit_code"] = (*code).into());
        told
    };
    report.marks.iter().map(mark).collect()
}

/// The same in one line, if there is anything.
pub(super) fn line(report: &Report) -> Option<String> {
    let marks: Vec<String> = report.marks.iter().map(|mark| told(mark, report)).collect();
    (!marks.is_empty()).then(|| format!("around the load: {}", marks.join(", ")))
}

fn told(mark: &Mark, report: &Report) -> String {
    let name = mark.name.replace('_', " ");
    let of =
        mark.phase.filter(|_| report.phases.len() > 1).map(|phase| format!(" {phase}")).unwrap_or_default();
    let how =
        if mark.outcome == OK { String::new() } else { format!(", {}", mark.outcome.replace('_', " ")) };
    format!("{name}{of} ({:.2} s{how})", duration_s(mark))
}

fn duration_s(mark: &Mark) -> f64 {
    mark.end_ns.saturating_sub(mark.begin_ns) as f64 / 1e9
}
