//! The standard normal distribution, as far as large samples need it.

/// How often an interval is halved: 2^-60 of it is below what a number can tell.
const HALVINGS: u32 = 60;

/// No bound of interest lies further out.
const FURTHEST: f64 = 40.0;

/// The probability of a value above this one, which is 0 or more. The error is below 7.5e-8.
///
/// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.17.
pub(super) fn upper_tail(value: f64) -> f64 {
    const COEFFICIENTS: [f64; 5] =
        [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let t = 1.0 / 0.231_641_9_f64.mul_add(value, 1.0);
    let polynomial = COEFFICIENTS.iter().fold(0.0_f64, |sum, coefficient| sum.mul_add(t, *coefficient)) * t;
    let density = (-value * value / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    density * polynomial
}

/// The value that one is above with this probability, which is at most one half.
pub(super) fn beyond(probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, FURTHEST);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if upper_tail(middle) > probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// `scipy.stats.norm.sf`.
    #[rstest]
    #[case(0.5, 0.308_537_538_725_986_9)]
    #[case(1.0, 0.158_655_253_931_457_07)]
    #[case(1.959_963_984_540_054, 0.025)]
    #[case(3.0, 0.001_349_898_031_630_093_3)]
    fn a_value_is_above_a_bound_so_often(#[case] bound: f64, #[case] expected: f64) {
        assert!((upper_tail(bound) - expected).abs() < 7.5e-8, "{}", upper_tail(bound));
        assert!((beyond(expected) - bound).abs() < 1e-4, "{}", beyond(expected));
    }
}
