//! How many values a percentile needs: [`least`].

use super::statistic::Statistic;

/// The error that is allowed.
const ERROR: f64 = 0.01;

/// More than this many are not asked for.
const MOST: i32 = 1_000_000;

/// The least number of values with which a percentile can be shown to be below a bound at all. If it were not, each value would be
/// above the bound with the probability `1 - percentile`; two of them at least are then there with a probability of 99 %:
/// q^n + n (1 - q) q^(n - 1) <= 1 %, with q the percentile as a part of 1. 11 for the median, 64 for p90, 130 for p95, 662 for p99,
/// 6,636 for p99.9; some 6.64 / (1 - q).
///
/// Source: early stopping of MLPerf Inference (`docs/early_stopping.md` of mlcommons/endpoints), which has the same numbers.
pub(crate) fn least(percentile: f64) -> i32 {
    let of_number = |n: i32| percentile.powi(n) + f64::from(n) * (1.0 - percentile) * percentile.powi(n - 1);
    let (mut few, mut enough) = (1, MOST);
    while enough - few > 1 {
        let middle = i32::midpoint(few, enough);
        if of_number(middle) <= ERROR {
            enough = middle;
        } else {
            few = middle;
        }
    }
    enough
}

/// Whether so many values are enough for a percentile: see [`least`]. One below the median needs as many as the one
/// that is as far above it. What is no percentile needs none.
pub(crate) fn carries(count: u64, statistic: Statistic) -> bool {
    let quantile = statistic.quantile();
    quantile.is_none_or(|q| i64::try_from(count).unwrap_or(i64::MAX) >= i64::from(least(q.max(1.0 - q))))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.5, 11)]
    #[case(0.9, 64)]
    #[case(0.95, 130)]
    #[case(0.99, 662)]
    #[case(0.999, 6636)]
    fn as_many_as_the_table_has(#[case] percentile: f64, #[case] expected: i32) {
        assert_eq!(least(percentile), expected);
    }

    #[test]
    fn a_low_percentile_needs_as_many_as_a_high_one() {
        assert!(carries(662, Statistic::P1) && !carries(661, Statistic::P1) && carries(0, Statistic::Avg));
    }
}
