//! The sender's side of the delivery: when a batch goes, and when it goes again.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_nats::Client;
use tokio::{sync::Notify, time::timeout};
use uuid::Uuid;

use super::{
    outbox::{Outbox, Ready},
    wire,
};
use crate::{
    clock::{Clock, RunNs},
    nats::{
        bus::{Bus, Task, ask, connected},
        error::{BusError, MOST_BYTES},
    },
};

/// How an attempt to deliver is made. After one that failed, the next one comes later, waits longer and sends less, so that a
/// receiver that is away for long costs the network nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Attempt {
    /// How long the acknowledgement is waited for.
    timeout: Duration,
    /// Time between the start of this attempt and the next one, if this one fails.
    rest: Duration,
    /// Bytes of a batch.
    most: usize,
}

impl Attempt {
    const FIRST: Self =
        Self { timeout: Duration::from_secs(2), rest: Duration::from_millis(200), most: MOST_BYTES };

    /// The longest waits, and the size of a batch that only asks whether somebody is there.
    const LAST: Self =
        Self { timeout: Duration::from_secs(8), rest: Duration::from_secs(2), most: 16 * 1024 };

    /// The next one, after this one has failed.
    fn next(self) -> Self {
        Self {
            timeout: (2 * self.timeout).min(Self::LAST.timeout),
            rest: (2 * self.rest).min(Self::LAST.rest),
            most: Self::LAST.most,
        }
    }
}

/// Reliable, ordered delivery of messages to one subject, whose receiver uses [`receive`](super::receive). It holds the
/// connection open. Dropped, it sends nothing more: see [`settle`](Self::settle).
#[derive(Debug)]
pub(crate) struct Outgoing {
    shared: Arc<Shared>,
    _task: Task,
    _bus: Bus,
}

impl Outgoing {
    /// Starts to deliver to `subject`. Messages that are left within `pace` of each other go together.
    pub(crate) fn start(bus: &Bus, subject: String, pace: Duration) -> Self {
        let outbox = Outbox::of(Uuid::new_v4().as_u128());
        let shared = Arc::new(Shared {
            state: Mutex::new(State { outbox, is_urgent: false, waits_since: 0 }),
            clock: Clock::start(),
            news: Notify::new(),
            urgent: Notify::new(),
            settled: Condvar::new(),
        });
        let task = bus.start(deliver(bus.client(), subject, Arc::clone(&shared), pace));
        Self { shared, _task: task, _bus: bus.clone() }
    }

    /// Leaves a message, which goes within the pace. Never waits.
    ///
    /// # Errors
    /// It is longer than any message may be.
    pub(crate) fn send(&self, message: Vec<u8>) -> Result<(), BusError> {
        self.shared.leave(message, false)
    }

    /// Leaves a message that goes at once, with what waits before it. Never waits.
    ///
    /// # Errors
    /// It is longer than any message may be.
    pub(crate) fn send_now(&self, message: Vec<u8>) -> Result<(), BusError> {
        self.shared.leave(message, true)
    }

    /// How many messages the receiver has not acknowledged.
    #[cfg(test)]
    pub(crate) fn unacknowledged(&self) -> u64 {
        u64::try_from(self.shared.state().outbox.len()).unwrap_or(u64::MAX)
    }

    /// How long the receiver has acknowledged nothing although something waits. Zero while nothing waits: then nobody is asked
    /// for anything.
    pub(crate) fn silent_for(&self) -> Duration {
        let state = self.shared.state();
        match state.outbox.len() {
            0 => Duration::ZERO,
            _ => Duration::from_nanos(self.shared.clock.now().saturating_sub(state.waits_since)),
        }
    }

