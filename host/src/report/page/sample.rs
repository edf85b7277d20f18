//! Which requests are on the page: all of them up to [`MOST`], and else a sample of them.
//!
//! Of more requests, the failures are kept up to [`MOST_FAILURES`] and the slowest up to [`MOST_SLOW`]; the others are drawn by lot.
//! A lot is that of a session, so that sessions are whole, and it is made of the session's place in the run, so that the same journal
//! gives the same sample, in whatever order it is read. Requests of the warm-up take no place of the slowest.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, HashMap},
};

use super::{
    row::{Detail, Ended, Needs, Row},
    slots::{Slot, Slots},
};

/// Requests on the page.
pub(super) const MOST: usize = 100_000;
/// Failures that are kept whatever their lot is.
pub(super) const MOST_FAILURES: usize = 20_000;
/// Slowest requests that are kept whatever their lot is.
pub(super) const MOST_SLOW: usize = 10_000;
/// Slowest requests of which everything is kept.
const MOST_DETAILED: usize = 60;

/// How many requests are kept for which reason.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    all: usize,
    failures: usize,
    slow: usize,
}

/// A request in a heap, by a rank that says which one leaves first. Its row stands elsewhere: a heap moves what is in it many times.
#[derive(Debug)]
struct Ranked<K> {
    rank: K,
    row: Slot,
}

impl<K: Ord> PartialEq for Ranked<K> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<K: Ord> Eq for Ranked<K> {}

impl<K: Ord> PartialOrd for Ranked<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord> Ord for Ranked<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

/// A lot, and the place that tells equal ones apart.
type Lot = (u64, (u32, u64, u32));
/// A latency in microseconds, the fastest one first to leave.
type Slow = Reverse<(u64, Lot)>;
/// Whether it is measured, its latency in microseconds, and its place: those of the warm-up and the fastest leave first.
type Telling = (bool, u64, (u32, u64, u32));

/// Details of a request in a heap.
#[derive(Debug)]
struct Detailed {
    rank: Telling,
    detail: Box<Detail>,
}

impl PartialEq for Detailed {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Detailed {}

impl PartialOrd for Detailed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Detailed {
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank.cmp(&self.rank)
    }
}

/// The rows that are kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// In the order in which they were due.
    pub(super) rows: Vec<Row>,
    /// Of sessions with a lot below this, every request is kept. They alone speak for all requests.
    pub(super) whole_below: Option<u64>,
}

impl Kept {
    /// The rows that are kept whatever their latency and outcome are: all of them, or those of whole sessions by lot.
    pub(super) fn fair(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| self.whole_below.is_none_or(|bound| row.lot() < bound))
    }
}

/// The requests that are kept so far.
#[derive(Debug)]
pub(super) struct Sample {
    bounds: Bounds,
    rows: Slots<Row>,
    failures: BinaryHeap<Ranked<Lot>>,
    slow: BinaryHeap<Ranked<Slow>>,
    others: BinaryHeap<Ranked<Lot>>,
    /// Details of the slowest, apart from their rows: so there are never more of them.
    detailed: BinaryHeap<Detailed>,
    /// The least lot that has left.
    left: Option<u64>,
    seen: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self::bounded(Bounds { all: MOST, failures: MOST_FAILURES, slow: MOST_SLOW })
    }
}

impl Sample {
    fn bounded(bounds: Bounds) -> Self {
        Self {
            bounds,
            rows: Slots::with_room(bounds.all + bounds.failures + bounds.slow),
            failures: BinaryHeap::new(),
            slow: BinaryHeap::new(),
            others: BinaryHeap::new(),
            detailed: BinaryHeap::new(),
            left: None,
            seen: 0,
        }
    }

    /// Requests that there were.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// What has to be known of requests that are offered from now on.
    pub(super) fn needs(&self) -> Needs {
        let fastest = self.slow.peek().filter(|_| self.slow.len() >= self.bounds.slow);
        let last = self.others.peek().filter(|_| self.others.len() >= self.bounds.all);
        Needs {
            detail_ms: self.detail_ms(),
            slow_us: fastest.map_or(0, |Ranked { rank: Reverse((us, _)), .. }| *us),
            most_lot: last.map_or(u64::MAX, |Ranked { rank: (lot, _), .. }| *lot),
        }
    }

    /// Details of faster requests are not needed any more.
    fn detail_ms(&self) -> f64 {
        match self.detailed.peek() {
            Some(Detailed { rank: (true, us, _), .. }) if self.detailed.len() >= MOST_DETAILED => {
                *us as f64 / 1e3
            }
            _ => 0.0,
        }
    }

