//! How far the clock of another machine is from the run's: the method of Cristian (Probabilistic clock synchronization, 1989). A
//! question and its answer enclose the moment at which the other clock was read; the shortest of several says it best, and the half of
//! what it took is the largest error that it can have.

use crate::clock::RunNs;

/// A question to another machine's clock, and its answer. In nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ping {
    /// When it was asked, on the run's clock.
    pub(crate) asked: RunNs,
    /// When the answer was there, on the run's clock.
    pub(crate) answered: RunNs,
    /// What the other clock said in between.
    pub(crate) theirs: u64,
}

/// One reading of the clock of another machine, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockReading {
    /// When it was read, on the run's clock.
    pub(crate) at: RunNs,
    /// What it said then.
    pub(crate) theirs: u64,
    /// By how much `at` can be wrong.
    pub(crate) bound: u64,
}

impl Ping {
    fn took(&self) -> u64 {
        self.answered.saturating_sub(self.asked)
    }
}

impl ClockReading {
    /// The best that these say; nothing where there are none.
    pub(crate) fn best(pings: &[Ping]) -> Option<Self> {
        let best = pings.iter().min_by_key(|ping| ping.took())?;
        let half = best.took() / 2;
        Some(Self {
            at: best.asked.saturating_add(half),
            theirs: best.theirs,
            bound: best.took().div_ceil(2),
        })
    }

    /// What the other clock said when the run's clock stood at zero, if both go alike. Nothing where it did not run yet.
    pub(crate) fn zero(&self) -> Option<u64> {
        self.theirs.checked_sub(self.at)
    }

    /// Whether a later look says more than an earlier one: its bound is no larger than that of the earlier one has become, of two clocks
    /// that differ by 100 parts in a million at most.
    pub(crate) fn tells_more_than(&self, earlier: &Self) -> bool {
        let drift = self.at.saturating_sub(earlier.at) / 10_000;
        self.bound <= earlier.bound.saturating_add(drift)
    }

    /// What is to be added to instants of a clock that took `zero` for its beginning, to have them on the run's clock.
    pub(crate) fn correction(&self, zero: u64) -> i64 {
        let (theirs, at) = (i128::from(self.theirs) - i128::from(zero), i128::from(self.at));
        i64::try_from(at - theirs).unwrap_or(if at > theirs { i64::MAX } else { i64::MIN })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the ways there and back take, the true instant is within the bound.
        #[test]
        fn the_bound_holds(
            offset in 0u64..1_000_000_000_000,
            ways in prop::collection::vec((1u64..50_000_000, 1u64..50_000_000), 1..20),
        ) {
            let mut now = 1_000_000_000;
            let pings: Vec<Ping> = ways.iter().map(|(there, back)| {
                let asked = now;
                let read = asked + there;
                now = read + back;
                Ping { asked, answered: now, theirs: read + offset }
            }).collect();
            let reading = ClockReading::best(&pings).unwrap();
            prop_assert!(reading.zero().unwrap().abs_diff(offset) <= reading.bound, "{reading:?}");
            prop_assert!(reading.correction(offset).unsigned_abs() <= reading.bound);
        }
    }

    #[test]
    fn a_clock_that_runs_fast_is_put_back() {
        // It has gained a millisecond since its beginning was taken for 500.
        let reading = ClockReading { at: 10_000_000_000, theirs: 10_001_000_500, bound: 10 };
        assert_eq!(reading.correction(500), -1_000_000);
    }

    #[test]
    fn a_machine_that_started_after_the_run_has_no_zero() {
        assert_eq!(ClockReading { at: 400, theirs: 60, bound: 1 }.zero(), None);
    }

    #[test]
    fn a_look_on_a_busy_network_does_not_replace_a_good_one() {
        let first = ClockReading { at: 0, theirs: 0, bound: 1_000_000 };
        let later = |bound| ClockReading { at: 10_000_000_000, theirs: 0, bound };
        assert!(later(1_900_000).tells_more_than(&first));
        assert!(!later(40_000_000).tells_more_than(&first));
    }

    #[test]
    fn nobody_who_answered_says_nothing() {
        assert_eq!(ClockReading::best(&[]), None);
    }
}
