//! Between which of the sorted values a quantile is: [`ranks`].

/// Of a probability on each side beyond the interval: 95 % are within it.
const BEYOND: f64 = 0.025;

/// A probability so much smaller than the largest one makes no difference.
const NEGLIGIBLE: f64 = 1e-20;

/// The positions, from 0, of the two of `len` sorted values that have the `q` quantile of what they are drawn from between them, with a
/// probability of 95 % or more, and 2.5 % or less on each side beyond. None where there are too few values for a bound on that side.
///
/// How many values lie below the quantile has a binomial distribution, whatever the values are drawn from. Source of the interval: David and
/// Nagaraja, Order Statistics, section 7.1.
pub(super) fn ranks(len: usize, q: f64) -> (Option<usize>, Option<usize>) {
    let (first, weights) = weights(len, q);
    let all: f64 = weights.iter().sum();
    let (mut below, mut low, mut high) = (0.0, None, None);
    for (weight, count) in weights.iter().zip(first..) {
        below += weight / all;
        if low.is_none() && below > BEYOND {
            low = Some(count);
        }
        if high.is_none() && below >= 1.0 - BEYOND {
            high = Some(count);
        }
    }
    // The value with the rank `low`, from 1, is below the quantile unless fewer than `low` are; and the like on the other side.
    (low.and_then(|count| count.checked_sub(1)), high.filter(|count| *count < len))
}

/// The fewest values that [`ranks`] has both sides of the `q` quantile for: with fewer, all of them may be on one side.
pub(super) fn least_values(q: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is above 0, and a cast stays in the type"
    )]
    let least = (BEYOND.ln() / q.max(1.0 - q).ln()).ceil() as u64;
    least
}

/// How likely it is that so many values lie below the quantile, from a count on where that begins to matter; in proportion.
fn weights(len: usize, q: f64) -> (usize, Vec<f64>) {
    let odds = q / (1.0 - q);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is within 0..=len, and the floor is what is wanted"
    )]
    let most_likely = (((len + 1) as f64 * q) as usize).min(len);
    let mut lower = Vec::new();
    let mut weight = 1.0;
    for count in (1..=most_likely).rev() {
        weight *= count as f64 / ((len - count + 1) as f64 * odds);
        if weight < NEGLIGIBLE {
            break;
        }
        lower.push(weight);
    }
    let first = most_likely - lower.len();
    lower.reverse();
    lower.push(1.0);
    let mut weight = 1.0;
    for count in most_likely..len {
        weight *= (len - count) as f64 * odds / (count + 1) as f64;
        if weight < NEGLIGIBLE {
            break;
        }
        lower.push(weight);
    }
    (first, lower)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.99, 368)]
    #[case(0.5, 6)]
    #[case(0.01, 368)]
    fn fewer_values_have_an_end_only(#[case] q: f64, #[case] least: usize) {
        assert_eq!(least_values(q), least as u64);
        let has_both = |len| matches!(ranks(len, q), (Some(_), Some(_)));
        assert!(has_both(least) && !has_both(least - 1));
    }

    /// `scipy.stats.binom.ppf(0.025, n, q) - 1` and `ppf(0.975, n, q)`.
    #[rstest]
    #[case(1, 0.5, None, None)]
    #[case(5, 0.5, None, None)]
    #[case(6, 0.5, Some(0), Some(5))]
    #[case(20, 0.5, Some(5), Some(14))]
    #[case(100, 0.9, Some(83), Some(95))]
    #[case(100, 0.99, Some(96), None)]
    #[case(368, 0.99, Some(359), Some(367))]
    #[case(1000, 0.99, Some(982), Some(996))]
    #[case(1_000_000, 0.999, Some(998_937), Some(999_061))]
    #[case(1_000_000, 0.5, Some(499_019), Some(500_980))]
    fn ranks_are_those_of_the_binomial_distribution(
        #[case] len: usize,
        #[case] q: f64,
        #[case] low: Option<usize>,
        #[case] high: Option<usize>,
    ) {
        assert_eq!(ranks(len, q), (low, high));
    }
}
