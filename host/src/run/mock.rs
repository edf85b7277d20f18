//! The mock server of `profile --mock`: a process of its own, so that it does not share the client's threads.

use crate::explain::Explain;
use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

/// What the server prints in front of its address.
const ANNOUNCEMENT: &str = "listening on ";

/// Why there is no mock server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MockError {
    /// The process did not start.
    #[error("start the mock server")]
    Spawn(#[source] io::Error),
    /// It ended, or said something else, before it listened.
    #[error("read the mock server's address: it said `{0}`")]
    Silent(String),
}

impl Explain for MockError {
    fn hint(&self) -> String {
        "run `prony mock-server` to see what it says".to_owned()
    }
}

/// A running mock server. It ends with this value, and with this process.
#[derive(Debug)]
pub(crate) struct MockProcess {
    child: Child,
}

impl MockProcess {
    /// Starts one on a free port of the loopback interface, with these flags as well.
    pub(crate) fn start(flags: &[impl AsRef<OsStr>]) -> Result<Self, MockError> {
        let program = std::env::current_exe().map_err(MockError::Spawn)?;
        let child = Command::new(program)
            .args(["mock-server", "--port", "0", "--exit-with-parent"])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A group of its own: a Ctrl-C on the terminal is for this process, whose requests still drain.
            .process_group(0)
            .spawn()
            .map_err(MockError::Spawn)?;
        Ok(Self { child })
    }

    /// Waits until it listens, and says where.
    pub(crate) fn url(&mut self) -> Result<String, MockError> {
        let mut line = String::new();
        if let Some(output) = self.child.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(MockError::Spawn)?;
        }
        match line.trim().strip_prefix(ANNOUNCEMENT) {
            Some(url) => Ok(url.to_owned()),
            None => Err(MockError::Silent(line.trim().to_owned())),
        }
    }
}

impl Drop for MockProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
