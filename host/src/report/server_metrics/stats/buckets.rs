//! Quantiles of histogram buckets.

use crate::report::server_metrics::timeline::Bound;

/// The value below which a share of the observations in cumulative buckets lies, taken to be spread evenly inside each. What lies above the last
/// finite bound is given as that bound. `None` without observations or without a finite bound.
///
/// Source: `histogram_quantile` in <https://prometheus.io/docs/prometheus/latest/querying/functions/>.
pub(super) fn of_buckets(buckets: &[(Bound, f64)], share: f64) -> Option<f64> {
    let observations = buckets.iter().map(|(_, count)| *count).fold(0.0, f64::max);
    if observations <= 0.0 {
        return None;
    }
    let rank = share * observations;
    let mut lower: Option<f64> = None;
    let mut below = 0.0;
    for (Bound(upper), count) in buckets {
        if upper.is_infinite() {
            break;
        }
        if *count >= rank && *count > below {
            // The first bucket begins at zero, unless it ends below it.
            let from = lower.unwrap_or_else(|| upper.min(0.0));
            return Some(from + (upper - from) * ((rank - below) / (count - below)).max(0.0));
        }
        // A page that was read while it changed may have a count that falls.
        below = count.max(below);
        lower = Some(*upper);
    }
    lower
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
        assert_eq!(of_buckets(&buckets(pairs), share), expected);
    }

    proptest! {
        #[test]
        fn an_estimate_lies_in_the_bucket_of_the_true_quantile(
            mut values in prop::collection::vec(0.001_f64..10.0, 1..200), share in 0.01_f64..1.0
        ) {
            values.sort_by(f64::total_cmp);
            let bounds = [1.0, 2.5, 5.0, 10.0, INF];
            let counted = bounds.map(|bound| {
                (Bound(bound), values.iter().filter(|value| **value <= bound).count() as f64)
            });
            let estimate = of_buckets(&counted, share).unwrap();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive index")]
            let rank = (share * values.len() as f64).ceil() as usize;
            let bucket = |value: f64| bounds.iter().position(|bound| value <= *bound);
            prop_assert_eq!(bucket(estimate - 1e-9), bucket(values[rank - 1]));
        }
    }
}
