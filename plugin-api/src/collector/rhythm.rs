//! When to work while a phase runs: [`Rhythm`].

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

/// Ticks at equal distances, or rest. Instants are nanoseconds of [`HostHandle::now_ns`](crate::HostHandle::now_ns).
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    interval_ns: u64,
    next_ns: Option<u64>,
}

impl Rhythm {
    /// At rest; ticks will be so far apart.
    pub fn every(interval_ns: u64) -> Self {
        Self { interval_ns: interval_ns.max(1), next_ns: None }
    }

    /// The next tick is one interval from now.
    pub fn begin(&mut self, now_ns: u64) {
        self.next_ns = Some(now_ns.saturating_add(self.interval_ns));
    }

    /// There are no more ticks.
    pub fn rest(&mut self) {
        self.next_ns = None;
    }

    /// The work of a tick is done: the next one is the first of the rhythm that is still to come. Those that were missed by slow
    /// work are not made up for.
    pub fn ticked(&mut self, now_ns: u64) {
        self.next_ns = self.next_ns.map(|tick| {
            let missed = now_ns.saturating_sub(tick) / self.interval_ns;
            tick.saturating_add((missed + 1).saturating_mul(self.interval_ns))
        });
    }

    /// Waits for a command.
    ///
    /// # Errors
    /// `Timeout` when a tick has come, `Disconnected` when nobody is left to send one.
    pub fn wait<C>(&self, commands: &Receiver<C>, now_ns: u64) -> Result<C, RecvTimeoutError> {
        match self.next_ns {
            None => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(tick) => commands.recv_timeout(Duration::from_nanos(tick.saturating_sub(now_ns))),
        }
    }
}
