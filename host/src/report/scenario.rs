//! Whether the run is what its scenario asks for: its settings, its end, and its errors.

use serde_json::{Value, json};

use super::model::Report;
use crate::{metrics::Outcomes, plan::Scenario, screen::counted};

/// With a larger share of requests that failed or were too long, in percent, the rest is another workload.
const MOST_FAILED_PCT: f64 = 1.0;

/// What nobody can tell from a run.
const NOT_CHECKED: &str = "whether the input file is one of those that the scenario is played with";

/// What is said of the scenario.
struct Submission<'a> {
    scenario: &'a Scenario,
    /// Why the result is no valid one; it is where there is no reason.
    reasons: Vec<String>,
}

/// For the summary, where the run has a scenario.
pub(super) fn summary(report: &Report) -> Option<Value> {
    let Submission { scenario, reasons } = Submission::of(report)?;
    Some(json!({
        "name": scenario.name,
        "submission_valid": reasons.is_empty(),
        "reasons": reasons,
        "not_checked": NOT_CHECKED,
    }))
}

/// The same in words.
pub(super) fn in_words(report: &Report) -> Option<String> {
    let Submission { scenario, reasons } = Submission::of(report)?;
    Some(if reasons.is_empty() {
        format!("{}: valid; it is not checked {NOT_CHECKED}", scenario.name)
    } else {
        format!("{}: not valid: {}", scenario.name, reasons.join("; "))
    })
}

impl<'a> Submission<'a> {
    fn of(report: &'a Report) -> Option<Self> {
        let scenario = report.header.settings.scenario.as_ref()?;
        let mut reasons = scenario.departures.clone();
        reasons
            .extend(report.incomplete_reason.iter().map(|reason| format!("the run is incomplete: {reason}")));
        reasons.extend(failures(report.profiling.outcomes));
        Some(Self { scenario, reasons })
    }
}

/// Why the outcomes of the requests make no valid result, if they do not.
fn failures(outcomes: Outcomes) -> Option<String> {
    let lost = outcomes.failed + outcomes.overflowed;
    let all = outcomes.succeeded + lost;
    if outcomes.succeeded == 0 {
        return Some("no request succeeded".to_owned());
    }
    let percent = lost as f64 / all as f64 * 100.0;
    (percent > MOST_FAILED_PCT).then(|| {
        format!(
            "{lost} of {} failed or had a context that was too long ({percent:.1} %), and no more than {MOST_FAILED_PCT} % may",
            counted(all, "request")
        )
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::all_is_well(500, 0, 0, None)]
    #[case::a_few_failed(990, 5, 5, None)]
    #[case::one_too_many(
        989,
        6,
        5,
        Some("11 of 1000 requests failed or had a context that was too long (1.1 %)")
    )]
    #[case::errors_of_the_server_count(50, 50, 0, Some("50 of 100 requests failed"))]
    #[case::nothing_succeeded(0, 0, 0, Some("no request succeeded"))]
    fn errors_are_counted(
        #[case] succeeded: u64,
        #[case] failed: u64,
        #[case] overflowed: u64,
        #[case] expected: Option<&str>,
    ) {
        let reason = failures(Outcomes { succeeded, failed, overflowed, ..Outcomes::default() });
        match (reason, expected) {
            (None, None) => {}
            (Some(reason), Some(text)) => assert!(reason.starts_with(text), "{reason}"),
            (reason, expected) => panic!("{reason:?}, and not {expected:?}"),
        }
    }
}
