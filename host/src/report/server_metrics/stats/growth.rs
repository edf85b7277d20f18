//! What cumulative numbers grew by, restarts of their server included: exports [`Growth`].

/// The growth of a cumulative number over some scrapes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Growth {
    /// By how much it grew altogether.
    pub(super) total: f64,
    /// The scrapes at which it had started over from zero.
    restarts: Vec<usize>,
}

impl Growth {
    /// Of numbers that only fall when they start over. Not a number means that the series was not on the page: servers
    /// leave out what is still zero. `None` when it never was.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let mut previous = None;
        let mut restarts = Vec::new();
        for (at, value) in values.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
            if previous.replace(*value).is_some_and(|previous| *value < previous) {
                restarts.push(at);
            }
        }
        previous?;
        let nothing = Self { total: 0.0, restarts };
        Some(Self { total: nothing.beside(values), ..nothing })
    }

    /// The growth of another number of the same series, which started over at the same scrapes. It may fall at
    /// other times, as a sum with negative terms does.
    pub(super) fn beside(&self, values: &[f64]) -> f64 {
        let present = |value: f64| if value.is_nan() { None } else { Some(value) };
        let mut previous = values.first().copied().and_then(present).unwrap_or(0.0);
        let mut total = 0.0;
        for (at, value) in values.iter().enumerate().skip(1) {
            if self.restarts.contains(&at) {
                previous = 0.0;
            }
            if let Some(value) = present(*value) {
                total += value - previous;
                previous = value;
            }
        }
        total
    }

    /// How often it started over.
    pub(super) fn resets(&self) -> usize {
        self.restarts.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const GONE: f64 = f64::NAN;

    #[rstest]
    #[case::steady(&[5.0, 7.0, 12.0], 7.0, 0)]
    #[case::still(&[5.0, 5.0], 0.0, 0)]
    #[case::a_restart_counts_from_zero(&[5.0, 8.0, 2.0, 3.0], 3.0 + 3.0, 1)]
    #[case::two_restarts(&[5.0, 1.0, 0.0], 1.0, 2)]
    #[case::a_series_that_appears_was_zero(&[GONE, 4.0, 6.0], 6.0, 0)]
    #[case::a_gap(&[1.0, GONE, 3.0], 2.0, 0)]
    #[case::a_restart_in_a_gap(&[9.0, GONE, 3.0], 3.0, 1)]
    #[case::seen_once(&[9.0], 0.0, 0)]
    fn growth_is_what_was_added(#[case] values: &[f64], #[case] total: f64, #[case] resets: usize) {
        let growth = Growth::of(values).unwrap();
        assert_eq!((growth.total, growth.resets()), (total, resets));
    }

    #[test]
    fn a_series_that_was_never_there_has_no_growth() {
        assert_eq!(Growth::of(&[GONE, GONE]), None);
        assert_eq!(Growth::of(&[]), None);
    }

    #[test]
    fn a_restart_of_the_count_is_one_of_the_sum() {
        let count = Growth::of(&[10.0, 4.0]).unwrap();
        assert!((count.beside(&[3.0, 8.0]) - 8.0).abs() < 1e-12);
        let steady = Growth::of(&[10.0, 14.0]).unwrap();
        assert!((steady.beside(&[3.0, 1.0]) + 2.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn growth_is_the_sum_of_all_increments_whatever_the_restarts(
            lives in prop::collection::vec(prop::collection::vec(1_u32..1000, 1..6), 1..5)
        ) {
            let mut values = Vec::new();
            for increments in &lives {
                values.push(0.0);
                for increment in increments {
                    values.push(values[values.len() - 1] + f64::from(*increment));
                }
            }
            let growth = Growth::of(&values).unwrap();
            let total = f64::from(lives.iter().flatten().sum::<u32>());
            prop_assert_eq!((growth.total, growth.resets()), (total, lives.len() - 1));
        }
    }
}
