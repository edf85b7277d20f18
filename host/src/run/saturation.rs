//! When a server cannot keep up with an open load: exports [`Saturation`]. The rule is that of [`metrics::queue_growth`](crate::metrics::queue_growth), over the
//! thirds of the time since the start of the phase.

use std::time::Duration;

use super::ending::Ending;
use crate::{
    metrics::queue_growth::{self, Look},
    plan::{Load, Phase, Ramp, Role},
};

/// It is not judged earlier.
const LEAST_TIME: Duration = Duration::from_secs(3);

/// Watches a phase.
#[derive(Debug, Default)]
pub(super) struct Saturation {
    is_watched: bool,
    looks: Vec<Look>,
}

impl Saturation {
    /// Watches this phase, if it is measured and its load stays the same; a closed load cannot be above a capacity.
    pub(super) fn of(phase: &Phase) -> Self {
        let is_steady = match &phase.load {
            Load::Open { rate, .. } => Ramp::as_constant(rate).is_some(),
            Load::Users { .. } => true,
            Load::Closed { .. } | Load::Replay { .. } => false,
        };
        Self { is_watched: is_steady && phase.role == Role::Measured, looks: Vec::new() }
    }

    /// Takes the numbers of a time; in equal distances. Says once that the server cannot keep up.
    pub(super) fn note(&mut self, elapsed: Duration, look: Look) -> Option<Ending> {
        if !self.is_watched {
            return None;
        }
        self.looks.push(look);
        if elapsed < LEAST_TIME {
            return None;
        }
        let count = self.looks.len();
        let at = [Look::default(), self.looks[count / 3], self.looks[count * 2 / 3], look];
        if !queue_growth::never_ends(at) {
            return None;
        }
        self.is_watched = false;
        let more = u128::from(look.in_flight().saturating_sub(at[2].in_flight()));
        let more_a_second = 3000 * more / elapsed.as_millis().max(1);
        Some(Ending::Saturated {
            after: elapsed,
            in_flight: look.in_flight(),
            more_a_second: u64::try_from(more_a_second).unwrap_or(u64::MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{cmp::Reverse, collections::BinaryHeap};

    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::Exp1;
    use rstest::rstest;

    use super::*;
    use crate::clock::as_ns;

    /// How long requests of a simulated server take, in seconds.
    #[derive(Clone, Copy)]
    enum Takes {
        Exponential(f64),
        /// Every second one is short, the others take a minute.
        ShortOrAMinute,
        Constant(f64),
    }

    /// When the server is held to be over its capacity, in seconds, of a run of two minutes with Poisson arrivals.
    fn noticed(rate: f64, slots: usize, takes: Takes, seed: u64) -> Option<f64> {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        let mut free_at: BinaryHeap<Reverse<u64>> = BinaryHeap::new();
        let (mut now, mut begun, mut ends) = (0.0, Vec::new(), Vec::new());
        while now < 120.0 {
            let gap: f64 = generator.sample(Exp1);
            now += gap / rate;
            let needs = match takes {
                Takes::Exponential(mean) => mean * generator.sample::<f64, _>(Exp1),
                Takes::ShortOrAMinute => {
                    if generator.random::<bool>() {
                        0.1
                    } else {
                        60.0
                    }
                }
                Takes::Constant(time) => time,
            };
            let arrived = as_ns(Duration::from_secs_f64(now));
            let is_full = free_at.len() >= slots;
            let free = if is_full { free_at.pop().map_or(0, |Reverse(at)| at) } else { 0 };
            let end = arrived.max(free) + as_ns(Duration::from_secs_f64(needs));
            free_at.push(Reverse(end));
            begun.push(arrived);
            ends.push((end, end - arrived));
        }
        ends.sort_unstable();
        let mut watch = Saturation { is_watched: true, looks: Vec::new() };
        let (mut ended, mut took) = (0, 0);
        (1..1200).find_map(|tick| {
            let at = tick * 100_000_000;
            while ends[ended].0 <= at {
                took += ends[ended].1;
                ended += 1;
            }
            let begun = begun.partition_point(|begun| *begun <= at) as u64;
            let look = Look { begun, ended: ended as u64, took: Duration::from_nanos(took) };
            watch.note(Duration::from_nanos(at), look).map(|_| at as f64 / 1e9)
        })
    }

    #[rstest]
    #[case::twice_the_capacity(400.0, 5.0)]
    #[case::ten_times(2000.0, 4.0)]
    #[case::a_quarter_more(250.0, 30.0)]
    fn a_server_over_its_capacity_is_noticed(#[case] rate: f64, #[case] within_s: f64) {
        for seed in 0..10 {
            let at = noticed(rate, 4, Takes::Exponential(0.02), seed).unwrap();
            assert!(at <= within_s, "{at} s");
        }
    }

    #[test]
    fn nothing_is_noticed_in_the_first_three_seconds() {
        let earliest = (0..10).filter_map(|seed| noticed(2000.0, 4, Takes::Exponential(0.02), seed));
        assert!(earliest.fold(f64::MAX, f64::min) >= 3.0);
    }

    #[rstest]
    #[case::busy(180.0, 4, Takes::Exponential(0.02))]
    #[case::nearly_full(196.0, 4, Takes::Exponential(0.02))]
    #[case::slow_answers(50.0, 2000, Takes::Constant(20.0))]
    #[case::slow_answers_of_all_lengths(50.0, 2000, Takes::Exponential(20.0))]
    #[case::short_and_long_ones(50.0, 3000, Takes::ShortOrAMinute)]
    fn a_server_that_keeps_up_is_not_noticed(#[case] rate: f64, #[case] slots: usize, #[case] takes: Takes) {
        for seed in 0..20 {
            assert_eq!(noticed(rate, slots, takes, seed), None, "seed {seed}");
        }
    }
}
