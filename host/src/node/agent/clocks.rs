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
    error::AgentError,
    offset::{Ping, Standing},
    subjects,
};
use crate::{clock::Clock, nats::Bus, record::ClockShift};

/// Questions before a run, of which the best counts.
const FIRST: u32 = 20;

/// Questions each time while a run lasts.
const AGAIN: u32 = 5;

/// From one time to the next.
const EVERY: Duration = Duration::from_secs(10);

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks the agent with this id where its clock stands, before a run. Nothing if it does not answer.
pub(super) fn first_look(bus: &Bus, id: &str, clock: Clock) -> Option<Standing> {
    look(bus, id, clock, FIRST)
}

fn look(bus: &Bus, id: &str, clock: Clock, times: u32) -> Option<Standing> {
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
    Standing::best(&pings)
}

/// What is known of one agent's clock.
#[derive(Debug)]
struct Followed {
    id: String,
    /// What it said when the run's clock stood at zero.
    zero: u64,
    seen: Mutex<Seen>,
}

#[derive(Clone, Debug)]
struct Seen {
    shift: ClockShift,
    /// The largest error of any look.
    bound_ns: u64,
}

/// Follows the clocks of all agents of a run, on a thread of its own, which ends with this value.
#[derive(Debug)]
pub(super) struct Clocks {
    agents: Arc<Vec<Followed>>,
    _stop: Sender<()>,
}

impl Clocks {
    /// Begins with where each stood before the run.
    pub(super) fn follow(
        bus: &Bus,
        first: Vec<(String, Standing)>,
        clock: Clock,
    ) -> Result<Self, AgentError> {
        let followed = first.into_iter().map(|(id, standing)| {
            let shift = ClockShift(vec![(standing.at, 0)]);
            Followed { id, zero: standing.zero(), seen: Mutex::new(Seen { shift, bound_ns: standing.bound }) }
        });
        let agents = Arc::new(followed.collect::<Vec<_>>());
        let (stop, stopped) = channel::<()>();
        let (bus, asked) = (bus.clone(), Arc::clone(&agents));
        let spawned = thread::Builder::new().name("clocks".into()).spawn(move || {
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                for agent in asked.iter() {
                    agent.look_again(&bus, clock);
                }
            }
        });
        spawned.map_err(AgentError::Thread)?;
        Ok(Self { agents, _stop: stop })
    }

    /// How instants of this node are placed on the run's clock, and how wrong that can be, in nanoseconds.
    pub(super) fn of(&self, node: u32) -> (ClockShift, u64) {
        let seen = self.agents.get(node as usize).map(|agent| {
            let seen = agent.seen.lock().unwrap_or_else(PoisonError::into_inner);
            (seen.shift.clone(), seen.bound_ns)
        });
        seen.unwrap_or_default()
    }
}

impl Followed {
    fn look_again(&self, bus: &Bus, clock: Clock) {
        let Some(standing) = look(bus, &self.id, clock, AGAIN) else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.shift.0.push((standing.at, standing.correction(self.zero)));
        seen.bound_ns = seen.bound_ns.max(standing.bound);
    }
}
