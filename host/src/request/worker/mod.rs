//! A worker: a thread with its own runtime and connections, that plays its share of the sessions of each phase.
//!
//! - [`equipment`]: what it has, and its part of a phase; [`sink`]: where its results go;
//! - [`dispatch`]: takes the sessions of its share, one after the other, each when it may start;
//! - [`prefill`]: waits until one more request may wait for its first token; [`waiting`]: until a step is due;
//! - [`player`]: plays a session, as a task of its own; [`control`]: how everything hears of the end of a phase.

mod ahead;
mod control;
mod dispatch;
mod equipment;
mod player;
mod prefill;
mod sink;
mod waiting;

use std::{
    sync::{Arc, mpsc::Receiver},
    thread::{self, JoinHandle},
};

use tokio::{runtime::Runtime, sync::mpsc};

use self::dispatch::Dispatcher;
pub(crate) use self::{
    control::Control,
    equipment::{Assignment, Equipment},
    sink::{AllStarted, Sink},
};
use super::{
    active_call::ActiveCall,
    transport::{Transport, TransportError},
    worker_statistics::WorkerStatistics,
};

/// A running worker.
#[derive(Debug)]
pub(crate) struct Worker {
    assignments: mpsc::UnboundedSender<Assignment>,
    prepared: Option<Receiver<()>>,
    active_call: Arc<ActiveCall>,
    thread: JoinHandle<()>,
}

/// Why a worker cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkerError {
    /// No thread, no runtime or no timer.
    #[error("start worker {number}")]
    Start {
        /// Number of the worker, from 0.
        number: u32,
        /// What the system says.
        source: std::io::Error,
    },
    /// The TLS set-up failed.
    #[error("prepare the connections of worker {number}")]
    Transport {
        /// Number of the worker, from 0.
        number: u32,
        /// What the TLS library says.
        source: TransportError,
    },
}

impl Worker {
    /// Starts a worker's thread. It opens so many connections ahead, and then waits for assignments.
    pub(crate) fn start<S: Sink>(
        number: u32,
        equipment: Equipment<S>,
        ahead: usize,
    ) -> Result<Self, WorkerError> {
        let failed = |source| WorkerError::Start { number, source };
        let statistics = Arc::<WorkerStatistics>::default();
        let transport = Transport::new(&equipment.target, equipment.clock, Arc::clone(&statistics))
            .map_err(|source| WorkerError::Transport { number, source })?;
        let (assignments, received) = mpsc::unbounded_channel();
        let (ready, prepared) = std::sync::mpsc::sync_channel(1);
        let equipment = Equipment { endpoint: equipment.endpoint.with_own_counter(), ..equipment };
        let active_call = equipment.endpoint.active_call();
        let sink = equipment.sink.clone();
        let dispatcher = Dispatcher::new(number, equipment, transport, statistics);
        // The runtime comes behind the thread: one that finds no thread would be dropped where that may not block.
        let (give, given) = std::sync::mpsc::sync_channel::<Runtime>(1);
        let thread = thread::Builder::new()
            .name(format!("worker {number}"))
            .spawn(move || {
                let Ok(runtime) = given.recv() else { return };
                let alarm = Alarm { number, sink };
                runtime.block_on(async {
                    dispatcher.preconnect(ahead).await;
                    // Nobody waits for it any more if the run is over.
                    let _ = ready.send(());
                    dispatcher.work(received).await;
                });
                std::mem::forget(alarm);
            })
            .map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        // It waits for it.
        let _ = give.send(runtime);
        Ok(Self { assignments, prepared: Some(prepared), active_call, thread })
    }

    /// Tells whether its calls into the plugin return.
    pub(crate) fn active_call(&self) -> &ActiveCall {
        &self.active_call
    }

    /// Tells when its connections are open, as far as they can be; once.
    pub(crate) fn readiness(&mut self) -> Option<Receiver<()>> {
        self.prepared.take()
    }

    /// Gives it its part of a phase.
    pub(crate) fn assign(&self, assignment: Assignment) {
        // A worker that is gone has panicked, and its alarm has said so.
        let _ = self.assignments.send(assignment);
    }

    /// Ends it, and waits until it has ended.
    pub(crate) fn join(self) {
        drop(self.assignments);
        // A panic was reported by the alarm.
        let _ = self.thread.join();
    }
}

/// Goes off when a worker's thread unwinds.
struct Alarm<S: Sink> {
    number: u32,
    sink: S,
}

impl<S: Sink> Drop for Alarm<S> {
    fn drop(&mut self) {
        self.sink.lost(format!("worker {} panicked", self.number));
    }
}

#[cfg(test)]
mod tests;
