//! The life of a run as a pure state machine: [`Event`] in, [`Action`]s out.
//!
//! A phase runs, then drains (nothing new is sent, what is in flight may finish), then is cancelled if it takes too
//! long. The first interrupt drains, the second cancels.

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::interrupts::Interrupt;
use crate::clock::RunNs;

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Every worker has finished its part of the phase.
    PhaseDone,
    /// The phase's duration is over.
    DurationOver,
    /// The time to wait for requests in flight is over.
    GraceOver,
    /// The time to wait for cancelled requests is over: a worker hangs.
    CancelOver,
    /// Ctrl-C, SIGTERM, or a terminal that went away.
    Interrupt(Interrupt),
    /// A service asks for the end, and why.
    StopRequested(String),
    /// The run is of no use any more; what is in flight may finish.
    Leave(Ending),
    /// The run cannot go on, or must not.
    Broken(Ending),
    /// The run cannot go on, and nobody is left who could end what is in flight.
    Gone(Ending),
}

/// Why a run ended before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The user interrupted it, or whoever runs it.
    Interrupted(Interrupt),
    /// A service asked for it.
    Requested(String),
    /// The time for the whole run, which was this long, was over.
    Deadline(Duration),
    /// Nobody took connections any more.
    ServerGone {
        /// When the first request began that found nobody, in nanoseconds since the run's start.
        since_ns: RunNs,
        /// The same in seconds since the Unix epoch.
        since_unix_s: u64,
        /// Requests in a row that found nobody.
        refused: u64,
        /// What became of the last one.
        error: String,
    },
    /// The endpoint wrote no request any more that can be sent.
    Unformatted {
        /// Requests in a row that could not be formatted.
        refused: u64,
        /// What became of the last one.
        error: String,
    },
    /// More requests failed than are allowed.
    TooManyFailed {
        /// So many.
        failed: u64,
        /// Of so many.
        ended: u64,
        /// The share that was allowed, as it was asked for.
        most: String,
    },
    /// The server could not keep up with the load.
    Saturated {
        /// Time since the start of the phase.
        after: Duration,
        in_flight: u64,
        /// Requests that began a second, less those that ended.
        more_a_second: u64,
    },
    /// A required service failed.
    ServiceLost(String),
    /// A service that the user asked for does not take its options.
    ServiceRefused {
        /// The service's entry name.
        name: String,
        message: String,
        /// What to do next.
        hint: String,
    },
    /// The endpoint panicked too often.
    EndpointPoisoned(String),
    /// A call into the endpoint does not return: which one, and in what.
    EndpointHangs {
        name: String,
        /// Which call.
        what: String,
    },
    /// The endpoint's process ended by itself.
    EndpointDied { name: String, death: String },
    /// A worker died or does not react any more.
    WorkerLost(String),
    /// The journal cannot be written.
    JournalLost,
}

/// How the reason of [`Ending::Saturated`] begins. Summaries tell reasons in words alone.
const SATURATED: &str = "the server cannot keep up";

impl Ending {
    /// Whether this is the reason of a run that ended because its server could not keep up.
    pub(crate) fn is_saturated(reason: &str) -> bool {
        reason.starts_with(SATURATED)
    }

    /// The sentence for the report.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Interrupted(Interrupt::Interrupted) => "interrupted by the user".to_owned(),
            Self::Interrupted(Interrupt::Terminated) => "ended by SIGTERM".to_owned(),
            Self::Interrupted(Interrupt::HungUp) => "the terminal was closed".to_owned(),
            Self::Requested(reason) => format!("a service asked for the end: {reason}"),
            Self::Deadline(time) => {
                format!("the deadline of {} s (`--deadline`) was over", time.as_secs_f64())
            }
            Self::ServerGone { since_ns, since_unix_s, refused, error } => {
                let seconds = *since_ns as f64 / 1e9;
                let wall = wall_time(*since_unix_s).map(|time| format!(" ({time})")).unwrap_or_default();
                format!(
                    "the server was gone since {seconds:.1} s after the start of the run{wall}: \
                     {refused} connections in a row failed, the last one with `{error}`"
                )
            }
            Self::Unformatted { refused, error } => {
                format!(
                    "the endpoint wrote no request that can be sent, {refused} times in a row; the last time: {error}"
                )
            }
            Self::TooManyFailed { failed, ended, most } => {
                format!(
                    "{failed} of {ended} requests failed, more than `--failed-request-threshold {most}` allows"
                )
            }
            Self::Saturated { after, in_flight, more_a_second } => format!(
                "{SATURATED}: after {:.1} s {in_flight} requests were in flight, and {more_a_second} more a second",
                after.as_secs_f64()
            ),
            Self::ServiceLost(what) => format!("a required service was lost: {what}"),
            Self::ServiceRefused { name, message, .. } => {
                format!("the service `{name}` does not take its options: {message}")
            }
            Self::WorkerLost(what) => format!("a worker was lost: {what}"),
            Self::EndpointPoisoned(name) => format!("endpoint `{name}` panicked too often"),
            Self::EndpointHangs { name, what } => format!("endpoint `{name}` hangs: {what}"),
            Self::EndpointDied { name, death } => format!("endpoint `{name}` ended its process: it {death}"),
            Self::JournalLost => "the journal could not be written".to_owned(),
        }
    }
}

