//! Programs that tests start. Each has a deadline: one that does not end is killed, and the test fails with what it said.
#![expect(clippy::disallowed_methods, reason = "deadlines of the tests, not measurements")]

use std::{
    io::{Read, Write},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, getpgid, kill_process_group};

/// How long a program may take that does its work and ends by itself. The machine may have a lot to do beside it.
const TIMEOUT: Duration = Duration::from_secs(300);

/// How often is looked whether something has happened.
const PAUSE: Duration = Duration::from_millis(5);

/// Runs a program that needs no input to its end.
///
/// # Panics
/// When it cannot be started, or does not end within five minutes.
pub fn finish(command: &mut Command) -> Output {
    finish_within(TIMEOUT, command, b"")
}

/// As [`finish`], of a program that reads this from its standard input.
///
/// # Panics
/// When it cannot be started, or does not end within five minutes.
pub(crate) fn finish_fed(command: &mut Command, input: &[u8]) -> Output {
    finish_within(TIMEOUT, command, input)
}

/// Runs a program that reads this from its standard input to its end.
///
/// # Panics
/// When it cannot be started, or does not end in time.
pub fn finish_within(timeout: Duration, command: &mut Command, input: &[u8]) -> Output {
    finished_within(timeout, command, input).unwrap_or_else(|said| panic!("{said}"))
}

/// The same, for a test that goes on when one of its programs does not end.
///
/// # Errors
/// What it has said, when it does not end in time.
///
/// # Panics
/// When it cannot be started.
pub fn finished_within(timeout: Duration, command: &mut Command, input: &[u8]) -> Result<Output, String> {
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    let mut process = Process::start(command.stdin(stdin));
    if let Some(mut stdin) = process.child.stdin.take() {
        let input = input.to_vec();
        // On a thread, since a pipe takes 64 KiB, and a program may read nothing. The thread drops the pipe when it is done. A
        // program that ends before it has read everything says why itself.
        thread::spawn(move || stdin.write_all(&input).is_ok());
    }
    process.end_within(timeout)
}

/// Sends a signal to a process: `INT`, `KILL`.
///
/// # Panics
/// When there is no such process.
pub fn kill(signal: &str, process: u32) {
    let sent = finish(Command::new("kill").args([format!("-{signal}"), process.to_string()]));
    assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
}

/// A program that runs. It ends with this value: a test that fails leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// The group of processes that it leads, if it leads one: what it has started ends with it.
    group: Option<Pid>,
    name: String,
    stdout: Heard,
    stderr: Heard,
}

