//! The distribution of the Mann-Whitney statistic: exact for as many runs as people make, and the normal one beyond.

use super::normal;

/// Values of two samples together up to which the distribution is exact; its cost grows with the fourth power of their number.
const MOST_EXACT: usize = 120;

/// What a sum of rounded probabilities may be above a bound that it equals.
const ROUNDING: f64 = 1e-12;

/// Of two samples with these sizes, the probability that the statistic is `u`, for each `u` from 0 to the product of the sizes,
/// if both are of one distribution and no two values are equal.
///
/// Source of the recurrence: Mann and Whitney 1947, On a test of whether one of two random variables is stochastically larger
/// than the other, section 2.
fn probabilities(first: usize, second: usize) -> Vec<f64> {
    // Of `second` values and as many others as were added so far: the largest value of all is one of either sample.
    let mut rows: Vec<Vec<f64>> = vec![vec![1.0]; second + 1];
    for added in 1..=first {
        let mut next: Vec<Vec<f64>> = vec![vec![1.0]];
        for others in 1..=second {
            let all = (added + others) as f64;
            let mut row = vec![0.0; added * others + 1];
            for (u, probability) in rows[others].iter().enumerate() {
                row[u + others] += probability * added as f64 / all;
            }
            for (u, probability) in next[others - 1].iter().enumerate() {
                row[u] += probability * others as f64 / all;
            }
            next.push(row);
        }
        rows = next;
    }
    rows.pop().unwrap_or_default()
}

/// Values that each of two samples needs, so that an interval holds the shift with this probability.
pub(super) fn least_runs(level: f64) -> usize {
    least_for(1.0 - level)
}

/// Values that each of two samples needs, so that samples without any overlap have a probability of at most this.
///
/// Of all ways to deal the values out, two are that extreme.
pub(super) fn least_for(probability: f64) -> usize {
    let mut runs = 1;
    let mut extreme = 1.0;
    while extreme > probability + ROUNDING && runs < MOST_EXACT / 2 {
        runs += 1;
        let number = runs as f64;
        // One more in each sample: (2n choose n) grows by this factor.
        extreme /= 2.0 * (2.0 * number - 1.0) / number;
    }
    runs
}

/// How many of the ordered differences of two samples lie on each side of the interval that holds the shift between them with at least
/// this probability; nothing where even all of them would not do.
///
/// Source: Hollander and Wolfe, Nonparametric Statistical Methods, section 4.3.
pub(super) fn outside(first: usize, second: usize, level: f64) -> Option<usize> {
    let tail = (1.0 - level) / 2.0;
    if first + second > MOST_EXACT {
        return Some(outside_of_many(first as f64, second as f64, tail)).filter(|count| *count > 0);
    }
    let mut below = 0.0;
    let outside = probabilities(first, second).into_iter().take_while(|probability| {
        below += probability;
        below <= tail + ROUNDING
    });
    Some(outside.count()).filter(|count| *count > 0)
}

/// The same by the normal distribution: the large-sample approximation of the same section.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is from 0 to the number of differences"
)]
fn outside_of_many(first: f64, second: f64, tail: f64) -> usize {
    let deviation = (first * second * (first + second + 1.0) / 12.0).sqrt();
    // Rounded down, so that the interval is not too narrow.
    normal::beyond(tail).mul_add(-deviation, first * second / 2.0).max(0.0) as usize
}

/// The probability that two samples of one distribution differ by as much as these, to either side. Equal values share their
/// ranks, and all ways to deal the values out are counted.
pub(super) fn two_sided(first: &[f64], second: &[f64]) -> f64 {
    let mut all: Vec<f64> = first.iter().chain(second).copied().collect();
    all.sort_unstable_by(f64::total_cmp);
    let ranks: Vec<usize> = all.iter().map(|value| double_rank(&all, *value)).collect();
    let found: usize = first.iter().map(|value| double_rank(&all, *value)).sum();
    if all.len() > MOST_EXACT {
        return two_sided_of_many(&ranks, first.len(), found);
    }
    let sums = sums(&ranks, first.len());
    let (low, high): (f64, f64) = (sums[..=found].iter().sum(), sums[found..].iter().sum());
    (2.0 * low.min(high)).min(1.0)
}

