//! Blocks of neighbouring values, drawn at random until they are as many as there were.

use rand::{Rng, RngExt as _};

/// Lags in a row that must show nothing.
const QUIET_LAGS: usize = 5;

/// The values of a run in the order of time, and how long the blocks are.
pub(super) struct Blocks {
    /// The place of each value among all of them in order.
    ranks: Vec<u32>,
    length: usize,
}

impl Blocks {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a run has fewer requests than 2^32"
    )]
    pub(super) fn of(values: &[f64]) -> Self {
        let mut places: Vec<u32> = (0..values.len() as u32).collect();
        places.sort_by(|one, other| values[*one as usize].total_cmp(&values[*other as usize]));
        let mut ranks = vec![0; values.len()];
        places.iter().enumerate().for_each(|(rank, place)| ranks[*place as usize] = rank as u32);
        Self { ranks, length: length(values).round().max(1.0) as usize }
    }

    /// How often each of the values, in their order, is in a sample of blocks. The last value is followed by the first.
    pub(super) fn drawn(&self, rng: &mut impl Rng) -> Vec<u32> {
        let all = self.ranks.len();
        let mut counts = vec![0; all];
        let mut left = all;
        while left > 0 {
            let from = rng.random_range(0..all);
            let taken = self.length.min(left);
            for offset in 0..taken {
                let place = from + offset;
                let rank = self.ranks[if place < all { place } else { place - all }];
                counts[rank as usize] += 1;
            }
            left -= taken;
        }
        counts
    }
}

/// The best length of circular blocks: longer ones where values depend on those before them for longer.
///
/// Source: Politis and White 2004, Automatic block-length selection for the dependent bootstrap, with the correction of Patton, Politis
/// and White 2009: sections 3.2 (the last lag that says something) and 3.3.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a root of a count")]
fn length(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let root = n.sqrt();
    let most_lags = (root.ceil() as usize + QUIET_LAGS).min(values.len().saturating_sub(1));
    let covariances = covariances(values, most_lags);
    let Some(variance) = covariances.first().copied().filter(|variance| *variance > 0.0) else { return 1.0 };
    let bound = 2.0 * (n.log10() / n).sqrt();
    let is_quiet = |covariance: &f64| (covariance / variance).abs() < bound;
    let last = covariances[1..].windows(QUIET_LAGS).position(|lags| lags.iter().all(is_quiet));
    let lags = last.map_or(most_lags, |last| 2 * last.max(1)).min(most_lags);
    let (mut spread, mut slope) = (variance, 0.0);
    for (lag, covariance) in covariances.iter().enumerate().take(lags + 1).skip(1) {
        // It falls from 1 at the middle of the lags to 0 at the last one.
        let weight = (2.0 * (1.0 - lag as f64 / lags as f64)).min(1.0);
        spread += 2.0 * weight * covariance;
        slope += 2.0 * weight * lag as f64 * covariance;
    }
    let longest = (3.0 * root).min(n / 3.0).ceil();
    let best = (1.5 * (slope / spread).powi(2) * n).cbrt();
    if best.is_finite() { best.min(longest) } else { longest }
}

/// The autocovariances of values, from that of lag 0 on.
fn covariances(values: &[f64], most_lags: usize) -> Vec<f64> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let away: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let of_lag = |lag: usize| away.iter().zip(&away[lag..]).map(|(one, other)| one * other).sum::<f64>() / n;
    (0..=most_lags.min(away.len().saturating_sub(1))).map(of_lag).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::seed::Seed;

    /// Values of which each is so much like the one before it, made by whole numbers alone.
    fn series(likeness: f64, values: usize) -> Vec<f64> {
        let mut state = 12345_u64;
        let mut before = 0.0;
        let mut next = || {
            state = (state * 1_103_515_245 + 12345) % (1 << 31);
            before = likeness * before + state as f64 / f64::from(1 << 30) - 1.0;
            before
        };
        (0..values).map(|_| next()).collect()
    }

    /// By numpy, after the paper. `optimal_block_length` of arch 7 is the same for the first series; for the others its last lag that
    /// says something is one later, and its blocks are 10.81 and 45.51 long.
    #[rstest]
    #[case(0.0, 500, 1.440_186_833_731_809)]
    #[case(0.5, 500, 8.646_586_375_980_535)]
    #[case(0.9, 2000, 45.338_085_546_555_39)]
    fn blocks_are_as_long_as_values_depend_on_each_other(
        #[case] likeness: f64,
        #[case] values: usize,
        #[case] expected: f64,
    ) {
        let found = length(&series(likeness, values));
        assert!((found / expected - 1.0).abs() < 1e-6, "{found} in place of {expected}");
    }

    #[test]
    fn a_sample_has_as_many_values_as_there_were() {
        let blocks = Blocks { ranks: (0..10).collect(), length: 4 };
        let counts = blocks.drawn(&mut Seed::new(1).stream("test"));
        assert_eq!(counts.iter().sum::<u32>(), 10);
    }

    #[test]
    fn equal_values_and_few_values_have_blocks_too() {
        for values in [&[][..], &[1.0], &[1.0, 2.0], &[3.0; 100]] {
            assert!(length(values) >= 0.0, "{values:?}");
        }
    }
}
