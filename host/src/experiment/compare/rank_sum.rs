//! The exact distribution of the Mann-Whitney statistic.

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

/// How many of the ordered differences of two samples lie on each side of the interval that holds the shift between them with at least
/// this probability; nothing where even all of them would not do.
///
/// Source: Hollander and Wolfe, Nonparametric Statistical Methods, section 4.3.
pub(super) fn outside(first: usize, second: usize, level: f64) -> Option<usize> {
    let mut below = 0.0;
    let tail = (1.0 - level) / 2.0;
    let outside = probabilities(first, second).into_iter().take_while(|probability| {
        below += probability;
        below <= tail
    });
    Some(outside.count()).filter(|count| *count > 0)
}

/// The probability that two samples of one distribution differ by as much as these, to either side. Equal values share their
/// ranks, and all ways to deal the values out are counted.
pub(super) fn two_sided(first: &[f64], second: &[f64]) -> f64 {
    let mut all: Vec<f64> = first.iter().chain(second).copied().collect();
    all.sort_unstable_by(f64::total_cmp);
    let ranks: Vec<usize> = all.iter().map(|value| double_rank(&all, *value)).collect();
    let found: usize = first.iter().map(|value| double_rank(&all, *value)).sum();
    let sums = sums(&ranks, first.len());
    let (low, high): (f64, f64) = (sums[..=found].iter().sum(), sums[found..].iter().sum());
    (2.0 * low.min(high)).min(1.0)
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
    last.iter_mut().for_each(|share| *share /= ways);
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
    fn the_interval_leaves_out_so_many(
        #[case] first: usize,
        #[case] second: usize,
        #[case] level: f64,
        #[case] expected: Option<usize>,
    ) {
        assert_eq!(outside(first, second, level), expected);
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
