//! The life of a run as a pure state machine: [`Event`] in, [`Action`]s out.
//!
//! A phase runs, then drains (nothing new is sent, what is in flight may finish), then is cancelled if it takes too
//! long. The first interrupt drains, the second cancels. A phase that hands over goes on beside the next one until its last
//! requests are over.

use std::time::Duration;

use super::{ending::Ending, interrupts::Interrupt, stop_reason::StopReason};

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// What comes before a phase, or after it, is done, or left out.
    StepsOver,
    /// What must be done before the phase has failed.
    StepsFailed(Ending),
    /// All sessions of the phase at this position are started.
    AllStarted(usize),
    /// Every worker has finished its part of the phase at this position.
    PhaseDone(usize),
    /// Its duration is over.
    DurationOver(usize),
    /// The time to wait for its requests in flight is over.
    GraceOver(usize),
    /// The time to wait for its cancelled requests is over: a worker hangs.
    CancelOver(usize),
    /// Ctrl-C, SIGTERM, or a terminal that went away.
    Interrupt(Interrupt),
    /// A service asks for the end, and why.
    StopRequested(String),
    /// The run ends early; requests in flight may finish.
    Leave(Ending),
    /// The run cannot go on, or must not.
    Broken(Ending),
    /// The run cannot go on, and no node is left that could end what is in flight.
    Gone(Ending),
}

/// What the conductor must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Do what comes before the phase at this position, and report [`Event::StepsOver`] or [`Event::StepsFailed`].
    Before(usize),
    /// Begin the phase at this position.
    StartPhase(usize),
    /// Do what comes after the phase at this position, and report [`Event::StepsOver`].
    After(usize),
    /// End what is being done before or after a phase.
    StopStep(StopReason),
    /// The phases are not waited for any more.
    Abandon,
    /// Send nothing new in it.
    Drain(usize),
    /// Report [`Event::GraceOver`] of it after this long, unless a grace period of it that ends sooner is running.
    ArmGrace(usize, Duration),
    /// End what is in flight of it, and report [`Event::CancelOver`] when that does not happen.
    Cancel(usize),
    /// The run is over.
    Finish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    Draining,
    Cancelling,
}

/// What is done while no phase goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// What comes before the current phase.
    Before,
    /// What comes after it.
    After,
}

/// How long the requests in flight of a phase may go on when nothing new is sent any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    /// After its duration; `None` without limit.
    pub(crate) grace: Option<Duration>,
    /// When the run ends before its time.
    pub(crate) early: Duration,
    /// The next phase begins meanwhile.
    pub(crate) hands_over: bool,
}

/// The state of a run.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    /// Of each phase.
    drains: Vec<Drain>,
    /// The phases that go on, in their order.
    active: Vec<(usize, Stage)>,
    /// The phase that began last, or is about to begin.
    current: usize,
    step: Option<Step>,
    ending: Option<Ending>,
    interrupts: u32,
}

impl Lifecycle {
    /// A run of phases that may drain so long, and its first action.
    pub(crate) fn begin(drains: Vec<Drain>) -> (Self, Action) {
        let (active, step) = (Vec::new(), Some(Step::Before));
        (Self { drains, active, current: 0, step, ending: None, interrupts: 0 }, Action::Before(0))
    }

