//! The longest time in which nothing goes on in a closed loop: what sessions wait for then comes earlier.
//!
//! Sessions wait on a line of time of their own. It runs as the run's clock does, and jumps ahead when no request has been in
//! flight for the longest time that is allowed and something is waited for: to the instant of the next request. All other
//! instants that are waited for come earlier by the same time, so that they stay as far apart as they were.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::pacer::alarm;
use crate::clock::{Clock, RunNs};

/// The line is looked at no more often than the runtime's timer can tell instants apart.
const FINEST_NS: RunNs = 1_000_000;

/// The line of time of a phase, which all of its workers share.
#[derive(Clone, Debug)]
pub(crate) struct IdleCap(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    line: Mutex<Line>,
    /// Tells those who wait that the line has jumped.
    jumps: watch::Sender<()>,
}

/// Where the line stands, and who waits on it.
#[derive(Debug)]
struct Line {
    /// The longest time in which nothing goes on.
    most_ns: RunNs,
    /// Requests that are due and not over.
    busy: u64,
    /// When the latest of them was over.
    idle_since_ns: RunNs,
    /// Instants of the line that are waited for, and by how many.
    waited_for: BTreeMap<RunNs, u64>,
    /// How far it is ahead of the run's clock.
    ahead_ns: RunNs,
}

/// What came of a look at the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Jumped,
    /// It cannot jump before this instant of the run.
    AgainAt(RunNs),
}

/// A request that is due and not over.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Shared>);

/// An instant of the line that is waited for.
struct WaitedFor<'a> {
    shared: &'a Shared,
    at_ns: RunNs,
}

impl IdleCap {
    /// That of a phase which begins at this instant. Nothing goes on in it for so long at most.
    pub(crate) fn new(clock: Clock, start_ns: RunNs, most_ns: RunNs) -> Self {
        let line =
            Line { most_ns, busy: 0, idle_since_ns: start_ns, waited_for: BTreeMap::new(), ahead_ns: 0 };
        Self(Arc::new(Shared { clock, line: Mutex::new(line), jumps: watch::Sender::new(()) }))
    }

    /// How far the line is ahead of the run's clock now.
    pub(crate) fn ahead_ns(&self) -> RunNs {
        self.0.line().ahead_ns
    }

    /// A request is due, until this is dropped.
    pub(crate) fn busy(&self) -> Busy {
        self.0.line().busy += 1;
        Busy(Arc::clone(&self.0))
    }

    /// Waits until so long before an instant of the line. Gives that instant on the run's clock, as it stands then.
    pub(crate) async fn wait(&self, at_ns: RunNs, lead_ns: RunNs) -> RunNs {
        let shared = &*self.0;
        let _waited_for = WaitedFor::on(shared, at_ns);
        let mut jumps = shared.jumps.subscribe();
        loop {
            let due_ns = at_ns.saturating_sub(self.ahead_ns());
            let wake_ns = due_ns.saturating_sub(lead_ns);
            if wake_ns <= shared.clock.now() {
                return due_ns;
            }
            tokio::select! {
                () = alarm(shared.clock, wake_ns) => {}
                _ = jumps.changed() => {}
            }
        }
    }

    /// Makes the line jump whenever nothing has gone on for too long. Never ends: it is dropped with the phase.
    pub(crate) async fn watch(self) {
        loop {
            let now = self.0.clock.now();
            let look = self.0.line().look(now);
            match look {
                Look::Jumped => {
                    self.0.jumps.send_replace(());
                }
                Look::AgainAt(at_ns) => {
                    alarm(self.0.clock, at_ns.max(now.saturating_add(FINEST_NS))).await;
                }
            }
        }
    }
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Jumps, if nothing has gone on for too long and something is waited for.
    fn look(&mut self, now: RunNs) -> Look {
        let again = Look::AgainAt(now.saturating_add(self.most_ns));
        if self.busy > 0 {
            return again;
        }
        let over_ns = self.idle_since_ns.saturating_add(self.most_ns);
        if now < over_ns {
            return Look::AgainAt(over_ns);
        }
        let here_ns = now.saturating_add(self.ahead_ns);
        match self.waited_for.first_key_value() {
            Some((next_ns, _)) if *next_ns > here_ns => {
                self.ahead_ns += next_ns - here_ns;
                // The request that waits for it has not woken up yet, and must not be passed by the next jump.
                self.idle_since_ns = now;
                Look::Jumped
            }
            _ => again,
        }
    }

