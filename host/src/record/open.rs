//! Records that are in the journal, on their way to the services: in their order, each when its tokens are counted. And who
//! waits for that: [`Open`]. Pure.

use std::{
    collections::{HashMap, VecDeque},
    sync::mpsc::SyncSender,
    time::Duration,
};

use prony_plugin_api::message::PhaseRecorded;

use super::{CountedTokens, Record, prefixes::Heard};
use crate::clock::{RunNs, as_ns};

/// How long the end of a run waits for counting that goes on.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The same when somebody wants the run to end now: what is about to be counted is, and long texts are not.
const SHORT_TIMEOUT: Duration = Duration::from_millis(250);

/// How long the end of a run waits for counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountingWait {
    /// [`TIMEOUT`].
    Full,
    /// [`SHORT_TIMEOUT`]: somebody wants the run to end now.
    Short,
}

/// What stands in the queue.
pub(super) enum Next {
    /// A record. All that will be known of it is known: it has the number under which its count goes into the journal, if it
    /// was counted.
    Record(Entry, Option<u64>),
    /// The services are told that a phase is recorded.
    Phase(PhaseRecorded),
    /// The end of the run waits for what was before it, and not for ever.
    Settle(SyncSender<()>),
}

/// A record in the queue, and what its request and response said, where that is of use.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) record: Box<Record>,
    pub(super) heard: Option<Box<Heard>>,
}

/// The queue.
#[derive(Default)]
pub(super) struct Open {
    queue: VecDeque<(Next, IsOpen)>,
    /// How many have left the queue.
    gone: u64,
    /// Which number of all that ever stood in the queue a record has that is being counted.
    places: HashMap<u64, u64>,
    /// When the end of the run began to wait, and how long it may wait.
    settling_since: Option<(RunNs, CountingWait)>,
    /// Records that nobody has counted, and nobody will.
    given_up: u64,
}

/// Whether a record is still being counted.
type IsOpen = bool;

impl Open {
    /// A record was kept under a number, and is being counted, or not even that.
    pub(super) fn keep_uncounted(&mut self, number: u64, entry: Entry, is_being_counted: bool) {
        if is_being_counted {
            self.places.insert(number, self.gone + self.queue.len() as u64);
        } else {
            self.given_up += 1;
        }
        self.queue.push_back((Next::Record(entry, None), is_being_counted));
    }

    /// A record was kept of which nothing is to be counted.
    pub(super) fn keep(&mut self, entry: Entry) {
        self.queue.push_back((Next::Record(entry, None), false));
    }

    /// What the record with this number was counted, if it could be.
    pub(super) fn count(&mut self, number: u64, counted: Option<CountedTokens>) {
        self.given_up += u64::from(counted.is_none());
        // One that was given up may have gone.
        let place = self.places.remove(&number).and_then(|place| place.checked_sub(self.gone));
        let place = place.and_then(|place| usize::try_from(place).ok());
        if let Some((Next::Record(entry, counted_as), is_open)) =
            place.and_then(|place| self.queue.get_mut(place))
        {
            if let Some(counted) = counted {
                entry.record.add_count(counted);
                *counted_as = Some(number);
            }
            *is_open = false;
        }
    }

    /// The services are to be told of this, behind the records so far.
    pub(super) fn tell(&mut self, recorded: PhaseRecorded) {
        self.queue.push_back((Next::Phase(recorded), false));
    }

    /// The end of the run waits for the records so far.
    pub(super) fn settle(&mut self, answer: SyncSender<()>, wait: CountingWait, now: RunNs) {
        self.settling_since.get_or_insert((now, wait));
        self.queue.push_back((Next::Settle(answer), false));
    }

    /// The first in the queue, if its time has come.
    pub(super) fn pop(&mut self) -> Option<Next> {
        let (_, is_open) = self.queue.front()?;
        if *is_open {
            return None;
        }
        let (next, _) = self.queue.pop_front()?;
        self.gone += 1;
        Some(next)
    }

