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

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::{config::redact, run::stop_reason::StopReason};

/// Most that is kept of what a command says, in bytes.
const MOST_KEPT: usize = 1_000_000;

/// So much more is heard. A secret at the end of what is heard may be there in part, and is not found: it is shorter than this.
const MOST_OF_A_SECRET: usize = 64 << 10;

/// How often is looked whether a command that was asked to end is gone with all that it has started, and how many times. It
/// has a second.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LOOKS: usize = 100;

/// How long is waited for the rest of its output when it is over. Something that it has left running may hold it open for ever.
const OUTPUT_TIMEOUT: Duration = Duration::from_millis(200);

/// What the one who waits for a command hears.
#[derive(Debug)]
enum News {
    Over(io::Result<ExitStatus>),
    /// It is to end now.
    Stop(StopReason),
}

/// A command that goes on.
#[derive(Debug)]
pub(crate) struct ShellCommand {
    group: Option<Pid>,
    said: Arc<Mutex<Vec<u8>>>,
    /// Closed when its output is read to the end.
    end_of_output: Receiver<()>,
    news: Receiver<News>,
    stop: StopHandle,
}

/// Ends a command from another thread.
#[derive(Clone, Debug)]
pub(crate) struct StopHandle(Sender<News>);

impl StopHandle {
    /// The command is to end now, with all that it has started.
    pub(crate) fn stop(&self, reason: StopReason) {
        // Nobody listens when the command is over, and nothing is left to do.
        let _ = self.0.send(News::Stop(reason));
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) enum CommandEnd {
    /// By itself, with this exit code.
    Exited(i32),
    /// By a signal of another process.
    Killed(i32),
    /// It took longer than it may.
    TimedOut(Duration),
    /// It was asked to.
    Stopped(StopReason),
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
            Self::Stopped(reason) => format!("was ended {reason}"),
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
        let (said, end_of_output) = (Arc::default(), channel());
        let kept = Arc::clone(&said);
        let threads = [
            spawn(move || drop(tell.send(News::Over(child.wait())))),
            spawn(move || {
                let open = end_of_output.0;
                listen(reader, &kept);
                drop(open);
            }),
        ];
        let running = Self { group, said, end_of_output: end_of_output.1, news, stop };
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

    /// Waits for its end, for so long at most. Returns how it ended, and what it said, without secrets that are known.
    pub(crate) fn wait(self, timeout: Duration) -> (CommandEnd, Vec<u8>) {
        let end = match self.news.recv_timeout(timeout) {
            Ok(News::Over(status)) => ended(status),
            Ok(News::Stop(reason)) => {
                self.end();
                CommandEnd::Stopped(reason)
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                self.end();
                CommandEnd::TimedOut(timeout)
            }
        };
        // An error is both: the end of the output, and of the time to wait for it.
        let _ = self.end_of_output.recv_timeout(OUTPUT_TIMEOUT);
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (end, to_be_kept(said))
    }

    /// Asks all of its group to end, and ends what does not, or when somebody asks once more.
    fn end(&self) {
        for signal in [Signal::TERM, Signal::KILL] {
            self.signal(signal);
            if self.is_gone_soon() {
                return;
            }
        }
    }

    /// Whether nothing is left of its group within a second. Who asks once more does not want to wait for that.
    fn is_gone_soon(&self) -> bool {
        (0..LOOKS).any(|_| match self.news.recv_timeout(LOOK_EVERY) {
            Ok(News::Stop(_)) => true,
            Ok(News::Over(_)) | Err(_) => self.is_gone(),
        }) && self.is_gone()
    }

    fn is_gone(&self) -> bool {
        self.group.is_none_or(|group| test_kill_process_group(group).is_err())
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

/// The first part of what a command said, without secrets that are known.
fn to_be_kept(said: Vec<u8>) -> Vec<u8> {
    let is_whole = said.len() < MOST_KEPT + MOST_OF_A_SECRET;
    let mut shown = redact::shown_bytes(&said).unwrap_or(said);
    if !is_whole {
        shown.truncate(shown.len().saturating_sub(MOST_OF_A_SECRET));
    }
    shown.truncate(MOST_KEPT);
    shown
}

/// Reads to the end. What is beyond the limit is dropped, so that the command never waits for a reader.
fn listen(mut reader: PipeReader, said: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 8192];
    // A pipe that cannot be read says nothing more.
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let room = (MOST_KEPT + MOST_OF_A_SECRET).saturating_sub(said.len());
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
    fn what_a_command_has_started_is_ended_although_it_does_not_want_to_and_the_command_does() {
        let command =
            ShellCommand::start("(trap '' TERM; echo; while :; do sleep 1; done) & wait", &[]).unwrap();
        let group = command.group().unwrap();
        let (stop, heard) = (command.stop_handle(), Arc::clone(&command.said));
        let waits = thread::spawn(move || command.wait(LONG));
        // It has said something: it has set its trap.
        while heard.lock().unwrap().is_empty() {
            thread::yield_now();
        }
        stop.stop(StopReason::Deadline);
        let (end, _) = waits.join().unwrap();
        assert_eq!(end.in_words(), "was ended at the deadline of the run (`--deadline`)");
        assert!(is_without_living(group));
    }

    /// Whether no process of the group goes on. What is dead and not yet waited for by its new parent still counts as there.
    fn is_without_living(group: Pid) -> bool {
        let group = group.as_raw_nonzero().to_string();
        let stats = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("stat")).ok());
        // State, parent, group: `proc_pid_stat(5)`, behind the name in brackets.
        stats.into_iter().all(|stat| {
            let behind: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
            behind.get(2) != Some(&group.as_str()) || behind[0] == "Z"
        })
    }

    #[test]
    fn a_secret_where_the_output_is_cut_is_not_kept_in_part() {
        let secret = "very-secret-0123456789";
        redact::learn(vec![secret.to_owned()]);
        for before in [MOST_KEPT - 5, MOST_KEPT + MOST_OF_A_SECRET - 5] {
            let said = [&vec![b'.'; before], secret.as_bytes()].concat();
            let kept = to_be_kept(said[..said.len().min(MOST_KEPT + MOST_OF_A_SECRET)].to_vec());
            assert!(kept.len() <= MOST_KEPT && !String::from_utf8(kept).unwrap().contains("very"));
        }
    }

    #[test]
    fn a_command_can_be_ended_from_elsewhere() {
        let command = ShellCommand::start("sleep 60", &[]).unwrap();
        command.stop_handle().stop(StopReason::Interrupt);
        assert_eq!(command.wait(LONG).0.in_words(), "was ended by an interrupt");
    }
}
