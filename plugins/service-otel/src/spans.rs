//! Which requests have spans, and which of them wait: exports [`Spans`]. Knows no collector.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, VecDeque},
};

use prony_plugin_api::telemetry::RequestSpan;

use crate::options::Which;

/// Spans that may wait for the collector. Where there are more, the oldest are lost, and counted.
pub(crate) const CAPACITY: usize = 5000;

/// Requests with spans, as far as the collector does not have them.
#[derive(Debug)]
pub(crate) struct Spans {
    which: Which,
    /// Of slow requests, and of those that failed, so many.
    most: usize,
    /// Those that are to be sent, the oldest first.
    waiting: VecDeque<RequestSpan>,
    /// The slowest so far, by their latency and number: what is slow is known at the end.
    slowest: BTreeMap<(u64, Reverse<u64>), RequestSpan>,
    failed: usize,
    seen: u64,
    dropped: u64,
}

impl Spans {
    /// None so far.
    pub(crate) fn new(which: Which, most: usize) -> Self {
        let (waiting, slowest) = (VecDeque::new(), BTreeMap::new());
        Self { which, most, waiting, slowest, failed: 0, seen: 0, dropped: 0 }
    }

    /// One more request.
    pub(crate) fn add(&mut self, span: RequestSpan) {
        self.seen += 1;
        match self.which {
            Which::None => {}
            Which::All => self.push(span),
            Which::Slow if span.error.is_some() => {
                if self.failed < self.most {
                    self.failed += 1;
                    self.push(span);
                }
            }
            Which::Slow if span.was_cancelled => {}
            Which::Slow => {
                let latency = span.end_ns.saturating_sub(span.sent_ns);
                self.slowest.insert((latency, Reverse(self.seen)), span);
                if self.slowest.len() > self.most {
                    self.slowest.pop_first();
                }
            }
        }
    }

    fn push(&mut self, span: RequestSpan) {
        self.waiting.push_back(span);
        if self.waiting.len() > CAPACITY {
            self.waiting.pop_front();
            self.dropped += 1;
        }
    }

    /// The run is over: the slowest are known, the slowest first.
    pub(crate) fn finish(&mut self) {
        let slowest = std::mem::take(&mut self.slowest);
        slowest.into_values().rev().for_each(|span| self.push(span));
    }

    /// Takes out up to so many.
    pub(crate) fn take(&mut self, most: usize) -> Vec<RequestSpan> {
        let count = self.waiting.len().min(most);
        self.waiting.drain(..count).collect()
    }

    /// Puts back what the collector did not take, as far as there is room.
    pub(crate) fn put_back(&mut self, spans: Vec<RequestSpan>) {
        for span in spans.into_iter().rev() {
            if self.waiting.len() < CAPACITY {
                self.waiting.push_front(span);
            } else {
                self.dropped += 1;
            }
        }
    }

    /// Those that were lost, and those that wait, which are lost at the end.
    pub(crate) fn lost(&self) -> u64 {
        self.dropped + self.waiting.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(latency: u64) -> RequestSpan {
        RequestSpan { end_ns: latency, ..RequestSpan::default() }
    }

    fn latencies(spans: Vec<RequestSpan>) -> Vec<u64> {
        spans.into_iter().map(|span| span.end_ns).collect()
    }

    #[test]
    fn the_slowest_are_told_at_the_end_and_failures_at_once() {
        let mut spans = Spans::new(Which::Slow, 2);
        for latency in [5, 9, 1, 9, 7] {
            spans.add(span(latency));
        }
        for _ in 0..3 {
            spans.add(RequestSpan { error: Some("timeout".into()), ..span(2) });
        }
        spans.add(RequestSpan { was_cancelled: true, ..span(99) });
        assert_eq!(latencies(spans.take(10)), [2, 2]);
        spans.finish();
        assert_eq!(latencies(spans.take(10)), [9, 9]);
        assert_eq!(spans.lost(), 0);
    }

    #[test]
    fn too_many_that_wait_are_lost_and_counted() {
        let mut spans = Spans::new(Which::All, 1);
        (0..CAPACITY as u64 + 3).for_each(|latency| spans.add(span(latency)));
        let first = spans.take(2);
        assert_eq!(latencies(first.clone()), [3, 4]);
        spans.add(span(0));
        spans.put_back(first);
        assert_eq!(spans.lost(), CAPACITY as u64 + 3 + 1);
        assert_eq!(spans.take(usize::MAX).len(), CAPACITY);
    }

    #[test]
    fn none_are_none() {
        let mut spans = Spans::new(Which::None, 1);
        spans.add(span(1));
        spans.finish();
        assert!(spans.take(9).is_empty());
    }
}
