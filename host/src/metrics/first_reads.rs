//! How many first tokens did not come alone, and what that may have done to their instants: [`FirstReads`].
//!
//! A read has one stamp, that of its last byte. Where it brings the first token and later ones, the first token arrived
//! earlier than the stamp says. Either the server sent them together, and nothing is lost, or the client came late.
//!
//! How much is lost at most follows from how late the client reads in general. While it is away for longer than the server
//! pauses between tokens, its other reads are late by about such a pause; while it is away for less, they are late by as
//! much as it was away. So each token behind the first may have moved the stamp by one read delay, and not by more.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::record::{Record, WorkerUsage};

/// Collects the first reads of streams, worker by worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstReads {
    streams: u64,
    shared: u64,
    by_worker: BTreeMap<u32, Shared>,
}

/// The first reads of one worker that brought several tokens.
#[derive(Clone, Copy, Debug, Default)]
struct Shared {
    /// The most events with tokens in one of them.
    events: u64,
    /// The longest time to first token among them, in nanoseconds.
    longest_ns: u64,
}

/// What the first reads of a run come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct FirstReadSummary {
    /// Streams that brought a token.
    pub(crate) streams: u64,
    /// Those whose first token was read together with later ones.
    pub(crate) shared: u64,
    /// How much too late their first tokens may have been stamped, at most, in milliseconds; unknown where the kernel does
    /// not stamp.
    pub(crate) bound_ms: Option<f64>,
}

impl FirstReads {
    /// Takes in a successful request.
    pub(super) fn record(&mut self, record: &Record) {
        let Some(first_token) = record.instants.first_token else { return };
        self.streams += 1;
        if record.first_read_events > 1 {
            self.shared += 1;
            let sent = record.instants.sent.unwrap_or(record.instants.started);
            let events = record.first_read_events;
            self.by_worker
                .entry(record.worker)
                .or_default()
                .merge(Shared { events, longest_ns: first_token.saturating_sub(sent) });
        }
    }

    /// Takes in those of another collector.
    pub(super) fn merge(&mut self, other: Self) {
        self.streams += other.streams;
        self.shared += other.shared;
        for (worker, shared) in other.by_worker {
            self.by_worker.entry(worker).or_default().merge(shared);
        }
    }

    /// What they come to, with what the workers noted of their reads.
    pub(super) fn summary(&self, workers: &[WorkerUsage]) -> FirstReadSummary {
        let bounds = self.by_worker.iter().map(|(worker, shared)| {
            let delays = workers.iter().filter(|usage| usage.worker == *worker).map(|usage| usage.read_delay);
            let delay = delays.filter(|delay| delay.count > 0).map(|delay| delay.p99_ns).max()?;
            Some(delay.saturating_mul(shared.events - 1).min(shared.longest_ns))
        });
        let bound_ns = bounds.collect::<Option<Vec<u64>>>().and_then(|bounds| bounds.into_iter().max());
        FirstReadSummary {
            streams: self.streams,
            shared: self.shared,
            bound_ms: bound_ns.map(|ns| ns as f64 / 1e6),
        }
    }
}

impl Shared {
    fn merge(&mut self, other: Self) {
        self.events = self.events.max(other.events);
        self.longest_ns = self.longest_ns.max(other.longest_ns);
    }
}

impl FirstReadSummary {
    /// Part of the first tokens that was read together with later ones.
    pub(super) fn share(&self) -> f64 {
        self.shared as f64 / self.streams.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::record::{DelaySummary, Instants};

    const MS: u64 = 1_000_000;

    fn stream(worker: u32, events: u64) -> Record {
        let instants = Instants { sent: Some(10 * MS), first_token: Some(60 * MS), ..Instants::default() };
        Record { worker, instants, first_read_events: events, ..Record::default() }
    }

    fn worker(worker: u32, p99_ns: u64) -> WorkerUsage {
        let read_delay = DelaySummary { count: 100, p50_ns: 1, p99_ns, max_ns: 2 * p99_ns };
        WorkerUsage { worker, read_delay, ..WorkerUsage::default() }
    }

    fn summary(records: &[Record], workers: &[WorkerUsage]) -> FirstReadSummary {
        let mut first_reads = FirstReads::default();
        for record in records {
            first_reads.record(record);
        }
        first_reads.summary(workers)
    }

    #[test]
    fn first_tokens_that_come_alone_are_exact() {
        let summary = summary(&[stream(0, 1), stream(1, 1)], &[worker(0, 40 * MS), worker(1, 40 * MS)]);
        assert_eq!(summary, FirstReadSummary { streams: 2, shared: 0, bound_ms: None });
    }

    #[rstest]
    #[case::a_server_that_sends_four_at_a_time(4, 20_000, 0.06)]
    #[case::one_token_too_late(2, 3 * MS, 3.0)]
    #[case::four_tokens_too_late(5, 3 * MS, 12.0)]
    #[case::never_more_than_the_whole_time(5, 40 * MS, 50.0)]
    fn tokens_that_came_together_may_have_waited(
        #[case] events: u64,
        #[case] delay_ns: u64,
        #[case] bound_ms: f64,
    ) {
        // The other worker was late as well, and has no first token that shared its read.
        let summary = summary(&[stream(0, events), stream(1, 1)], &[worker(0, delay_ns), worker(1, 99 * MS)]);
        assert_eq!(summary, FirstReadSummary { streams: 2, shared: 1, bound_ms: Some(bound_ms) });
    }

    #[test]
    fn parts_are_the_whole() {
        let (mut first, mut second) = (FirstReads::default(), FirstReads::default());
        first.record(&stream(0, 2));
        second.record(&stream(0, 3));
        second.record(&stream(1, 1));
        first.merge(second);
        let expected = summary(&[stream(0, 2), stream(0, 3), stream(1, 1)], &[worker(0, MS)]);
        assert_eq!(first.summary(&[worker(0, MS)]), expected);
        assert_eq!(expected.bound_ms, Some(2.0));
    }

    #[test]
    fn without_the_kernels_stamps_nobody_knows() {
        let user = WorkerUsage { unstamped_reads: 9, ..WorkerUsage::default() };
        assert_eq!(summary(&[stream(0, 2)], &[user]).bound_ms, None);
    }
}
