//! One process of ssh on this machine, and what the other side says through it: [`Session`].

use std::{
    collections::VecDeque,
    fmt,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal};

use super::{reply::is_noise, script::MARK};
use crate::clock::{Clock, as_ns};

/// How a shell ends that finds no program of a name.
const NO_PROGRAM: i32 = 127;

/// How ssh ends when it has given up itself. What else it ends with is of the other side.
const OF_SSH: i32 = 255;

/// How many of the last lines an error shows.
const LAST_LINES: usize = 5;

/// A longer line is several.
const LONGEST_LINE: u64 = 16 << 10;

/// Time between two looks whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Flags of ours. They stand behind those of the user, which ssh lets win. Nothing is asked, since nobody would answer; a connection
/// that is gone is noticed after half a minute; and the connection is our own, since a forwarding in one that others share stays when
/// we have ended.
const OPTIONS: [&str; 8] = [
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=6",
    "ControlMaster=no",
    "ControlPath=none",
    "LogLevel=INFO",
    "ExitOnForwardFailure=yes",
];

/// Variables with secrets that are none of ssh's business.
const SECRETS: [&str; 3] = ["PRONY_API_KEY", "PRONY_NATS_TOKEN", "PRONY_NATS"];

/// A line from the other side, or from ssh.
#[derive(Debug)]
pub(super) enum Line {
    /// Of what was started there.
    Out(String),
    /// Of that or of ssh.
    Err(String),
}

/// What there is to be heard.
#[derive(Debug)]
pub(super) enum Heard {
    Line(Line),
    /// Nothing for now.
    Nothing,
    /// Nothing any more.
    Over,
}

/// How the process of ssh ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// There is no ssh program.
    NoProgram,
    /// ssh gave up.
    Ssh,
    /// The other side ended with this code.
    Code(i32),
    /// It was ended by a signal.
    Killed,
}

/// A half-sentence that goes on from "it".
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProgram => f.write_str("found no program of this name"),
            Self::Ssh => f.write_str("ended with its connection"),
            Self::Code(code) => write!(f, "ended with code {code}"),
            Self::Killed => f.write_str("was ended by a signal"),
        }
    }
}

/// A process of ssh. It does not outlive this value.
#[derive(Debug)]
pub(super) struct Session {
    process: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Line>,
    last: VecDeque<String>,
    /// The shell of the other side has said something: there is a program for ssh here.
    is_there: bool,
}

impl Session {
    /// Starts `ssh`, a text for the shell, to a machine, with a command for the shell there. With a port of this machine, a free port
    /// there leads to it.
    pub(super) fn open(ssh: &str, host: &str, port: Option<u16>, command: &str) -> io::Result<Self> {
        let mut words = vec!["-T".to_owned()];
        words.extend(OPTIONS.iter().flat_map(|option| ["-o".to_owned(), (*option).to_owned()]));
        match port {
            Some(port) => words.extend(["-R".to_owned(), format!("127.0.0.1:0:127.0.0.1:{port}")]),
            // What the user's configuration forwards is not needed here, and may be in the way.
            None => words.extend(["-o".to_owned(), "ClearAllForwardings=yes".to_owned()]),
        }
        let mut start = Command::new("sh");
        for name in SECRETS {
            start.env_remove(name);
        }
        let mut process = start
            .args(["-c", &format!("exec {ssh} \"$@\""), "sh"])
            .args(words)
            .args([host, command])
            // An interrupt at the terminal is ours to handle: what was measured is fetched through this process.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (said, lines) = channel();
        let (input, output, errors) = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        // It ends with this value, whatever is missing.
        let session = Self { process, input, lines, last: VecDeque::new(), is_there: false };
        if let (Some(output), Some(errors)) = (output, errors) {
            read_lines(output, said.clone(), Line::Out)?;
            read_lines(errors, said, Line::Err)?;
        }
        Ok(session)
    }

    /// What comes next, waited for up to this time.
    pub(super) fn next(&mut self, within: Duration) -> Heard {
        match self.lines.recv_timeout(within) {
            Ok(line) => {
                if let Line::Err(text) = &line
                    && !is_noise(text)
                {
                    if self.last.len() == LAST_LINES {
                        self.last.pop_front();
                    }
                    self.last.push_back(text.clone());
                }
                self.is_there |= matches!(&line, Line::Out(text) if text.trim_start().starts_with(MARK));
                Heard::Line(line)
            }
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::Over,
        }
    }

