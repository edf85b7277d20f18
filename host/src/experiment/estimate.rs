//! What several runs say of one number: the [`Estimate`].

use serde::Serialize;

use crate::metrics::student;

/// The mean over runs, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Estimate {
    /// Runs with a value.
    pub(crate) n: u32,
    pub(crate) mean: f64,
    /// Smallest value.
    pub(crate) min: f64,
    /// Largest value.
    pub(crate) max: f64,
    /// How they differ from each other; one run says nothing of that.
    #[serde(flatten)]
    pub(crate) spread: Option<Spread>,
}

/// How the values of several runs differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// Standard deviation of a sample: divided by one less than the number of runs.
    pub(crate) std: f64,
    /// That in proportion to the mean; none where the mean is 0.
    pub(crate) cv: Option<f64>,
    /// Standard error of the mean.
    pub(crate) se: f64,
    /// Ends of the interval that has the true mean in it with the confidence that was asked for, if runs are independent and
    /// their values about normal: mean plus and minus Student's t times the standard error.
    pub(crate) ci_low: f64,
    pub(crate) ci_high: f64,
}

impl Estimate {
    /// Of the values of runs; numbers that are not finite are left out. Nothing if there is none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>, confidence: f64) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        let n = u32::try_from(values.len()).ok().filter(|n| *n > 0)?;
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // Rounding must not put the mean of equal values outside of them.
        let mean = (values.iter().sum::<f64>() / f64::from(n)).clamp(min, max);
        let spread = (n > 1).then(|| {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let std = (squares / f64::from(n - 1)).sqrt();
            let se = std / f64::from(n).sqrt();
            let half = student::two_sided(confidence, n - 1) * se;
            let cv = (mean != 0.0).then(|| std / mean.abs());
            Spread { std, cv, se, ci_low: mean - half, ci_high: mean + half }
        });
        Some(Self { n, mean, min, max, spread })
    }

    /// Half of the interval's width, where there is one.
    pub(crate) fn half_width(&self) -> Option<f64> {
        self.spread.map(|spread| spread.ci_high - self.mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_runs_have_a_mean_and_an_interval() {
        let estimate = Estimate::of([10.0, 12.0, 14.0], 0.95).unwrap();
        assert_eq!((estimate.n, estimate.mean, estimate.min, estimate.max), (3, 12.0, 10.0, 14.0));
        let spread = estimate.spread.unwrap();
        assert!((spread.std - 2.0).abs() < 1e-12);
        // t(0.975, 2) = 4.30265, and the standard error is 2 / sqrt(3).
        assert!((estimate.half_width().unwrap() - 4.968_27).abs() < 1e-4);
        assert!((spread.cv.unwrap() - 1.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn one_run_has_no_interval_and_none_has_nothing() {
        let estimate = Estimate::of([7.0, f64::NAN], 0.95).unwrap();
        assert_eq!((estimate.n, estimate.mean, estimate.spread), (1, 7.0, None));
        assert_eq!(Estimate::of([], 0.95), None);
    }

    #[test]
    fn equal_values_have_an_interval_without_width() {
        let estimate = Estimate::of([0.1, 0.1, 0.1], 0.95).unwrap();
        assert_eq!((estimate.mean, estimate.half_width()), (0.1, Some(0.0)));
        let none = Estimate::of([0.0, 0.0], 0.95).unwrap().spread.unwrap();
        assert_eq!(none.cv, None);
    }
}
