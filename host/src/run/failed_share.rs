//! When too many requests of a phase have failed: exports [`FailedShare`].

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use crate::{node::progress::Progress, plan::Phase, request::exchange::Finished};

/// A share of fewer requests says little.
const LEAST: u64 = 10;

/// Counts the requests of each phase that ended by themselves, if there is a limit of failures.
#[derive(Debug, Default)]
pub(super) struct FailedShare {
    /// There is a limit: without one, no lock is taken.
    is_watched: AtomicBool,
    /// Of the phases that began so far: one that hands over goes on beside the next one.
    watches: Mutex<Vec<Watch>>,
}

/// The counts of one phase.
#[derive(Debug)]
struct Watch {
    phase: u32,
    /// Share of failures that is allowed.
    most: f64,
    /// It is looked at after so many requests.
    least: u64,
    ended: u64,
    failed: u64,
    is_reported: bool,
}

/// More requests failed than are allowed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TooManyFailed {
    pub(super) failed: u64,
    /// Requests that had ended by then.
    pub(super) ended: u64,
    /// The share that was allowed.
    pub(super) most: f64,
}

impl FailedShare {
    /// Begins to count the requests of a phase.
    pub(super) fn begin(&self, phase: &Phase) {
        let least = LEAST.max(phase.load.most_in_flight().map_or(0, u64::from));
        let Some(most) = phase.rules.most_failed else { return };
        let watch = Watch { phase: phase.id, most, least, ended: 0, failed: 0, is_reported: false };
        self.watches.lock().unwrap_or_else(PoisonError::into_inner).push(watch);
        self.is_watched.store(true, Ordering::Release);
    }

    /// Counts a request that is over. Says once a phase that too many have failed.
    pub(super) fn note(&self, finished: &Finished) -> Option<TooManyFailed> {
        if !self.is_watched.load(Ordering::Acquire) {
            return None;
        }
        let failed = is_failure(finished)?;
        self.count(finished.phase, 1, u64::from(failed))
    }

    /// Counts requests that are over elsewhere. Says once a phase that too many have failed.
    pub(super) fn add(&self, more: &Progress) -> Option<TooManyFailed> {
        if !self.is_watched.load(Ordering::Acquire) {
            return None;
        }
        self.count(more.phase, more.judged, more.judged_failed)
    }

    fn count(&self, phase: u32, ended: u64, failed: u64) -> Option<TooManyFailed> {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let watch = watches.iter_mut().find(|watch| watch.phase == phase)?;
        watch.ended += ended;
        watch.failed += failed;
        let is_too_much = watch.ended >= watch.least && watch.failed as f64 > watch.most * watch.ended as f64;
        (is_too_much && !std::mem::replace(&mut watch.is_reported, true)).then_some(TooManyFailed {
            failed: watch.failed,
            ended: watch.ended,
            most: watch.most,
        })
    }
}

/// Whether a request failed that ended by itself; nothing of one that was cancelled, or whose context was too long.
pub(super) fn is_failure(finished: &Finished) -> Option<bool> {
    let outcome = &finished.exchange.outcome;
    (!outcome.is_cancelled() && !outcome.is_overflow()).then(|| !outcome.is_ok())
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::ErrorDetails;

    use super::*;
    use crate::{
        metrics::sample,
        plan::{Load, Ramp, Rules},
        request::outcome::Outcome,
    };

    fn phase(id: u32, sessions: u32, most_failed: Option<f64>) -> Phase {
        let phase = sample::config().phases.remove(0);
        let load = Load::Closed { sessions: Ramp::constant(sessions).unwrap() };
        Phase { id, load, rules: Rules { most_failed, ..Rules::default() }, ..phase }
    }

    fn watched(sessions: u32, most_failed: Option<f64>) -> FailedShare {
        let share = FailedShare::default();
        share.begin(&phase(3, sessions, most_failed));
        share
    }

    fn ended(is_ok: bool) -> Finished {
        let mut finished = Finished { phase: 3, ..Finished::default() };
        finished.exchange.outcome = Outcome::of((!is_ok).then(ErrorDetails::default));
        finished
    }

    /// What is said of these requests, one after the other, and of the how-manieth.
    fn said(
        share: &FailedShare,
        requests: impl IntoIterator<Item = Finished>,
    ) -> Vec<(usize, TooManyFailed)> {
        let requests = requests.into_iter().enumerate();
        requests.filter_map(|(at, request)| Some((at + 1, share.note(&request)?))).collect()
    }

    #[test]
    fn it_is_said_once_and_not_before_ten_requests() {
        let failures = (0..40).map(|_| ended(false));
        let expected = TooManyFailed { failed: 10, ended: 10, most: 0.5 };
        assert_eq!(said(&watched(1, Some(0.5)), failures), [(10, expected)]);
    }

    #[test]
    fn it_is_not_said_before_all_that_go_on_at_once_can_have_ended() {
        assert_eq!(said(&watched(32, Some(0.5)), (0..40).map(|_| ended(false)))[0].0, 32);
    }

    #[test]
    fn as_many_as_are_allowed_may_fail() {
        let half = || (0..100).map(|at| ended(at % 2 == 0));
        assert_eq!(said(&watched(1, Some(0.5)), half()), []);
        assert_eq!(said(&watched(1, Some(0.4)), half()).len(), 1);
        assert_eq!(said(&watched(1, None), half()), []);
    }

    #[test]
    fn what_is_cancelled_or_of_another_phase_is_not_counted() {
        let cancelled = (0..40).map(|_| {
            let mut finished = ended(true);
            finished.exchange.outcome = Outcome::cancelled();
            finished
        });
        let late = (0..40).map(|_| Finished { phase: 2, ..ended(false) });
        assert_eq!(said(&watched(1, Some(0.0)), cancelled.chain(late)), []);
    }

    #[test]
    fn a_phase_that_goes_on_beside_the_next_one_is_still_watched() {
        let share = watched(1, Some(0.5));
        share.begin(&phase(4, 1, Some(0.5)));
        let both = (0..10).flat_map(|_| [ended(false), Finished { phase: 4, ..ended(true) }]);
        let expected = TooManyFailed { failed: 10, ended: 10, most: 0.5 };
        assert_eq!(said(&share, both), [(19, expected)]);
    }
}