    /// What the other side reads, once.
    pub(super) fn take_input(&mut self) -> Option<ChildStdin> {
        self.input.take()
    }

    /// Sends this to the other side.
    pub(super) fn write(&mut self, text: &[u8]) -> io::Result<()> {
        match &mut self.input {
            Some(input) => input.write_all(text).and_then(|()| input.flush()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// The other side reads no more.
    pub(super) fn close_input(&mut self) {
        self.input = None;
    }

    /// The last lines that it and the other side have said as errors.
    pub(super) fn said(&self) -> Vec<&str> {
        self.last.iter().map(String::as_str).collect()
    }

    /// The same in one line, for an error.
    pub(super) fn said_in_one(&self) -> String {
        if self.last.is_empty() { "it said nothing".to_owned() } else { self.said().join("; ") }
    }

    /// Waits for its end, and ends it after this time.
    pub(super) fn end(&mut self, within: Duration) -> End {
        let clock = Clock::start();
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => return self.end_of(status),
                Ok(None) if clock.now() < as_ns(within) => thread::sleep(LOOK_EVERY),
                Ok(None) => {
                    self.kill();
                    let status = self.process.wait();
                    return status.map_or(End::Killed, |status| self.end_of(status));
                }
                // The system has lost track of it.
                Err(_) => return End::Killed,
            }
        }
    }

    fn end_of(&self, status: ExitStatus) -> End {
        match status.code() {
            Some(NO_PROGRAM) if !self.is_there => End::NoProgram,
            Some(OF_SSH) => End::Ssh,
            Some(code) => End::Code(code),
            None => End::Killed,
        }
    }

    /// Ends it, with whatever it has started. Only one that nobody has waited for is sent the signal: no other process has its number.
    fn kill(&mut self) {
        let group = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        if let (Ok(None), Some(group)) = (self.process.try_wait(), group) {
            // It may have ended by itself.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.kill();
        // Nobody is left who wants to know how.
        let _ = self.process.wait();
    }
}

/// Passes on the lines that come, on a thread of its own, until nobody can write any more or nobody listens.
fn read_lines(
    from: impl Read + Send + 'static,
    to: Sender<Line>,
    line_of: fn(String) -> Line,
) -> io::Result<()> {
    thread::Builder::new().name("ssh".into()).spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&std::mem::take(&mut line)).into_owned();
            let is_shown = |c: &char| !c.is_control() || *c == '\t';
            let text: String = text.trim_end().chars().filter(is_shown).collect();
            if !text.is_empty() && to.send(line_of(text)).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Through a program that stands for ssh: it gets our flags, and then the machine and the command.
    fn session(ssh: &str) -> Session {
        Session::open(ssh, "h", None, "command").unwrap()
    }

    fn lines(session: &mut Session) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match session.next(Duration::from_secs(60)) {
                Heard::Line(Line::Out(text) | Line::Err(text)) => lines.push(text),
                Heard::Nothing => panic!("it says nothing: {lines:?}"),
                Heard::Over => return lines,
            }
        }
    }

    #[test]
    fn what_comes_is_heard_and_how_it_ended_is_known() {
        let mut session = session("sh -c 'echo one; echo two >&2; exit 3' --");
        session.close_input();
        let mut heard = lines(&mut session);
        heard.sort();
        assert_eq!(heard, ["one", "two"]);
        assert_eq!(
            (session.said_in_one().as_str(), session.end(Duration::from_secs(60))),
            ("two", End::Code(3))
        );
    }

    #[test]
    fn a_program_that_is_not_there_is_told_from_one_that_fails() {
        let mut session = session("/nowhere/ssh");
        lines(&mut session);
        assert_eq!(session.end(Duration::from_secs(60)), End::NoProgram);
    }

    #[test]
    fn a_program_that_is_not_there_on_the_other_side_is_not_ours() {
        let mut session = session("sh -c 'echo prony-system x; exit 127' --");
        lines(&mut session);
        assert_eq!(session.end(Duration::from_secs(60)), End::Code(127));
    }

    #[test]
    fn one_that_does_not_end_is_ended() {
        let mut session = session("sh -c 'sleep 1000 & wait' --");
        assert_eq!(session.end(Duration::from_millis(50)), End::Killed);
        lines(&mut session);
    }

    #[test]
    fn the_other_side_reads_what_is_written() {
        let mut session = session("sh -c cat --");
        session.write(b"a\nb\n").unwrap();
        session.close_input();
        assert_eq!(lines(&mut session), ["a", "b"]);
    }
}
