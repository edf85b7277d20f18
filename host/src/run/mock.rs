//! The mock server of `profile --mock`: a process of its own, so that it does not share the client's threads.

use crate::{config::keys::variable, explain::Explain};
use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::mpsc::sync_channel,
    thread,
    time::Duration,
};

/// What the server prints in front of its address.
const ANNOUNCEMENT: &str = "listening on ";

/// How long it may take until it listens.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Why there is no mock server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MockError {
    /// The process did not start.
    #[error("start the mock server")]
    Spawn(#[source] io::Error),
    /// It ended, or said something else, before it listened.
    #[error("read the mock server's address: it said `{0}`")]
    Silent(String),
    /// It does neither.
    #[error("read the mock server's address: it said nothing within {} s", TIMEOUT.as_secs())]
    Late,
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
        let mut command = Command::new(program);
        // They are for a `prony mock-server` that a user starts. This one does what its flags say alone.
        let of_users = variable("mock-server-");
        let variables = std::env::vars_os().map(|(name, _)| name);
        for name in variables.filter(|name| name.to_string_lossy().starts_with(&of_users)) {
            command.env_remove(name);
        }
        let child = command
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
    ///
    /// # Errors
    /// It does not come to listen.
    pub(crate) fn url(&mut self) -> Result<String, MockError> {
        let line = match self.child.stdout.take() {
            Some(output) => first_line(output)?,
            None => String::new(),
        };
        match line.trim().strip_prefix(ANNOUNCEMENT) {
            Some(url) => Ok(url.to_owned()),
            None => Err(MockError::Silent(line.trim().to_owned())),
        }
    }
}

/// What it says first. A thread reads, which ends with the server: a pipe knows no deadline.
fn first_line(output: impl Read + Send + 'static) -> Result<String, MockError> {
    let (said, heard) = sync_channel(1);
    let read = move || {
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        // Nobody listens any more when it comes too late.
        drop(said.send(read.map(|_| line)));
    };
    thread::Builder::new().name("mock".to_owned()).spawn(read).map_err(MockError::Spawn)?;
    heard.recv_timeout(TIMEOUT).map_err(|_| MockError::Late)?.map_err(MockError::Spawn)
}

impl Drop for MockProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
