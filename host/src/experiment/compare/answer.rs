//! What a comparison says of a metric.

use serde::Serialize;

use super::shift::Shift;

/// The four answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The whole interval lies beyond the margin, on the good side.
    Better,
    /// The whole interval lies beyond the margin, on the bad side.
    Worse,
    /// The whole interval lies within the margin.
    Same,
    /// The runs allow for several of these.
    CannotTell,
}

/// Differences that matter to nobody, as a ratio above 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Margin(f64);

impl Margin {
    /// That of a share, such as 0.02.
    pub(crate) fn of(share: f64) -> Self {
        Self(1.0 + share.max(0.0))
    }

    /// The larger one.
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }

    /// As a share.
    pub(crate) fn share(self) -> f64 {
        self.0 - 1.0
    }
}

/// What an interval of a ratio says.
pub(super) fn of(interval: Option<(f64, f64)>, margin: Margin, larger_is_better: bool) -> Answer {
    let Some((low, high)) = interval else { return Answer::CannotTell };
    let (is_above, is_below) = (low > margin.0, high < 1.0 / margin.0);
    match (is_above, is_below) {
        (true, _) => {
            if larger_is_better {
                Answer::Better
            } else {
                Answer::Worse
            }
        }
        (_, true) => {
            if larger_is_better {
                Answer::Worse
            } else {
                Answer::Better
            }
        }
        _ if low >= 1.0 / margin.0 && high <= margin.0 => Answer::Same,
        _ => Answer::CannotTell,
    }
}

/// More runs than this are not asked for.
const MOST_RUNS: usize = 200;

/// How many further runs a side would probably tell, where so many did not: the width of an interval falls with the square root of
/// their number. Nothing if that is out of reach.
pub(super) fn further_runs(shift: &Shift, margin: Margin, runs: usize) -> Option<usize> {
    let Some((low, high)) = shift.interval else { return Some(LEAST_RUNS.saturating_sub(runs).max(1)) };
    let half = (high.ln() - low.ln()) / 2.0;
    let wanted = (shift.ratio.ln().abs() - margin.0.ln()).abs();
    let needed = (runs as f64 * (half / wanted).powi(2)).ceil();
    (needed <= MOST_RUNS as f64).then(|| (needed as usize).saturating_sub(runs).max(1))
}

/// Runs that each side needs for an interval of 95 %.
pub(crate) const LEAST_RUNS: usize = 4;

/// The probabilities of several metrics, each raised so that none of them is taken for a difference by chance more often than a
/// single one would be.
///
/// Source: Holm 1979, A simple sequentially rejective multiple test procedure.
pub(super) fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|one, other| probabilities[*one].total_cmp(&probabilities[*other]));
    let mut raised = vec![0.0; probabilities.len()];
    let mut most = 0.0_f64;
    for (rank, at) in order.into_iter().enumerate() {
        most = most.max((probabilities[at] * (probabilities.len() - rank) as f64).min(1.0));
        raised[at] = most;
    }
    raised
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::slower(1.03, 1.10, Answer::Worse)]
    #[case::faster(0.90, 0.97, Answer::Better)]
    #[case::within(0.99, 1.015, Answer::Same)]
    #[case::over_the_margin(0.99, 1.03, Answer::CannotTell)]
    #[case::on_both_sides(0.9, 1.1, Answer::CannotTell)]
    fn an_interval_lies_beyond_the_margin_or_within_it(
        #[case] low: f64,
        #[case] high: f64,
        #[case] expected: Answer,
    ) {
        assert_eq!(of(Some((low, high)), Margin::of(0.02), false), expected);
        let turned = match expected {
            Answer::Better => Answer::Worse,
            Answer::Worse => Answer::Better,
            other => other,
        };
        assert_eq!(of(Some((low, high)), Margin::of(0.02), true), turned);
    }

    #[test]
    fn without_an_interval_nothing_can_be_told() {
        assert_eq!(of(None, Margin::of(0.02), false), Answer::CannotTell);
        let shift = Shift { ratio: 1.5, interval: None, p: 0.1 };
        assert_eq!(further_runs(&shift, Margin::of(0.02), 3), Some(1));
    }

    /// 5 runs with an interval of 6 % to either side of a difference of 6 %: 4 % have to be told, with 12 runs.
    #[test]
    fn more_runs_make_the_interval_as_narrow_as_needed() {
        let shift = Shift { ratio: 1.06, interval: Some((1.0, 1.06 * 1.06)), p: 0.05 };
        assert_eq!(further_runs(&shift, Margin::of(0.02), 5), Some(7));
        let close = Shift { ratio: 1.021, interval: Some((0.9, 1.16)), p: 0.6 };
        assert_eq!(further_runs(&close, Margin::of(0.02), 5), None);
    }

    /// R 4: `p.adjust(c(0.01, 0.04, 0.03, 0.005), 'holm')`.
    #[test]
    fn several_metrics_are_judged_together() {
        let raised = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        assert!(
            raised.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12),
            "{raised:?}"
        );
    }
}