/// Text for an instant in seconds since the Unix epoch, in UTC; `None` beyond the year 9999.
fn wall_time(unix_s: u64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp(i64::try_from(unix_s).ok()?).ok()?;
    time.format(&Rfc3339).ok()
}

/// What the conductor must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Begin the phase at this position.
    StartPhase(usize),
    /// Send nothing new.
    Drain,
    /// Report [`Event::GraceOver`] after this long, unless a grace period that ends sooner is running.
    ArmGrace(Duration),
    /// End what is in flight, and report [`Event::CancelOver`] when that does not happen.
    Cancel,
    /// The run is over.
    Finish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    Draining,
    Cancelling,
}

/// How long the requests in flight of a phase may go on when nothing new is sent any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    /// After its duration; `None` without limit.
    pub(crate) grace: Option<Duration>,
    /// When the run ends before its time.
    pub(crate) early: Duration,
}

/// The state of a run.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    /// Of each phase.
    drains: Vec<Drain>,
    current: usize,
    stage: Stage,
    ending: Option<Ending>,
    interrupts: u32,
}

impl Lifecycle {
    /// A run of phases that may drain so long, and its first action.
    pub(crate) fn begin(drains: Vec<Drain>) -> (Self, Action) {
        (
            Self { drains, current: 0, stage: Stage::Running, ending: None, interrupts: 0 },
            Action::StartPhase(0),
        )
    }

