//! How many requests failed, and with what?

use super::{
    super::{errors::ErrorGroup, model::Report},
    finding::{Finding, Severity},
};

/// A smaller share of failures is no reason to doubt the others, in percent.
const FEW_PCT: f64 = 1.0;

/// With a larger share the rest is not what was asked for, in percent.
const MOST_PCT: f64 = 50.0;

/// So many kinds of failures are named.
const NAMED: usize = 2;

pub(super) fn findings(report: &Report) -> impl Iterator<Item = Finding> {
    let outcomes = report.profiling.outcomes;
    let share = outcomes.failed as f64 / outcomes.completed() as f64 * 100.0;
    let severity = match share {
        share if share > MOST_PCT => Severity::Invalid,
        share if share >= FEW_PCT => Severity::Doubtful,
        _ => Severity::Note,
    };
    let kinds = kinds(&report.errors);
    let finding = Finding::doubt(
        "failed_requests",
        format!("{share:.1} % of the requests failed ({kinds})"),
        format!(
            "{} of {} requests failed ({share:.1} %; {kinds}): the numbers describe the others only",
            outcomes.failed,
            outcomes.completed()
        ),
    );
    // Where none succeeded, there is nothing to be said of the others.
    (outcomes.failed > 0 && outcomes.succeeded > 0).then_some(Finding { severity, ..finding }).into_iter()
}

/// The most frequent kinds, each with its code.
fn kinds(errors: &[ErrorGroup]) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for ErrorGroup { sample, .. } in errors {
        let kind = match sample.code {
            Some(code) => format!("{} {code}", sample.kind),
            None => sample.kind.to_string(),
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let others = if kinds.len() > NAMED { ", others" } else { "" };
    kinds.truncate(NAMED);
    kinds.join(", ") + others
}
