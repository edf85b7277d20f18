//! When the steps of a session are due.

use crate::{clock::RunNs, dataset::Start};

/// What the instants of a session's steps depend on, beside the answers that they wait for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// When its first step was due.
    pub(crate) start_ns: RunNs,
    /// The position of that step in the script.
    pub(crate) first_step: usize,
    /// When that step was due in the recording, since the script's start.
    pub(crate) begins_at_ns: RunNs,
    /// The time from each turn to the next one, where users have their own; without it, scripts say it.
    pub(crate) turn_gap_ns: Option<RunNs>,
}

impl Pace {
    /// When the step at a position is due. `ready_ns` is when the last of those was over that it waits for.
    pub(crate) fn due_ns(&self, position: usize, start: Start, ready_ns: RunNs) -> RunNs {
        match (self.turn_gap_ns, start) {
            (Some(gap_ns), _) => {
                let turns = (position - self.first_step.min(position)) as u64;
                self.start_ns.saturating_add(gap_ns.saturating_mul(turns)).max(ready_ns)
            }
            (None, Start::After(delay_ns)) => ready_ns.saturating_add(delay_ns),
            (None, Start::At(offset_ns)) => {
                let since_first = offset_ns.saturating_sub(self.begins_at_ns);
                self.start_ns.saturating_add(since_first).max(ready_ns)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// A session that began at 1,000 with step 2, which was due at 500 in the recording.
    #[rstest]
    #[case::a_user_has_places_of_its_own(Some(100), Start::After(7), 1_150, 1_200)]
    #[case::an_answer_is_waited_for(Some(100), Start::After(7), 1_450, 1_450)]
    #[case::time_to_think(None, Start::After(7), 1_150, 1_157)]
    #[case::an_instant_of_the_recording(None, Start::At(800), 1_150, 1_300)]
    #[case::an_instant_that_is_over(None, Start::At(800), 1_350, 1_350)]
    fn steps_are_due_as_the_session_went_on_from_its_first_one(
        #[case] turn_gap_ns: Option<RunNs>,
        #[case] start: Start,
        #[case] ready_ns: RunNs,
        #[case] expected: RunNs,
    ) {
        let pace = Pace { start_ns: 1_000, first_step: 2, begins_at_ns: 500, turn_gap_ns };
        assert_eq!(pace.due_ns(4, start, ready_ns), expected);
    }
}
