//! Random gaps, judged by the formula of their law.

/// Mean, variance and distribution of gaps with a mean of 1 are those of the gamma law of this shape, which is exponential at 1.
///
/// Bounds are what a right law exceeds with one seed in about a thousand: four standard errors of mean and variance, and
/// 1.95 / sqrt(n) for the distance of Kolmogorov and Smirnov.
///
/// # Panics
/// When they are not.
pub fn follows_gamma_law(shape: f64, mut gaps: Vec<f64>) {
    let number = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / number;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / number;
    assert!((mean - 1.0).abs() < 4.0 / (shape * number).sqrt(), "mean {mean}");
    let of_variance = ((2.0 + 6.0 / shape) / number).sqrt();
    assert!((variance * shape - 1.0).abs() < 4.0 * of_variance, "variance {variance}");
    gaps.sort_unstable_by(f64::total_cmp);
    let distances = gaps.iter().enumerate().map(|(below, gap)| {
        let by_formula = gamma_share(shape, *gap);
        (by_formula - below as f64 / number).abs().max(((below + 1) as f64 / number - by_formula).abs())
    });
    let distance = distances.fold(0.0, f64::max);
    assert!(distance < 1.95 / number.sqrt(), "distance {distance}");
}

/// The share of values below `x` by the formula of a gamma law with a mean of 1, for a shape that is a multiple of 1/2: the
/// regularised lower incomplete gamma function as a series.
fn gamma_share(shape: f64, x: f64) -> f64 {
    let x = x * shape;
    // The gamma function of `shape + 1`, down to that of 1 or 1/2.
    let (mut of_next, mut factor) = (1.0, shape);
    while factor > 0.25 {
        of_next *= factor;
        factor -= 1.0;
    }
    if factor < -0.25 {
        of_next *= std::f64::consts::PI.sqrt();
    }
    let (mut term, mut sum) = (x.powf(shape) * (-x).exp() / of_next, 0.0);
    for step in 1..500 {
        sum += term;
        term *= x / (shape + f64::from(step));
    }
    sum
}
