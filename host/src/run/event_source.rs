//! What the conductor hears: signals of the system, of other threads, and of time.

use std::{io, sync::mpsc::sync_channel, thread, time::Duration};

use tokio::{
    sync::{mpsc::UnboundedReceiver, oneshot},
    time::{Interval, MissedTickBehavior, interval},
};

use super::{
    channels::Signal,
    ending::Ending,
    interrupts::{Interrupt, Interrupts},
};
use crate::{
    clock::{Clock, RunNs},
    node::watchdog::LOOK_EVERY,
    schedule::pacer::Pacer,
};

/// What can wake the conductor.
#[derive(Debug)]
pub(super) struct EventSource {
    clock: Clock,
    pacer: Pacer,
    interrupts: Interrupts,
    /// The latest interrupt.
    interrupted_by: Option<Interrupt>,
    tick: Interval,
    signals: UnboundedReceiver<Signal>,
}

/// What has been heard.
#[derive(Debug)]
pub(super) enum Wakeup {
    /// A signal asks the run to end.
    Interrupt(Interrupt),
    /// The instant that was asked for has come.
    Timer,
    /// It is time to look around, at services and workers, and to redraw the progress line.
    Tick,
    /// Another thread has something to say.
    Signal(Signal),
}

impl EventSource {
    /// From here on an interrupt is something that is heard, and no longer the end of the process.
    pub(super) fn new(clock: Clock, signals: UnboundedReceiver<Signal>) -> io::Result<Self> {
        let mut tick = interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Ok(Self {
            clock,
            pacer: Pacer::new(clock),
            interrupts: Interrupts::new()?,
            interrupted_by: None,
            tick,
            signals,
        })
    }

    /// The run's clock.
    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    /// Waits for the next thing. `timer` is an instant to be woken at.
    pub(super) async fn next(&mut self, timer: Option<RunNs>) -> Wakeup {
        let timer = async {
            match timer {
                Some(at) => self.pacer.wait_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            interrupt = self.interrupts.next() => Wakeup::Interrupt(interrupt),
            Some(signal) = self.signals.recv() => Wakeup::Signal(signal),
            () = timer => Wakeup::Timer,
            _ = self.tick.tick() => Wakeup::Tick,
        }
    }

    /// Does something that blocks, on a thread of its own. `None` when the user does not want to wait for it; it goes on
    /// until the process ends.
    pub(super) async fn unless_interrupted<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let result = in_background(work);
        tokio::select! {
            biased;
            result = result => result.ok(),
            interrupt = self.interrupts.next() => {
                self.interrupted_by = Some(interrupt);
                None
            }
        }
    }

    /// Does something on a thread of its own that must be done. An interrupt is heard, and the work has so long to end all
    /// the same; `None` when it does not.
    pub(super) async fn despite_interrupts<T: Send + 'static>(
        &mut self,
        timeout: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let mut result = in_background(work);
        tokio::select! {
            biased;
            result = &mut result => return result.ok(),
            interrupt = self.interrupts.next() => self.interrupted_by = Some(interrupt),
        }
        tokio::time::timeout(timeout, result).await.ok()?.ok()
    }

    /// Does something on a thread of its own, and waits until it is over. Each interrupt is answered with `stop`.
    pub(super) async fn until_over<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
        mut stop: impl FnMut(),
    ) -> Option<T> {
        let mut result = in_background(work);
        loop {
            tokio::select! {
                biased;
                result = &mut result => return result.ok(),
                interrupt = self.interrupts.next() => {
                    self.interrupted_by = Some(interrupt);
                    stop();
                }
            }
        }
    }

    /// The end of a run whose work was not waited for: see [`EventSource::unless_interrupted`].
    pub(super) fn ending(&self) -> Ending {
        self.interrupted().unwrap_or(Ending::Interrupted(Interrupt::Interrupted))
    }

    /// The same, if there is any such work.
    pub(super) fn interrupted(&self) -> Option<Ending> {
        self.interrupted_by.map(Ending::Interrupted)
    }
}

/// Does something on a thread of its own; here and now when there is none left.
pub(super) fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> oneshot::Receiver<T> {
    in_background_on(|body| thread::Builder::new().name("background".into()).spawn(body).map(drop), work)
}

/// What a thread does.
type Job = Box<dyn FnOnce() + Send>;

/// The same with a way to start threads.
fn in_background_on<T: Send + 'static>(
    start: impl FnOnce(Job) -> io::Result<()>,
    work: impl FnOnce() -> T + Send + 'static,
) -> oneshot::Receiver<T> {
    let (done, result) = oneshot::channel();
    let job: Job = Box::new(move || drop(done.send(work())));
    // What is given to a thread that does not start is lost: it gets its job when it is there.
    let (hand_over, handed_over) = sync_channel(1);
    let job = match start(Box::new(move || handed_over.recv().into_iter().for_each(|job: Job| job()))) {
        Ok(()) => hand_over.send(job).err().map(|unsent| unsent.0),
        Err(error) => {
            tracing::warn!(%error, "there is no thread left: an interrupt is not noticed for a while");
            Some(job)
        }
    };
    if let Some(job) = job {
        job();
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_where_no_thread_is_left() {
        let mut result = in_background_on(|_| Err(io::Error::other("no thread")), || 7);
        assert_eq!(result.try_recv(), Ok(7));
        assert_eq!(in_background(|| 8).blocking_recv(), Ok(8));
    }
}
