//! `prony profile --dry-run`: what would be sent, and when.

use std::{
    fs::File,
    io::{BufWriter, ErrorKind, Write},
    num::NonZeroU64,
    path::Path,
    sync::Arc,
};

use super::{
    exit::{Exit, Failure},
    terminal,
};
use crate::{
    config::flags::ProfileFlags,
    plan::{Phase, Plan},
    plugin::Registry,
    run::{ExecuteError, Observer, Snapshot, dry_run},
    screen::counted,
};

/// The address of a mock server that is not started.
const NO_SERVER: &str = "http://127.0.0.1";

/// Only notices are of interest: nothing goes on.
struct Notices;

impl Observer for Notices {
    fn notice(&mut self, text: &str) {
        terminal::warn(text);
    }

    fn phase_started(&mut self, _: &Phase) {}

    fn snapshot(&mut self, _: &Snapshot) {}

    fn phase_ended(&mut self) {}
}

/// The error where the server would have to be asked for its model.
pub(super) fn needs_a_model() -> Failure {
    Failure::statement(Exit::Usage, "`--dry-run` asks no server, and the model is not named")
        .with_hint("add `--model NAME`")
}

/// Lists the first requests of a plan.
pub(super) fn run(
    mut plan: Plan,
    registry: &Arc<Registry>,
    most: NonZeroU64,
    flags: &ProfileFlags,
) -> Result<Exit, Failure> {
    if plan.target.urls.is_empty() {
        plan.aim_at(NO_SERVER);
    }
    match &flags.dry_run_output {
        Some(path) => {
            let file = File::create(path).map_err(|error| unwritable(path, &error))?;
            let mut out = BufWriter::new(file);
            let listed = list(plan, registry, most, &mut out)?;
            terminal::print(&format!("wrote {} to {}\n", counted(listed, "request"), path.display()))?;
        }
        None => {
            list(plan, registry, most, &mut BufWriter::new(terminal::Results))?;
        }
    }
    Ok(Exit::Success)
}

/// Gives the number of requests. A reader who has seen enough ends the list quietly.
fn list(plan: Plan, registry: &Arc<Registry>, most: NonZeroU64, out: &mut dyn Write) -> Result<u64, Failure> {
    match dry_run(plan, registry, most.get(), out, &mut Notices) {
        Err(ExecuteError::List(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(0),
        listed => Ok(listed?),
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("write `{}`", path.display()))
        .caused_by(error)
        .with_hint("name a file in a folder that you may write to")
}
