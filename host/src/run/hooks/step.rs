//! One thing that is done around the load, and the [`Mark`] of it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    call::{Call, CallEnd},
    shell::{CommandEnd, ShellCommand, StopHandle},
};
use crate::{clock::Clock, config::redact, record::Mark};

/// The folder of a run in which it is kept what commands say.
pub(crate) const FOLDER: &str = "hooks";

/// How long a step may take that comes when the run is over, whatever its deadline says, and when its end is wanted now.
pub(crate) const LAST_TIMEOUT: Duration = Duration::from_secs(5);

/// The time until a run with this deadline must be over.
pub(crate) fn time_left(deadline: Option<Duration>, clock: Clock) -> Duration {
    let now = Duration::from_nanos(clock.now());
    deadline.map_or(Duration::MAX, |deadline| deadline.saturating_sub(now))
}

/// A command or a call that is to be carried out.
#[derive(Debug)]
pub(crate) struct Step {
    /// What the mark calls it.
    pub(super) name: &'static str,
    /// The phase that it is around.
    pub(super) phase: Option<u32>,
    pub(super) what: What,
    pub(super) timeout: Duration,
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
    Call(Arc<Notify>),
    /// It could not begin.
    Nothing,
}

impl Stop {
    /// The step is to end now.
    pub(crate) fn stop(&self) {
        match self {
            Self::Command(handle) => handle.stop(),
            Self::Call(notify) => notify.notify_one(),
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
}

/// Why a step did not do what it was to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StepFailure {
    /// A sentence without a final stop.
    pub(crate) reason: String,
    /// What to do next.
    pub(crate) hint: String,
    /// Nobody is there who could answer the call.
    pub(crate) is_unreachable: bool,
}

/// How a step ended.
struct Ended {
    outcome: &'static str,
    exit_code: Option<i32>,
    output: Option<String>,
    url: Option<String>,
    failure: Option<StepFailure>,
}

const OK: &str = "ok";
const FAILED: &str = "failed";
const TIMED_OUT: &str = "timed_out";
const INTERRUPTED: &str = "interrupted";

impl Step {
    /// The same, with no more time than this.
    pub(crate) fn within(self, most: Duration) -> Self {
        Self { timeout: self.timeout.min(most), ..self }
    }

    /// Begins. Instants are those of `clock`.
    pub(crate) fn begin(self, clock: Clock) -> Begun {
        let Self { name, phase, what, timeout } = self;
        let begin_ns = clock.now();
        let marked = move |ended: Ended| {
            let Ended { outcome, exit_code, output, url, failure } = ended;
            let reason = failure.as_ref().map(|failure| failure.reason.clone());
            let (name, outcome, end_ns) = (name.to_owned(), outcome.to_owned(), clock.now());
            let mark = Mark { name, phase, begin_ns, end_ns, outcome, reason, exit_code, output, url };
            Done { mark, failure }
        };
        match what {
            What::Command(planned) => match ShellCommand::start(&planned.command, &planned.variables) {
                Ok(command) => Begun {
                    stop: Stop::Command(command.stop_handle()),
                    wait: Box::new(move || marked(planned.ended(command.wait(timeout)))),
                },
                Err(error) => {
                    Begun { stop: Stop::Nothing, wait: Box::new(move || marked(planned.not_begun(&error))) }
                }
            },
            What::Call(call) => {
                let stop = Arc::new(Notify::new());
                let stopped = Arc::clone(&stop);
                Begun {
                    stop: Stop::Call(stop),
                    wait: Box::new(move || marked(called(&call, call.carry_out(timeout, &stopped, clock)))),
                }
            }
        }
    }
}

impl PlannedCommand {
    fn ended(self, (end, said): (CommandEnd, Vec<u8>)) -> Ended {
        let outcome = match &end {
            end if end.is_success() => OK,
            CommandEnd::TimedOut(_) => TIMED_OUT,
            CommandEnd::Stopped => INTERRUPTED,
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
                Some(self.failure(&end.in_words(), &hint))
            }
        };
        let output = kept.is_ok().then_some(self.output);
        let outcome = if failure.is_some() && outcome == OK { FAILED } else { outcome };
        Ended { outcome, exit_code, output, url: None, failure }
    }

    fn not_begun(self, error: &std::io::Error) -> Ended {
        let hint = "raise the limits on processes and open files (`ulimit -u`, `ulimit -n`)";
        let failure = Some(self.failure(&format!("cannot be carried out: {error}"), hint));
        Ended { outcome: FAILED, exit_code: None, output: None, url: None, failure }
    }

    fn failure(&self, what: &str, hint: &str) -> StepFailure {
        let reason = format!("the command of `{}` {what}", self.flag);
        StepFailure { reason, hint: hint.to_owned(), is_unreachable: false }
    }
}

/// Writes what a command said, without secrets that are known.
fn keep(path: &Path, said: Vec<u8>) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, redact::shown_bytes(&said).unwrap_or(said))
}

fn called(call: &Call, end: CallEnd) -> Ended {
    let url = Some(call.url.clone());
    let (outcome, failure) = match end {
        CallEnd::Ok => (OK, None),
        CallEnd::Interrupted => {
            let reason = format!("{call} was not waited for: interrupted");
            let failure = StepFailure { reason, hint: String::new(), is_unreachable: false };
            (INTERRUPTED, Some(failure))
        }
        CallEnd::Failed { error, is_unreachable } => {
            let reason = format!("{call} failed: {}", error.message);
            (FAILED, Some(StepFailure { reason, hint: error.hint, is_unreachable }))
        }
    };
    Ended { outcome, exit_code: None, output: None, url, failure }
}
