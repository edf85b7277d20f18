//! The steps around phases, one after the other, and the one after the run, while the event loop goes on: [`Around`].

use std::collections::VecDeque;

use super::{
    limit::{LAST_TIMEOUT, Limit},
    planned::{PlannedHooks, START_PROFILE},
    step::{Begun, Done, Step, StepFailure, Stop},
};
use crate::{
    clock::{Clock, RunNs, as_ns},
    plan::Phase,
    record::Frame,
    run::{
        channels::{Channels, Signal},
        ending::Ending,
        event_source::{EventSource, in_background},
        lifecycle::Event,
        observer::Observer,
        stop_reason::StopReason,
    },
};

/// Where the run is, as seen from the nearest phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PhaseMoment {
    /// Before a phase: a step that fails ends all of them.
    Before,
    /// In a phase.
    Within,
    After,
}

/// What is done around the phases of a run.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    hooks: &'a PlannedHooks,
    clock: Clock,
    channels: Channels,
    waiting: VecDeque<Step>,
    running: Option<Stop>,
    /// When the one that goes on is ended, because the deadline of the run was over when it went on already.
    ends_at: Option<RunNs>,
    moment: PhaseMoment,
    /// The servers make a profile, or may do so.
    is_profiled: bool,
    /// The end of the run is wanted now.
    is_hurried: bool,
    /// What the report is to say.
    notes: Vec<String>,
}

impl<'a> Around<'a> {
    /// Those of a run. They tell the conductor by way of `channels`.
    pub(crate) fn new(hooks: &'a PlannedHooks, clock: Clock, channels: Channels) -> Self {
        Self {
            hooks,
            clock,
            channels,
            waiting: VecDeque::new(),
            running: None,
            ends_at: None,
            moment: PhaseMoment::Before,
            is_profiled: false,
            is_hurried: false,
            notes: Vec::new(),
        }
    }

    /// Begins what comes before the first of these phases, and those that it hands over to; what that means, where there is
    /// nothing.
    pub(crate) fn before(&mut self, phases: &[Phase]) -> Option<Event> {
        (self.moment, self.is_profiled) = (PhaseMoment::Before, false);
        let last = phases.iter().position(|phase| !phase.hands_over);
        let without_gap = last.map_or(phases, |last| &phases[..=last]);
        self.waiting = self.hooks.before_phases(without_gap).into();
        self.go_on()
    }

    pub(crate) fn phase_begins(&mut self) {
        self.moment = PhaseMoment::Within;
    }

    /// Begins what comes after a phase, whether it has begun or not; what that means, where there is nothing.
    pub(crate) fn after(&mut self, phase: &Phase) -> Option<Event> {
        let has_begun = self.moment == PhaseMoment::Within;
        self.moment = PhaseMoment::After;
        self.waiting = self.hooks.after_phase(phase, has_begun, self.is_profiled).into();
        self.go_on()
    }

    /// A step is over. What that means, if it was the last one, or must not have failed.
    pub(crate) fn over(&mut self, done: Done, observer: &mut dyn Observer) -> Option<Event> {
        (self.running, self.ends_at) = (None, None);
        self.is_profiled |= done.mark.name == START_PROFILE && done.may_have_worked;
        if let Some(StepFailure { reason, hint, .. }) =
            done.failure.clone().filter(|_| self.moment == PhaseMoment::Before)
        {
            self.channels.recorder.frame(Frame::Mark(done.mark));
            self.waiting.clear();
            return Some(Event::StepsFailed(Ending::StepFailed { reason, hint }));
        }
        self.notes.extend(kept(done, &self.channels, observer));
        self.go_on()
    }

    /// The one that goes on is to end now, and those that wait before a phase are left out.
    pub(crate) fn stop(&mut self, reason: StopReason) {
        if self.moment == PhaseMoment::Before {
            self.waiting.clear();
        }
        self.running.iter().for_each(|step| step.stop(reason));
    }

    /// From here on, none may take long.
    pub(crate) fn hurry(&mut self) {
        self.is_hurried = true;
    }

    /// The run must be over by now. What goes on after a phase has the same time from here as what comes then; what goes on
    /// before one is ended with the run.
    pub(crate) fn is_late(&mut self) {
        self.hurry();
        if self.moment == PhaseMoment::After && self.running.is_some() {
            self.ends_at = Some(self.clock.now().saturating_add(as_ns(LAST_TIMEOUT)));
        }
    }

    /// When [`Around::end_late`] is to be called, if at all.
    pub(crate) fn ends_at(&self) -> Option<RunNs> {
        self.ends_at
    }

    /// The time for what goes on is over.
    pub(crate) fn end_late(&mut self) {
        self.ends_at = None;
        self.stop(StopReason::Deadline);
    }

    fn go_on(&mut self) -> Option<Event> {
        let Some(step) = self.waiting.pop_front() else { return Some(Event::StepsOver) };
        let Begun { stop, wait } = in_time(step, self.is_hurried).begin(self.clock);
        self.running = Some(stop);
        let channels = self.channels.clone();
        // It tells its end itself.
        drop(in_background(move || channels.signal(Signal::StepOver(Box::new(wait())))));
        None
    }

    /// What the report is to say, and whether the end of the run is wanted now.
    pub(crate) fn into_notes(self) -> (Vec<String>, bool) {
        (self.notes, self.is_hurried)
    }
}

/// Carries out the command after a run, if there is one, within this limit. An interrupt ends it. Gives what the report is to say.
pub(crate) async fn after_run(
    hooks: &PlannedHooks,
    ending: Option<&Ending>,
    most: Limit,
    events: &mut EventSource,
    channels: &Channels,
    observer: &mut dyn Observer,
) -> Option<String> {
    let step = hooks.after_run(ending.map(Ending::reason).as_deref())?.within(most);
    let Begun { stop, wait } = step.begin(events.clock());
    let done = events.until_over(wait, || stop.stop(StopReason::Interrupt)).await?;
    kept(done, channels, observer)
}

fn in_time(step: Step, is_hurried: bool) -> Step {
    if is_hurried { step.within(Limit::last()) } else { step }
}

/// Keeps the mark of a step that need not have succeeded. Gives what is to be said of it, if it has not.
fn kept(done: Done, channels: &Channels, observer: &mut dyn Observer) -> Option<String> {
    channels.recorder.frame(Frame::Mark(done.mark));
    let failure = done.failure?;
    let note = match failure.hint.as_str() {
        "" => failure.reason,
        hint => format!("{} ({hint})", failure.reason),
    };
    observer.notice(&note);
    Some(note)
}