    /// How much longer the end of the run waits, if it does.
    pub(super) fn time_left(&self, now: RunNs) -> Option<Duration> {
        let (since, wait) = self.settling_since.filter(|_| !self.places.is_empty())?;
        let left = if wait == CountingWait::Short { SHORT_TIMEOUT } else { TIMEOUT };
        Some(Duration::from_nanos(since.saturating_add(as_ns(left)).saturating_sub(now)))
    }

    /// Waits for nothing any more.
    pub(super) fn give_up(&mut self) {
        self.given_up += self.places.len() as u64;
        self.places.clear();
        self.queue.iter_mut().for_each(|(_, is_open)| *is_open = false);
    }

    /// Adds records of the journal whose tokens are not counted in the run.
    pub(super) fn leave_uncounted(&mut self, records: u64) {
        self.given_up = self.given_up.saturating_add(records);
    }

    /// Whether everything is counted.
    pub(super) fn is_done(&self) -> bool {
        self.places.is_empty() && self.given_up == 0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn record(id: &str) -> Entry {
        let record = Box::new(Record { request_id: id.into(), ..Record::default() });
        Entry { record, heard: None }
    }

    fn tokens(output: u64) -> CountedTokens {
        CountedTokens { output: Some(output), ..CountedTokens::default() }
    }

    /// What comes out now: records with their counts, the numbers of phases.
    fn popped(open: &mut Open) -> Vec<String> {
        let name = |next| match next {
            Next::Record(entry, _) => {
                format!("{}: {:?}", entry.record.request_id, entry.record.counted.output)
            }
            Next::Phase(phase) => format!("phase {}", phase.index),
            Next::Settle(_) => "settled".to_owned(),
        };
        std::iter::from_fn(|| open.pop()).map(name).collect()
    }

    #[test]
    fn records_leave_in_their_order_each_when_it_is_counted() {
        let mut open = Open::default();
        open.keep_uncounted(0, record("a"), true);
        open.keep_uncounted(1, record("b"), true);
        open.keep(record("failed"));
        open.tell(PhaseRecorded { index: 7, ..PhaseRecorded::default() });
        open.keep_uncounted(2, record("c"), true);
        open.count(1, Some(tokens(5)));
        assert_eq!(popped(&mut open), [] as [&str; 0]);
        open.count(0, Some(tokens(4)));
        assert_eq!(popped(&mut open), ["a: Some(4)", "b: Some(5)", "failed: None", "phase 7"]);
        open.count(2, None);
        assert_eq!(popped(&mut open), ["c: None"]);
        assert!(!open.is_done(), "one was not counted");
    }

    #[test]
    fn the_end_waits_for_counting_and_not_for_long_texts() {
        let mut open = Open::default();
        open.keep_uncounted(0, record("a"), true);
        open.keep_uncounted(1, record("b"), true);
        assert_eq!(open.time_left(0), None);
        open.settle(sync_channel(1).0, CountingWait::Full, SECOND);
        open.count(0, Some(tokens(1)));
        assert_eq!(open.time_left(2 * SECOND), Some(Duration::from_secs(2)));
        assert_eq!(open.time_left(5 * SECOND), Some(Duration::ZERO));
        open.give_up();
        assert_eq!(popped(&mut open), ["a: Some(1)", "b: None", "settled"]);
        open.count(1, Some(tokens(1)));
        assert_eq!((open.time_left(9 * SECOND), open.is_done()), (None, false));
    }

    #[test]
    fn an_end_that_is_wanted_at_once_waits_hardly_for_counts() {
        let mut open = Open::default();
        open.keep_uncounted(0, record("a"), true);
        open.keep_uncounted(1, record("b"), true);
        open.settle(sync_channel(1).0, CountingWait::Short, SECOND);
        assert_eq!(open.time_left(SECOND), Some(SHORT_TIMEOUT));
        open.count(0, Some(tokens(1)));
        assert_eq!(open.time_left(SECOND + SECOND / 4), Some(Duration::ZERO));
        open.give_up();
        assert_eq!(popped(&mut open), ["a: Some(1)", "b: None", "settled"]);
    }

    #[test]
    fn what_nobody_counts_holds_up_nobody() {
        let mut open = Open::default();
        open.keep_uncounted(0, record("a"), false);
        assert_eq!(popped(&mut open), ["a: None"]);
        assert!(!open.is_done());
    }
}
