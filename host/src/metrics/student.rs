//! Student's t distribution, as far as intervals need it.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// How often an interval is halved: 2^-60 of a right angle is below what a number can tell.
const HALVINGS: u32 = 60;

/// The number that a variable of Student's t distribution with so many degrees of freedom stays below, in absolute value, with
/// this probability.
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4, which are exact for whole degrees of
/// freedom; inverted by bisection.
pub(crate) fn two_sided(probability: f64, freedom: u32) -> f64 {
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if within(middle, freedom) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high).tan() * f64::from(freedom).sqrt()
}

/// The probability of an absolute value of at most `tan(angle) * sqrt(freedom)`.
fn within(angle: f64, freedom: u32) -> f64 {
    let (sine, cosine) = angle.sin_cos();
    let is_odd = freedom % 2 == 1;
    // Each term is the one before it times (n - 1) / n and the squared cosine, for every second n.
    let (mut term, mut sum) = if is_odd { (cosine, 0.0) } else { (1.0, 0.0) };
    let first = if is_odd { 3 } else { 2 };
    for number in (first..freedom + 2).step_by(2) {
        sum += term;
        term *= f64::from(number - 1) / f64::from(number) * cosine * cosine;
    }
    if is_odd { FRAC_2_PI * sine.mul_add(sum, angle) } else { sine * sum }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Values of a printed table.
    #[rstest]
    #[case(0.95, 1, 12.7062)]
    #[case(0.95, 2, 4.30265)]
    #[case(0.95, 3, 3.18245)]
    #[case(0.95, 4, 2.77645)]
    #[case(0.95, 5, 2.57058)]
    #[case(0.95, 9, 2.26216)]
    #[case(0.95, 10, 2.22814)]
    #[case(0.95, 30, 2.04227)]
    #[case(0.99, 4, 4.60409)]
    #[case(0.99, 1, 63.6567)]
    #[case(0.9, 7, 1.89458)]
    #[case(0.5, 2, 0.816_497)]
    #[case(0.95, 1000, 1.96234)]
    fn the_table_of_students_t_is_met(#[case] probability: f64, #[case] freedom: u32, #[case] expected: f64) {
        let t = two_sided(probability, freedom);
        assert!((t / expected - 1.0).abs() < 5e-6, "{t} in place of {expected}");
    }
}
