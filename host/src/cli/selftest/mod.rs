//! `prony selftest`: whether an installation works, in some seconds.
//!
//! Each check does what a user would do: it starts this program with words of the command line. So it needs nothing but what a
//! run needs, and writes into a temporary folder alone.

mod agent;
mod measured;
mod outcome;
mod program;

use std::path::Path;

use tempfile::TempDir;

use self::{
    measured::Trial,
    outcome::{Fault, Outcome},
};
use super::{
    exit::{Exit, Failure},
    limits, plugins, terminal,
};
use crate::{
    explain::Explain,
    plugin::{INSTALL_PLUGINS, chain},
    run::{Interrupt, until},
};

/// Makes all checks, and prints a line for each. One that fails is a failure of the command, and a warning is none.
pub(super) fn run() -> Result<Exit, Failure> {
    limits::leave_no_core();
    let folder = TempDir::with_prefix("prony-selftest-").map_err(|error| {
        Failure::new(Exit::Failed, "make a temporary folder")
            .caused_by(&error)
            .with_hint("name one that there is and that has room in `TMPDIR`")
    })?;
    let inside = folder.path().to_owned();
    // At the first interrupt, what was started ends, and so do the checks. They are waited for, unless a second one comes.
    let mut interrupt: Option<Interrupt> = None;
    let ends = |next| {
        program::end_all();
        interrupt.replace(next).is_some()
    };
    let checked = until(ends, move || check_all(&inside))
        .map_err(|error| Failure::new(Exit::Failed, "wait for the checks").caused_by(&error))?;
    if let Some(interrupt) = interrupt {
        return Ok(interrupt.into());
    }
    let failed = match checked {
        Ok(failed) => failed?,
        Err(interrupt) => return Ok(interrupt.into()),
    };
    let last = match failed {
        0 => "the installation works\n".to_owned(),
        1 => "1 check failed\n".to_owned(),
        several => format!("{several} checks failed\n"),
    };
    terminal::print(&last)?;
    Ok(if failed > 0 { Exit::Failed } else { Exit::Success })
}

/// How many have failed.
fn check_all(folder: &Path) -> Result<usize, Failure> {
    let trial =
        |name, endpoint, words| measured::check(Trial { name, endpoint, words, variables: &[], folder });
    let checks: [(&str, &dyn Fn() -> Outcome); 5] = [
        ("shipped plugins", &open_plugins),
        ("a streamed chat", &|| trial("chat", "chat", &[])),
        ("another API format (`messages`)", &|| trial("messages", "messages", &[])),
        ("an endpoint in a process of its own", &|| trial("isolated", "chat", &["--isolate", "chat"])),
        ("an agent", &|| agent::check(folder)),
    ];
    let mut failed = 0;
    for (name, check) in checks {
        let outcome = check();
        if program::are_over() {
            break;
        }
        failed += usize::from(matches!(outcome, Outcome::Failed(_)));
        let screen = terminal::screen();
        let lines =
            outcome.lines(name).into_iter().map(|line| screen.reflow(&terminal::printable(&line)) + "\n");
        terminal::print(&lines.collect::<String>())?;
    }
    Ok(failed)
}

/// Whether each library that came with the program can be opened.
fn open_plugins() -> Outcome {
    let opened = match plugins::open_built_in() {
        Ok(opened) => opened,
        Err(error) => {
            return Outcome::Failed(Fault::new(format!("failed to {}", chain(&error)), error.hint()));
        }
    };
    match opened.faults.first() {
        Some(first) => {
            let more = match opened.faults.len() {
                1 => String::new(),
                count => format!("; and {} more, which `prony plugins validate --load` lists", count - 1),
            };
            Outcome::Failed(Fault::new(format!("{}{more}", first.text), first.hint.clone()))
        }
        None if opened.entries == 0 => Outcome::Failed(Fault::new("there are none", INSTALL_PLUGINS)),
        None => Outcome::Passed(format!("{} can be opened", opened.entries)),
    }
}
