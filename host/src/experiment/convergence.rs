//! When a cell was measured often enough.

use super::{best::Key, estimate::Estimate, two_samples};
use crate::config::flags::ConvergenceMode;

/// It is looked at from so many runs on: two that agree by accident are no evidence.
const LEAST_RUNS: usize = 3;

/// What is looked at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Convergence {
    pub(crate) key: Key,
    pub(crate) mode: ConvergenceMode,
    pub(crate) threshold: f64,
}

impl Convergence {
    /// Where the user does not say it.
    pub(super) fn usual_threshold(mode: ConvergenceMode) -> f64 {
        match mode {
            ConvergenceMode::CiWidth => 0.1,
            ConvergenceMode::Cv | ConvergenceMode::Distribution => 0.05,
        }
    }

    /// Whether it needs the values of each request, and not only the numbers of runs.
    pub(super) fn needs_requests(&self) -> bool {
        self.mode == ConvergenceMode::Distribution
    }

    /// Whether the numbers of a cell's runs say that there are enough of them.
    pub(super) fn is_met_by(&self, values: &[f64], confidence: f64) -> bool {
        let spread = Estimate::of(values.iter().copied(), confidence).filter(|_| values.len() >= LEAST_RUNS);
        let Some((estimate, spread)) = spread.and_then(|estimate| Some((estimate, estimate.spread?))) else {
            return false;
        };
        match self.mode {
            ConvergenceMode::CiWidth if estimate.mean == 0.0 => spread.se == 0.0,
            ConvergenceMode::CiWidth => {
                (spread.ci_high - spread.ci_low) / estimate.mean.abs() < self.threshold
            }
            ConvergenceMode::Cv => spread.cv.unwrap_or(spread.std) < self.threshold,
            ConvergenceMode::Distribution => false,
        }
    }

    /// Whether the requests of a cell's last run are like those of the runs before it.
    pub(super) fn is_met_by_requests(&self, mut runs: Vec<Vec<f64>>) -> bool {
        if runs.len() < LEAST_RUNS {
            return false;
        }
        let mut last = runs.pop().unwrap_or_default();
        let mut before = runs.concat();
        two_samples::same_distribution(&mut last, &mut before).is_some_and(|p| p > self.threshold)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn convergence(mode: ConvergenceMode) -> Convergence {
        let threshold = Convergence::usual_threshold(mode);
        Convergence { key: Key::new("request_latency", "avg"), mode, threshold }
    }

    #[rstest]
    #[case::narrow(ConvergenceMode::CiWidth, &[100.0, 101.0, 99.0], true)]
    #[case::wide(ConvergenceMode::CiWidth, &[100.0, 110.0, 90.0], false)]
    #[case::too_few(ConvergenceMode::CiWidth, &[100.0, 100.0], false)]
    #[case::small(ConvergenceMode::Cv, &[100.0, 104.0, 97.0], true)]
    #[case::large(ConvergenceMode::Cv, &[100.0, 120.0, 90.0], false)]
    #[case::nothing_but_zeros(ConvergenceMode::Cv, &[0.0, 0.0, 0.0], true)]
    fn numbers_that_differ_little_are_enough(
        #[case] mode: ConvergenceMode,
        #[case] values: &[f64],
        #[case] expected: bool,
    ) {
        assert_eq!(convergence(mode).is_met_by(values, 0.95), expected);
    }

    #[test]
    fn requests_that_are_distributed_alike_are_enough() {
        let run = |offset: f64| (0..100).map(|at| f64::from(at) + offset).collect::<Vec<f64>>();
        let convergence = convergence(ConvergenceMode::Distribution);
        assert!(convergence.is_met_by_requests(vec![run(0.0), run(1.0), run(0.5)]));
        assert!(!convergence.is_met_by_requests(vec![run(0.0), run(1.0), run(90.0)]));
        assert!(!convergence.is_met_by_requests(vec![run(0.0), run(0.0)]));
    }
}