    /// Why the run ended, or is ending, before its time.
    pub(crate) fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Moves on.
    pub(crate) fn on(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::PhaseDone => self.next_phase(),
            Event::DurationOver if self.stage == Stage::Running => {
                let grace = self.drains[self.current].grace;
                self.drain(grace)
            }
            Event::GraceOver if self.stage == Stage::Draining => self.cancel(),
            Event::CancelOver if self.stage == Stage::Cancelling => {
                self.ending
                    .get_or_insert_with(|| Ending::WorkerLost("it does not react to the end".to_owned()));
                vec![Action::Finish]
            }
            Event::Interrupt(interrupt) => {
                self.interrupts += 1;
                self.ending.get_or_insert(Ending::Interrupted(interrupt));
                if self.interrupts > 1 { self.cancel() } else { self.drain_early() }
            }
            Event::StopRequested(reason) => {
                self.ending.get_or_insert(Ending::Requested(reason));
                self.drain_early()
            }
            Event::Leave(ending) => {
                self.ending.get_or_insert(ending);
                self.drain_early()
            }
            Event::Broken(ending) => {
                self.ending.get_or_insert(ending);
                self.cancel()
            }
            Event::Gone(ending) => {
                self.ending.get_or_insert(ending);
                vec![Action::Finish]
            }
            // They come from a timer that was overtaken.
            Event::DurationOver | Event::GraceOver | Event::CancelOver => Vec::new(),
        }
    }

    fn next_phase(&mut self) -> Vec<Action> {
        if self.ending.is_some() || self.current + 1 == self.drains.len() {
            return vec![Action::Finish];
        }
        self.current += 1;
        self.stage = Stage::Running;
        vec![Action::StartPhase(self.current)]
    }

    fn drain(&mut self, grace: Option<Duration>) -> Vec<Action> {
        if self.stage == Stage::Cancelling {
            return Vec::new();
        }
        self.stage = Stage::Draining;
        std::iter::once(Action::Drain).chain(grace.map(Action::ArmGrace)).collect()
    }

    fn drain_early(&mut self) -> Vec<Action> {
        self.drain(Some(self.drains[self.current].early))
    }

    fn cancel(&mut self) -> Vec<Action> {
        if self.stage == Stage::Cancelling {
            return Vec::new();
        }
        self.stage = Stage::Cancelling;
        vec![Action::Cancel]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(5);
    const DRAIN: Duration = Duration::from_secs(8);
    const INTERRUPT: Event = Event::Interrupt(Interrupt::Terminated);

    fn lifecycle() -> Lifecycle {
        let drains = [None, Some(GRACE)].map(|grace| Drain { grace, early: DRAIN });
        let (lifecycle, first) = Lifecycle::begin(drains.to_vec());
        assert_eq!(first, Action::StartPhase(0));
        lifecycle
    }

    #[test]
    fn phases_follow_each_other() {
        let mut run = lifecycle();
        assert_eq!(run.on(Event::PhaseDone), [Action::StartPhase(1)]);
        assert_eq!(run.on(Event::PhaseDone), [Action::Finish]);
        assert_eq!(run.ending(), None);
    }

    #[test]
    fn a_duration_drains_for_its_grace_and_then_cancels() {
        let mut run = lifecycle();
        run.on(Event::PhaseDone);
        assert_eq!(run.on(Event::DurationOver), [Action::Drain, Action::ArmGrace(GRACE)]);
        assert_eq!(run.on(Event::GraceOver), [Action::Cancel]);
        assert_eq!(run.on(Event::PhaseDone), [Action::Finish]);
    }

    #[test]
    fn a_warm_up_without_a_grace_drains_as_long_as_it_takes() {
        assert_eq!(lifecycle().on(Event::DurationOver), [Action::Drain]);
    }

    #[test]
    fn the_first_interrupt_drains_and_the_second_cancels() {
        let mut run = lifecycle();
        assert_eq!(run.on(INTERRUPT), [Action::Drain, Action::ArmGrace(DRAIN)]);
        assert_eq!(run.on(INTERRUPT), [Action::Cancel]);
        assert_eq!(run.on(INTERRUPT), []);
        assert_eq!(run.on(Event::PhaseDone), [Action::Finish]);
        assert_eq!(run.ending(), Some(&Ending::Interrupted(Interrupt::Terminated)));
    }

    #[test]
    fn an_interrupt_while_draining_still_allows_a_second_one() {
        let mut run = lifecycle();
        run.on(Event::DurationOver);
        assert_eq!(run.on(INTERRUPT), [Action::Drain, Action::ArmGrace(DRAIN)]);
        assert_eq!(run.on(INTERRUPT), [Action::Cancel]);
    }

    #[test]
    fn a_broken_run_cancels_at_once_and_starts_no_further_phase() {
        let mut run = lifecycle();
        assert_eq!(run.on(Event::Broken(Ending::JournalLost)), [Action::Cancel]);
        assert_eq!(run.on(Event::PhaseDone), [Action::Finish]);
    }

    #[test]
    fn nobody_waits_for_workers_that_are_gone() {
        let mut run = lifecycle();
        let ending = Ending::EndpointDied { name: "x".into(), death: "exited with code 0".into() };
        assert_eq!(run.on(Event::Gone(ending.clone())), [Action::Finish]);
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
        assert_eq!(run.on(Event::Leave(ending.clone())), [Action::Drain, Action::ArmGrace(DRAIN)]);
        assert_eq!(run.on(Event::PhaseDone), [Action::Finish]);
        assert_eq!(
            ending.reason(),
            "the server was gone since 12.3 s after the start of the run (2026-01-02T03:04:05Z): 100 connections in \
             a row failed, the last one with `Connection refused`"
        );
    }

    #[test]
    fn impatience_never_prolongs_a_run() {
        let mut run = lifecycle();
        run.on(Event::StopRequested("enough".into()));
        run.on(INTERRUPT);
        assert_eq!(run.on(INTERRUPT), [Action::Cancel]);
    }

    #[test]
    fn what_happens_while_cancelling_is_not_forgotten() {
        let mut run = lifecycle();
        run.on(Event::PhaseDone);
        run.on(Event::DurationOver);
        run.on(Event::GraceOver);
        assert_eq!(run.on(INTERRUPT), []);
        assert_eq!(run.on(Event::PhaseDone), [Action::Finish]);
        assert_eq!(run.ending(), Some(&Ending::Interrupted(Interrupt::Terminated)));
    }

    #[test]
    fn a_worker_that_hangs_does_not_hold_up_the_end() {
        let mut run = lifecycle();
        run.on(INTERRUPT);
        run.on(INTERRUPT);
        assert_eq!(run.on(Event::CancelOver), [Action::Finish]);
        assert_eq!(run.ending(), Some(&Ending::Interrupted(Interrupt::Terminated)));
    }

    #[test]
    fn a_service_may_ask_for_the_end() {
        let mut run = lifecycle();
        let actions = run.on(Event::StopRequested("enough".into()));
        assert_eq!(actions, [Action::Drain, Action::ArmGrace(DRAIN)]);
        assert_eq!(run.ending().map(Ending::reason).as_deref(), Some("a service asked for the end: enough"));
    }
}
