//! How the clock of a node is put right: the [`ClockShift`].

use serde::{Deserialize, Serialize};

use crate::{clock::RunNs, request::exchange::Instants};

/// Corrections of a node's clock over the run: each is an instant in nanoseconds, and what is to be added there to what the
/// node's clock says. Instants ascend. Between two points the correction is on the straight line, and outside of all it is that
/// of the nearest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClockShift(pub(crate) Vec<(RunNs, i64)>);

impl ClockShift {
    /// What is to be added to an instant, in nanoseconds.
    pub(crate) fn at(&self, instant: RunNs) -> i64 {
        let after = self.0.partition_point(|(at, _)| *at <= instant);
        let before = after.checked_sub(1).and_then(|before| self.0.get(before));
        match (before, self.0.get(after)) {
            (None, None) => 0,
            (Some((_, correction)), None) | (None, Some((_, correction))) => *correction,
            (Some((from, first)), Some((to, last))) => {
                let change = i128::from(*last) - i128::from(*first);
                let part = change * i128::from(instant - from) / i128::from((to - from).max(1));
                i64::try_from(i128::from(*first) + part).unwrap_or(*first)
            }
        }
    }

    /// An instant on the run's clock.
    pub(crate) fn put_right(&self, instant: RunNs) -> RunNs {
        instant.saturating_add_signed(self.at(instant))
    }

    /// What is to be added to all instants of a request: the correction of the moment at which work on it began, so that no duration
    /// changes.
    pub(super) fn of_request(&self, scheduled: RunNs, started: RunNs) -> i64 {
        let earliest = i64::try_from(scheduled.min(started)).unwrap_or(i64::MAX);
        // Nothing is before the start of the run.
        self.at(started).max(-earliest)
    }

    /// Moves all instants of a request by one correction.
    pub(crate) fn move_instants(&self, instants: &mut Instants) {
        let by = self.of_request(instants.scheduled, instants.started);
        let Instants {
            scheduled,
            started,
            connect_start,
            resolved,
            reached,
            connected,
            sent,
            first_byte,
            first_token,
            first_output_token,
            last_token,
            accepted,
            end,
        } = instants;
        let ways = [connect_start, resolved, reached, connected, sent];
        let answers = [first_byte, first_token, first_output_token, last_token, accepted];
        let known = ways.into_iter().chain(answers).flatten();
        for instant in [scheduled, started, end].into_iter().chain(known) {
            *instant = instant.saturating_add_signed(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::before_all(0, -10)]
    #[case::at_a_point(100, -10)]
    #[case::between(150, 20)]
    #[case::at_the_last(200, 50)]
    #[case::behind_all(900, 50)]
    fn a_correction_is_on_the_line_between_points(#[case] instant: RunNs, #[case] expected: i64) {
        assert_eq!(ClockShift(vec![(100, -10), (200, 50)]).at(instant), expected);
    }

    #[test]
    fn a_clock_without_corrections_is_right() {
        assert_eq!(ClockShift::default().put_right(7), 7);
    }

    #[test]
    fn a_request_moves_as_a_whole() {
        let mut instants =
            Instants { scheduled: 90, started: 100, sent: Some(120), end: 300, ..Instants::default() };
        ClockShift(vec![(100, 5), (300, 50)]).move_instants(&mut instants);
        let moved =
            Instants { scheduled: 95, started: 105, sent: Some(125), end: 305, ..Instants::default() };
        assert_eq!(instants, moved);
    }

    #[test]
    fn nothing_moves_before_the_start_of_the_run() {
        let mut instants = Instants { scheduled: 30, started: 40, end: 60, ..Instants::default() };
        ClockShift(vec![(0, -100)]).move_instants(&mut instants);
        assert_eq!((instants.scheduled, instants.started, instants.end), (0, 10, 30));
    }
}
