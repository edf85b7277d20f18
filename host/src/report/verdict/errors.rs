//! How many requests failed, and with what?

use std::cmp::Reverse;

use super::{
    super::{errors::ErrorGroup, model::Report},
    finding::{Finding, Severity},
};

/// A smaller share of failures is no reason to doubt the others, in percent.
const FEW_PCT: f64 = 1.0;

/// With a larger share the rest is not what was asked for, in percent.
const MOST_PCT: f64 = 50.0;

/// Less would be shown as nothing, in percent.
const LEAST_SHOWN_PCT: f64 = 0.1;

/// Most kinds of failures that are named.
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
    let percent = if share < LEAST_SHOWN_PCT {
        format!("less than {LEAST_SHOWN_PCT} %")
    } else {
        format!("{share:.1} %")
    };
    let finding = Finding::doubt(
        "failed_requests",
        format!("{percent} of the requests failed ({kinds})"),
        format!(
            "{} of {} requests failed ({percent}; {kinds}): the numbers describe the others only",
            outcomes.failed,
            outcomes.completed()
        ),
    );
    // Where none succeeded, there is nothing to be said of the others.
    (outcomes.failed > 0 && outcomes.succeeded > 0).then_some(Finding { severity, ..finding }).into_iter()
}

/// The most frequent kinds, each with its code, whatever their messages say.
fn kinds(errors: &[ErrorGroup]) -> String {
    let mut kinds: Vec<(String, u64)> = Vec::new();
    for ErrorGroup { sample, count } in errors {
        let kind = match sample.code {
            Some(code) => format!("{} {code}", sample.kind),
            None => sample.kind.to_string(),
        };
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, all)) => *all += count,
            None => kinds.push((kind, *count)),
        }
    }
    kinds.sort_by_key(|(_, count)| Reverse(*count));
    let others = if kinds.len() > NAMED { ", others" } else { "" };
    let named: Vec<String> = kinds.into_iter().map(|(kind, _)| kind).take(NAMED).collect();
    named.join(", ") + others
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RequestFailure;

    #[test]
    fn a_kind_of_many_messages_is_as_frequent_as_they_are_together() {
        let group = |code: u32, message: &str, count: u64| {
            let sample =
                RequestFailure { code: Some(code), message: message.into(), ..RequestFailure::default() };
            ErrorGroup { sample, count }
        };
        let errors = [group(429, "a", 5), group(500, "a", 4), group(503, "a", 3), group(503, "b", 3)];
        let kind = RequestFailure::default().kind;
        assert_eq!(kinds(&errors), format!("{kind} 503, {kind} 429, others"));
    }
}
