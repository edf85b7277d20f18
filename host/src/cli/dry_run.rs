//! `prony profile --dry-run`: what would be sent, and when.

use std::{
    fs::File,
    io::{self, BufWriter, ErrorKind, Write},
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
    if let Some(path) = &flags.dry_run_output {
        let mut out = BufWriter::new(Late { path, file: None });
        let listed = match dry_run(plan, registry, most.get(), &mut out, &mut Notices) {
            Err(ExecuteError::List(error)) => return Err(unwritable(path, &error)),
            listed => listed?,
        };
        terminal::print(&format!("wrote {} to {}\n", counted(listed, "request"), path.display()))?;
        return Ok(Exit::Success);
    }
    let mut out = BufWriter::new(terminal::Results);
    match dry_run(plan, registry, most.get(), &mut out, &mut Notices) {
        // A reader who has seen enough ends the list quietly.
        Err(ExecuteError::List(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Success),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(Exit::Success),
    }
}

/// A file that is made, or emptied, once there is something to write: a list that cannot be made leaves an older one as it is.
struct Late<'a> {
    path: &'a Path,
    file: Option<File>,
}

impl Late<'_> {
    fn file(&mut self) -> io::Result<&mut File> {
        Ok(match &mut self.file {
            Some(file) => file,
            none => none.insert(File::create(self.path)?),
        })
    }
}

impl Write for Late<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file()?.flush()
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("write `{}`", path.display()))
        .caused_by(error)
        .with_hint("name a file in a folder that you may write to")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::NamedTempFile;

    use super::*;

    #[test]
    fn a_file_is_emptied_with_the_first_line_and_not_before() {
        let older = NamedTempFile::new().unwrap();
        fs::write(older.path(), "an older list").unwrap();
        let read = || fs::read_to_string(older.path()).unwrap();
        let mut out = BufWriter::new(Late { path: older.path(), file: None });
        assert_eq!(read(), "an older list");
        out.write_all(b"a line").unwrap();
        out.flush().unwrap();
        assert_eq!(read(), "a line");
    }
}
