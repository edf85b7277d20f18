//! Values between two ends, each by about the same factor above the one before.

/// Most values of one range. A sweep that is longer is a mistake.
pub(super) const MOST: u32 = 1000;

/// At most so many values from `low` to `high`, which are above 0, the lower one first: both ends, and in between what is left of
/// even steps of the logarithm, once each. Values in between are whole numbers, or have four digits.
pub(super) fn steps(low: f64, high: f64, most: u32, is_whole: bool) -> Vec<f64> {
    let most = most.clamp(1, MOST);
    let last = most - 1;
    let step = |at: u32| match at {
        0 => low,
        at if at == last => high,
        at => {
            let exact = low * (high / low).powf(f64::from(at) / f64::from(last));
            let rounded = if is_whole { exact.round() } else { of_four_digits(exact) };
            rounded.clamp(low, high)
        }
    };
    let mut values: Vec<f64> = (0..most).map(step).collect();
    values.dedup();
    values
}

fn of_four_digits(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::of_the_ramp(1.0, 1000.0, 8, true, &[1.0, 3.0, 7.0, 19.0, 52.0, 139.0, 373.0, 1000.0])]
    #[case::fewer_numbers_than_steps(1.0, 4.0, 8, true, &[1.0, 2.0, 3.0, 4.0])]
    #[case::the_ends_alone(2.0, 9.0, 2, true, &[2.0, 9.0])]
    #[case::one(2.0, 9.0, 1, true, &[2.0])]
    #[case::one_value(5.0, 5.0, 8, true, &[5.0])]
    #[case::parts(0.5, 8.0, 3, false, &[0.5, 2.0, 8.0])]
    #[case::digits(1.0, 12345.6, 3, false, &[1.0, 111.1, 12345.6])]
    fn values_are_apart_by_a_factor(
        #[case] low: f64,
        #[case] high: f64,
        #[case] most: u32,
        #[case] is_whole: bool,
        #[case] expected: &[f64],
    ) {
        assert_eq!(steps(low, high, most, is_whole), expected);
    }

    #[test]
    fn nobody_gets_more_values_than_anybody_could_wait_for() {
        assert_eq!(steps(1.0, 1e9, u32::MAX, false).len(), MOST as usize);
    }
}
