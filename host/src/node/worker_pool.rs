//! The worker pool: the workers as threads of this process, and the endpoint that they share.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc::Receiver},
};

use tokio::sync::watch;

use super::{
    endpoint::HostedEndpoint, fleet::Link, messages::PhaseStart, part::NodePart, watchdog::Watchdog,
};
use crate::{
    clock::{Clock, RunNs, as_ns},
    dataset::{Markers, Source},
    plan::{CacheBust, Load, Phase, Plan, ReplyPolicy, Users},
    record::merge::NodeJournal,
    request::worker::{Assignment, Control, Equipment, Sink, Worker, WorkerError},
    schedule::{
        budget::Budget,
        cancellation::Cancellations,
        credits::{Credits, Pool, Share},
        division::Division,
        excerpt::Excerpts,
        gate::{LendableSlots, Slots},
        idle::IdleCap,
        leased::Numbers,
        lending::Limited,
        numbers::Lease,
    },
    seed::Seed,
    session::{Filling, PhaseSessions, UnfinishedSessions},
};

/// Workers as threads of this process.
#[derive(Debug)]
pub(crate) struct WorkerPool {
    workers: Vec<Worker>,
    /// Their part of the run.
    part: NodePart,
    clock: Clock,
    watchdog: Watchdog,
    phases: Vec<Phase>,
    seed: u64,
    replies: ReplyPolicy,
    cache_bust: CacheBust,
    /// When each session of a recording starts.
    starts: Arc<[RunNs]>,
    /// What sessions say.
    source: Arc<Source>,
    /// Sessions may have several requests.
    has_dialogues: bool,
    /// How the workers of each phase hear of more that has begun.
    begun: BTreeMap<u32, BegunPhase>,
    /// What a phase that hands over leaves to the next one.
    handed_over: Option<HandedOver>,
    /// How many servers the sessions go to in turn.
    servers: usize,
    /// The sessions that a phase leaves to the next one, if it does.
    unfinished: Option<UnfinishedSessions>,
    /// Dropped after all other fields.
    hosted: HostedEndpoint,
}

/// A phase that has begun.
#[derive(Debug)]
struct BegunPhase {
    control: watch::Sender<Control>,
    pool: Arc<Pool>,
    /// Slots that other nodes may use meanwhile.
    lendable: Vec<(Limited, LendableSlots)>,
}

impl WorkerPool {
    /// Starts the workers, which have this part of the run.
    pub(super) fn start<S: Sink>(
        plan: &Plan,
        division: Division,
        equipment: &Equipment<S>,
        hosted: HostedEndpoint,
    ) -> Result<Self, WorkerError> {
        let part = NodePart { workers: plan.workers, division };
        let ahead = connections_ahead(plan, part);
        let workers =
            (0..).zip(&ahead).map(|(number, ahead)| Worker::start(number, equipment.clone(), *ahead));
        let workers = workers.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            workers,
            part,
            clock: equipment.clock,
            watchdog: Watchdog::default(),
            phases: plan.phases.clone(),
            seed: plan.random_seed,
            replies: plan.replies,
            cache_bust: plan.cache_bust,
            starts: equipment.source.starts(),
            source: Arc::clone(&equipment.source),
            has_dialogues: equipment.source.has_dialogues(),
            begun: BTreeMap::new(),
            handed_over: None,
            servers: plan.target.urls.len(),
            unfinished: None,
            hosted,
        })
    }
}

impl Link for WorkerPool {
    fn readiness(&mut self) -> Box<dyn FnOnce() + Send> {
        let workers: Vec<Receiver<()>> = self.workers.iter_mut().filter_map(Worker::readiness).collect();
        Box::new(move || {
            for worker in workers {
                // One that is gone has panicked, and its alarm has said so.
                let _ = worker.recv();
            }
        })
    }

    fn active_workers(&self, phase: &Phase) -> usize {
        self.part.active_workers(phase)
    }

    fn begin(&mut self, start: PhaseStart) {
        let Some(phase) = self.phases.iter().find(|phase| phase.id == start.phase) else { return };
        let division = self.part.division;
        let PhaseSlots { of_workers, prefill, handed_over, lendable } =
            PhaseSlots::of(phase, self.part, self.handed_over.take());
        self.handed_over = handed_over;
        // A recording is replayed from its beginning, whatever a warm-up has played.
        let first_script = if phase.load.replay().is_some() { 0 } else { start.first_script };
        let seed = phase_seed(self.seed, phase.id);
        let excerpts = Excerpts::of(phase, seed);
        let sessions = PhaseSessions {
            first_script,
            markers: Markers::of(self.cache_bust, Seed::new(self.seed), phase.role),
            excerpts,
            replies: self.replies,
            continued: self
                .unfinished
                .take()
                .map(|before| before.continued(self.servers))
                .unwrap_or_default(),
            fills_cache: phase.rules.filling.is_some(),
        };
        let filling = phase
            .rules
            .filling
            .map(|how| Filling { how, unfinished: UnfinishedSessions::new(phase.id, first_script) });
        self.unfinished = filling.as_ref().map(|filling| filling.unfinished.clone());
        // Of single requests there are as many as sessions, and their number is known without counting.
        let requests = phase.stop.requests().filter(|_| self.has_dialogues);
        let budget = requests.map_or_else(Budget::default, |requests| Budget::of(division.part(requests)));
        let numbers = numbers(phase, &start, division, self.clock, &budget);
        let pool = Pool::of(&self.starts, &self.source, first_script, excerpts).with_numbers(numbers);
        let pool = Arc::new(pool);
        let (control, watching) = watch::channel(Control::Run);
        self.begun.insert(start.phase, BegunPhase { control, pool: Arc::clone(&pool), lendable });
        let cancellations = Cancellations::of(phase, seed);
        let idle = phase.rules.most_idle().map(|most| IdleCap::new(self.clock, start.start_ns, as_ns(most)));
        let workers = of_workers.len() as u64;
        for (number, (worker, slots)) in (0..).zip(self.workers.iter().zip(of_workers)) {
            let share_of_worker = Share::of(number, workers, division);
            worker.assign(Assignment {
                phase: start.phase,
                start_ns: start.start_ns,
                ends_ns: phase.stop.ends_after_ns().map(|ns| start.start_ns.saturating_add(ns)),
                credits: Credits::new(phase, seed, share_of_worker, &pool),
                budget: budget.clone(),
                sessions: sessions.clone(),
                turn_gap_ns: phase.load.users().map(Users::gap_ns),
                slots,
                slotted_ns: 0,
                prefill: prefill.clone(),
                cancellations,
                overflow: phase.rules.overflow,
                idle: idle.clone(),
                filling: filling.clone(),
                spreads_starts: phase.rules.spreads_starts,
                control: watching.clone(),
                hands_over: phase.hands_over,
            });
        }
    }

