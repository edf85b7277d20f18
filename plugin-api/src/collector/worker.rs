//! A service's own thread: [`Worker`].

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{ErrorKind, PluginError, Result};

/// A thread that obeys commands. It is told to end by one of them, and by nobody being left to send any.
#[derive(Debug)]
pub struct Worker<C> {
    name: &'static str,
    commands: Sender<C>,
    /// Never carries a message: it is closed when the thread ends.
    ended: Receiver<()>,
    handle: JoinHandle<()>,
}

/// Whether a thread ended as soon as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is gone.
    InTime,
    /// It was left behind.
    Late,
}

impl<C: Send + 'static> Worker<C> {
    /// Starts a thread with this name, whose work is done when `work` returns.
    ///
    /// # Errors
    /// `io`, when the system has no thread left.
    pub fn start(name: &'static str, work: impl FnOnce(&Receiver<C>) + Send + 'static) -> Result<Self> {
        let (commands, received) = mpsc::channel();
        let (alive, ended) = mpsc::channel();
        let handle = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let _closed_at_the_end: Sender<()> = alive;
                work(&received);
            })
            .map_err(|error| PluginError::io(format!("start the thread of {name}: {error}")))?;
        Ok(Self { name, commands, ended, handle })
    }

    /// Sends a command. A thread that has ended before hears none; [`Worker::end`] finds out why.
    pub fn tell(&self, command: C) {
        let _ = self.commands.send(command);
    }

    /// Waits so long for the thread's end.
    ///
    /// # Errors
    /// `panic`, when it panicked.
    pub fn end(self, timeout: Duration) -> Result<Ended> {
        if self.ended.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
            return Ok(Ended::Late);
        }
        let panicked = |_| PluginError::new(ErrorKind::PANIC, format!("{}: the thread panicked", self.name));
        self.handle.join().map(|()| Ended::InTime).map_err(panicked)
    }
}
