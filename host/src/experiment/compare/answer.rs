//! What a comparison says of a metric.

use serde::Serialize;

use super::{rank_sum, shift::Shift};

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

/// Why the runs do not decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub(crate) enum Why {
    /// A side has too few for an interval.
    TooFewRuns,
    /// Each side has one, and the interval is that of their requests.
    OneRunASide,
    /// It would be a difference by itself. Among so many numbers, one like it is found by chance.
    AmongMany { numbers: usize },
    /// The interval lies across an end of the margin.
    AcrossTheMargin,
    /// There is no ratio, since a value is not above 0, and the ranks of the runs are mixed.
    MixedRanks,
}

/// The ratios of the second side to the first that count as no difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Margin {
    low: f64,
    high: f64,
    share: f64,
}

impl Margin {
    /// A share to either side, such as 0.02: the sides may change places.
    pub(crate) fn of(share: f64) -> Self {
        Self { low: 1.0 / (1.0 + share), high: 1.0 + share, share }
    }

    /// That of a gate: a value may become worse by this share of it. A throughput that falls by 50 % is half of what it was. The
    /// share is below 1 where a larger value is better.
    pub(crate) fn of_gate(share: f64, larger_is_better: bool) -> Self {
        if larger_is_better {
            Self { low: 1.0 - share, high: 1.0 / (1.0 - share), share }
        } else {
            Self::of(share)
        }
    }

    /// The larger one.
    pub(crate) fn or(self, other: Self) -> Self {
        if other.share > self.share { other } else { self }
    }

    pub(crate) fn share(self) -> f64 {
        self.share
    }

    /// Whether the bad end of an interval lies within: the second side may be better, but is not worse.
    pub(super) fn holds_bad_end(self, (low, high): (f64, f64), larger_is_better: bool) -> bool {
        if larger_is_better { low >= self.low } else { high <= self.high }
    }

    /// How far a ratio is from the nearer end, as a logarithm.
    fn distance(self, ratio: f64) -> f64 {
        let from = |end: f64| (ratio.ln() - end.ln()).abs();
        from(self.low).min(from(self.high))
    }
}

/// What an interval of a ratio says.
pub(super) fn of(interval: Option<(f64, f64)>, margin: Margin, larger_is_better: bool) -> Answer {
    let Some((low, high)) = interval else { return Answer::CannotTell };
    if low > margin.high {
        of_larger(larger_is_better)
    } else if high < margin.low {
        of_larger(!larger_is_better)
    } else if low >= margin.low && high <= margin.high {
        Answer::Same
    } else {
        Answer::CannotTell
    }
}

/// What ranks say, where there is no ratio: `p` is the probability of such ranks by chance.
pub(super) fn of_ranks(first: &[f64], second: &[f64], level: f64, larger_is_better: bool) -> Answer {
    let p = rank_sum::two_sided(first, second);
    if p > 1.0 - level {
        return Answer::CannotTell;
    }
    let above = |ones: &[f64], others: &[f64]| {
        ones.iter().map(|one| others.iter().filter(|other| one > other).count()).sum::<usize>()
    };
    let is_larger = above(second, first) > above(first, second);
    of_larger(is_larger == larger_is_better)
}

fn of_larger(is_good: bool) -> Answer {
    if is_good { Answer::Better } else { Answer::Worse }
}

/// More runs than this are not asked for.
const MOST_RUNS: usize = 200;

/// How many further runs a side would probably tell, where so many did not: the width of an interval falls with the square root of
/// their number. Nothing if that is out of reach, or there is no interval.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of at most 200")]
pub(super) fn further_runs(shift: &Shift, margin: Margin, runs: usize) -> Option<usize> {
    let (low, high) = shift.interval?;
    let half = (high.ln() - low.ln()) / 2.0;
    let wanted = margin.distance(shift.ratio);
    let needed = (runs as f64 * (half / wanted).powi(2)).ceil();
    (needed <= MOST_RUNS as f64).then(|| (needed as usize).saturating_sub(runs).max(1))
}

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
    }

    /// Half of a throughput is the end of a margin of 50 %; twice a latency is that of 100 %.
    #[rstest]
    #[case::throughput_falls_within(0.5, true, (0.51, 0.60), true)]
    #[case::throughput_falls_beyond(0.5, true, (0.40, 0.49), false)]
    #[case::latency_rises_within(1.0, false, (1.50, 1.99), true)]
    #[case::latency_rises_beyond(1.0, false, (2.01, 2.50), false)]
    fn a_gate_is_a_share_of_the_first_side(
        #[case] share: f64,
        #[case] larger_is_better: bool,
        #[case] interval: (f64, f64),
        #[case] is_kept: bool,
    ) {
        let margin = Margin::of_gate(share, larger_is_better);
        assert_eq!(margin.holds_bad_end(interval, larger_is_better), is_kept);
        let is_broken = of(Some(interval), margin, larger_is_better) == Answer::Worse;
        assert_eq!(is_broken, !is_kept);
    }

    #[test]
    fn where_there_is_no_ratio_ranks_tell() {
        let (none, many) = ([0.0; 5], [50.0, 52.0, 55.0, 58.0, 60.0]);
        assert_eq!(of_ranks(&none, &many, 0.95, false), Answer::Worse);
        assert_eq!(of_ranks(&many, &none, 0.95, false), Answer::Better);
        assert_eq!(of_ranks(&none, &many, 0.95, true), Answer::Better);
        assert_eq!(of_ranks(&none, &[0.0, 0.0, 0.0, 0.0, 1.0], 0.95, false), Answer::CannotTell);
    }

    /// 5 runs with an interval of 6 % to either side of a difference of 6 %: 4 % have to be told, with 12 runs.
    #[test]
    fn more_runs_make_the_interval_as_narrow_as_needed() {
        let shift = Shift { ratio: 1.06, interval: Some((1.0, 1.06 * 1.06)) };
        assert_eq!(further_runs(&shift, Margin::of(0.02), 5), Some(7));
        let close = Shift { ratio: 1.021, interval: Some((0.9, 1.16)) };
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
