//! Exact statistics of many values: the [`Distribution`].
//!
//! Percentiles interpolate linearly between the two nearest ranks, as numpy does by default, and equal its results bit
//! for bit. Source: <https://numpy.org/doc/stable/reference/generated/numpy.quantile.html>, method `linear`.

use super::{
    order_statistics,
    statistic::{PERCENTILES, Statistic},
};

/// What many values look like, in their own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Distribution {
    /// Arithmetic mean.
    pub(crate) avg: f64,
    /// In the order of [`PERCENTILES`].
    pub(crate) percentiles: [f64; PERCENTILES.len()],
    /// Smallest value.
    pub(crate) min: f64,
    /// Largest value.
    pub(crate) max: f64,
    /// Standard deviation of the population: divided by the count, not by one less.
    pub(crate) std: f64,
    /// Number of values.
    pub(crate) count: u64,
    /// All values together.
    pub(crate) sum: f64,
    /// Of each percentile, the values between which it is with a probability of 95 % or more, if values are independent of each other:
    /// order statistics. Infinite where there are too few values to bound it on that side; none where the values are not kept.
    pub(crate) intervals: Option<[(f64, f64); PERCENTILES.len()]>,
}

impl Distribution {
    /// Sorts the values and describes them; `None` when there are none. The values are finite.
    pub(crate) fn of(values: &mut [f64]) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        Self::of_sorted(values.len(), |at| values[at])
    }

    /// Describes values that are sorted, by their position; `None` when there are none.
    pub(super) fn of_sorted(len: usize, value: impl Fn(usize) -> f64) -> Option<Self> {
        let last = len.checked_sub(1)?;
        let (min, max) = (value(0), value(last));
        let count = len as f64;
        let sum: f64 = (0..len).map(&value).sum();
        // Rounding must not put the mean of equal values outside of them.
        let avg = (sum / count).clamp(min, max);
        let variance = (0..len).map(|at| (value(at) - avg).powi(2)).sum::<f64>() / count;
        Some(Self {
            avg,
            percentiles: PERCENTILES.map(|(_, q)| quantile_at(last, &value, q)),
            min,
            max,
            std: variance.sqrt(),
            count: len as u64,
            sum,
            intervals: Some(PERCENTILES.map(|(_, q)| interval(len, &value, q))),
        })
    }

    /// One of its statistics.
    pub(crate) fn statistic(&self, statistic: Statistic) -> f64 {
        statistic.among([self.avg, self.min, self.max, self.std], &self.percentiles)
    }

    /// The interval of a percentile; none of another statistic.
    pub(crate) fn interval(&self, statistic: Statistic) -> Option<(f64, f64)> {
        let place = PERCENTILES.iter().position(|(percentile, _)| *percentile == statistic)?;
        self.intervals.map(|intervals| intervals[place])
    }
}

/// How many values a percentile needs at least for both ends of its interval; none of another statistic.
pub(super) fn least_values(statistic: Statistic) -> Option<u64> {
    statistic.quantile().map(order_statistics::least_values)
}

/// Between which of the sorted values the `q` quantile of what they are drawn from is.
fn interval(len: usize, value: impl Fn(usize) -> f64, q: f64) -> (f64, f64) {
    let (low, high) = order_statistics::ranks(len, q);
    (low.map_or(f64::NEG_INFINITY, &value), high.map_or(f64::INFINITY, &value))
}

/// The `q` quantile, 0 to 1, of sorted values, of which there is at least one.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    quantile_at(sorted.len() - 1, |at| sorted[at], q)
}

/// The `q` quantile of sorted values by their position, the last of which is given.
fn quantile_at(last: usize, value: impl Fn(usize) -> f64, q: f64) -> f64 {
    let rank = last as f64 * q;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is within 0..len, and the floor is what is wanted"
    )]
    let below = rank as usize;
    let (low, high) = (value(below), value(last.min(below + 1)));
    let part = rank - below as f64;
    // From the nearer end, so that the result never leaves the interval.
    if part < 0.5 { low + (high - low) * part } else { high - (high - low) * (1.0 - part) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    // The expectations are what `numpy.quantile(values, q)` prints.
    #[rstest]
    #[case::one_value(&[7.0], 0.99, 7.0)]
    #[case::an_even_median(&[1.0, 2.0, 3.0, 4.0], 0.5, 2.5)]
    #[case::a_quarter(&[1.0, 2.0, 3.0, 4.0], 0.25, 1.75)]
    #[case::in_a_wide_gap(&[15.0, 20.0, 35.0, 40.0, 50.0], 0.4, 29.0)]
    #[case::near_the_end(&[10.0, 20.0, 30.0, 40.0, 50.0], 0.9, 46.0)]
    #[case::the_end(&[10.0, 20.0, 30.0], 1.0, 30.0)]
    fn quantiles_are_those_of_numpy(#[case] sorted: &[f64], #[case] q: f64, #[case] expected: f64) {
        assert!((quantile(sorted, q) - expected).abs() < 1e-12, "{}", quantile(sorted, q));
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "the result is exact")]
    fn a_hundred_and_one_integers_have_percentiles_that_can_be_read_off() {
        let mut values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        let distribution = Distribution::of(&mut values).unwrap();
        assert_eq!(distribution.percentiles, [1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9]);
        assert_eq!((distribution.min, distribution.max, distribution.count), (0.0, 100.0, 101));
        assert_eq!((distribution.avg, distribution.sum), (50.0, 5050.0));
        // The population's: sqrt((101^2 - 1) / 12).
        assert!((distribution.std - 850.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn few_values_bound_a_high_percentile_on_one_side_only() {
        let mut values: Vec<f64> = (1..=20).map(f64::from).collect();
        let intervals = Distribution::of(&mut values).unwrap().intervals.unwrap();
        assert_eq!(intervals[4], (6.0, 15.0));
        assert_eq!(intervals[8], (19.0, f64::INFINITY));
    }

    #[test]
    fn nothing_has_no_distribution() {
        assert_eq!(Distribution::of(&mut []), None);
    }

    proptest! {
        #[test]
        fn quantiles_grow_and_stay_within_the_values(mut values in prop::collection::vec(-1e12..1e12_f64, 1..200)) {
            let distribution = Distribution::of(&mut values).unwrap();
            let mut last = distribution.min;
            for percentile in distribution.percentiles {
                prop_assert!(percentile >= last);
                last = percentile;
            }
            prop_assert!(distribution.max >= last);
            prop_assert!((distribution.min..=distribution.max).contains(&distribution.avg));
        }

        #[test]
        fn the_order_of_the_values_does_not_matter(values in prop::collection::vec(0.0..1e6_f64, 1..50)) {
            let mut backwards: Vec<f64> = values.iter().rev().copied().collect();
            prop_assert_eq!(Distribution::of(&mut values.clone()), Distribution::of(&mut backwards));
        }
    }
}
