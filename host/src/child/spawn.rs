//! Starting a child, and finding the parent from within one.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    path::PathBuf,
    process::{Command, Stdio},
};

use super::Death;

/// Variables that hold secrets: what a child needs of them travels in frames.
const SECRETS: [&str; 1] = ["PRONY_API_KEY"];

/// A running child. It does not outlive this value.
#[derive(Debug)]
pub(crate) struct Child {
    process: std::process::Child,
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
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(this_program()?);
        command.arg0("prony").args(words).process_group(0);
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(io::stderr());
        for name in SECRETS {
            command.env_remove(name);
        }
        Ok((Self { process: command.spawn()? }, ours))
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The system has lost track of it.
    pub(crate) fn wait(&mut self) -> io::Result<Death> {
        self.process.wait().map(Death::from)
    }

    /// Whether it has ended. It still has to be waited for.
    pub(crate) fn has_ended(&self) -> bool {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        id.is_some_and(|id| !matches!(waitid(WaitId::Pid(id), options), Ok(None)))
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        // Nobody is left who wants to know how.
        let _ = self.process.wait();
    }
}

/// The file that runs, even if another one has taken its name since.
fn this_program() -> io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { Ok(running) } else { std::env::current_exe() }
}

/// In a child: the socket to its parent. Standard input is empty from then on, so that a library which reads it does
/// not read our frames.
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
    Ok(socket)
}
