//! A command of the user's, carried out by the shell: it has a deadline, can be ended with all that it has started, and what it
//! says is kept.

use std::{
    io::{self, PipeReader, Read},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};

/// Most that is kept of what a command says, in bytes.
const MOST_KEPT: usize = 1_000_000;

/// How long a command may take to end that was asked to, and then to be gone.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// How long is waited for the rest of its output when it is over. Something that it has left running may hold it open for ever.
const OUTPUT_TIMEOUT: Duration = Duration::from_millis(200);

/// What the one who waits for a command hears.
#[derive(Debug)]
enum News {
    /// It is over.
    Over(io::Result<ExitStatus>),
    /// It is to end now.
    Stop,
}

/// A command that goes on.
#[derive(Debug)]
pub(crate) struct ShellCommand {
    group: Option<Pid>,
    said: Arc<Mutex<Vec<u8>>>,
    /// Closed when nobody can say anything more.
    silence: Receiver<()>,
    news: Receiver<News>,
    stop: StopHandle,
}

/// Ends a command from another thread.
#[derive(Clone, Debug)]
pub(crate) struct StopHandle(Sender<News>);

impl StopHandle {
    /// The command is to end now, with all that it has started.
    pub(crate) fn stop(&self) {
        // One that is over hears nothing.
        let _ = self.0.send(News::Stop);
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) enum CommandEnd {
    /// By itself, with this exit code.
    Exited(i32),
    /// By a signal of somebody else.
    Killed(i32),
    /// It took longer than it may.
    TimedOut(Duration),
    /// It was asked to.
    Stopped,
    /// The system does not say how.
    Unknown(io::Error),
}

impl CommandEnd {
    /// Whether it did what it was to do.
    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::Exited(0))
    }

    /// How it ended, as a sentence goes on behind its name.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Exited(code) => format!("failed with exit code {code}"),
            Self::Killed(signal) => format!("was ended by signal {signal}"),
            Self::TimedOut(timeout) => format!("took longer than {} s and was ended", timeout.as_secs_f64()),
            Self::Stopped => "was ended by an interrupt".to_owned(),
            Self::Unknown(error) => format!("cannot be waited for: {error}"),
        }
    }
}

impl ShellCommand {
    /// Starts a command with these variables beside those of this process.
    ///
    /// # Errors
    /// There is no shell, or no thread or descriptor left.
    pub(crate) fn start(command: &str, variables: &[(&str, String)]) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let mut child = Command::new("sh")
            .args(["-c", command])
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            // Both outputs in the order in which they come.
            .stdout(writer.try_clone()?)
            .stderr(writer)
            // A group of its own: a Ctrl-C on the terminal is for this process, which ends it.
            .process_group(0)
            .spawn()?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let (tell, news) = channel();
        let stop = StopHandle(tell.clone());
        let (said, silence) = (Arc::default(), channel());
        let kept = Arc::clone(&said);
        let threads = [
            spawn(move || drop(tell.send(News::Over(child.wait())))),
            spawn(move || {
                let open = silence.0;
                listen(reader, &kept);
                drop(open);
            }),
        ];
        let running = Self { group, said, silence: silence.1, news, stop };
        for thread in threads {
            if let Err(error) = thread {
                running.signal(Signal::KILL);
                return Err(error);
            }
        }
        Ok(running)
    }

    /// The process group of it and of all that it has started.
    pub(crate) fn group(&self) -> Option<Pid> {
        self.group
    }

    /// A handle to end it with.
    pub(crate) fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Waits for its end, for so long at most. Returns how it ended, and what it said.
    pub(crate) fn wait(self, timeout: Duration) -> (CommandEnd, Vec<u8>) {
        let end = match self.news.recv_timeout(timeout) {
            Ok(News::Over(status)) => ended(status),
            Ok(News::Stop) => {
                self.end();
                CommandEnd::Stopped
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                self.end();
                CommandEnd::TimedOut(timeout)
            }
        };
        // Closed is what is hoped for.
        let _ = self.silence.recv_timeout(OUTPUT_TIMEOUT);
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (end, said)
    }

    /// Asks all of its group to end, and ends what does not, or when somebody asks once more.
    fn end(&self) {
        for signal in [Signal::TERM, Signal::KILL] {
            self.signal(signal);
            if let Ok(News::Over(_)) = self.news.recv_timeout(END_TIMEOUT) {
                return;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // It may have ended by itself.
            let _ = kill_process_group(group, signal);
        }
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("hook".into()).spawn(work).map(drop)
}

/// Reads to the end. What is beyond the limit is dropped, so that the command never waits for a reader.
fn listen(mut reader: PipeReader, said: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 8192];
    // A pipe that cannot be read says nothing more.
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST_KEPT.saturating_sub(said.len());
        said.extend_from_slice(&buffer[..read.min(room)]);
    }
}

fn ended(status: io::Result<ExitStatus>) -> CommandEnd {
    match status.map(|status| (status.code(), status.signal())) {
        Ok((Some(code), _)) => CommandEnd::Exited(code),
        Ok((None, signal)) => CommandEnd::Killed(signal.unwrap_or_default()),
        Err(error) => CommandEnd::Unknown(error),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Longer than any of these commands takes.
    const LONG: Duration = Duration::from_secs(60);

    fn carried_out(command: &str, timeout: Duration) -> (CommandEnd, Vec<u8>) {
        ShellCommand::start(command, &[("PRONY_RUN_HOOK", "it".to_owned())]).unwrap().wait(timeout)
    }

    #[rstest]
    #[case("echo $PRONY_RUN_HOOK; echo two >&2", None, "it\ntwo\n")]
    #[case("echo no; exit 7", Some("failed with exit code 7"), "no\n")]
    #[case("kill -KILL $$", Some("was ended by signal 9"), "")]
    fn what_a_command_says_and_how_it_ends_is_known(
        #[case] command: &str,
        #[case] expected: Option<&str>,
        #[case] said: &str,
    ) {
        let (end, heard) = carried_out(command, LONG);
        let failed = (!end.is_success()).then(|| end.in_words());
        assert_eq!((failed.as_deref(), String::from_utf8(heard).unwrap().as_str()), (expected, said));
    }

    #[test]
    fn a_command_that_says_too_much_comes_to_its_end() {
        let (end, said) = carried_out("head -c 3000000 /dev/zero", LONG);
        assert!(end.is_success() && said.len() == MOST_KEPT);
    }

    #[test]
    fn what_a_command_leaves_running_is_not_waited_for() {
        let (end, said) = carried_out("echo begun; sleep 60 & echo $!", LONG);
        assert!(end.is_success());
        let said = String::from_utf8(said).unwrap();
        let left: i32 = said.strip_prefix("begun\n").unwrap().trim().parse().unwrap();
        rustix::process::kill_process(Pid::from_raw(left).unwrap(), Signal::KILL).unwrap();
    }

    #[test]
    fn a_command_that_takes_too_long_is_ended_with_all_that_it_has_started() {
        let (end, said) =
            carried_out("echo begun; trap '' TERM; sleep 60 | sleep 60", Duration::from_millis(300));
        assert_eq!(end.in_words(), "took longer than 0.3 s and was ended");
        assert_eq!(said, b"begun\n");
    }

    #[test]
    fn a_command_can_be_ended_from_elsewhere() {
        let command = ShellCommand::start("sleep 60", &[]).unwrap();
        command.stop_handle().stop();
        assert!(matches!(command.wait(LONG).0, CommandEnd::Stopped));
    }
}
