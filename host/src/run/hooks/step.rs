//! One thing that is done around the load, and the [`Mark`] of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tokio::sync::watch;

use super::{
    call::{Call, CallEnd},
    limit::Limit,
    shell::{CommandEnd, ShellCommand, StopHandle},
};
use crate::{clock::Clock, record::Mark, run::stop_reason::StopReason};

/// The folder of a run for what commands say.
pub(crate) const FOLDER: &str = "hooks";

/// A command or a call that is to be carried out.
#[derive(Debug)]
pub(crate) struct Step {
    /// What the mark calls it.
    pub(super) name: &'static str,
    /// The phase that it is around.
    pub(super) phase: Option<u32>,
    pub(super) what: What,
    pub(super) limit: Limit,
}

#[derive(Debug)]
pub(super) enum What {
    Command(PlannedCommand),
    Call(Call),
}

/// A command for the shell.
#[derive(Debug)]
pub(super) struct PlannedCommand {
    /// The flag that asks for it.
    pub(super) flag: &'static str,
    pub(super) command: String,
    pub(super) variables: Vec<(&'static str, String)>,
    /// The run's folder.
    pub(super) dir: PathBuf,
    /// The file there for what it says.
    pub(super) output: String,
}

/// A step that has begun.
pub(crate) struct Begun {
    /// Ends it.
    pub(crate) stop: Stop,
    /// Waits for its end, which takes as long as it takes.
    pub(crate) wait: Box<dyn FnOnce() -> Done + Send>,
}

/// Ends a step from another thread.
#[derive(Debug)]
pub(crate) enum Stop {
    Command(StopHandle),
    Call(watch::Sender<Option<StopReason>>),
    /// It could not begin.
    Nothing,
}

impl Stop {
    /// The step is to end now.
    pub(crate) fn stop(&self, reason: StopReason) {
        match self {
            Self::Command(handle) => handle.stop(reason),
            Self::Call(stop) => drop(stop.send_replace(Some(reason))),
            Self::Nothing => {}
        }
    }
}

/// A step that is over.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) mark: Mark,
    /// Why it failed, if it did.
    pub(crate) failure: Option<StepFailure>,
    /// The deadline of the run has ended it.
    pub(crate) is_late: bool,
    /// The server may have done what a call asks for, whatever became of the response.
    pub(crate) may_have_worked: bool,
}

/// Why a step did not do what it was to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StepFailure {
    /// A sentence without a final stop.
    pub(crate) reason: String,
    /// What to do next.
    pub(crate) hint: String,
    /// The server of the call cannot be reached.
    pub(crate) is_unreachable: bool,
}

/// How a step ended.
struct Ended {
    outcome: &'static str,
    exit_code: Option<i32>,
    output: Option<String>,
    url: Option<String>,
    failure: Option<StepFailure>,
    may_have_worked: bool,
}

const OK: &str = "ok";
const FAILED: &str = "failed";
const TIMED_OUT: &str = "timed_out";
const INTERRUPTED: &str = "interrupted";

impl Step {
    /// The same, with no more time than this.
    pub(crate) fn within(self, most: Limit) -> Self {
        Self { limit: self.limit.min(most), ..self }
    }