/// The same by the normal distribution, from the doubled ranks of all values and the sum of those of the first sample.
///
/// Source: Hollander and Wolfe, Nonparametric Statistical Methods, section 4.1, the large-sample approximation with ties; with a correction
/// for continuity of half a rank.
fn two_sided_of_many(ranks: &[usize], taken: usize, found: usize) -> f64 {
    let all = ranks.len() as f64;
    let mean = ranks.iter().sum::<usize>() as f64 / all;
    let square = |rank: &usize| (*rank as f64 - mean).powi(2);
    let spread = ranks.iter().map(square).sum::<f64>() / (all - 1.0);
    let (taken, others) = (taken as f64, all - taken as f64);
    let deviation = (taken * others / all * spread).sqrt();
    if deviation == 0.0 {
        return 1.0;
    }
    let distance = (found as f64 - taken * mean).abs() - 1.0;
    (2.0 * normal::upper_tail(distance.max(0.0) / deviation)).min(1.0)
}

/// Twice the mean rank of a value among all, which are in order.
fn double_rank(all: &[f64], value: f64) -> usize {
    let below = all.partition_point(|other| *other < value);
    let up_to = all.partition_point(|other| *other <= value);
    below + up_to + 1
}

/// For each sum, the share of all ways to take so many of the numbers that have this sum.
fn sums(numbers: &[usize], taken: usize) -> Vec<f64> {
    let most: usize = numbers.iter().sum();
    // By how many were taken. What is taken next is one of the rest with the same chance.
    let mut shares = vec![vec![0.0; most + 1]; taken + 1];
    shares[0][0] = 1.0;
    for number in numbers {
        for count in (1..=taken).rev() {
            for sum in (*number..=most).rev() {
                shares[count][sum] += shares[count - 1][sum - number];
            }
        }
    }
    let mut last = shares.pop().unwrap_or_default();
    let ways: f64 = last.iter().sum();
    for share in &mut last {
        *share /= ways;
    }
    last
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// R 4: `qwilcox(0.025, n, m)`; with three values each, no interval holds the shift with 95 %.
    #[rstest]
    #[case(3, 3, 0.95, None)]
    #[case(4, 4, 0.95, Some(1))]
    #[case(5, 5, 0.95, Some(3))]
    #[case(5, 5, 0.99, Some(1))]
    #[case(6, 4, 0.95, Some(3))]
    #[case(10, 10, 0.95, Some(24))]
    #[case(20, 15, 0.95, Some(91))]
    // The probabilities of 0 to 4 are 12 / 252 together, as is the tail, but not in rounded numbers.
    #[case(5, 5, 0.904_761_904_761_904_7, Some(5))]
    // The normal distribution, by scipy: 2279.7.
    #[case(80, 70, 0.95, Some(2279))]
    fn the_interval_leaves_out_so_many(
        #[case] first: usize,
        #[case] second: usize,
        #[case] level: f64,
        #[case] expected: Option<usize>,
    ) {
        assert_eq!(outside(first, second, level), expected);
    }

    #[rstest]
    #[case(0.95, 4)]
    #[case(0.99, 5)]
    #[case(0.999, 7)]
    #[case(0.5, 2)]
    fn an_interval_needs_so_many_runs_a_side(#[case] level: f64, #[case] expected: usize) {
        assert_eq!(least_runs(level), expected);
        assert!(outside(expected, expected, level).is_some());
        assert_eq!(outside(expected - 1, expected - 1, level), None);
    }

    /// `scipy.stats.mannwhitneyu(first, second, method='asymptotic', use_continuity=True)`.
    #[test]
    fn many_values_are_judged_by_the_normal_distribution() {
        let first: Vec<f64> = (0..80).map(|at| f64::from(100 + at * 37 % 101)).collect();
        let second: Vec<f64> = (0..70).map(|at| f64::from(110 + at * 53 % 97)).collect();
        let found = two_sided(&first, &second);
        assert!((found - 0.186_689_062_513_466_3).abs() < 1e-6, "{found}");
    }

    #[test]
    fn all_probabilities_together_are_one() {
        for (first, second) in [(1, 1), (4, 7), (30, 30)] {
            let all: f64 = probabilities(first, second).iter().sum();
            assert!((all - 1.0).abs() < 1e-12, "{first} and {second}: {all}");
        }
    }

    /// `scipy.stats.mannwhitneyu(a, b, method='exact').pvalue`, and for the last one a count of all permutations.
    #[rstest]
    #[case(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0, 7.0, 8.0], 0.028_571_428_571_428_57)]
    #[case(&[1.0, 3.0, 5.0, 7.0, 9.0], &[2.0, 4.0, 6.0, 8.0, 10.0], 0.690_476_190_476_190_5)]
    #[case(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], 1.0)]
    fn samples_of_one_distribution_differ_so_often(
        #[case] first: &[f64],
        #[case] second: &[f64],
        #[case] expected: f64,
    ) {
        assert!((two_sided(first, second) - expected).abs() < 1e-9, "{}", two_sided(first, second));
    }
}
