//! A command of the user's between two runs.

use std::{
    fs,
    io::{self, Read},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Command, ExitStatus, Stdio},
};

use rustix::process::Pid;

use super::signals::Signals;
use crate::config::redact;

/// Most that is kept of what a command says, in bytes.
const MOST_KEPT: u64 = 1_000_000;

/// Carries out a command, and writes what it says into this file, without secrets that are known.
///
/// # Errors
/// What became of it, as a sentence goes on behind its name.
pub(super) fn carry_out(command: &str, output: &Path, signals: &Signals) -> Result<(), String> {
    let (status, said) =
        heard(command, signals).map_err(|error| format!("cannot be carried out: {error}"))?;
    let shown = redact::shown_bytes(&said).unwrap_or(said);
    fs::write(output, shown).map_err(|error| format!("has an output that cannot be kept: {error}"))?;
    if status.success() { Ok(()) } else { Err(ending(status)) }
}

/// Both of its outputs in the order in which they come. What is beyond the limit is read and dropped.
fn heard(command: &str, signals: &Signals) -> io::Result<(ExitStatus, Vec<u8>)> {
    let (mut reader, writer) = io::pipe()?;
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        // A group of its own: a Ctrl-C on the terminal is for this process, which ends it.
        .process_group(0)
        .spawn()?;
    signals.set_shell(i32::try_from(child.id()).ok().and_then(Pid::from_raw));
    let mut said = Vec::new();
    let read = reader.by_ref().take(MOST_KEPT).read_to_end(&mut said);
    let rest = io::copy(&mut reader, &mut io::sink());
    let status = child.wait();
    signals.set_shell(None);
    read.and(rest)?;
    Ok((status?, said))
}

fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("failed with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("echo one; echo two >&2", Ok(()), "one\ntwo\n")]
    #[case("echo no; exit 7", Err("failed with exit code 7".to_owned()), "no\n")]
    #[case("kill -KILL $$", Err("was ended by signal 9".to_owned()), "")]
    fn what_a_command_says_is_kept(
        #[case] command: &str,
        #[case] expected: Result<(), String>,
        #[case] said: &str,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("said.txt");
        assert_eq!(carry_out(command, &output, &Signals::default()), expected);
        assert_eq!(fs::read_to_string(output).unwrap(), said);
    }

    #[test]
    fn a_command_that_says_too_much_comes_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("said.txt");
        carry_out("head -c 3000000 /dev/zero", &output, &Signals::default()).unwrap();
        assert_eq!(fs::metadata(output).unwrap().len(), MOST_KEPT);
    }
}
