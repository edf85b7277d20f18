//! Requests of an open loop that are formatted before they are due.
//!
//! A recorded trace starts many sessions at one instant. If the second one were formatted when the first one is sent, it would be
//! late by that time, and the last of twenty long ones by twenty times as much.

use std::collections::VecDeque;

use super::player::ReadyRequest;
use crate::{clock::RunNs, schedule::Credit, session::Session};

/// Requests that may wait, beside the next one.
const MOST: usize = 64;

/// Bytes of bodies that may wait, beside those of the next one.
const MOST_BYTES: usize = 8 << 20;

/// What is due so soon after the next request is formatted ahead as well.
const WITHIN_NS: RunNs = 20_000_000;

/// No request is formatted so shortly before another one is due: that one would be late.
const LONGEST_FORMAT_NS: RunNs = 2_000_000;

/// Requests that are due so shortly after each other are a burst: they are sent one after the other without a pause.
const BURST_GAP_NS: RunNs = 1_000_000;

/// A credit that is not due yet.
pub(super) struct Waiting {
    pub(super) credit: Credit,
    /// When it is due, in nanoseconds of the run.
    pub(super) due: RunNs,
    /// Its session and first request; none if that could not be formatted.
    pub(super) first: Option<(Session, Box<ReadyRequest>)>,
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.first.as_ref().map_or(0, |(_, first)| first.prepared.body.len())
    }
}

/// Credits that are not due yet, the next one first.
#[derive(Default)]
pub(super) struct Ahead {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// When the one that was taken last was due.
    taken_due: Option<RunNs>,
}

impl Ahead {
    /// One more, the last one.
    pub(super) fn push(&mut self, waiting: Waiting) {
        self.bytes += waiting.bytes();
        self.waiting.push_back(waiting);
    }

    /// The next one.
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let next = self.waiting.pop_front()?;
        self.bytes -= next.bytes();
        self.taken_due = Some(next.due);
        Some(next)
    }

    /// Whether the next one is sent in a burst with the one that was taken last.
    pub(super) fn is_burst(&self) -> bool {
        let next = self.waiting.front().map(|next| next.due);
        next.zip(self.taken_due).is_some_and(|(next, taken)| next <= taken.saturating_add(BURST_GAP_NS))
    }

    /// Nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a credit with this instant is to be formatted now.
    pub(super) fn has_time_for(&self, due: RunNs, now: RunNs) -> bool {
        let Some(next) = self.waiting.front() else { return true };
        let is_soon = due <= next.due.saturating_add(WITHIN_NS);
        let has_time = now.saturating_add(LONGEST_FORMAT_NS) < next.due;
        is_soon && has_time && self.waiting.len() <= MOST && self.bytes - next.bytes() <= MOST_BYTES
    }

    /// The credits, in the order of their instants.
    pub(super) fn credits(self) -> impl Iterator<Item = Credit> {
        self.waiting.into_iter().map(|waiting| waiting.credit)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const MS: RunNs = 1_000_000;

    fn ahead(dues_ms: &[u64]) -> Ahead {
        let mut ahead = Ahead::default();
        for (number, due_ms) in (0..).zip(dues_ms) {
            let credit = Credit { number, due_ns: Some(due_ms * MS) };
            ahead.push(Waiting { credit, due: due_ms * MS, first: None });
        }
        ahead
    }

    #[rstest]
    #[case::the_next_one(&[], 5_000, 0, true)]
    #[case::at_the_same_instant(&[100], 100, 50, true)]
    #[case::soon_after(&[100, 100], 120, 50, true)]
    #[case::later(&[100], 121, 50, false)]
    #[case::the_next_one_is_due(&[100], 100, 98, false)]
    #[case::too_many(&[100; 65], 100, 50, false)]
    fn only_what_is_due_soon_is_formatted_ahead(
        #[case] waiting_ms: &[u64],
        #[case] due_ms: u64,
        #[case] now_ms: u64,
        #[case] expected: bool,
    ) {
        assert_eq!(ahead(waiting_ms).has_time_for(due_ms * MS, now_ms * MS), expected);
    }

    #[test]
    fn requests_that_are_due_at_one_instant_are_a_burst_and_those_of_a_steady_rate_are_none() {
        let mut burst = ahead(&[100, 100, 101, 120]);
        assert!(!burst.is_burst(), "none was taken");
        let then: Vec<bool> = (0..4).map(|_| burst.pop().map(|_| burst.is_burst()).unwrap()).collect();
        assert_eq!(then, [true, true, false, false]);
        let mut steady = ahead(&[100, 110, 120]);
        assert!((0..3).all(|_| steady.pop().is_some() && !steady.is_burst()));
    }

    #[test]
    fn they_keep_their_order() {
        let mut ahead = ahead(&[1, 2, 3]);
        assert_eq!(ahead.pop().unwrap().due, MS);
        assert_eq!(ahead.credits().map(|credit| credit.number).collect::<Vec<_>>(), [1, 2]);
    }
}
