//! When a run ends early: exports [`Refusals`], which counts requests in a row that no server took, and
//! those that the endpoint did not write.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    clock::RunNs,
    node::early_end::{EarlyEnd, Failures},
    request::{exchange::Finished, outcome::RequestFailure},
};

/// Fewest failures in a row. A slot rests 100 ms after each, so that one slot gives a server ten
/// seconds to come back.
const LEAST: u64 = 100;

/// And so many for each request that may be in flight: they all fail at the same time.
const A_SLOT: u64 = 10;

/// Counts requests that failed in one of two ways, each until one does not.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    limit: AtomicU64,
    /// Those that found no server.
    unreached: Row,
    /// Those that could not be formatted.
    unformatted: Row,
}

impl Refusals {
    /// Starts a phase in which so many requests may be in flight, if that is limited.
    pub(super) fn reset(&self, slots: Option<u32>) {
        let slots = slots.map_or(0, u64::from);
        self.limit.store(LEAST.max(slots.saturating_mul(A_SLOT)), Ordering::Relaxed);
        self.unreached.end();
        self.unformatted.end();
    }

    /// Counts a request that is over. Says once in a row of failures that it has become too long.
    pub(super) fn note(&self, finished: &Finished) -> Option<EarlyEnd> {
        let exchange = &finished.exchange;
        if exchange.outcome.is_cancelled() {
            return None;
        }
        let (started, limit) = (exchange.instants.started, self.limit.load(Ordering::Relaxed));
        let failure = exchange.outcome.failure();
        if let Some(failure) = failure.filter(|_| finished.unformatted) {
            // It says nothing of the server.
            return self.unformatted.extend(started, failure, limit).map(EarlyEnd::Unformatted);
        }
        self.unformatted.end();
        if let Some(failure) = failure.filter(|failure| failure.kind.is_nobody_there()) {
            return self.unreached.extend(started, failure, limit).map(EarlyEnd::Gone);
        }
        self.unreached.end();
        None
    }
}

/// A row of failures of one kind.
#[derive(Debug, Default)]
struct Row {
    length: AtomicU64,
    since_ns: AtomicU64,
}

impl Row {
    /// Adds a failure. Says so if it is the one that makes the row too long.
    fn extend(&self, started: RunNs, failure: &RequestFailure, limit: u64) -> Option<Failures> {
        let count = self.length.fetch_add(1, Ordering::Relaxed) + 1;
        if count == 1 {
            self.since_ns.store(started, Ordering::Relaxed);
        }
        (count == limit).then(|| Failures {
            since_ns: self.since_ns.load(Ordering::Relaxed),
            count,
            error: failure.message.clone(),
        })
    }

    /// The next failure begins a new row.
    fn end(&self) {
        // Looked at first: storing takes the line away from the other workers.
        if self.length.load(Ordering::Relaxed) > 0 {
            self.length.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::ErrorDetails;
    use rstest::rstest;

    use super::*;
    use crate::request::{failure_kind::FailureKind, outcome::Outcome};

    fn ended(kind: Option<FailureKind>, started: u64) -> Finished {
        let error = kind.map(|kind| ErrorDetails {
            kind: kind.into(),
            message: "refused".into(),
            ..ErrorDetails::default()
        });
        let mut finished = Finished::default();
        finished.exchange.outcome = Outcome::of(error);
        finished.exchange.instants.started = started;
        finished
    }

    fn unformatted(started: u64) -> Finished {
        Finished { unformatted: true, ..ended(Some("plugin_io".into()), started) }
    }

    fn failures(since_ns: RunNs, count: u64) -> Failures {
        Failures { since_ns, count, error: "refused".into() }
    }

    #[rstest]
    #[case::no_limit_in_flight(None, 100)]
    #[case::one_slot(Some(1), 100)]
    #[case::many_slots(Some(64), 640)]
    fn a_server_is_gone_after_so_many_failures_in_a_row(#[case] slots: Option<u32>, #[case] limit: u64) {
        let refusals = Refusals::default();
        refusals.reset(slots);
        let requests = (1..=2 * limit).map(|at| ended(Some(FailureKind::Connect), 7 + at));
        let ends: Vec<_> = requests.filter_map(|request| refusals.note(&request)).collect();
        assert_eq!(ends, [EarlyEnd::Gone(failures(8, limit))]);
    }

    #[rstest]
    #[case::a_success(None)]
    #[case::a_failure_of_a_server_that_is_there(Some(FailureKind::HttpStatus))]
    fn anything_that_reaches_a_server_begins_the_row_anew(#[case] kind: Option<FailureKind>) {
        let refusals = Refusals::default();
        refusals.reset(Some(1));
        for at in 0..99 {
            assert_eq!(refusals.note(&ended(Some(FailureKind::Connect), at)), None);
        }
        assert_eq!(refusals.note(&ended(kind, 99)), None);
        let requests = (100..200).map(|at| ended(Some(FailureKind::Connect), at));
        let ends: Vec<_> = requests.filter_map(|request| refusals.note(&request)).collect();
        assert_eq!(ends, [EarlyEnd::Gone(failures(100, 100))]);
    }

    #[test]
    fn an_endpoint_refuses_until_a_request_is_written() {
        let refusals = Refusals::default();
        refusals.reset(Some(1));
        assert!((0..99).all(|at| refusals.note(&unformatted(at)).is_none()));
        assert_eq!(refusals.note(&ended(Some(FailureKind::Timeout), 99)), None);
        let ends: Vec<_> = (100..300).filter_map(|at| refusals.note(&unformatted(at))).collect();
        assert_eq!(ends, [EarlyEnd::Unformatted(failures(100, 100))]);
    }

    /// Of a server that is gone nothing is heard, whatever the endpoint writes in between.
    #[test]
    fn a_request_that_was_not_written_says_nothing_of_the_server() {
        let refusals = Refusals::default();
        refusals.reset(Some(1));
        let requests = (0..200)
            .map(|at| if at % 2 == 0 { ended(Some(FailureKind::Connect), at) } else { unformatted(at) });
        let ends: Vec<_> = requests.filter_map(|request| refusals.note(&request)).collect();
        assert_eq!(ends, [EarlyEnd::Gone(failures(0, 100))]);
    }

    #[test]
    fn what_the_run_itself_cancels_says_nothing() {
        let refusals = Refusals::default();
        refusals.reset(None);
        let mut cancelled = ended(Some(FailureKind::Connect), 1);
        cancelled.exchange.outcome = Outcome::cancelled();
        assert!((0..500).all(|_| refusals.note(&cancelled).is_none()));
    }
}
