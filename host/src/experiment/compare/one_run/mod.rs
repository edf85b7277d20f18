//! One run a side: how far apart their requests alone allow the sides to be.
//!
//! Requests of a run depend on those before them, so blocks of neighbours are drawn again, and not single requests
//! ([`blocks`]). What that cannot know is how two runs of one server differ; so it is an interval, and never an answer.

mod blocks;
mod weights;

use rayon::prelude::*;

use self::{blocks::Blocks, weights::Weights};
use super::shift::Shift;
use crate::{
    metrics::{Distribution, Statistic, samples::carries},
    seed::Seed,
};

/// Values that are drawn for an interval, over all samples.
const DRAWS: usize = 200_000_000;

/// Samples that an interval is made of.
const SAMPLES: std::ops::RangeInclusive<usize> = 200..=2000;

/// How far the number of a run may be from that of its requests, as a part of it: what rounding does.
const ROUNDING: f64 = 1e-6;

/// More requests of a run than this are not looked at: their interval would be far narrower than what two runs differ by.
pub(super) const MOST_REQUESTS: f64 = 100_000.0;

/// The ratio of a statistic of the second side's requests to that of the first's, with its interval. Both sides' values are in the order
/// in which the requests began. Nothing where the statistic is neither the mean nor a percentile, there are too few requests for
/// it ([`carries`]), or the ratio has no sense.
///
/// Percentile bootstrap of circular blocks (Politis and Romano 1992); percentiles are those of Harrell and Davis 1982.
pub(super) fn shift(sides: [&[f64]; 2], statistic: Statistic, level: f64) -> Option<Shift> {
    if !sides.iter().all(|values| carries(values.len() as u64, statistic)) {
        return None;
    }
    let longer = sides[0].len().max(sides[1].len()).max(1);
    shift_by(sides, statistic, level, (DRAWS / longer).clamp(*SAMPLES.start(), *SAMPLES.end()))
}

/// The same, by so many samples.
fn shift_by([first, second]: [&[f64]; 2], statistic: Statistic, level: f64, samples: usize) -> Option<Shift> {
    let (from, to) = (Side::of(first, statistic)?, Side::of(second, statistic)?);
    let ratio = |number: usize| {
        let seed = Seed::new(number as u64);
        to.drawn(seed.child("compare.second")) / from.drawn(seed.child("compare.first"))
    };
    let mut ratios: Vec<f64> = (0..samples).into_par_iter().map(ratio).collect();
    if ratios.iter().any(|ratio| !ratio.is_finite() || *ratio <= 0.0) {
        return None;
    }
    ratios.sort_unstable_by(f64::total_cmp);
    let outside = (1.0 - level) / 2.0;
    let interval = Some((at(&ratios, outside), at(&ratios, 1.0 - outside)));
    Some(Shift { ratio: to.whole() / from.whole(), interval })
}

/// Whether these values are what a number of a run is made of.
pub(super) fn make_up(values: &[f64], statistic: Statistic, number: f64) -> bool {
    let Some(all) = Distribution::of(&mut values.to_vec()) else { return false };
    let is_of_all = statistic == Statistic::Avg || statistic.quantile().is_some();
    is_of_all && (all.statistic(statistic) - number).abs() <= ROUNDING * number.abs()
}

/// The value below which there is this share of others, which are in order.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is the place of a value")]
fn at(ordered: &[f64], share: f64) -> f64 {
    let last = ordered.len() - 1;
    ordered[(share * last as f64).round() as usize]
}

/// The requests of a run.
struct Side {
    blocks: Blocks,
    /// The values in order.
    ordered: Vec<f64>,
    weights: Weights,
}

impl Side {
    fn of(values: &[f64], statistic: Statistic) -> Option<Self> {
        let weights = Weights::of(statistic, values.len())?;
        let mut ordered = values.to_vec();
        ordered.sort_unstable_by(f64::total_cmp);
        Some(Self { blocks: Blocks::of(values), ordered, weights })
    }

    /// The statistic of all values.
    fn whole(&self) -> f64 {
        self.weights.statistic(&self.ordered, &vec![1; self.ordered.len()])
    }

    /// The statistic of blocks that are drawn anew.
    fn drawn(&self, seed: Seed) -> f64 {
        let counts = self.blocks.drawn(&mut seed.stream("blocks"));
        self.weights.statistic(&self.ordered, &counts)
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;

    /// Values around a mean, each of which is near the one before it.
    fn run(seed: u64, mean: f64, requests: usize) -> Vec<f64> {
        let mut rng = Seed::new(seed).stream("test");
        let mut before = 0.0;
        let mut next = || {
            before = 0.8 * before + rng.random_range(-1.0..1.0);
            mean + before
        };
        (0..requests).map(|_| next()).collect()
    }

    /// How many of 60 pairs of runs of one kind have 1 in their interval.
    fn kept(statistic: Statistic) -> usize {
        let holds_one = |seed: &u64| {
            let (first, second) = (run(*seed, 20.0, 400), run(*seed + 1000, 20.0, 400));
            let found = shift_by([&first, &second], statistic, 0.95, 100).unwrap();
            let (low, high) = found.interval.unwrap();
            assert!(low <= found.ratio && found.ratio <= high, "{found:?}");
            low <= 1.0 && 1.0 <= high
        };
        (0..60).filter(holds_one).count()
    }

    /// Requests that are taken one by one would have it in half of the intervals.
    #[test]
    fn requests_that_depend_on_each_other_have_wide_intervals() {
        let (of_mean, of_median) = (kept(Statistic::Avg), kept(Statistic::P50));
        assert!(of_mean >= 51 && of_median >= 51, "{of_mean} and {of_median}");
    }

    #[test]
    fn a_slower_run_is_beside_one() {
        let (first, second) = (run(1, 20.0, 1000), run(2, 24.0, 1000));
        let found = shift_by([&first, &second], Statistic::P50, 0.95, 200).unwrap();
        let (low, high) = found.interval.unwrap();
        assert!(low > 1.1 && low < 1.2 && high > 1.2 && high < 1.3, "{low} to {high}");
    }

    #[test]
    fn an_interval_is_the_same_each_time() {
        let (first, second) = (run(1, 20.0, 100), run(2, 20.0, 150));
        let found = shift([&first, &second], Statistic::P90, 0.95);
        assert!(found.is_some());
        assert_eq!(shift([&first, &second], Statistic::P90, 0.95), found);
    }

    #[test]
    fn what_the_requests_do_not_tell_has_no_shift() {
        let values = run(1, 20.0, 50);
        assert_eq!(shift([&values, &values], Statistic::Max, 0.95), None);
        assert_eq!(shift([&values, &values], Statistic::P99, 0.95), None, "500 requests have no p99");
        assert_eq!(shift([&[0.0; 500], &values], Statistic::P50, 0.95), None);
        assert_eq!(shift([&[], &values], Statistic::P50, 0.95), None);
    }

    #[test]
    fn only_values_that_make_up_the_number_of_the_run_are_its_requests() {
        let values = [1.0, 2.0, 4.0];
        assert!(make_up(&values, Statistic::P50, 2.0) && make_up(&values, Statistic::Avg, 7.0 / 3.0));
        assert!(!make_up(&values, Statistic::P50, 2.1) && !make_up(&[], Statistic::P50, 2.0));
    }
}
