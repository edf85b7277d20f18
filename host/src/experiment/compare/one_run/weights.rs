//! What each value of a sample counts in a statistic of it.

use crate::metrics::Statistic;

/// How much of the whole lies below each place of the values in order: from 0 to 1, one more than there are values.
pub(super) struct Weights {
    below: Vec<f64>,
}

impl Weights {
    /// Those of the mean, or of a percentile. Nothing for other statistics, and for percentiles beyond the sample: of `n` values
    /// there must be one at least on either side, counted as `n + 1` times the share.
    pub(super) fn of(statistic: Statistic, values: usize) -> Option<Self> {
        if values == 0 {
            return None;
        }
        if statistic == Statistic::Avg {
            let below = (0..=values).map(|place| place as f64 / values as f64).collect();
            return Some(Self { below });
        }
        let share = statistic.quantile()?;
        let (a, b) = ((values + 1) as f64 * share, (values + 1) as f64 * (1.0 - share));
        (a >= 1.0 && b >= 1.0).then(|| Self { below: beta(a, b, values) })
    }

    /// The statistic of a sample in which each of these values, which are in order, comes so often.
    pub(super) fn statistic(&self, ordered: &[f64], counts: &[u32]) -> f64 {
        let mut place = 0;
        let mut sum = 0.0;
        for (value, count) in ordered.iter().zip(counts) {
            let next = place + *count as usize;
            sum += (self.below[next] - self.below[place]) * value;
            place = next;
        }
        sum
    }
}

/// Nodes and weights of Gauss and Legendre's rule of five points on an interval from -1 to 1. Source: Abramowitz and Stegun,
/// Handbook of Mathematical Functions, table 25.4.
const RULE: [(f64, f64); 5] = [
    (-0.906_179_845_938_664, 0.236_926_885_056_189_1),
    (-0.538_469_310_105_683_1, 0.478_628_670_499_366_5),
    (0.0, 0.568_888_888_888_888_9),
    (0.538_469_310_105_683_1, 0.478_628_670_499_366_5),
    (0.906_179_845_938_664, 0.236_926_885_056_189_1),
];

/// How often a part at an end is halved towards it, where the density may rise or fall like a root.
const HALVINGS: i32 = 40;

/// The distribution function of a beta variable at `0/n, 1/n, ... n/n`, by integration of its density; both parameters are 1 or more.
///
/// Source of the weights: Harrell and Davis 1982, A new distribution-free quantile estimator, where the parameters are `(n + 1) q` and
/// `(n + 1) (1 - q)`.
fn beta(a: f64, b: f64, n: usize) -> Vec<f64> {
    let log_density = |x: f64| (a - 1.0).mul_add(x.ln(), (b - 1.0) * (-x).ln_1p());
    // Without it, the density of a large sample is too small to be a number.
    let mode = if a + b > 2.0 { (a - 1.0) / (a + b - 2.0) } else { 0.5 };
    let highest = log_density(mode.clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON));
    let integral = |from: f64, to: f64| {
        let half = (to - from) / 2.0;
        let node =
            |(at, weight): (f64, f64)| weight * (log_density(half.mul_add(at, from + half)) - highest).exp();
        half * RULE.into_iter().map(node).sum::<f64>()
    };
    let width = 1.0 / n as f64;
    let halves = |of: i32| (width * 0.5_f64.powi(of), width * 0.5_f64.powi(of + 1));
    let part = |place: usize| match place {
        0 => (0..HALVINGS).map(halves).map(|(far, near)| integral(near, far)).sum(),
        last if last + 1 == n => {
            (0..HALVINGS).map(halves).map(|(far, near)| integral(1.0 - far, 1.0 - near)).sum()
        }
        place => integral(place as f64 * width, (place + 1) as f64 * width),
    };
    let mut below = Vec::with_capacity(n + 1);
    below.push(0.0);
    let mut sum = 0.0;
    below.extend((0..n).map(|place| {
        sum += part(place);
        sum
    }));
    for value in &mut below {
        *value /= sum;
    }
    below
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// `scipy.stats.mstats.hdquantiles(sorted(k ** 1.5 for k in 1..=n), [q])`.
    #[rstest]
    #[case(Statistic::P50, 11, 15.070_350_577_837_884)]
    #[case(Statistic::P90, 40, 220.735_731_592_280_08)]
    #[case(Statistic::P99, 150, 1_818.429_479_112_949_8)]
    #[case(Statistic::P50, 2000, 31_652.420_057_572_926)]
    #[case(Statistic::P99, 2000, 88_137.980_433_226_7)]
    fn percentiles_are_those_of_harrell_and_davis(
        #[case] statistic: Statistic,
        #[case] values: u32,
        #[case] expected: f64,
    ) {
        let ordered: Vec<f64> = (1..=values).map(|value| f64::from(value).powf(1.5)).collect();
        let weights = Weights::of(statistic, ordered.len()).unwrap();
        let found = weights.statistic(&ordered, &vec![1; ordered.len()]);
        assert!((found / expected - 1.0).abs() < 1e-6, "{found} in place of {expected}");
    }

    #[test]
    fn the_mean_is_the_mean_however_often_a_value_comes() {
        let weights = Weights::of(Statistic::Avg, 4).unwrap();
        assert!((weights.statistic(&[1.0, 2.0, 3.0, 10.0], &[0, 3, 0, 1]) - 4.0).abs() < 1e-12);
    }
}