    /// Offers a request.
    pub(super) fn offer(&mut self, mut row: Row) {
        self.seen += 1;
        if let Some(detail) = row.detail.take() {
            self.detailed.push(Detailed { rank: telling(&row), detail });
            if self.detailed.len() > MOST_DETAILED {
                self.detailed.pop();
            }
        }
        if self.has_no_place_for(&row) {
            self.leaves(Some(&row));
            return;
        }
        let (lot, latency_us) = (lot(&row), row.latency_us());
        let (has_failed, is_measured) = (row.ended == Ended::Failed, row.is_measured);
        let row = self.rows.put(row);
        let left_over = if has_failed {
            push(&mut self.failures, self.bounds.failures, lot, row).map(|gone| (gone.rank, gone.row))
        } else if is_measured {
            let rank = Reverse((latency_us, lot));
            push(&mut self.slow, self.bounds.slow, rank, row).map(|gone| (gone.rank.0.1, gone.row))
        } else {
            Some((lot, row))
        };
        if let Some((lot, row)) = left_over {
            let gone = push(&mut self.others, self.bounds.all, lot, row).map(|gone| gone.row);
            self.leave(gone);
        }
    }

    fn leave(&mut self, slot: Option<Slot>) {
        let gone = slot.and_then(|slot| self.rows.take(slot));
        self.leaves(gone.as_ref());
    }

    /// Whether it would leave at once, as nearly all do in a long run. That is decided before it is moved about.
    fn has_no_place_for(&self, row: &Row) -> bool {
        let lot = lot(row);
        let is_slow = || has_place(&self.slow, self.bounds.slow, &Reverse((row.latency_us(), lot)));
        let is_kept_anyway = row.ended == Ended::Failed || (row.is_measured && is_slow());
        !is_kept_anyway && !has_place(&self.others, self.bounds.all, &lot)
    }

    fn leaves(&mut self, row: Option<&Row>) {
        let lot = row.map(Row::lot);
        self.left = self.left.into_iter().chain(lot).min();
    }

    /// Those that are kept, in the order in which they were due. Only the slowest have details.
    pub(super) fn into_kept(mut self) -> Kept {
        let room = self.bounds.all.saturating_sub(self.failures.len() + self.slow.len());
        while self.others.len() > room {
            let gone = self.others.pop();
            self.leave(gone.map(|ranked| ranked.row));
        }
        let mut rows = self.rows.into_values();
        // Each is moved once, since a row is large.
        rows.sort_by_cached_key(|row| (row.due_ns, row.place()));
        let mut details: HashMap<_, _> =
            self.detailed.into_iter().map(|detailed| (detailed.rank.2, detailed.detail)).collect();
        for row in &mut rows {
            row.detail = details.remove(&row.place());
        }
        Kept { rows, whole_below: self.left }
    }
}

fn telling(row: &Row) -> Telling {
    (row.is_measured, row.latency_us(), row.place())
}

fn lot(row: &Row) -> Lot {
    (row.lot(), row.place())
}

/// Whether a row of this rank would be taken into a heap.
fn has_place<K: Ord>(heap: &BinaryHeap<Ranked<K>>, most: usize, rank: &K) -> bool {
    heap.len() < most || heap.peek().is_some_and(|first| *rank < first.rank)
}

/// Puts a row into a heap. What leaves the heap for it, if it is full, or the row itself.
fn push<K: Ord>(heap: &mut BinaryHeap<Ranked<K>>, most: usize, rank: K, row: Slot) -> Option<Ranked<K>> {
    let ranked = Ranked { rank, row };
    if !has_place(heap, most, &ranked.rank) {
        return Some(ranked);
    }
    heap.push(ranked);
    if heap.len() > most { heap.pop() } else { None }
}

#[cfg(test)]
mod tests {
    use super::{super::row::Judged, *};
    use crate::{
        metrics::Measured,
        record::{Instants, Outcome, Record, RequestFailure},
    };

    fn row(number: u64, latency_us: u64, has_failed: bool) -> Row {
        needed(number, latency_us, has_failed, &Needs::default())
    }

