//! The end of a run: its report, and the exit code that it means.

use super::{
    exit::{Exit, Failure},
    outcome::{held, outcome},
    report::{self, Shown, Written},
    terminal,
};
use crate::{
    record::recorder::RecorderError,
    report::{Report, again_from_the_journal, why_incomplete},
    run::{Interrupt, RunError, RunOutcome, ending::Ending, setup::Run, until_interrupted},
};

/// Why a run has no result.
pub(super) enum NoResult {
    /// What it measured could not be kept, or not all of it.
    Unkept(Failure),
    /// There is nothing to be kept.
    Nothing(Failure),
    /// Nothing was sent.
    NotBegun(Failure),
}

impl From<NoResult> for Failure {
    fn from(none: NoResult) -> Self {
        match none {
            NoResult::Unkept(failure) | NoResult::Nothing(failure) | NoResult::NotBegun(failure) => failure,
        }
    }
}

/// Writes and prints the report of a run that is over, and says how the process ends if it has no other.
pub(super) fn end(RunOutcome { run, ended }: RunOutcome, shown: Shown) -> Result<Exit, NoResult> {
    let ending = ended.map_err(|error| NoResult::Unkept(report_the_rest(&run, error, shown)))?;
    let is_interrupted = matches!(ending, Some(Ending::Interrupted(_)));
    let report = match write_report(&run, is_interrupted, shown).map_err(NoResult::Unkept)? {
        Ok(Written { missing: Some(failure), .. }) => return Err(NoResult::Unkept(failure)),
        Ok(Written { report, missing: None }) => report,
        Err(interrupt) => return Ok(interrupt.into()),
    };
    let ended = exit_of(ending, &report);
    // One of several is judged by what it belongs to, which reads in its summary what became of its objectives.
    match ended {
        ended if shown == Shown::Kept => ended,
        Ok(exit) => Ok(held(if_whole(exit, &report), &report)),
        Err(lost) => {
            if let NoResult::Nothing(failure) = &lost {
                held(failure.exit, &report);
            }
            Err(lost)
        }
    }
}

/// A run that lacks a part of what was asked for is no success.
fn if_whole(exit: Exit, report: &Report) -> Exit {
    if exit == Exit::Success && why_incomplete(report).is_some() { Exit::Incomplete } else { exit }
}

/// How the process ends by the end of a run, whatever its objectives are.
fn exit_of(ending: Option<Ending>, report: &Report) -> Result<Exit, NoResult> {
    let early = |why: &str| terminal::say_why(&format!("the run ended before its time: {why}"));
    let by_itself = || outcome(report).map_err(NoResult::Nothing);
    match ending {
        Some(Ending::Interrupted(interrupt)) => Ok(interrupt.into()),
        Some(
            ending @ (Ending::EndpointPoisoned(_)
            | Ending::EndpointHangs { .. }
            | Ending::EndpointDied { .. }),
        ) => {
            early(&ending.reason());
            Ok(Exit::Plugin)
        }
        Some(Ending::StepFailed { reason, hint }) if report.profiling.outcomes.succeeded == 0 => {
            Err(NoResult::Nothing(Failure::statement(Exit::Failed, reason).with_hint(hint)))
        }
        Some(Ending::StepFailed { reason, hint }) => {
            early(&format!("{reason}{}", in_brackets(&hint)));
            by_itself()
        }
        Some(
            ending @ (Ending::ServerGone { .. }
            | Ending::Unformatted { .. }
            | Ending::TooManyFailed { .. }
            | Ending::Requested(_)
            | Ending::Deadline(_)),
        ) => {
            early(&ending.reason());
            by_itself()
        }
        Some(Ending::ServiceRefused { name, message, hint }) => {
            let what = format!("start the service `{name}` with these options: {message}");
            Err(NoResult::NotBegun(Failure::new(Exit::Usage, what).with_hint(hint)))
        }
        Some(
            ending @ (Ending::ServiceLost(_)
            | Ending::AgentLost { .. }
            | Ending::WorkerLost(_)
            | Ending::JournalLost),
        ) => {
            early(&ending.reason());
            Ok(Exit::Failed)
        }
        Some(Ending::Saturated { .. }) | None => by_itself(),
    }
}

/// What is to be done, behind a sentence.
fn in_brackets(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!(" ({hint})") }
}

/// The journal could not be written to its end. What stands in it is reported all the same; where there is no room for that,
/// either, the two have one reason and are one failure.
fn report_the_rest(run: &Run, error: RecorderError, shown: Shown) -> Failure {
    let failure = Failure::from(RunError::Recorder(error));
    match write_report(run, false, shown) {
        Ok(Ok(Written { missing: Some(_), .. })) => failure.with_hint(again_from_the_journal(&run.dir)),
        Ok(_) => failure,
        Err(unreported) => {
            terminal::explain(&unreported);
            failure
        }
    }
}

/// Writes and prints the report. An interrupt instead when the user does not want to wait for it: the second one in a row
/// says so, and the first may have been that of the run.
fn write_report(
    run: &Run,
    is_interrupted: bool,
    shown: Shown,
) -> Result<Result<Written, Interrupt>, Failure> {
    let (dir, run_id) = (run.dir.clone(), run.header.run_id.clone());
    let warn =
        || terminal::warn("interrupted while the report is being written; interrupt again to end at once");
    let warnings: &[&dyn Fn()] = if is_interrupted { &[] } else { &[&warn] };
    let again = format!("`prony report {}` writes it from the journal", dir.display());
    match until_interrupted(warnings, move || report::write_at_end(&dir, &run_id, shown)) {
        // If its journal cannot be read under its name, somebody may have moved it.
        Ok(Ok(written)) => written.map(Ok).map_err(|failure| run.misplaced().map_or(failure, Failure::from)),
        Ok(Err(interrupt)) => {
            terminal::say_why(&format!("the report was not written to its end: {again}"));
            Ok(Err(interrupt))
        }
        Err(error) => Err(Failure::new(Exit::Failed, "write the report").caused_by(&error).with_hint(again)),
    }
}
