//! By how much one sample lies above another one: a ratio, with its interval.

use super::rank_sum;

/// A ratio of the second side to the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shift {
    /// The median of all ratios of a value of the second side to one of the first.
    pub(crate) ratio: f64,
    /// It holds the ratio with the probability that was asked for; nothing where there are too few values for that.
    pub(crate) interval: Option<(f64, f64)>,
}

/// The shift of the logarithms after Hodges and Lehmann, with the interval of Mann and Whitney, both as ratios. Nothing if a side is
/// empty, or a value is not above 0.
///
/// Source: Hollander and Wolfe, Nonparametric Statistical Methods, sections 4.2 and 4.3.
pub(super) fn shift(first: &[f64], second: &[f64], level: f64) -> Option<Shift> {
    let (from, to) = (logarithms(first)?, logarithms(second)?);
    let mut differences: Vec<f64> = to.iter().flat_map(|to| from.iter().map(move |from| to - from)).collect();
    differences.sort_unstable_by(f64::total_cmp);
    let ratio = median(&differences)?.exp();
    let interval = rank_sum::outside(from.len(), to.len(), level).map(|outside| {
        let last = differences.len() - outside;
        (differences[outside - 1].exp(), differences[last].exp())
    });
    Some(Shift { ratio, interval })
}

fn logarithms(values: &[f64]) -> Option<Vec<f64>> {
    let are_possible = values.iter().all(|value| value.is_finite() && *value > 0.0);
    (are_possible && !values.is_empty()).then(|| values.iter().map(|value| value.ln()).collect())
}

/// The median of values in order.
pub(super) fn median(ordered: &[f64]) -> Option<f64> {
    let middle = ordered.len() / 2;
    let above = *ordered.get(middle)?;
    let is_odd = ordered.len() % 2 == 1;
    Some(if is_odd { above } else { f64::midpoint(ordered[middle - 1], above) })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn is_near(found: f64, expected: f64) -> bool {
        (found / expected - 1.0).abs() < 1e-9
    }

    /// The median of the ratios, and those that bound the interval, by numpy; the probability by
    /// `scipy.stats.mannwhitneyu(first, second, method='exact')`.
    #[rstest]
    #[case(
        &[100.0, 104.0, 98.0, 101.0, 103.0],
        &[112.0, 109.0, 115.0, 110.0, 108.0],
        [1.09, 1.048_543_689_320_388_3, 1.142_857_142_857_142_8, 0.007_936_507_936_507_936]
    )]
    #[case(
        &[100.0, 104.0, 98.0, 101.0],
        &[99.0, 97.0, 103.0, 96.0, 95.0, 94.0],
        [0.960_197_999_383_357_4, 0.923_076_923_076_923_1, 1.019_801_980_198_019_8, 0.114_285_714_285_714_28]
    )]
    #[case(
        &[12.5, 13.1, 12.9, 13.4, 12.7, 13.0],
        &[12.6, 12.8, 13.6, 13.3, 13.2, 12.4],
        [1.007_753_794_597_040_5, 0.961_240_310_077_519_3, 1.047_244_094_488_189_1, 0.937_229_437_229_437_3]
    )]
    #[case(
        &[250.0, 260.0, 245.0, 255.0, 252.0, 248.0, 257.0],
        &[300.0, 280.0, 310.0, 270.0, 295.0],
        [1.156_862_745_098_039_3, 1.08, 1.215_686_274_509_803_8, 0.002_525_252_525_252_525_5]
    )]
    fn the_shift_is_the_median_of_all_ratios(
        #[case] first: &[f64],
        #[case] second: &[f64],
        #[case] expected: [f64; 4],
    ) {
        let [ratio, low, high, p] = expected;
        let found = shift(first, second, 0.95).unwrap();
        let interval = found.interval.unwrap();
        assert!(is_near(found.ratio, ratio), "{}", found.ratio);
        assert!(is_near(interval.0, low) && is_near(interval.1, high), "{interval:?}");
        let found = rank_sum::two_sided(first, second);
        assert!(is_near(found, p), "{found}");
    }

    #[test]
    fn three_runs_a_side_have_no_interval() {
        let found = shift(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0], 0.95).unwrap();
        assert_eq!(found.interval, None);
    }

    #[test]
    fn what_is_not_above_zero_has_no_ratio() {
        assert_eq!(shift(&[1.0, 0.0], &[1.0], 0.95), None);
        assert_eq!(shift(&[], &[1.0], 0.95), None);
    }
}
