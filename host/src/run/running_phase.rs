//! What the conductor remembers of a phase that goes on: [`RunningPhase`].

use std::ops::Range;

use super::lifecycle::Event;
use crate::{clock::RunNs, request::worker_statistics::WorkerUsage, schedule::ScheduleCounts};

/// A phase that goes on.
#[derive(Debug)]
pub(super) struct RunningPhase {
    pub(super) index: u32,
    pub(super) start_ns: RunNs,
    /// Workers whose part is not over.
    workers_left: usize,
    /// Workers that have sessions to start, if it hands over.
    pub(super) workers_starting: usize,
    /// Sessions that the others have started.
    pub(super) started: u64,
    /// When its duration is over, where that has ended its schedule: the next phase begins then.
    pub(super) hands_over_at: Option<RunNs>,
    /// Its sessions are counted among those that were played.
    pub(super) is_counted: bool,
    pub(super) counts: ScheduleCounts,
    pub(super) workers: Vec<WorkerUsage>,
    /// Workers of agents that were lost.
    lost: Vec<Range<u32>>,
    /// When something is over, and what that means.
    pub(super) timer: Option<(RunNs, Event)>,
}

impl RunningPhase {
    /// One that begins with so many workers.
    pub(super) fn begin(index: u32, start_ns: RunNs, workers: usize, timer: Option<(RunNs, Event)>) -> Self {
        Self {
            index,
            start_ns,
            workers_left: workers,
            workers_starting: workers,
            started: 0,
            hands_over_at: None,
            is_counted: false,
            counts: ScheduleCounts::default(),
            workers: Vec::new(),
            lost: Vec::new(),
            timer,
        }
    }

    /// A worker's part is over.
    pub(super) fn done(&mut self, counts: ScheduleCounts, usage: WorkerUsage) {
        self.counts += counts;
        if !self.lost.iter().any(|lost| lost.contains(&usage.worker)) {
            self.workers_left = self.workers_left.saturating_sub(1);
        }
        self.workers.push(usage);
    }

    /// An agent is lost that has these workers, `active` of which take part.
    pub(super) fn lose(&mut self, workers: &Range<u32>, active: usize) {
        let done = self.workers.iter().filter(|usage| workers.contains(&usage.worker)).count();
        let missing = active.saturating_sub(done);
        self.workers_left = self.workers_left.saturating_sub(missing);
        self.workers_starting = self.workers_starting.saturating_sub(missing);
        self.lost.push(workers.clone());
    }

    /// Whether all parts are over.
    pub(super) fn is_over(&self) -> bool {
        self.workers_left == 0
    }

    /// Whether a worker has not said how its part ended, or will not.
    pub(super) fn is_short(&self) -> bool {
        self.workers_left > 0 || !self.lost.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(worker: u32) -> WorkerUsage {
        WorkerUsage { worker, ..WorkerUsage::default() }
    }

    /// Two agents of two workers each.
    fn phase() -> RunningPhase {
        RunningPhase::begin(0, 0, 4, None)
    }

    #[test]
    fn a_phase_is_over_when_every_worker_has_said_so() {
        let mut phase = phase();
        for worker in 0..4 {
            assert!(!phase.is_over());
            phase.done(ScheduleCounts::default(), usage(worker));
        }
        assert!(phase.is_over() && !phase.is_short());
    }

    #[test]
    fn the_workers_of_a_lost_agent_are_not_waited_for() {
        let mut phase = phase();
        phase.done(ScheduleCounts::default(), usage(2));
        phase.lose(&(2..4), 2);
        phase.done(ScheduleCounts::default(), usage(0));
        assert!(!phase.is_over());
        // One that was only late is not counted a second time.
        phase.done(ScheduleCounts::default(), usage(3));
        assert!(!phase.is_over());
        phase.done(ScheduleCounts::default(), usage(1));
        assert!(phase.is_over() && phase.is_short());
    }
}
