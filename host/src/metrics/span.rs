//! A phase's place in time, and what became of the requests that it was to send: [`PhaseSpan`] and [`PhaseCounts`].

use prony_plugin_api::message::PhaseKind;
use serde::Serialize;

use crate::{clock::RunNs, record::ScheduleCounts};

/// One phase's place on the run's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PhaseSpan {
    /// Position in the run.
    pub(crate) index: u32,
    /// Warm-up or profiling.
    pub(crate) kind: PhaseKind,
    /// When it began. Where the journal has lost that, when its first request was due.
    pub(crate) start_ns: RunNs,
    /// The journal has lost its beginning.
    pub(crate) has_lost_start: bool,
    /// When it was over; unknown when the run was killed in it.
    pub(crate) end_ns: Option<RunNs>,
    /// End of its last request, successful or not.
    pub(crate) last_request_ns: Option<RunNs>,
    /// What became of its schedule; unknown when the run was killed in it.
    pub(crate) schedule: Option<ScheduleCounts>,
    /// Requests of which there is a record, taken by a connection or not.
    pub(crate) recorded: u64,
    /// Requests that a connection took.
    pub(crate) sent: u64,
    /// Those among them that were taken more than [`LATE_NS`] after the schedule wanted them sent. A closed loop has no
    /// such instants.
    pub(crate) late: u64,
}

/// What became of the requests that a schedule wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct PhaseCounts {
    /// Requests that the schedule wanted sent.
    pub(crate) scheduled: u64,
    /// Requests that a connection took.
    pub(crate) sent: u64,
    /// Sent more than [`LATE_NS`] after their time.
    pub(crate) late: u64,
    /// Never tried, because the phase was over first.
    pub(crate) dropped: u64,
    /// Tried, and then lost with their worker.
    pub(crate) lost: u64,
}

impl std::iter::Sum for PhaseCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |a, b| Self {
            scheduled: a.scheduled + b.scheduled,
            sent: a.sent + b.sent,
            late: a.late + b.late,
            dropped: a.dropped + b.dropped,
            lost: a.lost + b.lost,
        })
    }
}

/// A request that was sent so long after its time was late, in nanoseconds.
pub(super) const LATE_NS: u64 = 1_000_000;

impl PhaseSpan {
    /// End of the window over which throughputs are taken: that of the last request, so that neither housekeeping
    /// after it nor a missing end bends a number. A phase without requests ends when it ended.
    pub(crate) fn window_end_ns(&self) -> Option<RunNs> {
        self.last_request_ns.or(self.end_ns)
    }

    /// What became of its requests; unknown when the run was killed in it.
    ///
    /// What a run knows of its schedule at the end of a phase may be less than its records have: an agent that is cut off goes on for a
    /// while, what it has begun in that time was not heard when the phase was over, and its journal comes afterwards. So the schedule
    /// wanted what there are records of, and only what there is none of is lost.
    pub(crate) fn counts(&self) -> Option<PhaseCounts> {
        let ScheduleCounts { scheduled, dropped, lost, sessions: _ } = self.schedule?;
        let known = self.recorded.saturating_add(dropped);
        let scheduled = scheduled.max(known);
        let lost = lost.min(scheduled - known);
        Some(PhaseCounts { scheduled, sent: self.sent, late: self.late, dropped, lost })
    }

    /// That window, from its start to its end.
    pub(super) fn window(&self) -> Option<(RunNs, RunNs)> {
        self.window_end_ns().filter(|end_ns| *end_ns >= self.start_ns).map(|end_ns| (self.start_ns, end_ns))
    }

    /// Takes in what another collector knows of this phase, of other requests.
    pub(super) fn merge(&mut self, other: Self) {
        if self.has_lost_start {
            self.start_ns = self.start_ns.min(other.start_ns);
        }
        self.last_request_ns = self.last_request_ns.max(other.last_request_ns);
        self.recorded += other.recorded;
        self.sent += other.sent;
        self.late += other.late;
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::all_are_known(95, ScheduleCounts { scheduled: 100, dropped: 5, ..ScheduleCounts::default() }, (100, 0))]
    #[case::a_worker_is_gone(90, ScheduleCounts { scheduled: 100, dropped: 5, lost: 5, ..ScheduleCounts::default() }, (100, 5))]
    #[case::a_journal_is_damaged(50, ScheduleCounts { scheduled: 100, lost: 5, ..ScheduleCounts::default() }, (100, 5))]
    #[case::an_agent_was_heard_again(98, ScheduleCounts { scheduled: 100, lost: 5, ..ScheduleCounts::default() }, (100, 2))]
    #[case::and_had_begun_more(120, ScheduleCounts { scheduled: 100, dropped: 3, lost: 5, ..ScheduleCounts::default() }, (123, 0))]
    fn what_there_are_records_of_was_wanted_and_is_not_lost(
        #[case] recorded: u64,
        #[case] schedule: ScheduleCounts,
        #[case] expected: (u64, u64),
    ) {
        let span = PhaseSpan { recorded, schedule: Some(schedule), ..PhaseSpan::default() };
        let counts = span.counts().unwrap();
        assert_eq!((counts.scheduled, counts.lost), expected);
    }
}