    /// Begins. Instants are those of `clock`.
    pub(crate) fn begin(self, clock: Clock) -> Begun {
        let Self { name, phase, what, limit } = self;
        let begin_ns = clock.now();
        let marked = move |ended: Ended| {
            let Ended { outcome, exit_code, output, url, failure, may_have_worked } = ended;
            let is_late = outcome == TIMED_OUT && limit.is_deadline();
            let reason = failure.as_ref().map(|failure| failure.reason.clone());
            let (name, outcome, end_ns) = (name.to_owned(), outcome.to_owned(), clock.now());
            let mark = Mark { name, phase, begin_ns, end_ns, outcome, reason, exit_code, output, url };
            Done { mark, failure, is_late, may_have_worked }
        };
        match what {
            What::Command(planned) => match ShellCommand::start(&planned.command, &planned.variables) {
                Ok(command) => Begun {
                    stop: Stop::Command(command.stop_handle()),
                    wait: Box::new(move || marked(planned.ended(command.wait(limit.time), limit))),
                },
                Err(error) => {
                    Begun { stop: Stop::Nothing, wait: Box::new(move || marked(planned.not_begun(&error))) }
                }
            },
            What::Call(call) => {
                let (stop, stopped) = watch::channel(None);
                let wait = move || marked(called(&call, &call.carry_out(limit.time, stopped, clock), limit));
                Begun { stop: Stop::Call(stop), wait: Box::new(wait) }
            }
        }
    }
}

impl PlannedCommand {
    fn ended(self, (end, said): (CommandEnd, Vec<u8>), limit: Limit) -> Ended {
        let outcome = match &end {
            end if end.is_success() => OK,
            CommandEnd::TimedOut(_) => TIMED_OUT,
            CommandEnd::Stopped(reason) => stopped(*reason),
            _ => FAILED,
        };
        let exit_code = if let CommandEnd::Exited(code) = end { Some(code) } else { None };
        let path = self.dir.join(&self.output);
        let kept = keep(&path, said);
        let failure = match &kept {
            Err(error) => Some(
                self.failure(&format!("has an output that cannot be kept: {error}"), "make room on the disk"),
            ),
            Ok(()) if end.is_success() => None,
            Ok(()) => {
                let hint = format!("what it said is in `{}`", path.display());
                let how = if outcome == TIMED_OUT { limit.exceeded() } else { end.in_words() };
                Some(self.failure(&how, &hint))
            }
        };
        let output = kept.is_ok().then_some(self.output);
        let outcome = if failure.is_some() && outcome == OK { FAILED } else { outcome };
        Ended { outcome, exit_code, output, url: None, failure, may_have_worked: false }
    }

    fn not_begun(self, error: &std::io::Error) -> Ended {
        let hint = "raise the limits on processes and open files (`ulimit -u`, `ulimit -n`)";
        let failure = Some(self.failure(&format!("cannot be carried out: {error}"), hint));
        Ended { outcome: FAILED, exit_code: None, output: None, url: None, failure, may_have_worked: false }
    }

    fn failure(&self, what: &str, hint: &str) -> StepFailure {
        let reason = format!("the command of `{}` {what}", self.flag);
        StepFailure { reason, hint: hint.to_owned(), is_unreachable: false }
    }
}

/// What the mark says of a step that was ended.
fn stopped(reason: StopReason) -> &'static str {
    if reason == StopReason::Deadline { TIMED_OUT } else { INTERRUPTED }
}

fn keep(path: &Path, said: Vec<u8>) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, said)
}

fn called(call: &Call, end: &CallEnd, limit: Limit) -> Ended {
    let may_have_worked = end.may_have_worked();
    let failed = |what: String, hint: String| StepFailure {
        reason: format!("{call} {what}"),
        hint,
        is_unreachable: end.is_unreachable(),
    };
    let (outcome, failure) = match end {
        CallEnd::Ok => (OK, None),
        CallEnd::Stopped(reason) => {
            (stopped(*reason), Some(failed(format!("was ended {reason}"), String::new())))
        }
        CallEnd::TimedOut(_) if limit.is_of_the_run() => {
            (TIMED_OUT, Some(failed(limit.exceeded(), String::new())))
        }
        CallEnd::TimedOut(error) => {
            (TIMED_OUT, Some(failed(format!("failed: {}", error.message), error.hint.clone())))
        }
        CallEnd::Failed(error) => {
            (FAILED, Some(failed(format!("failed: {}", error.message), error.hint.clone())))
        }
    };
    Ended { outcome, exit_code: None, output: None, url: Some(call.url.clone()), failure, may_have_worked }
}
