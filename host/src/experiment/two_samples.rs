//! Whether two samples can be of one distribution: the test of Kolmogorov and Smirnov.

/// Terms of the series; further ones are too small to count.
const TERMS: u32 = 100;

/// The probability of a difference as large as that of these two samples, if both are of one distribution. Nothing if one of
/// them is empty.
///
/// Source of the approximation, which is good from about four values on: Stephens 1970, as in Press et al., Numerical Recipes,
/// section 14.3.
pub(super) fn same_distribution(one: &mut [f64], other: &mut [f64]) -> Option<f64> {
    if one.is_empty() || other.is_empty() {
        return None;
    }
    let distance = largest_distance(one, other);
    let (first, second) = (one.len() as f64, other.len() as f64);
    let root = (first * second / (first + second)).sqrt();
    Some(tail((root + 0.12 + 0.11 / root) * distance))
}

/// The largest difference of the two samples' shares below any value.
fn largest_distance(one: &mut [f64], other: &mut [f64]) -> f64 {
    one.sort_unstable_by(f64::total_cmp);
    other.sort_unstable_by(f64::total_cmp);
    let (mut at, mut other_at, mut largest) = (0, 0, 0.0_f64);
    while let (Some(value), Some(other_value)) = (one.get(at), other.get(other_at)) {
        let least = value.min(*other_value);
        at += one[at..].iter().take_while(|value| **value <= least).count();
        other_at += other[other_at..].iter().take_while(|value| **value <= least).count();
        let difference = at as f64 / one.len() as f64 - other_at as f64 / other.len() as f64;
        largest = largest.max(difference.abs());
    }
    largest
}

/// Kolmogorov's distribution beyond `x`.
fn tail(x: f64) -> f64 {
    // The series does not come to an end for small numbers, of which the probability is 1 to more than ten digits.
    if x < 0.2 {
        return 1.0;
    }
    let term = |number: u32| {
        let sign = if number % 2 == 1 { 2.0 } else { -2.0 };
        sign * (-2.0 * f64::from(number).powi(2) * x * x).exp()
    };
    (1..=TERMS).map(term).sum::<f64>().clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Printed critical values of Kolmogorov's distribution.
    #[rstest]
    #[case(1.2238, 0.10)]
    #[case(1.3581, 0.05)]
    #[case(1.6276, 0.01)]
    fn the_critical_values_are_met(#[case] x: f64, #[case] probability: f64) {
        assert!((tail(x) - probability).abs() < 1e-4, "{}", tail(x));
    }

    #[test]
    fn the_same_values_are_of_one_distribution_and_moved_ones_are_not() {
        let values = |offset: f64| (0..200).map(|at| f64::from(at % 50) + offset).collect::<Vec<f64>>();
        assert_eq!(same_distribution(&mut values(0.0), &mut values(0.0)), Some(1.0));
        assert!(same_distribution(&mut values(0.0), &mut values(1.0)).unwrap() > 0.5);
        assert!(same_distribution(&mut values(0.0), &mut values(20.0)).unwrap() < 1e-6);
        assert_eq!(same_distribution(&mut values(0.0), &mut []), None);
    }
}