    fn lease(&mut self, phase: u32, lease: Lease) {
        if let Some(phase) = self.begun.get(&phase) {
            phase.pool.lease(lease);
        }
    }

    fn lendable(&self, phase: u32) -> Vec<(Limited, LendableSlots)> {
        self.begun.get(&phase).map_or_else(Vec::new, |phase| phase.lendable.clone())
    }

    fn control(&mut self, phase: u32, control: Control) {
        if let Some(phase) = self.begun.get(&phase) {
            phase.control.send_replace(control);
        }
    }

    fn look(&mut self) -> Option<String> {
        self.watchdog.look(self.workers.iter().map(Worker::active_call)).map(|hang| hang.to_string())
    }

    fn death(&mut self) -> Option<String> {
        None
    }

    fn dismiss(self: Box<Self>) -> Option<NodeJournal> {
        self.workers.into_iter().for_each(Worker::join);
        drop(self.hosted);
        None
    }
}

/// The slots of a phase that hands over, and those of requests that wait for their first token in it.
type HandedOver = (Slots, Option<Slots>);

/// The slots of a phase.
struct PhaseSlots {
    /// Of each worker that takes part.
    of_workers: Vec<Slots>,
    /// Of requests that wait for their first token, where these are limited.
    prefill: Option<Slots>,
    /// What the next phase takes over, if it does.
    handed_over: Option<HandedOver>,
    /// What other nodes may use meanwhile.
    lendable: Vec<(Limited, LendableSlots)>,
}

impl PhaseSlots {
    /// Those of a node in a phase, which goes on with what the phase before has handed over.
    fn of(phase: &Phase, part: NodePart, before: Option<HandedOver>) -> Self {
        // Nodes do not begin a phase at the very same moment: what is lent then would be counted in both.
        let is_apart = before.is_none() && !phase.hands_over;
        let (slots, prefill) = before.unzip();
        let taken_over = slots.map(|slots| slots.handed_over(phase.load.in_flight(), part.division));
        let of_workers = match &taken_over {
            Some(slots) => vec![slots.clone(); part.active_workers(phase)],
            None => part.slots(phase),
        };
        let prefill = match (prefill.flatten(), phase.rules.prefill.clone()) {
            (Some(prefill), curve @ Some(_)) => Some(prefill.handed_over(curve, part.division)),
            (_, curve) => curve.map(|curve| Slots::following(curve, part.division)),
        };
        let shared = is_apart && !part.division.is_whole();
        let in_flight =
            of_workers.first().filter(|_| phase.load.is_open() && phase.load.in_flight().is_some());
        let limits = [(Limited::InFlight, in_flight), (Limited::Prefill, prefill.as_ref())];
        let limits = limits.into_iter().filter(|_| shared);
        let lendable = limits.filter_map(|(limited, slots)| Some((limited, slots?.lendable()?))).collect();
        // A node without a slot in this phase may still have requests of the one before.
        let slots = taken_over.or_else(|| of_workers.first().cloned()).filter(|_| phase.hands_over);
        let handed_over = slots.map(|slots| (slots, prefill.clone()));
        Self { of_workers, prefill, handed_over, lendable }
    }
}

/// The numbers of a phase: the only node counts them, and one that has a part of a closed loop is given them.
fn numbers(phase: &Phase, start: &PhaseStart, division: Division, clock: Clock, budget: &Budget) -> Numbers {
    let Load::Closed { sessions } = &phase.load else { return Numbers::default() };
    if division.is_whole() {
        return Numbers::default();
    }
    let numbers = Numbers::leased(clock, start.start_ns, sessions.clone(), division, budget.clone());
    start.lease.into_iter().for_each(|lease| numbers.add(lease));
    numbers
}

/// Connections that each worker opens before the first phase.
fn connections_ahead(plan: &Plan, part: NodePart) -> Vec<usize> {
    let most = plan.phases.iter().filter_map(|phase| phase.load.most_in_flight()).max();
    part.connections(most.filter(|_| plan.target.preconnect).unwrap_or(0))
}

/// The random streams of a phase are its own: a warm-up must not play the schedule of what it warms up for.
pub(crate) fn phase_seed(root: u64, id: u32) -> Seed {
    Seed::new(root).child(&format!("phase.{id}"))
}
