//! Quantiles of histogram buckets.

use crate::report::server_metrics::timeline::Bound;

/// A bucket with observations in it.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// No observation in it is smaller.
    low: f64,
    /// No observation in it is larger; infinite above the last finite bound.
    high: f64,
    /// Observations below it.
    below: f64,
    count: f64,
}

/// The value below which a share of the observations in cumulative buckets lies, taken to be spread evenly inside each
/// bucket, and held to the mean of all observations. What lies above the last finite bound is given as that bound.
/// `None` without observations or without a finite bound.
///
/// Source: `histogram_quantile` in <https://prometheus.io/docs/prometheus/latest/querying/functions/>. Prometheus does
/// not use the mean. Without it, a constant wait of 1 ms in a first bucket of 300 ms has a median of 150 ms.
pub(super) fn of_buckets(buckets: &[(Bound, f64)], mean: Option<f64>, share: f64) -> Option<f64> {
    if buckets.iter().all(|(Bound(upper), _)| upper.is_infinite()) {
        return None;
    }
    let filled = filled(buckets);
    let total = filled.last().map(|last| last.below + last.count)?;
    if let ([only], Some(mean)) = (filled.as_slice(), mean) {
        // Nothing tells the observations of one bucket apart: they may all be equal.
        return Some(mean.clamp(only.low, only.high));
    }
    let rank = share * total;
    let at = filled.iter().find(|bucket| bucket.below + bucket.count >= rank).or(filled.last())?;
    if at.high.is_infinite() {
        return Some(at.low);
    }
    let even = at.low + (at.high - at.low) * ((rank - at.below) / at.count).clamp(0.0, 1.0);
    Some(mean.map_or(even, |mean| held_to_mean(even, &filled, at, rank, mean * total)))
}

fn filled(buckets: &[(Bound, f64)]) -> Vec<Bucket> {
    let (mut filled, mut low, mut below) = (Vec::new(), None, 0.0);
    for (Bound(high), up_to) in buckets {
        // The first bucket begins at zero, unless it ends below it.
        let from = low.unwrap_or_else(|| high.min(0.0));
        // A page that was read while it changed may have a count that falls.
        if *up_to > below {
            filled.push(Bucket { low: from, high: *high, below, count: up_to - below });
            below = *up_to;
        }
        low = Some(*high);
    }
    filled
}

