//! Starting a child, and finding the parent from within one.

use std::{
    io::{self, PipeWriter},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{fs::MetadataExt, net::UnixStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::process::{Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, setrlimit};

use super::{Death, SharedCount, printed::Printed};

/// Variables that hold secrets, an address that may have a login among them: what a child needs of them travels in frames.
const SECRETS: [&str; 3] = ["PRONY_API_KEY", "PRONY_NATS_TOKEN", "PRONY_NATS"];

/// Where the system looks for the libraries that a plugin needs.
const LIBRARY_FOLDERS: &str = "LD_LIBRARY_PATH";

/// What the system reads in a program of which nobody says that it reads variables: where libraries are, which of them come first,
/// what the runtimes of sanitizers shall do, and whether a panic has a backtrace.
const NEEDED: [&str; 9] = [
    LIBRARY_FOLDERS,
    "LD_PRELOAD",
    "ASAN_OPTIONS",
    "HWASAN_OPTIONS",
    "LSAN_OPTIONS",
    "MSAN_OPTIONS",
    "TSAN_OPTIONS",
    "UBSAN_OPTIONS",
    "RUST_BACKTRACE",
];

/// What a child sees of our environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variables {
    /// All of it but those that hold secrets.
    Ours,
    /// Nothing but what the system itself reads, of which a person may have set something.
    Needed,
    /// Nothing but where libraries are.
    None,
}

impl Variables {
    /// The only ones that it sees, if it does not see nearly all.
    fn only(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Ours => None,
            Self::Needed => Some(&NEEDED),
            Self::None => Some(&[LIBRARY_FOLDERS]),
        }
    }
}

/// A running child. It does not outlive this value.
#[derive(Debug)]
pub(crate) struct Child {
    process: std::process::Child,
    kill_handle: KillHandle,
    /// What it prints, where that is passed on, until it is over.
    printed: Option<Printed>,
}

/// Ends a child that another thread waits for.
#[derive(Clone, Debug)]
pub(crate) struct KillHandle {
    group: Option<Pid>,
    /// The child has been waited for: its number may be another process's by now.
    is_over: Arc<Mutex<bool>>,
}

impl KillHandle {
    /// Waits for the child's end, which another thread still has to take note of.
    pub(crate) fn await_end(&self) {
        if let Some(child) = self.group {
            // One that is not known any more has ended, too.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            let _ = rustix::io::retry_on_intr(|| rustix::process::waitid(WaitId::Pid(child), options));
        }
    }

    /// Ends the child at once, with whatever it has started.
    pub(crate) fn kill(&self) {
        let is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(child) = self.group.filter(|_| !*is_over) else { return };
        // Only a child that nobody has waited for yet is known; no other process has its number then.
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        if rustix::process::waitid(WaitId::Pid(child), look).is_ok() {
            // It may have ended by itself.
            let _ = rustix::process::kill_process_group(child, Signal::KILL);
        }
    }
}

impl Child {
    /// Starts this program with other words. Returns the child and our end of the socket between us.
    ///
    /// It has a process group of its own: an interrupt at the terminal is ours to handle. What it prints goes where our
    /// errors go.
    ///
    /// # Errors
    /// There is no process, no memory or no descriptor left.
    pub(crate) fn spawn(words: &[&str]) -> io::Result<(Self, UnixStream)> {
        Self::spawn_seeing(Variables::Ours, words)
    }

