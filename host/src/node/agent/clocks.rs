//! Where the clocks of the agents stand: asked before a run, and again while it lasts, since no two clocks go alike.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use super::{
    command::say,
    error::AgentError,
    messages::AgentCommand,
    offset::{ClockReading, Ping},
    subjects,
};
use crate::{
    clock::Clock,
    nats::{Bus, Outgoing},
    record::ClockShift,
};

/// Questions before a run, of which the best counts.
const FIRST: u32 = 20;

/// Questions each time while a run lasts.
const AGAIN: u32 = 5;

/// From one time to the next.
const EVERY: Duration = Duration::from_secs(10);

/// Agents that are asked at the same time, while a run lasts: one after the other, far ones would not all be asked in time.
const AT_ONCE: usize = 16;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks the agent with this id where its clock stands, before a run. Nothing if it does not answer.
pub(super) fn first_look(bus: &Bus, id: &str, clock: Clock) -> Option<ClockReading> {
    look(bus, id, clock, FIRST)
}

fn look(bus: &Bus, id: &str, clock: Clock, times: u32) -> Option<ClockReading> {
    let subject = subjects::ping(id);
    let ask = || {
        let asked = clock.now();
        let answer = bus.request(&subject, Vec::new(), TIMEOUT).ok()?;
        let answered = clock.now();
        let theirs = u64::from_le_bytes(answer.try_into().ok()?);
        Some(Ping { asked, answered, theirs })
    };
    // One that does not answer once is not asked again and again.
    let pings: Vec<Ping> = (0..times).map_while(|_| ask()).collect();
    ClockReading::best(&pings)
}

/// An agent whose clock is followed.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) id: String,
    /// Where its clock stood before the run.
    pub(super) first: ClockReading,
    /// The way to it.
    pub(super) down: Arc<Outgoing>,
}

/// What is known of one agent's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ClockFacts {
    /// What puts its instants right.
    pub(super) shift: ClockShift,
    /// The largest error that any look can have, in nanoseconds.
    pub(super) bound_ns: u64,
    /// By how much its clock went wrong at most since the run began, in nanoseconds.
    pub(super) drift_ns: u64,
    /// The error that the latest look can have, in nanoseconds.
    pub(super) latest_bound_ns: u64,
}

#[derive(Debug)]
struct Seen {
    latest: ClockReading,
    facts: ClockFacts,
}

/// Follows the clocks of all agents of a run, on a thread of its own, which ends with this value.
#[derive(Debug)]
pub(super) struct Clocks {
    seen: Arc<Vec<Mutex<Seen>>>,
    _stop: Sender<()>,
}

impl Clocks {
    /// Begins with where each stood before the run.
    pub(super) fn follow(bus: &Bus, agents: Vec<Followed>, clock: Clock) -> Result<Self, AgentError> {
        let seen: Arc<Vec<Mutex<Seen>>> =
            Arc::new(agents.iter().map(|agent| Mutex::new(Seen::first(agent.first))).collect());
        let (stop, stopped) = channel::<()>();
        let (bus, noted) = (bus.clone(), Arc::clone(&seen));
        let spawned = thread::Builder::new().name("clocks".into()).spawn(move || {
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let all: Vec<_> = agents.iter().zip(noted.iter()).collect();
                all.chunks(AT_ONCE).for_each(|some| look_again(&bus, some, clock));
            }
        });
        spawned.map_err(AgentError::Thread)?;
        Ok(Self { seen, _stop: stop })
    }

    /// What is known of the clock of this node.
    pub(super) fn of(&self, node: u32) -> ClockFacts {
        let seen = self.seen.get(node as usize);
        seen.map(|seen| seen.lock().unwrap_or_else(PoisonError::into_inner).facts.clone()).unwrap_or_default()
    }
}

/// Asks agents side by side where their clocks stand.
fn look_again(bus: &Bus, agents: &[(&Followed, &Mutex<Seen>)], clock: Clock) {
    thread::scope(|scope| {
        for &(agent, seen) in agents {
            let ask = move || {
                if let Some(reading) = look(bus, &agent.id, clock, AGAIN) {
                    agent.note(reading, &mut seen.lock().unwrap_or_else(PoisonError::into_inner));
                }
            };
            if let Err(error) = thread::Builder::new().name("clock".into()).spawn_scoped(scope, ask) {
                tracing::warn!(%error, "a clock of an agent is not looked at this time");
            }
        }
    });
}

impl Followed {
    /// Takes note of where it stands, and has the agent note it as well: a journal that nobody fetches needs it.
    fn note(&self, reading: ClockReading, seen: &mut Seen) {
        let Some(zero) = self.first.zero().filter(|_| reading.tells_more_than(&seen.latest)) else { return };
        seen.note(reading, zero);
        let ClockFacts { shift, bound_ns, drift_ns, .. } = seen.facts.clone();
        if let Err(error) = say(&self.down, &AgentCommand::Clock { shift, bound_ns, drift_ns }) {
            tracing::warn!(%error, "an agent does not hear where its clock stands");
        }
    }
}

impl Seen {
    fn first(reading: ClockReading) -> Self {
        let facts = ClockFacts {
            shift: ClockShift(vec![(reading.at, 0)]),
            bound_ns: reading.bound,
            drift_ns: 0,
            latest_bound_ns: reading.bound,
        };
        Self { latest: reading, facts }
    }

    fn note(&mut self, reading: ClockReading, zero: u64) {
        let correction = reading.correction(zero);
        self.facts.shift.0.push((reading.at, correction));
        self.facts.bound_ns = self.facts.bound_ns.max(reading.bound);
        self.facts.drift_ns = self.facts.drift_ns.max(correction.unsigned_abs());
        self.facts.latest_bound_ns = reading.bound;
        self.latest = reading;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_drifts_is_put_right_and_the_drift_is_known() {
        let mut seen = Seen::first(ClockReading { at: 1_000, theirs: 5_001_000, bound: 10 });
        seen.note(ClockReading { at: 10_000_001_000, theirs: 10_005_051_000, bound: 40 }, 5_000_000);
        assert_eq!(seen.facts.shift, ClockShift(vec![(1_000, 0), (10_000_001_000, -50_000)]));
        assert_eq!((seen.facts.bound_ns, seen.facts.drift_ns, seen.facts.latest_bound_ns), (40, 50_000, 40));
    }
}
