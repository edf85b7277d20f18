//! The worker pool: the workers as threads of this process, and the endpoint that they share.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc::Receiver},
};

use tokio::sync::watch;

use super::{endpoint::HostedEndpoint, fleet::Link, messages::PhaseStart, watchdog::Watchdog};
use crate::{
    clock::RunNs,
    dataset::{Markers, Source},
    plan::{CacheBust, Load, Phase, Plan, ReplyPolicy, Users},
    record::NodeJournal,
    request::worker::{Assignment, Control, Equipment, Sink, Worker, WorkerError},
    schedule::{
        cancellation::Cancellations,
        credits::{Budget, Credits, Pool, Share},
        excerpt::Excerpts,
        gate::Slots,
    },
    seed::Seed,
    session::PhaseSessions,
};

/// Workers as threads of this process.
#[derive(Debug)]
pub(crate) struct WorkerPool {
    workers: Vec<Worker>,
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
    /// What the workers of each phase are told that has begun.
    controls: BTreeMap<u32, watch::Sender<Control>>,
    /// The slots of a phase that hands over, and those of requests that wait for their first token in it.
    handed_over: Option<(Slots, Option<Slots>)>,
    /// Goes last.
    hosted: HostedEndpoint,
}

impl WorkerPool {
    /// Starts the workers.
    pub(super) fn start<S: Sink>(
        plan: &Plan,
        equipment: &Equipment<S>,
        hosted: HostedEndpoint,
    ) -> Result<Self, WorkerError> {
        let ahead = connections_ahead(plan);
        let workers =
            (0..).zip(&ahead).map(|(number, ahead)| Worker::start(number, equipment.clone(), *ahead));
        let workers = workers.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            workers,
            watchdog: Watchdog::default(),
            phases: plan.phases.clone(),
            seed: plan.random_seed,
            replies: plan.replies,
            cache_bust: plan.cache_bust,
            starts: equipment.source.starts(),
            source: Arc::clone(&equipment.source),
            has_dialogues: equipment.source.has_dialogues(),
            controls: BTreeMap::new(),
            handed_over: None,
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

    fn begin(&mut self, start: PhaseStart) {
        let Some(phase) = self.phases.iter().find(|phase| phase.id == start.phase) else { return };
        let (control, watching) = watch::channel(Control::Run);
        self.controls.insert(start.phase, control);
        let before = self.handed_over.take();
        let slots = match &before {
            Some((slots, _)) => {
                let active = active_workers(phase, self.workers.len());
                vec![slots.handed_over(phase.load.in_flight()); active]
            }
            None => slots(phase, self.workers.len()),
        };
        let prefill = match (&before, phase.rules.prefill.clone()) {
            (Some((_, Some(prefill))), curve @ Some(_)) => Some(prefill.handed_over(curve)),
            (_, curve) => curve.map(Slots::following),
        };
        let first_slots = slots.first().filter(|_| phase.hands_over);
        self.handed_over = first_slots.map(|slots| (slots.clone(), prefill.clone()));
        // A recording is replayed from its beginning, whatever a warm-up has played.
        let first_script = if phase.load.replay().is_some() { 0 } else { start.first_script };
        let seed = phase_seed(self.seed, phase.id);
        let excerpts = Excerpts::of(phase, seed);
        let sessions = PhaseSessions {
            first_script,
            markers: Markers::of(self.cache_bust, Seed::new(self.seed), phase.role),
            excerpts,
            replies: self.replies,
        };
        let pool = Arc::new(Pool::of(&self.starts, &self.source, first_script, excerpts));
        let workers = slots.len() as u64;
        let cancellations = Cancellations::of(phase, seed);
        // Of single requests there are as many as sessions, and their number is known without counting.
        let budget =
            phase.stop.requests().filter(|_| self.has_dialogues).map_or_else(Budget::default, Budget::of);
        for (number, (worker, slots)) in self.workers.iter().zip(slots).enumerate() {
            let share_of_worker = Share { worker: number as u64, workers };
            worker.assign(Assignment {
                phase: start.phase,
                start_ns: start.start_ns,
                ends_ns: phase.stop.ends_after_ns().map(|ns| start.start_ns.saturating_add(ns)),
                credits: Credits::new(phase, seed, share_of_worker, &pool),
                budget: budget.clone(),
                sessions,
                turn_gap_ns: phase.load.users().map(Users::gap_ns),
                slots,
                slotted_ns: 0,
                prefill: prefill.clone(),
                cancellations,
                overflow: phase.rules.overflow,
                control: watching.clone(),
                hands_over: phase.hands_over,
            });
        }
    }

    fn control(&mut self, phase: u32, control: Control) {
        if let Some(workers) = self.controls.get(&phase) {
            workers.send_replace(control);
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

/// Connections that each worker opens before the first phase.
fn connections_ahead(plan: &Plan) -> Vec<usize> {
    let most = plan.phases.iter().filter_map(|phase| phase.load.most_in_flight()).max();
    let all = most.filter(|_| plan.target.preconnect).map_or(0, whole);
    (0..plan.workers).map(|worker| share(all, worker, plan.workers)).collect()
}

/// The random streams of a phase are its own: a warm-up must not play the schedule of what it warms up for.
pub(crate) fn phase_seed(root: u64, id: u32) -> Seed {
    Seed::new(root).child(&format!("phase.{id}"))
}

/// The slots of each worker that takes part in a phase. In a closed loop everyone has a share; with fewer slots than
/// workers, some have nothing to do. In an open loop, where requests are dealt out beforehand, all share one limit: a
/// request must not wait in one worker for a slot that is free in another. So they do in a closed loop whose width changes:
/// a worker whose share were none for a while could not tell when the phase is over. And so they do where the next phase takes
/// the slots over.
fn slots(phase: &Phase, workers: usize) -> Vec<Slots> {
    match &phase.load {
        Load::Closed { sessions } => match sessions.as_constant().map(whole).filter(|_| !phase.hands_over) {
            Some(all) => {
                let active = all.clamp(1, workers);
                (0..active).map(|worker| Slots::fixed(share(all, worker, active))).collect()
            }
            None => vec![Slots::following(sessions.clone()); whole(sessions.most()).clamp(1, workers)],
        },
        Load::Open { limit, .. } | Load::Replay { limit, .. } | Load::Users { limit, .. } => {
            let slots = limit.in_flight().map_or_else(|| Slots::fixed(usize::MAX), Slots::following);
            vec![slots; workers]
        }
    }
}

fn whole(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Slots of one worker: as even as it goes, the first ones taking what is left over.
fn share(slots: usize, worker: usize, workers: usize) -> usize {
    slots / workers + usize::from(worker < slots % workers)
}

/// The workers that take part in a phase: in a closed loop with fewer slots than workers, some have nothing to do.
pub(crate) fn active_workers(phase: &Phase, workers: usize) -> usize {
    slots(phase, workers).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_shared_without_loss() {
        for (slots, workers) in [(1, 1), (7, 3), (8, 3), (3, 3), (1000, 7)] {
            let shares: Vec<usize> = (0..workers).map(|worker| share(slots, worker, workers)).collect();
            assert_eq!(shares.iter().sum::<usize>(), slots);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }
}