    /// Why the run ended, or is ending, before its time.
    pub(crate) fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Moves on.
    pub(crate) fn on(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::StepsOver => self.steps_over(),
            Event::StepsFailed(ending) => {
                self.ending.get_or_insert(ending);
                self.after()
            }
            Event::AllStarted(phase) => self.hand_over(phase),
            Event::PhaseDone(phase) => {
                self.active.retain(|(active, _)| *active != phase);
                if self.active.is_empty() { self.all_done() } else { Vec::new() }
            }
            Event::DurationOver(phase) if self.stage(phase) == Some(Stage::Running) => {
                self.drain(phase, self.drains[phase].grace)
            }
            Event::GraceOver(phase) if self.stage(phase) == Some(Stage::Draining) => self.cancel(phase),
            Event::CancelOver(phase) if self.stage(phase) == Some(Stage::Cancelling) => {
                self.ending
                    .get_or_insert_with(|| Ending::WorkerLost("it does not react to the end".to_owned()));
                self.abandon()
            }
            Event::Interrupt(interrupt) => {
                self.interrupts += 1;
                self.ending.get_or_insert(Ending::Interrupted(interrupt));
                match self.step {
                    // Each ends one command.
                    Some(_) => vec![Action::StopStep(StopReason::Interrupt)],
                    None if self.interrupts > 1 => self.cancel_all(),
                    None => self.drain_early(),
                }
            }
            Event::StopRequested(reason) => self.end(Ending::Requested(reason), Self::drain_early),
            Event::Leave(ending) => self.end(ending, Self::drain_early),
            Event::Broken(ending) => self.end(ending, Self::cancel_all),
            Event::Gone(ending) => self.end(ending, Self::abandon),
            // They come from a timer that was overtaken.
            Event::DurationOver(_) | Event::GraceOver(_) | Event::CancelOver(_) => Vec::new(),
        }
    }

    fn steps_over(&mut self) -> Vec<Action> {
        match self.step {
            Some(Step::Before) if self.ending.is_none() => {
                self.step = None;
                self.start()
            }
            Some(Step::Before) => self.after(),
            _ if self.ending.is_some() || self.is_last() => vec![Action::Finish],
            _ => {
                self.current += 1;
                self.step = Some(Step::Before);
                vec![Action::Before(self.current)]
            }
        }
    }

    fn is_last(&self) -> bool {
        self.current + 1 == self.drains.len()
    }

    fn start(&mut self) -> Vec<Action> {
        self.active.push((self.current, Stage::Running));
        vec![Action::StartPhase(self.current)]
    }

    /// No phase goes on any more.
    fn all_done(&mut self) -> Vec<Action> {
        let next = self.hand_over(self.current);
        if next.is_empty() { self.after() } else { next }
    }

    fn after(&mut self) -> Vec<Action> {
        self.step = Some(Step::After);
        vec![Action::After(self.current)]
    }

    /// The run is to end. What comes before a phase is left out, what comes after one is still done, and phases end like this. The
    /// same reason may be told again and again.
    fn end(&mut self, ending: Ending, phases_end: fn(&mut Self) -> Vec<Action>) -> Vec<Action> {
        let is_first = self.ending.is_none();
        let stop = match ending {
            Ending::Deadline(_) => StopReason::Deadline,
            _ => StopReason::RunEnds,
        };
        self.ending.get_or_insert(ending);
        match self.step {
            Some(Step::Before) if is_first => vec![Action::StopStep(stop)],
            Some(_) => Vec::new(),
            None => phases_end(self),
        }
    }

    /// The phases are not waited for any more.
    fn abandon(&mut self) -> Vec<Action> {
        self.active.clear();
        [Action::Abandon].into_iter().chain(self.after()).collect()
    }

    fn stage(&self, phase: usize) -> Option<Stage> {
        self.active.iter().find(|(active, _)| *active == phase).map(|(_, stage)| *stage)
    }

    /// Brings a phase into a stage; false if it is over, or is being cancelled.
    fn enter(&mut self, phase: usize, stage: Stage) -> bool {
        let active = self.active.iter_mut().find(|(active, _)| *active == phase);
        let Some((_, before)) = active.filter(|(_, before)| *before != Stage::Cancelling) else {
            return false;
        };
        *before = stage;
        true
    }

    /// The next phase begins beside the one that hands over.
    fn hand_over(&mut self, phase: usize) -> Vec<Action> {
        let hands_over = phase == self.current && self.drains[phase].hands_over && !self.is_last();
        if !hands_over || self.step.is_some() || self.ending.is_some() {
            return Vec::new();
        }
        self.current += 1;
        self.start()
    }

    fn drain(&mut self, phase: usize, grace: Option<Duration>) -> Vec<Action> {
        if !self.enter(phase, Stage::Draining) {
            return Vec::new();
        }
        let grace = grace.map(|grace| Action::ArmGrace(phase, grace));
        std::iter::once(Action::Drain(phase)).chain(grace).collect()
    }

    fn drain_early(&mut self) -> Vec<Action> {
        let phases: Vec<usize> = self.active.iter().map(|(phase, _)| *phase).collect();
        phases.into_iter().flat_map(|phase| self.drain(phase, Some(self.drains[phase].early))).collect()
    }

    fn cancel(&mut self, phase: usize) -> Vec<Action> {
        if self.enter(phase, Stage::Cancelling) { vec![Action::Cancel(phase)] } else { Vec::new() }
    }

    fn cancel_all(&mut self) -> Vec<Action> {
        let phases: Vec<usize> = self.active.iter().map(|(phase, _)| *phase).collect();
        phases.into_iter().flat_map(|phase| self.cancel(phase)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(5);
    const DRAIN: Duration = Duration::from_secs(8);
    const INTERRUPT: Event = Event::Interrupt(Interrupt::Terminated);

    /// One that waits for what comes before its first phase.
    fn before() -> Lifecycle {
        let drains = [None, Some(GRACE)].map(|grace| Drain { grace, early: DRAIN, hands_over: false });
        let (lifecycle, first) = Lifecycle::begin(drains.to_vec());
        assert_eq!(first, Action::Before(0));
        lifecycle
    }

    /// One whose first phase runs.
    fn lifecycle() -> Lifecycle {
        let mut lifecycle = before();
        assert_eq!(lifecycle.on(Event::StepsOver), [Action::StartPhase(0)]);
        lifecycle
    }

    /// The end of a phase, and of what comes after it.
    fn ends(run: &mut Lifecycle, phase: usize) -> Vec<Action> {
        assert!(matches!(run.on(Event::PhaseDone(phase))[..], [Action::After(_)]));
        run.on(Event::StepsOver)
    }

    /// The first phase ends and the second one begins.
    fn second_phase(run: &mut Lifecycle) {
        assert_eq!(ends(run, 0), [Action::Before(1)]);
        assert_eq!(run.on(Event::StepsOver), [Action::StartPhase(1)]);
    }

    #[test]
    fn phases_follow_each_other() {
        let mut run = lifecycle();
        second_phase(&mut run);
        assert_eq!(ends(&mut run, 1), [Action::Finish]);
        assert_eq!(run.ending(), None);
    }

    #[test]
    fn a_duration_drains_for_its_grace_and_then_cancels() {
        let mut run = lifecycle();
        second_phase(&mut run);
        assert_eq!(run.on(Event::DurationOver(1)), [Action::Drain(1), Action::ArmGrace(1, GRACE)]);
        assert_eq!(run.on(Event::GraceOver(1)), [Action::Cancel(1)]);
        assert_eq!(ends(&mut run, 1), [Action::Finish]);
    }

    #[test]
    fn a_warm_up_without_a_grace_drains_as_long_as_it_takes() {
        assert_eq!(lifecycle().on(Event::DurationOver(0)), [Action::Drain(0)]);
    }

    #[test]
    fn the_first_interrupt_drains_and_the_second_cancels() {
        let mut run = lifecycle();
        assert_eq!(run.on(INTERRUPT), [Action::Drain(0), Action::ArmGrace(0, DRAIN)]);
        assert_eq!(run.on(INTERRUPT), [Action::Cancel(0)]);
        assert_eq!(run.on(INTERRUPT), []);
        assert_eq!(ends(&mut run, 0), [Action::Finish]);
        assert_eq!(run.ending(), Some(&Ending::Interrupted(Interrupt::Terminated)));
    }

    #[test]
    fn an_interrupt_while_draining_still_allows_a_second_one() {
        let mut run = lifecycle();
        run.on(Event::DurationOver(0));
        assert_eq!(run.on(INTERRUPT), [Action::Drain(0), Action::ArmGrace(0, DRAIN)]);
        assert_eq!(run.on(INTERRUPT), [Action::Cancel(0)]);
    }

    #[test]
    fn a_broken_run_cancels_at_once_and_starts_no_further_phase() {
        let mut run = lifecycle();
        assert_eq!(run.on(Event::Broken(Ending::JournalLost)), [Action::Cancel(0)]);
        assert_eq!(ends(&mut run, 0), [Action::Finish]);
    }

    #[test]
    fn nobody_waits_for_workers_that_are_gone() {
        let mut run = lifecycle();
        let ending = Ending::EndpointDied { name: "x".into(), death: "exited with code 0".into() };
        assert_eq!(run.on(Event::Gone(ending.clone())), [Action::Abandon, Action::After(0)]);
        assert_eq!(run.on(Event::StepsOver), [Action::Finish]);
        assert_eq!(run.ending(), Some(&ending));
        assert_eq!(ending.reason(), "endpoint `x` ended its process: it exited with code 0");
    }

    #[test]
    fn a_run_without_a_server_lets_what_is_in_flight_finish_and_says_since_when() {
        let mut run = lifecycle();
        let ending = Ending::ServerGone {
            since_ns: 12_340_000_000,
            since_unix_s: 1_767_323_045,
            refused: 100,
            error: "Connection refused".into(),
        };
        assert_eq!(run.on(Event::Leave(ending.clone())), [Action::Drain(0), Action::ArmGrace(0, DRAIN)]);
        assert_eq!(ends(&mut run, 0), [Action::Finish]);
        assert_eq!(
            ending.reason(),
            "the server was gone since 12.3 s after the start of the run (2026-01-02T03:04:05Z): 100 connections in \
             a row failed, the last one with `Connection refused`"
        );
    }

    #[test]
    fn a_second_ctrl_c_never_prolongs_a_run() {
        let mut run = lifecycle();
        run.on(Event::StopRequested("enough".into()));
        run.on(INTERRUPT);
        assert_eq!(run.on(INTERRUPT), [Action::Cancel(0)]);
    }

    #[test]
    fn what_happens_while_cancelling_is_not_forgotten() {
        let mut run = lifecycle();
        second_phase(&mut run);
        run.on(Event::DurationOver(1));
        run.on(Event::GraceOver(1));
        assert_eq!(run.on(INTERRUPT), []);
        assert_eq!(ends(&mut run, 1), [Action::Finish]);
        assert_eq!(run.ending(), Some(&Ending::Interrupted(Interrupt::Terminated)));
    }

    #[test]
    fn a_worker_that_hangs_does_not_hold_up_the_end() {
        let mut run = lifecycle();
        run.on(INTERRUPT);
        run.on(INTERRUPT);
        assert_eq!(run.on(Event::CancelOver(0)), [Action::Abandon, Action::After(0)]);
        assert_eq!(run.on(Event::StepsOver), [Action::Finish]);
        assert_eq!(run.ending(), Some(&Ending::Interrupted(Interrupt::Terminated)));
    }

    #[test]
    fn a_service_may_ask_for_the_end() {
        let mut run = lifecycle();
        let actions = run.on(Event::StopRequested("enough".into()));
        assert_eq!(actions, [Action::Drain(0), Action::ArmGrace(0, DRAIN)]);
        assert_eq!(run.ending().map(Ending::reason).as_deref(), Some("a service asked for the end: enough"));
    }

    #[test]
    fn what_fails_before_a_phase_ends_the_run_without_it() {
        let mut run = before();
        let ending = Ending::StepFailed {
            reason: "the command of `--before-phase` failed".into(),
            hint: String::new(),
        };
        assert_eq!(run.on(Event::StepsFailed(ending.clone())), [Action::After(0)]);
        assert_eq!(run.on(Event::StepsOver), [Action::Finish]);
        assert_eq!(run.ending(), Some(&ending));
    }

    #[test]
    fn an_interrupt_before_a_phase_ends_the_command_and_the_run() {
        let mut run = before();
        assert_eq!(run.on(INTERRUPT), [Action::StopStep(StopReason::Interrupt)]);
        let failed =
            Ending::StepFailed { reason: "it was ended by an interrupt".into(), hint: String::new() };
        assert_eq!(run.on(Event::StepsFailed(failed)), [Action::After(0)]);
        assert_eq!(run.on(Event::StepsOver), [Action::Finish]);
        assert_eq!(run.ending(), Some(&Ending::Interrupted(Interrupt::Terminated)));
    }

    #[test]
    fn an_interrupt_after_a_phase_ends_the_command_and_no_further_phase_begins() {
        let mut run = lifecycle();
        run.on(Event::PhaseDone(0));
        assert_eq!(run.on(INTERRUPT), [Action::StopStep(StopReason::Interrupt)]);
        assert_eq!(run.on(Event::StepsOver), [Action::Finish]);
    }

    #[test]
    fn a_service_that_asks_for_the_end_lets_what_comes_after_a_phase_be_done() {
        let mut run = lifecycle();
        run.on(Event::PhaseDone(0));
        assert_eq!(run.on(Event::StopRequested("enough".into())), []);
        assert_eq!(run.on(Event::Broken(Ending::JournalLost)), []);
        assert_eq!(run.on(Event::StepsOver), [Action::Finish]);
    }

    #[test]
    fn a_reason_that_is_told_again_and_again_ends_a_command_once() {
        let mut run = before();
        assert_eq!(run.on(Event::Broken(Ending::JournalLost)), [Action::StopStep(StopReason::RunEnds)]);
        assert_eq!(run.on(Event::Broken(Ending::JournalLost)), []);
        assert_eq!(run.on(Event::StepsOver), [Action::After(0)]);
        assert_eq!(run.on(Event::Broken(Ending::JournalLost)), []);
    }

    #[test]
    fn the_deadline_ends_a_command_before_a_phase_and_says_so() {
        let mut run = before();
        let deadline = Event::Broken(Ending::Deadline(GRACE));
        assert_eq!(run.on(deadline), [Action::StopStep(StopReason::Deadline)]);
        assert_eq!(run.on(Event::StepsOver), [Action::After(0)]);
    }

    /// Three phases, of which the first two hand over.
    fn handing_over() -> Lifecycle {
        let drains =
            [true, true, false].map(|hands_over| Drain { grace: Some(GRACE), early: DRAIN, hands_over });
        let mut run = Lifecycle::begin(drains.to_vec()).0;
        assert_eq!(run.on(Event::StepsOver), [Action::StartPhase(0)]);
        run
    }

    #[test]
    fn a_phase_that_hands_over_goes_on_beside_the_next_one() {
        let mut run = handing_over();
        assert_eq!(run.on(Event::AllStarted(0)), [Action::StartPhase(1)]);
        assert_eq!(run.on(Event::AllStarted(0)), [], "it hands over once");
        assert_eq!(run.on(Event::DurationOver(0)), [Action::Drain(0), Action::ArmGrace(0, GRACE)]);
        assert_eq!(run.on(Event::GraceOver(0)), [Action::Cancel(0)]);
        assert_eq!(run.on(Event::PhaseDone(0)), []);
        assert_eq!(run.on(Event::AllStarted(1)), [Action::StartPhase(2)]);
        assert_eq!(run.on(Event::PhaseDone(2)), [], "the one before has requests in flight");
        assert_eq!(run.on(Event::PhaseDone(1)), [Action::After(2)], "nothing is done between them");
        assert_eq!(run.on(Event::StepsOver), [Action::Finish]);
        assert_eq!(run.ending(), None);
    }

    #[test]
    fn a_phase_that_is_over_at_once_is_followed_by_the_next_one_once() {
        let mut run = handing_over();
        assert_eq!(run.on(Event::AllStarted(0)), [Action::StartPhase(1)]);
        assert_eq!(run.on(Event::PhaseDone(0)), []);
        assert_eq!(run.on(Event::PhaseDone(1)), [Action::StartPhase(2)]);
        assert_eq!(run.on(Event::PhaseDone(2)), [Action::After(2)]);
    }

    #[test]
    fn an_interrupt_ends_all_phases_that_go_on_and_begins_none() {
        let mut run = handing_over();
        run.on(Event::AllStarted(0));
        let draining = [0, 1].map(|phase| [Action::Drain(phase), Action::ArmGrace(phase, DRAIN)]).concat();
        assert_eq!(run.on(INTERRUPT), draining);
        assert_eq!(run.on(Event::AllStarted(1)), []);
        assert_eq!(run.on(Event::PhaseDone(1)), []);
        assert_eq!(run.on(INTERRUPT), [Action::Cancel(0)]);
        assert_eq!(ends(&mut run, 0), [Action::Finish]);
    }
}