    fn wait(&mut self, at_ns: RunNs) {
        *self.waited_for.entry(at_ns).or_default() += 1;
    }

    fn waited(&mut self, at_ns: RunNs) {
        if let Some(number) = self.waited_for.get_mut(&at_ns) {
            *number -= 1;
            if *number == 0 {
                self.waited_for.remove(&at_ns);
            }
        }
    }

    fn over(&mut self, now: RunNs) {
        self.busy = self.busy.saturating_sub(1);
        if self.busy == 0 {
            self.idle_since_ns = now;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let now = self.0.clock.now();
        self.0.line().over(now);
    }
}

impl<'a> WaitedFor<'a> {
    fn on(shared: &'a Shared, at_ns: RunNs) -> Self {
        shared.line().wait(at_ns);
        Self { shared, at_ns }
    }
}

impl Drop for WaitedFor<'_> {
    fn drop(&mut self) {
        self.shared.line().waited(self.at_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing goes on for 10 at most, and nothing has gone on since 100.
    fn line(waited_for: &[RunNs]) -> Line {
        let mut line =
            Line { most_ns: 10, busy: 0, idle_since_ns: 100, waited_for: BTreeMap::new(), ahead_ns: 0 };
        for at_ns in waited_for {
            line.wait(*at_ns);
        }
        line
    }

    #[test]
    fn the_line_jumps_to_the_next_request_when_nothing_has_gone_on_for_too_long() {
        let mut line = line(&[500, 300, 300]);
        assert_eq!(line.look(104), Look::AgainAt(110));
        assert_eq!(line.look(110), Look::Jumped);
        // What was due at 300 is due now, and what was due at 500 is 200 later.
        assert_eq!(line.ahead_ns, 190);
        assert_eq!(line.look(110), Look::AgainAt(120));
    }

    #[test]
    fn it_does_not_jump_while_a_request_is_in_flight() {
        let mut line = line(&[300]);
        line.busy = 1;
        assert_eq!(line.look(150), Look::AgainAt(160));
        line.over(155);
        assert_eq!(line.look(160), Look::AgainAt(165));
        assert_eq!(line.look(165), Look::Jumped);
        assert_eq!(line.ahead_ns, 135);
    }

    #[test]
    fn it_does_not_jump_for_nobody_nor_past_what_is_due() {
        assert_eq!(line(&[]).look(400), Look::AgainAt(410));
        assert_eq!(line(&[300, 900]).look(400), Look::AgainAt(410));
        let mut left = line(&[300, 300, 900]);
        left.waited(300);
        assert_eq!(left.waited_for.len(), 2);
        left.waited(300);
        assert_eq!(left.look(400), Look::Jumped);
        assert_eq!(left.ahead_ns, 500);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_woken_when_the_line_jumps() {
        const SECOND: RunNs = 1_000_000_000;
        let clock = Clock::start();
        let idle = IdleCap::new(clock, 0, 2 * SECOND);
        let watch = tokio::spawn(idle.clone().watch());
        let busy = idle.busy();
        let waits = async {
            let first = idle.wait(100 * SECOND, 0).await;
            (first, idle.wait(101 * SECOND, 0).await)
        };
        let goes_on = async {
            alarm(clock, SECOND).await;
            drop(busy);
        };
        let ((first, second), ()) = tokio::join!(waits, goes_on);
        watch.abort();
        // The request that went on for 1 s was followed by 2 s of nothing; a second later is before the next jump.
        assert!(first / 100_000_000 == 30, "{first}");
        assert!(second / 100_000_000 == 40, "{second}");
    }
}