    /// The same with these variables of our environment.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn spawn_seeing(variables: Variables, words: &[&str]) -> io::Result<(Self, UnixStream)> {
        Self::spawn_with_output(words, io::stderr().into(), None, variables)
    }

    /// The same without the variables of our environment: what a library in it does depends on no settings of the user's, and what it
    /// writes can hold none of them.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn spawn_without_variables(words: &[&str]) -> io::Result<(Self, UnixStream)> {
        Self::spawn_seeing(Variables::None, words)
    }

    /// The same with a count, which it takes with [`parent_and_count`]. What it prints is passed on line by line: it may be there
    /// while a drawing fills the terminal.
    ///
    /// # Errors
    /// As above, or there is no thread left.
    pub(crate) fn spawn_with_count(words: &[&str], count: &SharedCount) -> io::Result<(Self, UnixStream)> {
        let (reading, writing) = io::pipe()?;
        let (mut child, socket) =
            Self::spawn_with_output(words, count.as_stdout()?, Some(writing), Variables::Ours)?;
        child.printed = Some(Printed::pass_on(reading)?);
        Ok((child, socket))
    }

    fn spawn_with_output(
        words: &[&str],
        output: Stdio,
        errors: Option<PipeWriter>,
        variables: Variables,
    ) -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(this_program()?);
        command.arg0("prony").args(words).process_group(0);
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(output);
        if let Some(errors) = errors {
            command.stderr(errors);
        }
        match variables.only() {
            None => {
                for name in SECRETS {
                    command.env_remove(name);
                }
            }
            Some(names) => {
                let values = names.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
                command.env_clear().envs(values);
            }
        }
        let process = command.spawn()?;
        let group = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
        let kill_handle = KillHandle { group, is_over: Arc::default() };
        Ok((Self { process, kill_handle, printed: None }, ours))
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What ends it while a thread waits for it.
    pub(crate) fn kill_handle(&self) -> KillHandle {
        self.kill_handle.clone()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The system has lost track of it.
    fn wait(&mut self) -> io::Result<Death> {
        if let Some(child) = self.kill_handle.group {
            // Its number stays taken until the kill_handle knows.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            rustix::io::retry_on_intr(|| rustix::process::waitid(WaitId::Pid(child), options))?;
        }
        let mut is_over = self.kill_handle.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        *is_over = true;
        let death = self.process.wait().map(Death::from);
        drop(is_over);
        self.printed.take().iter().for_each(Printed::wait);
        death
    }

    /// Ends it if it is still there, and says how it ended. The end of one that is on its way out stays what it was.
    ///
    /// # Errors
    /// The system has lost track of it.
    pub(crate) fn end(&mut self) -> io::Result<Death> {
        self.kill_handle.kill();
        self.wait()
    }

    /// Whether it has ended. It still has to be waited for.
    pub(crate) fn has_ended(&self) -> bool {
        self.kill_handle.group.is_some_and(has_ended)
    }

    /// Ends it at once, with whatever it has started.
    pub(crate) fn kill(&self) {
        self.kill_handle.kill();
    }
}

/// Whether this child of ours has ended, and nobody has waited for it yet or it is known no more.
fn has_ended(child: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(rustix::process::waitid(WaitId::Pid(child), look), Ok(None))
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill_handle.kill();
        // Nobody is left who wants to know how. One that was waited for is not waited for again.
        let _ = self.process.wait();
        self.printed.take().iter().for_each(Printed::wait);
    }
}

/// The folders in which the system looks for the libraries that a plugin needs, as the environment of this process names them. One
/// that depends on the working folder is left out.
pub(crate) fn library_folders() -> Vec<PathBuf> {
    let folders = std::env::var_os(LIBRARY_FOLDERS).unwrap_or_default();
    std::env::split_paths(&folders).filter(|folder| folder.is_absolute()).collect()
}

/// In a child whose parent is gone: ends this process, with whatever it has started, even while its other threads hang.
pub(crate) fn perish() {
    let own = rustix::process::getpid();
    // A process that shares the group of others must not take them along.
    let _ = if rustix::process::getpgrp() == own {
        rustix::process::kill_process_group(own, Signal::KILL)
    } else {
        rustix::process::kill_process(own, Signal::KILL)
    };
}

/// The file that runs: by its own name, which lists of processes show, unless another file has taken that name since.
fn this_program() -> io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    let named = std::env::current_exe();
    let file = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
    match (&named, file(&running)) {
        (Ok(path), this) if this.is_none() || file(path) == this => named,
        _ => Ok(running),
    }
}

/// In a child: the socket to its parent. Standard input is empty from then on, so that a library which reads it does
/// not read our frames. What may crash here leaves no core file behind: there would be one for every run.
///
/// # Errors
/// Standard input is not a socket: this process is nobody's child.
pub(crate) fn parent() -> io::Result<UnixStream> {
    let input = io::stdin();
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(input.as_fd())?.st_mode);
    if kind != rustix::fs::FileType::Socket {
        return Err(io::Error::new(io::ErrorKind::NotConnected, "standard input is not a socket"));
    }
    let socket = UnixStream::from(input.as_fd().try_clone_to_owned()?);
    let nothing = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(nothing)?;
    // Where the system does not let us, crashes leave what they leave.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    Ok(socket)
}

/// In a child: the socket to its parent, and the count that the parent started it with.
///
/// # Errors
/// Standard input is not a socket, or standard output is not a count: this process is nobody's child.
pub(crate) fn parent_and_count() -> io::Result<(UnixStream, SharedCount)> {
    let parent = parent()?;
    Ok((parent, SharedCount::from_stdout()?))
}
