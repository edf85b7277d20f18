//! When a server is gone: exports [`Refusals`], which counts connections that nobody took, one after the other.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    clock::RunNs,
    request::exchange::{Exchange, is_nobody_there},
};

/// So many failures in a row are needed at least. A slot rests 100 ms after each, so that one slot gives a server ten
/// seconds to come back.
const LEAST: u64 = 100;

/// And so many for each request that may be in flight: they all fail at the same time.
const A_SLOT: u64 = 10;

/// Counts requests that found nobody to talk to, until one finds somebody.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    limit: AtomicU64,
    in_a_row: AtomicU64,
    since_ns: AtomicU64,
}

/// The server is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gone {
    /// When the first of the requests began that found nobody.
    pub(super) since_ns: RunNs,
    /// How many there were, one after the other.
    pub(super) refused: u64,
    /// What became of the last one.
    pub(super) error: String,
}

impl Refusals {
    /// Starts a phase in which so many requests may be in flight, if that is limited.
    pub(super) fn reset(&self, slots: Option<u32>) {
        let slots = slots.map_or(0, u64::from);
        self.limit.store(LEAST.max(slots.saturating_mul(A_SLOT)), Ordering::Relaxed);
        self.in_a_row.store(0, Ordering::Relaxed);
    }

    /// Counts a request that is over. Says once in a row of failures that it has become too long.
    pub(super) fn note(&self, exchange: &Exchange) -> Option<Gone> {
        if exchange.cancelled {
            return None;
        }
        let Some(error) = exchange.error.as_ref().filter(|error| is_nobody_there(&error.kind)) else {
            // Looked at first: storing takes the line away from the other workers.
            if self.in_a_row.load(Ordering::Relaxed) > 0 {
                self.in_a_row.store(0, Ordering::Relaxed);
            }
            return None;
        };
        let refused = self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        if refused == 1 {
            self.since_ns.store(exchange.instants.started, Ordering::Relaxed);
        }
        (refused == self.limit.load(Ordering::Relaxed)).then(|| Gone {
            since_ns: self.since_ns.load(Ordering::Relaxed),
            refused,
            error: error.message.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::ErrorDetails;
    use rstest::rstest;

    use super::*;
    use crate::request::error_kinds::CONNECT_ERROR;

    fn ended(kind: Option<&str>, started: u64) -> Exchange {
        let error = kind.map(|kind| ErrorDetails {
            kind: kind.into(),
            message: "refused".into(),
            ..ErrorDetails::default()
        });
        let mut exchange = Exchange::default();
        exchange.error = error;
        exchange.instants.started = started;
        exchange
    }

    #[rstest]
    #[case::no_limit_in_flight(None, 100)]
    #[case::one_slot(Some(1), 100)]
    #[case::many_slots(Some(64), 640)]
    fn a_server_is_gone_after_so_many_failures_in_a_row(#[case] slots: Option<u32>, #[case] limit: u64) {
        let refusals = Refusals::default();
        refusals.reset(slots);
        let gone: Vec<Gone> =
            (1..=2 * limit).filter_map(|at| refusals.note(&ended(Some(CONNECT_ERROR), 7 + at))).collect();
        assert_eq!(gone, [Gone { since_ns: 8, refused: limit, error: "refused".into() }]);
    }

    #[rstest]
    #[case::a_success(None)]
    #[case::a_failure_of_a_server_that_is_there(Some("http_status"))]
    fn anything_that_reaches_a_server_begins_the_row_anew(#[case] kind: Option<&str>) {
        let refusals = Refusals::default();
        refusals.reset(Some(1));
        for at in 0..99 {
            assert_eq!(refusals.note(&ended(Some(CONNECT_ERROR), at)), None);
        }
        assert_eq!(refusals.note(&ended(kind, 99)), None);
        let gone: Vec<Gone> =
            (100..200).filter_map(|at| refusals.note(&ended(Some(CONNECT_ERROR), at))).collect();
        assert_eq!(gone.len(), 1);
        assert_eq!(gone[0].since_ns, 100);
    }

    #[test]
    fn what_the_run_itself_cancels_says_nothing() {
        let refusals = Refusals::default();
        refusals.reset(None);
        let mut cancelled = ended(Some(CONNECT_ERROR), 1);
        cancelled.cancelled = true;
        assert!((0..500).all(|_| refusals.note(&cancelled).is_none()));
    }
}
