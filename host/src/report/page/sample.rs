//! Which requests are on the page: all of them up to [`MOST`], and else a sample of them.
//!
//! Of more requests, the failures are kept up to [`MOST_FAILURES`] and the slowest up to [`MOST_SLOW`]; the others are drawn by lot.
//! A request's lot is made of its place in the run, so that the same journal gives the same sample, in whatever order it is read.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use super::row::{Ended, Row};

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

/// A request in a heap, by a rank that says which one leaves first.
#[derive(Debug)]
struct Ranked<K> {
    rank: K,
    row: Row,
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

/// The requests that are kept so far.
#[derive(Debug)]
pub(super) struct Sample {
    bounds: Bounds,
    failures: BinaryHeap<Ranked<Lot>>,
    slow: BinaryHeap<Ranked<Slow>>,
    others: BinaryHeap<Ranked<Lot>>,
    /// Latencies of those with details.
    detailed: BinaryHeap<Reverse<u64>>,
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
            failures: BinaryHeap::new(),
            slow: BinaryHeap::new(),
            others: BinaryHeap::new(),
            detailed: BinaryHeap::new(),
            seen: 0,
        }
    }

    /// Requests that there were.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Details of faster requests are not needed any more.
    pub(super) fn slow_ms(&self) -> f64 {
        match self.detailed.peek() {
            Some(Reverse(us)) if self.detailed.len() >= MOST_DETAILED => *us as f64 / 1e3,
            _ => 0.0,
        }
    }

    /// Offers a request.
    pub(super) fn offer(&mut self, row: Row) {
        self.seen += 1;
        self.detailed.push(Reverse(latency_us(&row)));
        if self.detailed.len() > MOST_DETAILED {
            self.detailed.pop();
        }
        let left_over = if row.ended == Ended::Failed {
            push(&mut self.failures, self.bounds.failures, lot(&row), row)
        } else {
            push(&mut self.slow, self.bounds.slow, Reverse((latency_us(&row), lot(&row))), row)
        };
        if let Some(row) = left_over {
            push(&mut self.others, self.bounds.all, lot(&row), row);
        }
    }

    /// Those that are kept, in the order in which they were due. Only the slowest have details.
    pub(super) fn into_rows(mut self) -> Vec<Row> {
        let slow_ms = self.slow_ms();
        let room = self.bounds.all.saturating_sub(self.failures.len() + self.slow.len());
        while self.others.len() > room {
            self.others.pop();
        }
        let failures = self.failures.into_iter().map(|ranked| ranked.row);
        let slow = self.slow.into_iter().map(|ranked| ranked.row);
        let others = self.others.into_iter().map(|ranked| ranked.row);
        let mut rows: Vec<Row> = failures.chain(slow).chain(others).collect();
        rows.sort_unstable_by_key(|row| (row.due_ns, row.place()));
        for row in &mut rows {
            if row.latency_ms < slow_ms {
                row.detail = None;
            }
        }
        rows
    }
}

fn lot(row: &Row) -> Lot {
    (row.lot(), row.place())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a latency is positive")]
fn latency_us(row: &Row) -> u64 {
    (row.latency_ms * 1e3) as u64
}

/// Puts a row into a heap. What leaves the heap for it, if it is full, or the row itself.
fn push<K: Ord>(heap: &mut BinaryHeap<Ranked<K>>, most: usize, rank: K, row: Row) -> Option<Row> {
    if heap.len() >= most && heap.peek().is_none_or(|first| rank >= first.rank) {
        return Some(row);
    }
    heap.push(Ranked { rank, row });
    if heap.len() > most { heap.pop().map(|ranked| ranked.row) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metrics::Measured,
        record::{Instants, Outcome, Record, RequestFailure},
    };

    fn row(number: u64, latency_us: u64, has_failed: bool) -> Row {
        let outcome = if has_failed { Outcome::Failed(RequestFailure::default()) } else { Outcome::Ok };
        let instants = Instants {
            scheduled: number,
            started: number,
            sent: Some(number),
            end: number + latency_us * 1000,
            ..Instants::default()
        };
        let record = Record { session_num: number, outcome, instants, ..Record::default() };
        Row::of(&record, true, None, &Measured::new(), 0.0)
    }

    fn kept(rows: impl Iterator<Item = Row>) -> Vec<u64> {
        let mut sample = Sample::bounded(Bounds { all: 50, failures: 10, slow: 5 });
        for row in rows {
            sample.offer(row);
        }
        sample.into_rows().iter().map(|row| row.session).collect()
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
    fn all_are_kept_where_there_is_room() {
        assert_eq!(kept(thousand().take(50)), (0..50).collect::<Vec<_>>());
        assert_eq!(kept((0..50).map(|number| row(number, 10, true))).len(), 50);
    }
}