/// The nearest quantile that observations in these buckets with this sum can have. Those of the bucket `at` above the
/// rank are no smaller than the quantile, those below it no larger, and all others stay between their bounds.
fn held_to_mean(estimate: f64, filled: &[Bucket], at: &Bucket, rank: f64, sum: f64) -> f64 {
    let least: f64 = filled.iter().map(|bucket| bucket.low * bucket.count).sum();
    let most: f64 = filled.iter().map(|bucket| bucket.high * bucket.count).sum();
    let (under, above) = (rank - at.below, at.below + at.count - rank);
    // Either may be infinite or, at a bound, not a number: then the sum says nothing.
    let lowest = at.high - (most - sum) / under;
    let highest = at.low + (sum - least) / above;
    estimate.max(lowest).min(highest).clamp(at.low, at.high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn buckets(pairs: &[(f64, f64)]) -> Vec<(Bound, f64)> {
        pairs.iter().map(|(bound, count)| (Bound(*bound), *count)).collect()
    }

    const INF: f64 = f64::INFINITY;

    #[rstest]
    #[case::inside_the_first(&[(1.0, 10.0), (2.0, 10.0), (INF, 10.0)], 0.5, Some(0.5))]
    #[case::inside_a_later(&[(1.0, 0.0), (2.0, 4.0), (4.0, 8.0), (INF, 8.0)], 0.75, Some(3.0))]
    #[case::at_a_bound(&[(1.0, 5.0), (2.0, 10.0), (INF, 10.0)], 0.5, Some(1.0))]
    #[case::beyond_the_last_bound(&[(1.0, 1.0), (2.0, 2.0), (INF, 10.0)], 0.9, Some(2.0))]
    #[case::a_negative_bound(&[(-1.0, 10.0), (INF, 10.0)], 0.5, Some(-1.0))]
    #[case::without_an_infinite_bucket(&[(1.0, 10.0)], 0.5, Some(0.5))]
    #[case::a_count_that_falls(&[(1.0, 4.0), (2.0, 3.0), (3.0, 8.0), (INF, 8.0)], 0.75, Some(2.5))]
    #[case::no_observations(&[(1.0, 0.0), (INF, 0.0)], 0.5, None)]
    #[case::no_finite_bound(&[(INF, 3.0)], 0.5, None)]
    #[case::no_buckets(&[], 0.5, None)]
    fn bucket_quantiles_are_interpolated(
        #[case] pairs: &[(f64, f64)],
        #[case] share: f64,
        #[case] expected: Option<f64>,
    ) {
        assert_eq!(of_buckets(&buckets(pairs), None, share), expected);
    }

    /// vLLM's histogram of times in the queue begins with 0.3 s; nobody waited longer than 2 ms.
    #[rstest]
    #[case::one_bucket(&[(0.3, 50.0), (0.5, 50.0), (INF, 50.0)], 0.002)]
    #[case::a_later_bucket(&[(0.3, 0.0), (0.5, 50.0), (INF, 50.0)], 0.31)]
    #[case::beyond_the_last_bound(&[(0.3, 0.0), (0.5, 0.0), (INF, 50.0)], 7.0)]
    fn equal_observations_have_one_percentile(#[case] pairs: &[(f64, f64)], #[case] value: f64) {
        for share in [0.5, 0.9, 0.99] {
            assert_eq!(of_buckets(&buckets(pairs), Some(value), share), Some(value));
        }
    }

    #[rstest]
    // Half of 100 observations at 0.15 s or more would be a mean of at least 0.075 s.
    #[case::too_high(&[(0.3, 99.0), (0.5, 100.0), (INF, 100.0)], 0.004, 0.5, 0.0 + (0.4 - 0.3) / 49.0)]
    // Half of them at 0.15 s or less would be a mean of at most 0.23 s.
    #[case::too_low(&[(0.3, 100.0), (0.5, 101.0), (INF, 101.0)], 0.298, 0.5, 0.3 - (30.5 - 0.298 * 101.0) / 50.5)]
    #[case::no_contradiction(&[(0.3, 99.0), (0.5, 100.0), (INF, 100.0)], 0.15, 0.99, 0.3)]
    fn an_estimate_that_contradicts_the_mean_is_held_to_it(
        #[case] pairs: &[(f64, f64)],
        #[case] mean: f64,
        #[case] share: f64,
        #[case] expected: f64,
    ) {
        let estimate = of_buckets(&buckets(pairs), Some(mean), share).unwrap();
        assert!((estimate - expected).abs() < 1e-9, "{estimate} and not {expected}");
    }

    proptest! {
        #[test]
        fn an_estimate_lies_in_the_bucket_of_the_true_quantile(
            mut values in prop::collection::vec(0.001_f64..10.0, 1..200), share in 0.01_f64..1.0,
            with_mean: bool
        ) {
            values.sort_by(f64::total_cmp);
            let bounds = [1.0, 2.5, 5.0, 10.0, INF];
            let counted = bounds.map(|bound| {
                (Bound(bound), values.iter().filter(|value| **value <= bound).count() as f64)
            });
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let estimate = of_buckets(&counted, Some(mean).filter(|_| with_mean), share).unwrap();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive index")]
            let rank = (share * values.len() as f64).ceil() as usize;
            let bucket = |value: f64| bounds.iter().position(|bound| value <= *bound);
            prop_assert_eq!(bucket(estimate - 1e-9), bucket(values[rank - 1]));
        }
    }
}
