//! Opening a library to see whether it can be used, in a child: a crash of it is a finding and not ours.

use std::{io, time::Duration};

use clap::Args;

use crate::{
    child::{
        self, Child,
        frame::{FrameReader, FrameWriter},
    },
    cli::exit::{Exit, Failure},
    plugin::validate::{
        Finding, Severity,
        probe::{LoadFailure, Target, probe},
    },
};

/// How long a library may take to open.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The words that make a child of ours: hidden, because only we say them.
const WORDS: [&str; 2] = ["plugins", "probe"];

/// What the child needs to know, it reads.
#[derive(Debug, Args)]
pub(super) struct ProbeArgs {}

/// The child's side: opens what the parent names, and says how it went.
pub(super) fn run(_args: &ProbeArgs) -> Result<Exit, Failure> {
    let failure = |error: io::Error| {
        Failure::new(Exit::Usage, "read what to open")
            .caused_by(&error)
            .with_hint("`prony plugins validate --load` opens libraries")
    };
    let socket = child::parent().map_err(failure)?;
    let mut reader = FrameReader::new(socket.try_clone().map_err(failure)?);
    if let Some(target) = reader.read::<Target>().map_err(failure)? {
        let outcome: Result<(), LoadFailure> = probe(&target);
        FrameWriter::new(socket).write(&outcome).map_err(failure)?;
    }
    Ok(Exit::Success)
}

/// The parent's side: what is wrong with a library when it is opened, if something is.
pub(super) fn finding(target: &Target) -> Option<Finding> {
    let failure = match ask(target) {
        Ok(Ok(())) => return None,
        Ok(Err(failure)) => failure,
        Err(error) => LoadFailure {
            text: format!("the library `{}` cannot be tried: {error}", target.library.display()),
            hint: "try again; if it stays so, raise the limits on processes and files".to_owned(),
        },
    };
    Some(Finding {
        file: target.manifest.clone(),
        line: target.line,
        severity: Severity::Error,
        text: failure.text,
        hint: failure.hint,
    })
}

fn ask(target: &Target) -> io::Result<Result<(), LoadFailure>> {
    let (mut child, socket) = Child::spawn(&WORDS)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    FrameWriter::new(socket.try_clone()?).write(target)?;
    let place = format!("the {} `{}` of `{}`", target.category, target.name, target.library.display());
    match FrameReader::new(socket).read() {
        Ok(Some(outcome)) => Ok(outcome),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            Ok(Err(LoadFailure {
                text: format!("{place} was not ready within {} seconds of being opened", TIMEOUT.as_secs()),
                hint: "ask its author: opening a library and making an instance must not wait".to_owned(),
            }))
        }
        // It has ended, or what it sends cannot be read.
        Ok(None) | Err(_) => {
            let death = child.end()?;
            Ok(Err(LoadFailure {
                text: format!("{place} was opened, and the process that opened it {death}"),
                hint: "ask its author; `isolation: process` in the manifest keeps such an end out of a run"
                    .to_owned(),
            }))
        }
    }
}
