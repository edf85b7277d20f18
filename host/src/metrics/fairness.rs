//! How alike classes were served: [`Fairness`].

use super::{ClassResults, tags};

/// What classes are compared by. A number is missing where a class has no value for it.
///
/// Jain's index of n values is (sum of x)² / (n · sum of x²): 1 where all are equal, 1/n where one has all of it. Source: R. Jain,
/// D. Chiu, W. Hawe, "A Quantitative Measure of Fairness and Discrimination for Resource Allocation in Shared Computer Systems",
/// DEC-TR-301, 1984.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fairness {
    /// Jain's index of the mean `output_token_throughput_per_user`: the pace at which a request of each class gets its tokens, which
    /// depends neither on how many requests a class has nor on how long they are. Waiting for the first token is no part of it.
    pub(crate) pace_index: Option<f64>,
    /// Jain's index of `good_request_fraction`.
    pub(crate) good_index: Option<f64>,
    /// The largest 99th percentile of `time_to_first_token` divided by the smallest.
    pub(crate) first_token_p99_ratio: Option<f64>,
}

impl Fairness {
    /// That of these classes; none where there are fewer than two, or nothing to compare.
    pub(crate) fn of(classes: &[ClassResults]) -> Option<Self> {
        if classes.len() < 2 {
            return None;
        }
        let all =
            |value: fn(&ClassResults) -> Option<f64>| classes.iter().map(value).collect::<Option<Vec<f64>>>();
        let fairness = Self {
            pace_index: all(|class| class.results.table.avg(tags::OUTPUT_TOKEN_THROUGHPUT_PER_USER))
                .and_then(jain),
            good_index: all(|class| class.results.table.avg(tags::GOOD_REQUEST_FRACTION)).and_then(jain),
            first_token_p99_ratio: all(|class| class.results.table.p99(tags::TIME_TO_FIRST_TOKEN))
                .and_then(|times| ratio(&times)),
        };
        let Self { pace_index, good_index, first_token_p99_ratio } = fairness;
        [pace_index, good_index, first_token_p99_ratio].iter().any(Option::is_some).then_some(fairness)
    }
}

/// Jain's index; none where nobody has anything.
#[expect(clippy::needless_pass_by_value, reason = "it is what a chain of options gives")]
fn jain(values: Vec<f64>) -> Option<f64> {
    let (sum, squares) = (values.iter().sum::<f64>(), values.iter().map(|value| value * value).sum::<f64>());
    (squares > 0.0).then(|| sum * sum / (values.len() as f64 * squares))
}

/// The largest divided by the smallest.
fn ratio(values: &[f64]) -> Option<f64> {
    let least = values.iter().copied().reduce(f64::min).filter(|least| *least > 0.0)?;
    values.iter().copied().reduce(f64::max).map(|most| most / least)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::alike(&[3.0, 3.0, 3.0], Some(1.0))]
    #[case::one_has_all(&[1.0, 0.0, 0.0, 0.0], Some(0.25))]
    #[case::nobody_has_anything(&[0.0, 0.0], None)]
    // (1 + 2 + 3)² / (3 · 14)
    #[case::between(&[1.0, 2.0, 3.0], Some(36.0 / 42.0))]
    fn the_index_is_jains(#[case] values: &[f64], #[case] expected: Option<f64>) {
        assert_eq!(jain(values.to_vec()), expected);
    }

    #[rstest]
    #[case(&[10.0, 40.0, 20.0], Some(4.0))]
    #[case(&[0.0, 40.0], None)]
    fn the_ratio_is_between_the_extremes(#[case] values: &[f64], #[case] expected: Option<f64>) {
        assert_eq!(ratio(values), expected);
    }
}