    /// Sends at once what waits, and waits until all of it is acknowledged. Says whether it is.
    pub(crate) fn settle(&self, within: Duration) -> bool {
        self.shared.hurry();
        let is_waiting = |state: &mut State| state.outbox.len() > 0;
        let settled = self.shared.settled.wait_timeout_while(self.shared.state(), within, is_waiting);
        !settled.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

/// What senders and the task share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    clock: Clock,
    /// Something was left.
    news: Notify,
    /// Something was left that must not wait.
    urgent: Notify,
    /// Nothing waits any more.
    settled: Condvar,
}

#[derive(Debug)]
struct State {
    outbox: Outbox,
    is_urgent: bool,
    /// When something was acknowledged, or left with nothing before it, whichever was later.
    waits_since: RunNs,
}

/// When the next batch goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// There is none.
    Never,
    /// At the next beat.
    AtPace,
    Now,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, message: Vec<u8>, is_urgent: bool) -> Result<(), BusError> {
        let mut state = self.state();
        let is_first = state.outbox.len() == 0;
        state.outbox.leave(message)?;
        if is_first {
            state.waits_since = self.clock.now();
        }
        state.is_urgent |= is_urgent;
        drop(state);
        self.news.notify_one();
        if is_urgent {
            self.urgent.notify_one();
        }
        Ok(())
    }

    /// What waits goes at once.
    fn hurry(&self) {
        self.state().is_urgent = true;
        self.urgent.notify_one();
    }

    fn due(&self) -> Due {
        let state = self.state();
        match state.outbox.len() {
            0 => Due::Never,
            _ if state.is_urgent => Due::Now,
            _ => Due::AtPace,
        }
    }

    async fn until_due(&self, pace: Duration) {
        loop {
            match self.due() {
                Due::Never => self.news.notified().await,
                Due::AtPace => {
                    // Whether it was the pace or somebody in a hurry: it goes.
                    let _ = timeout(pace, self.urgent.notified()).await;
                    return;
                }
                Due::Now => return,
            }
        }
    }

    /// The next batch. What does not fit into it goes right behind it.
    fn batch(&self, most: usize) -> Option<Vec<u8>> {
        let mut state = self.state();
        let Ready { bytes, is_partial } = state.outbox.batch(most)?;
        state.is_urgent = is_partial;
        Some(bytes)
    }

    /// Reads an acknowledgement. Says whether it acknowledged anything.
    fn acknowledge(&self, answer: &[u8]) -> bool {
        let mut state = self.state();
        let is_new = wire::acknowledged(answer).is_some_and(|next| state.outbox.acknowledge(next));
        if is_new {
            state.waits_since = self.clock.now();
        }
        if state.outbox.len() == 0 {
            self.settled.notify_all();
        }
        is_new
    }
}

/// Delivers until it is dropped, one batch at a time.
async fn deliver(client: Client, subject: String, shared: Arc<Shared>, pace: Duration) {
    let mut attempt = Attempt::FIRST;
    loop {
        shared.until_due(pace).await;
        connected(&client).await;
        let Some(batch) = shared.batch(attempt.most) else { continue };
        let began = shared.clock.now();
        let answer = ask(&client, &subject, batch.into(), attempt.timeout).await;
        if answer.is_ok_and(|answer| shared.acknowledge(&answer)) {
            attempt = Attempt::FIRST;
            continue;
        }
        // Where nobody listens, or the receiver has forgotten what it had, that is known at once.
        let waited = Duration::from_nanos(shared.clock.now().saturating_sub(began));
        pause(attempt.rest.saturating_sub(waited)).await;
        attempt = attempt.next();
        shared.hurry();
    }
}

/// Waits, on the bus's own runtime, for nothing that has to do with a request of a run.
async fn pause(duration: Duration) {
    let _ = timeout(duration, std::future::pending::<()>()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> Shared {
        Shared {
            state: Mutex::new(State { outbox: Outbox::of(1), is_urgent: false, waits_since: 0 }),
            clock: Clock::start(),
            news: Notify::new(),
            urgent: Notify::new(),
            settled: Condvar::new(),
        }
    }

    #[test]
    fn a_message_waits_for_the_pace_unless_it_is_urgent() {
        let shared = shared();
        assert_eq!(shared.due(), Due::Never);
        shared.leave(vec![1], false).unwrap();
        assert_eq!(shared.due(), Due::AtPace);
        shared.leave(vec![2], true).unwrap();
        assert_eq!(shared.due(), Due::Now);
        assert!(shared.batch(MOST_BYTES).is_some());
        assert_eq!(shared.due(), Due::AtPace, "what is not acknowledged waits for its turn");
        assert!(shared.acknowledge(&wire::acknowledgement(2)));
        assert_eq!(shared.due(), Due::Never);
    }

    #[test]
    fn a_receiver_that_is_away_is_asked_more_and_more_rarely_and_with_less() {
        let second = Attempt::FIRST.next();
        assert_eq!((second.rest, second.most), (Duration::from_millis(400), 16 * 1024));
        let late = (0..10).fold(Attempt::FIRST, |attempt, _| attempt.next());
        assert_eq!(late, Attempt::LAST);
        assert_eq!(late.next(), Attempt::LAST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hurry_ends_the_wait_for_the_pace() {
        let shared = shared();
        shared.leave(vec![1], false).unwrap();
        let waits = async || {
            let before = shared.clock.now();
            shared.until_due(Duration::from_secs(9)).await;
            // Timers of the runtime are exact to a millisecond.
            (shared.clock.now() - before) / 1_000_000_000
        };
        assert_eq!(waits().await, 9);
        shared.leave(vec![2], true).unwrap();
        assert_eq!(waits().await, 0);
    }
}
