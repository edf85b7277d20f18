//! What the outcome of a run means for the process: its exit code, and what standard error says.

use super::{
    exit::{Exit, Failure},
    terminal,
};
use crate::{
    metrics::ObjectiveState,
    report::{Report, objectives},
    screen::counted,
};

/// How a run that came to its end ends the process. Who does not read the report must hear of a failure, too.
pub(super) fn outcome(report: &Report) -> Result<Exit, Failure> {
    let Some(end) = &report.end else { return Ok(Exit::Incomplete) };
    if let Some(lost) = end.services.iter().find(|service| service.required && service.error.is_some()) {
        terminal::say_why(&format!("the required service `{}` failed at the end of the run", lost.name));
        return Ok(Exit::Failed);
    }
    let outcomes = report.profiling.outcomes;
    if outcomes.unfinished() > 0 {
        terminal::say_why(&format!(
            "{} cancelled, still in flight: {}",
            counted(outcomes.unfinished(), "request"),
            report.why_cancelled()
        ));
    }
    if report.uncounted > 0 {
        terminal::say_why(&format!(
            "{} not counted in tokens before the run ended: it is incomplete",
            counted(report.uncounted, "response")
        ));
    }
    if let Some(text) = report.closed_idle() {
        terminal::warn(&text);
    }
    if outcomes.succeeded > 0 {
        if outcomes.failed > 0 {
            terminal::warn(&format!("{} of {} requests failed", outcomes.failed, outcomes.completed()));
        }
        return Ok(if report.came_to_its_end() { Exit::Success } else { Exit::Incomplete });
    }
    Err(no_success(report))
}

/// How a run ends the process that would end it so, with its objectives. A broken one is always told; it decides where nothing failed,
/// whatever is missing of the run. That one cannot be told is news of a whole run only.
pub(super) fn held(exit: Exit, report: &Report) -> Exit {
    held_to(objectives::worst(report), exit)
}

/// The same of the worst that became of an objective, and which one that is.
pub(super) fn held_to(worst: Option<(ObjectiveState, String)>, exit: Exit) -> Exit {
    match worst {
        Some((ObjectiveState::Broken, what)) => {
            terminal::say_why(&format!("an objective is broken: {what}"));
            if matches!(exit, Exit::Success | Exit::Incomplete) { Exit::Objective } else { exit }
        }
        Some((ObjectiveState::CannotTell, what)) if exit == Exit::Success => {
            terminal::say_why(&format!("it cannot be told whether an objective is kept: {what}"));
            Exit::Incomplete
        }
        _ => exit,
    }
}

/// Nothing was measured, and why.
pub(super) fn no_success(report: &Report) -> Failure {
    let exit = if report.never_connected() { Exit::Unreachable } else { Exit::Failed };
    let mut failure = Failure::new(exit, "measure anything: no request succeeded");
    if let Some(group) = report.errors.iter().max_by_key(|group| group.count) {
        let error = &group.sample;
        failure.causes =
            vec![format!("{} ended with {}: {}", counted(group.count, "request"), error.kind, error.message)];
        failure.hint = Some(error.hint.clone()).filter(|hint| !hint.is_empty());
    } else if report.profiling.outcomes.overflowed > 0 {
        let overflowed = counted(report.profiling.outcomes.overflowed, "request");
        failure.causes = vec![format!("the server found the context too long of {overflowed}")];
        failure.hint = Some("lower `--isl`, `--osl` or the number of turns".to_owned());
    } else if report.profiling.outcomes.cancelled_on_purpose == report.profiling.outcomes.cancelled
        && report.profiling.outcomes.cancelled > 0
    {
        let cancelled = counted(report.profiling.outcomes.cancelled, "request");
        failure.causes = vec![format!("{cancelled} cancelled, as `--request-cancellation-rate` asks")];
    } else if report.profiling.outcomes.unfinished() > 0 {
        let cancelled = counted(report.profiling.outcomes.unfinished(), "request");
        failure.causes = vec![format!("{cancelled} cancelled: {}", report.why_cancelled())];
    }
    failure
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::whole(Exit::Success, ObjectiveState::Broken, Exit::Objective)]
    #[case::in_part(Exit::Incomplete, ObjectiveState::Broken, Exit::Objective)]
    #[case::interrupted(Exit::Interrupted, ObjectiveState::Broken, Exit::Interrupted)]
    #[case::failed(Exit::Plugin, ObjectiveState::Broken, Exit::Plugin)]
    #[case::undecided(Exit::Success, ObjectiveState::CannotTell, Exit::Incomplete)]
    #[case::kept(Exit::Success, ObjectiveState::Kept, Exit::Success)]
    #[case::kept_of_a_part(Exit::Incomplete, ObjectiveState::Kept, Exit::Incomplete)]
    fn a_broken_objective_decides_where_nothing_failed(
        #[case] exit: Exit,
        #[case] worst: ObjectiveState,
        #[case] expected: Exit,
    ) {
        assert_eq!(held_to(Some((worst, "request_latency p99 < 2s".to_owned())), exit), expected);
    }
}
