//! Statistics of every gap of every stream: the [`GapPool`].
//!
//! A run can have billions of gaps, so they are not kept. A high dynamic range histogram holds them to three significant
//! digits in less than a megabyte; minimum, maximum, sum, count and standard deviation are exact.

use hdrhistogram::Histogram;

use super::{
    quantile::Distribution,
    statistic::{PERCENTILES, Statistic},
};

const SIGNIFICANT_DIGITS: u8 = 3;

/// Gaps in nanoseconds, pooled over all requests.
#[derive(Clone, Debug, Default)]
pub(super) struct GapPool {
    /// Made for the first gap: most runs without streaming never need it.
    histogram: Option<Histogram<u64>>,
    min: u64,
    max: u64,
    sum: u128,
    count: u64,
    // Welford's running mean and sum of squared differences: exact sums of squares would overflow.
    mean: f64,
    squares: f64,
}

impl GapPool {
    /// Adds one gap.
    pub(super) fn record(&mut self, gap_ns: u64) {
        if self.histogram.is_none() {
            self.histogram = Histogram::new(SIGNIFICANT_DIGITS).ok();
            self.min = gap_ns;
        }
        if let Some(histogram) = &mut self.histogram {
            // Only a histogram that may not grow can refuse a value.
            histogram.record(gap_ns).ok();
        }
        self.min = self.min.min(gap_ns);
        self.max = self.max.max(gap_ns);
        self.sum += u128::from(gap_ns);
        self.count += 1;
        let difference = gap_ns as f64 - self.mean;
        self.mean += difference / self.count as f64;
        self.squares += difference * (gap_ns as f64 - self.mean);
    }

    /// Takes in those of another collector. All but the standard deviation comes out the same in whatever order; that differs by
    /// rounding errors.
    ///
    /// Source of the formula for the squares: Chan, Golub and others, "Updating Formulae and a Pairwise Algorithm for
    /// Computing Sample Variances", 1979.
    pub(super) fn merge(&mut self, other: Self) {
        if self.count == 0 {
            *self = other;
            return;
        }
        let Some(more) = &other.histogram else { return };
        if let Some(histogram) = &mut self.histogram {
            // As above: only one that may not grow can refuse.
            histogram.add(more).ok();
        }
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        let (own, others) = (self.count as f64, other.count as f64);
        let difference = other.mean - self.mean;
        self.count += other.count;
        self.mean += difference * others / (own + others);
        self.squares += other.squares + difference * difference * own * others / (own + others);
    }

    /// Describes the gaps in milliseconds; `None` when there are none.
    pub(super) fn distribution_ms(&self) -> Option<Distribution> {
        let histogram = self.histogram.as_ref()?;
        let percentile = |(_, q): (Statistic, f64)| {
            // A bucket's upper end can lie above the largest gap in it.
            histogram.value_at_quantile(q).clamp(self.min, self.max) as f64 / 1e6
        };
        Some(Distribution {
            avg: self.sum as f64 / self.count as f64 / 1e6,
            percentiles: PERCENTILES.map(percentile),
            min: self.min as f64 / 1e6,
            max: self.max as f64 / 1e6,
            std: (self.squares / self.count as f64).sqrt() / 1e6,
            count: self.count,
            sum: self.sum as f64 / 1e6,
            // Gaps of one response depend on each other.
            intervals: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pool(gaps: &[u64]) -> Option<Distribution> {
        let mut pool = GapPool::default();
        for gap in gaps {
            pool.record(*gap);
        }
        pool.distribution_ms()
    }

    #[test]
    fn no_gap_has_no_distribution() {
        assert_eq!(pool(&[]), None);
    }

    #[test]
    fn everything_but_the_percentiles_is_exact() {
        let gaps = pool(&[0, 10_000_001, 20_000_003, 90_000_000]).unwrap();
        assert_eq!((gaps.min, gaps.max, gaps.count), (0.0, 90.0, 4));
        assert_eq!((gaps.sum, gaps.avg), (120.000_004, 30.000_001));
        assert!((gaps.std - 35.355_337).abs() < 1e-4, "{}", gaps.std);
    }

    proptest! {
        #[test]
        fn parts_together_are_the_whole(
            first in prop::collection::vec(0..10_000_000_000_u64, 0..50),
            second in prop::collection::vec(0..10_000_000_000_u64, 0..50),
        ) {
            let part = |gaps: &[u64]| {
                let mut pool = GapPool::default();
                for gap in gaps {
                    pool.record(*gap);
                }
                pool
            };
            let mut parts = part(&first);
            parts.merge(part(&second));
            let whole = pool(&[first, second].concat());
            let parts = parts.distribution_ms();
            let std = |pool: Option<Distribution>| pool.map_or(0.0, |pool| pool.std);
            prop_assert!((std(parts) - std(whole)).abs() < 1e-6, "{parts:?} for {whole:?}");
            let but_std = |pool: Option<Distribution>| pool.map(|pool| Distribution { std: 0.0, ..pool });
            prop_assert_eq!(but_std(parts), but_std(whole));
        }

        #[test]
        fn percentiles_grow_and_are_within_a_thousandth_of_a_real_gap(
            mut gaps in prop::collection::vec(0..10_000_000_000_u64, 1..100),
        ) {
            let distribution = pool(&gaps).unwrap();
            gaps.sort_unstable();
            let mut last = distribution.min;
            for ((_, q), percentile) in PERCENTILES.iter().zip(distribution.percentiles) {
                let enough = gaps.len() as f64 * q;
                let (_, exact) = gaps.iter().zip(1..).map(|(gap, rank)| (rank, *gap as f64 / 1e6))
                    .find(|(rank, _)| f64::from(*rank) >= enough).unwrap();
                prop_assert!(percentile >= last && percentile <= distribution.max);
                prop_assert!((percentile - exact).abs() <= exact / 1000.0, "{percentile} for {exact}");
                last = percentile;
            }
        }
    }
}
