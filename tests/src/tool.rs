//! The real binary, with a folder of its own for everything that it writes.
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use tempfile::TempDir;

use crate::{
    MockServer, Run, Terminal,
    process::{self, Process, SHORT_TIMEOUT, eventually},
    program,
    surroundings::take_away,
};

/// Seed of every run, unless a test says otherwise.
const SEED: &str = "42";

/// No flag: whatever stands before it is read, and nothing is run.
pub const NO_FLAG: &str = "--this-is-no-flag";

/// One invocation of `prony`, under construction.
#[derive(Debug)]
pub struct Tool {
    command: Command,
    dir: TempDir,
}

impl Tool {
    /// `prony` with these words. It sees none of the user's plugins and settings.
    ///
    /// # Panics
    /// When the program was not built.
    pub fn new<I: AsRef<OsStr>>(words: impl IntoIterator<Item = I>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(program());
        command.args(words).current_dir(dir.path()).stdin(Stdio::null());
        take_away(&mut command);
        command.env("XDG_DATA_HOME", dir.path().join("data")).env("XDG_DATA_DIRS", dir.path().join("system"));
        command.env("XDG_CONFIG_HOME", dir.path().join("config"));
        command.env("XDG_STATE_HOME", dir.path().join("state"));
        command.env("XDG_CONFIG_DIRS", dir.path().join("system-config"));
        Self { command, dir }
    }

    /// A profile with seed 42, in a folder of its own, that scrapes no metrics: what is measured is for the caller to say.
    pub fn bare_profile() -> Self {
        Self::new(["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run"]).args([
            "--no-server-metrics",
            "--random-seed",
            SEED,
        ])
    }

    /// A streaming chat profile against `server`, with seed 42, in a folder of its own.
    pub fn profile(server: &MockServer) -> Self {
        let url = server.url().to_owned();
        Self::profile_at(&url)
    }

    /// The same against any address.
    pub fn profile_at(url: &str) -> Self {
        Self::profile_in("chat", url)
    }

    /// The same, shown while it goes on as this word of `--ui` asks for.
    pub fn profile_shown(ui: &str, url: &str) -> Self {
        Self::profile_shown_in(ui, "chat", url)
    }

    /// The same in another API format, and not shown.
    pub fn profile_in(endpoint: &str, url: &str) -> Self {
        Self::profile_shown_in("none", endpoint, url)
    }

    fn profile_shown_in(ui: &str, endpoint: &str, url: &str) -> Self {
        let words = ["profile", "--model", "m", "--streaming", "--ui", ui];
        let tool = Self::new(words).args(["--url", url, "--endpoint-type", endpoint]);
        let artifacts = tool.dir.path().join("run");
        tool.args(["--random-seed", SEED]).arg("--artifact-dir").arg(artifacts)
    }

    /// Adds words.
    #[must_use]
    pub fn args<I: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = I>) -> Self {
        self.command.args(words);
        self
    }

    /// Adds one word.
    #[must_use]
    pub fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.command.arg(word);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// By way of another program, which starts what the words after its own say: `nohup`.
    ///
    /// # Panics
    /// When there are no words.
    #[must_use]
    pub fn under(mut self, words: &[&str]) -> Self {
        let (program, words) = words.split_first().expect("the name of a program");
        let mut command = Command::new(program);
        command
            .args(words)
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .stdin(Stdio::null());
        command.current_dir(self.dir.path());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        self.command = command;
        self
    }

    /// Its working folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file into its working folder.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, contents).expect("a file in a temporary folder");
        path
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started, or does not end within five minutes.
    pub fn run(mut self) -> Run {
        let output = process::finish(&mut self.command);
        Run::new(&output, self.dir)
    }

    /// What the program says against its words, if it says anything. It does not run them.
    ///
    /// # Panics
    /// When it cannot be started, or does not end within five minutes.
    pub fn unread(self) -> Option<String> {
        let run = self.arg(NO_FLAG).run();
        let is_read = run.stderr.contains(&format!("unknown flag `{NO_FLAG}`"));
        (!is_read).then_some(run.stderr)
    }

    /// Runs it to its end, and gives it this to read from its standard input.
    ///
    /// # Panics
    /// When it cannot be started, or does not end within five minutes.
    pub fn run_fed(mut self, input: &[u8]) -> Run {
        let output = process::finish_fed(&mut self.command, input);
        Run::new(&output, self.dir)
    }

    /// Starts it on a terminal of so many columns and rows, which it controls.
    ///
    /// # Panics
    /// When it cannot be started, or there is no `setsid` program.
    pub fn on_terminal(self, columns: u16, rows: u16) -> Terminal {
        let mut own = self.under(&["setsid", "--ctty", "--wait"]);
        Terminal::start(&mut own.command, own.dir, columns, rows)
    }

    /// Starts it and lets it run.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(mut self) -> Running {
        Running { process: Process::start(&mut self.command), dir: self.dir }
    }
}

/// An invocation that is under way.
#[derive(Debug)]
pub struct Running {
    process: Process,
    dir: TempDir,
}

impl Running {
    /// Sends a signal: `INT`, `TERM`, `HUP` or `KILL`.
    ///
    /// # Panics
    /// When there is no `kill` program.
    pub fn signal(&self, name: &str) {
        process::kill(name, self.id());
    }

    /// Whether it is over.
    ///
    /// # Panics
    /// When the system has lost track of it.
    pub fn has_ended(&mut self) -> bool {
        self.process.has_ended()
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its working folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Waits until so many bytes of its journal are written. Returns how many there are.
    ///
    /// # Panics
    /// When it ends before that, or writes nothing any more.
    pub fn await_journal(&self, bytes: u64) -> u64 {
        let journal = self.dir().join("run/journal.prony");
        self.until("records in the journal", || {
            let written = journal.metadata().map_or(0, |file| file.len());
            (written > bytes).then_some(written)
        })
    }

    /// Waits until the server has answered so many more requests: the load goes on.
    ///
    /// # Panics
    /// When it ends before that, or the server answers no more.
    pub fn await_answers(&self, server: &MockServer, more: u64) {
        let before = server.answered();
        self.until("answers", || (server.answered() >= before + more).then_some(()));
    }

    /// Asks again and again until `found` has an answer.
    ///
    /// # Panics
    /// When it never has, or this invocation ends before that: with what it said.
    pub fn until<T>(&self, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
        eventually(what, || {
            // It may do what is waited for as the last thing.
            let is_over = self.process.is_heard();
            let answer = found();
            assert!(
                answer.is_some() || !is_over,
                "{what}: did not happen before the end; stdout:\n{}\nstderr:\n{}",
                self.process.stdout(),
                self.process.stderr()
            );
            answer
        })
    }

    /// Whether it has said this on standard error.
    pub fn said(&self, text: &str) -> bool {
        self.process.stderr().contains(text)
    }

    /// What it has said on standard error.
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn wait(mut self) -> Run {
        let output = self.process.wait(SHORT_TIMEOUT);
        Run::new(&output, self.dir)
    }
}

/// The code a process ended with; a signal's number plus 128.
pub(crate) fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}
