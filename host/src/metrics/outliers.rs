//! Which of several nodes is far from the others: [`outliers`].
//!
//! A node is named when all of this holds of a statistic (a 99th percentile, where larger is worse):
//!
//! 1. Three nodes at least have it: of two, nobody knows which one is odd.
//! 2. Its value is [`TIMES`] times the median of all nodes or more, and [`LEAST_MS`] above it or more: smaller differences do
//!    nobody harm.
//! 3. The lower end of the 95 % interval of its own percentile (order statistics, see [`super::quantile`]) is above that median
//!    as well: with few requests a percentile is far off by chance.
//! 4. Its modified z-score, 0.6745 (value - median) / MAD, is above [`MOST_SCORE`], where MAD is the median of the distances
//!    from the median: where all nodes differ much from each other, none is odd. Source: B. Iglewicz and D. C. Hoaglin, "How to
//!    Detect and Handle Outliers", ASQC Basic References in Quality Control 16, 1993, who propose this score and the bound 3.5.

use super::quantile::quantile;

/// See 2.
const TIMES: f64 = 1.5;

/// See 2, in milliseconds.
const LEAST_MS: f64 = 1.0;

/// See 4.
const MOST_SCORE: f64 = 3.5;

/// Makes the MAD of a normal distribution its standard deviation.
const NORMAL: f64 = 0.6745;

/// Fewest nodes among which one can be an outlier.
const LEAST_NODES: usize = 3;

/// A statistic of one node, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OfOne {
    pub(crate) value: f64,
    /// The lower end of its interval.
    pub(crate) low: f64,
}

/// A node that is far from the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outlier {
    /// Its place among the nodes.
    pub(crate) place: usize,
    pub(crate) value: f64,
    /// Of all nodes.
    pub(crate) median: f64,
}

/// Those that are far above the others, in their order; a node without requests has no value.
pub(crate) fn outliers(nodes: &[Option<OfOne>]) -> Vec<Outlier> {
    let Some(median) = median(nodes.iter().flatten().map(|of| of.value)) else { return Vec::new() };
    let Some(mad) = self::median(nodes.iter().flatten().map(|of| (of.value - median).abs())) else {
        return Vec::new();
    };
    if nodes.iter().flatten().count() < LEAST_NODES {
        return Vec::new();
    }
    let is_far = |of: &OfOne| {
        let above = of.value - median;
        let is_much = of.value >= TIMES * median && above >= LEAST_MS;
        is_much && of.low > median && NORMAL * above > MOST_SCORE * mad
    };
    let placed = nodes.iter().enumerate().filter_map(|(place, of)| Some((place, (*of)?)));
    let far = placed.filter(|(_, of)| is_far(of));
    far.map(|(place, OfOne { value, .. })| Outlier { place, value, median }).collect()
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    (!sorted.is_empty()).then(|| quantile(&sorted, 0.5))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn far(values: &[f64], width: f64) -> Vec<usize> {
        let one = |value: &f64| Some(OfOne { value: *value, low: value - width });
        let found = outliers(&values.iter().map(one).collect::<Vec<_>>());
        found.into_iter().map(|outlier| outlier.place).collect()
    }

    #[rstest]
    #[case::one_of_three(&[10.0, 11.0, 23.0], &[2])]
    #[case::all_others_the_same(&[10.0, 10.0, 21.0], &[2])]
    #[case::two_of_five(&[10.0, 30.0, 10.5, 9.0, 40.0], &[1, 4])]
    #[case::of_two_nobody_knows(&[10.0, 30.0], &[])]
    #[case::all_differ(&[10.0, 20.0, 40.0], &[])]
    #[case::not_by_much(&[10.0, 10.1, 14.0], &[])]
    #[case::too_small_to_matter(&[0.1, 0.1, 0.9], &[])]
    #[case::a_better_one(&[10.0, 10.0, 1.0], &[])]
    #[case::nobody(&[], &[])]
    fn an_outlier_is_far_above_nodes_that_are_alike(#[case] values: &[f64], #[case] expected: &[usize]) {
        assert_eq!(far(values, 0.5), expected);
    }

    #[test]
    fn what_may_be_chance_is_none() {
        assert_eq!(far(&[10.0, 11.0, 23.0], 13.0), [] as [usize; 0]);
    }

    #[test]
    fn a_node_without_requests_is_passed_over() {
        let some = |value| Some(OfOne { value, low: value });
        let found = outliers(&[some(10.0), None, some(11.0), some(30.0)]);
        assert_eq!(found, [Outlier { place: 3, value: 30.0, median: 11.0 }]);
    }
}