    fn needed(number: u64, latency_us: u64, has_failed: bool, needs: &Needs) -> Row {
        let outcome = if has_failed { Outcome::Failed(RequestFailure::default()) } else { Outcome::Ok };
        let instants = Instants {
            scheduled: number,
            started: number,
            sent: Some(number),
            end: number + latency_us * 1000,
            ..Instants::default()
        };
        let conversation_id = number.to_string();
        let record = Record { session_num: number, conversation_id, outcome, instants, ..Record::default() };
        Row::of(&record, Judged { is_measured: true, ..Judged::default() }, &Measured::new(), needs)
    }

    fn kept(rows: impl Iterator<Item = Row>) -> Vec<u64> {
        let mut sample = Sample::bounded(Bounds { all: 50, failures: 10, slow: 5 });
        for row in rows {
            sample.offer(row);
        }
        sample.into_kept().rows.iter().map(|row| row.session).collect()
    }

    /// Every hundredth fails, every seventieth is slow.
    fn thousand() -> impl DoubleEndedIterator<Item = Row> {
        (0..1000)
            .map(|number| row(number, if number % 70 == 69 { 9000 + number } else { 10 }, number % 100 == 0))
    }

    #[test]
    fn a_sample_has_the_failures_and_the_slowest() {
        let kept = kept(thousand());
        assert_eq!(kept.len(), 50);
        assert!((0..10).all(|number| kept.contains(&(number * 100))), "{kept:?}");
        assert!([979, 909, 839, 769, 699].iter().all(|number| kept.contains(number)), "{kept:?}");
    }

    #[test]
    fn a_sample_does_not_depend_on_the_order() {
        assert_eq!(kept(thousand()), kept(thousand().rev()));
    }

    #[test]
    fn texts_are_made_of_few_more_than_those_that_are_kept() {
        let (mut sample, mut without) = (Sample::bounded(Bounds { all: 50, failures: 10, slow: 5 }), 0);
        for row in thousand() {
            let (has_failed, latency_us) = (row.ended == Ended::Failed, row.latency_us());
            let row = needed(row.session, latency_us, has_failed, &sample.needs());
            without += usize::from(row.conversation.is_empty());
            sample.offer(row);
        }
        let rows = sample.into_kept().rows;
        assert_eq!(rows.iter().map(|row| row.session).collect::<Vec<_>>(), kept(thousand()));
        assert!(rows.iter().all(|row| *row.conversation == row.session.to_string()));
        assert!(without > 400, "{without}");
    }

    #[test]
    fn details_are_those_of_the_slowest_and_never_more() {
        let mut sample = Sample::default();
        for number in 0..1000 {
            // Slower from one to the next, so that each one is among the slowest when it comes.
            sample.offer(row(number, 10 + number, number % 3 == 0));
        }
        let held = sample.rows.iter().filter(|row| row.detail.is_some()).count();
        assert_eq!((held, sample.detailed.len()), (0, MOST_DETAILED));
        let rows = sample.into_kept().rows;
        let detailed: Vec<u64> =
            rows.iter().filter(|row| row.detail.is_some()).map(|row| row.session).collect();
        assert_eq!(detailed, (1000 - MOST_DETAILED as u64..1000).collect::<Vec<_>>());
    }

    #[test]
    fn a_slow_warm_up_takes_no_place_of_the_slowest() {
        let warm = (1000..1100).map(|number| {
            let mut row = row(number, 1_000_000, false);
            row.is_measured = false;
            row
        });
        let kept = kept(warm.chain(thousand()));
        assert!([979, 909, 839, 769, 699].iter().all(|number| kept.contains(number)), "{kept:?}");
    }

    #[test]
    fn sessions_by_lot_are_whole_and_neither_slow_nor_failed_ones_are_preferred() {
        let mut sample = Sample::bounded(Bounds { all: 50, failures: 10, slow: 5 });
        for number in 0..1000_u64 {
            let mut row = row(number, 10 + number, number % 10 == 0);
            (row.session, row.turn) = (number / 4, (number % 4) as u32);
            sample.offer(row);
        }
        let kept = sample.into_kept();
        let mut turns = HashMap::new();
        kept.fair().for_each(|row| *turns.entry(row.session).or_insert(0) += 1);
        assert!(turns.len() >= 5 && turns.values().all(|turns| *turns == 4), "{turns:?}");
        assert!(kept.fair().count() < kept.rows.len());
    }

    #[test]
    fn all_are_kept_where_there_is_room() {
        assert_eq!(kept(thousand().take(50)), (0..50).collect::<Vec<_>>());
        assert_eq!(kept((0..50).map(|number| row(number, 10, true))).len(), 50);
    }
}