impl Process {
    /// Starts it. Its input is what the command says.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_with_errors(command, Stdio::piped())
    }

    /// The same, with a standard error of the caller's.
    pub(crate) fn start_with_errors(command: &mut Command, errors: Stdio) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let started = command.stdout(Stdio::piped()).stderr(errors).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("`{name}` does not start: {error}"));
        let process = Pid::from_child(&child);
        let group = Some(process).filter(|process| getpgid(Some(*process)) == Ok(*process));
        let stdout = Heard::from(child.stdout.take().expect("its output is piped"));
        let stderr = child.stderr.take().map_or_else(|| Heard::from(std::io::empty()), Heard::from);
        Self { child, group, name, stdout, stderr }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is over.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.status().is_some()
    }

    fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// What it has written to standard output.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    /// What it has written to standard error.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// Whether all is heard that it says: it is over, and whatever has its output.
    pub(crate) fn is_heard(&self) -> bool {
        self.stdout.is_complete() && self.stderr.is_complete()
    }

    /// Waits for its end, and until nobody can write to its output any more.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Output {
        self.end_within(timeout).unwrap_or_else(|said| panic!("{said}"))
    }

    /// The same; what it has said, when it does not end in time.
    fn end_within(&mut self, timeout: Duration) -> Result<Output, String> {
        let deadline = Instant::now() + timeout;
        loop {
            let is_heard = self.is_heard();
            if let Some(status) = self.status().filter(|_| is_heard) {
                return Ok(Output { status, stdout: self.stdout.bytes(), stderr: self.stderr.bytes() });
            }
            if Instant::now() >= deadline {
                let state = match self.status() {
                    None => "did not end",
                    Some(_) => "ended, and something that it started still has its output",
                };
                self.end();
                let (name, stdout, stderr) = (&self.name, self.stdout(), self.stderr());
                return Err(format!(
                    "`{name}` {state} within {timeout:?}; stdout:\n{stdout}\nstderr:\n{stderr}"
                ));
            }
            thread::sleep(PAUSE);
        }
    }

    fn end(&mut self) {
        // It may have ended by itself, and so may all that it has started.
        if let Some(group) = self.group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// What comes out of a pipe, as it comes.
#[derive(Debug)]
struct Heard {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Heard {
    fn from(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                heard.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..read]);
            }
        });
        Self { bytes, reader }
    }

    fn is_complete(&self) -> bool {
        self.reader.is_finished()
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

/// How long anything may take before a test gives up that waits for a state, or for the end of what it has ended.
pub(crate) const SHORT_TIMEOUT: Duration = Duration::from_secs(60);

/// Asks again and again until `found` has an answer.
///
/// # Panics
/// When it never has.
pub fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SHORT_TIMEOUT;
    loop {
        if let Some(answer) = found() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: did not happen");
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_says_and_how_it_ends_is_known() {
        let output = finish_within(TIMEOUT, Command::new("sh").args(["-c", "cat; echo b >&2; exit 3"]), b"a");
        assert_eq!(
            (output.status.code(), &output.stdout[..], &output.stderr[..]),
            (Some(3), &b"a"[..], &b"b\n"[..])
        );
    }

    #[test]
    #[should_panic(expected = "did not end within 300ms; stdout:\nworking\n")]
    fn a_program_that_does_not_end_fails_the_test_with_what_it_said() {
        let program = ["-c", "echo working; exec sleep 1000"];
        finish_within(Duration::from_millis(300), Command::new("sh").args(program), b"");
    }

    /// More than a pipe takes.
    fn a_long_input() -> String {
        "a".repeat(1 << 20)
    }

    #[test]
    fn a_long_input_is_read_as_a_whole() {
        let within = Duration::from_secs(60);
        let output = finish_within(within, Command::new("wc").arg("-c"), a_long_input().as_bytes());
        assert_eq!(output.stdout.trim_ascii(), b"1048576");
    }

    #[test]
    fn a_program_may_end_before_it_has_read_a_long_input() {
        let within = Duration::from_secs(60);
        let output =
            finish_within(within, Command::new("sh").args(["-c", "exit 3"]), a_long_input().as_bytes());
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    #[should_panic(expected = "did not end within 300ms; stdout:\nworking\n")]
    fn a_program_that_reads_nothing_of_a_long_input_has_its_deadline() {
        let program = ["-c", "echo working; exec sleep 1000"];
        let within = Duration::from_millis(300);
        finish_within(within, Command::new("sh").args(program), a_long_input().as_bytes());
    }

    #[test]
    fn what_a_shell_has_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 1000 & echo $! > started; wait"]).current_dir(folder.path());
        let shell = Process::start(std::os::unix::process::CommandExt::process_group(&mut shell, 0));
        let started = eventually("what the shell starts", || {
            std::fs::read_to_string(folder.path().join("started")).ok().filter(|line| line.ends_with('\n'))
        });
        drop(shell);
        let state = std::path::Path::new("/proc").join(started.trim()).join("stat");
        // One that is ended and that nobody has asked for its end stands there as a `Z`.
        eventually("the end of what the shell has started", || {
            let said = std::fs::read_to_string(&state).unwrap_or_default();
            (said.is_empty() || said.contains(") Z")).then_some(())
        });
    }
}
