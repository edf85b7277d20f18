//! Whether a load keeps to the objectives, by the runs that were made of it.

use serde::Serialize;

use crate::experiment::estimate::Estimate;

/// A margin of so much, of one run, is enough to go on with the next load. Both ends of an answer have two runs at least.
const CLEAR: f64 = 0.5;

/// What is known of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It keeps to all objectives.
    Kept,
    /// It breaks one at least.
    Broken,
    /// Its runs do not agree well enough.
    Unclear,
}

/// Of the margins of an objective in each run of a load. One run is enough where it is far from the bound; several are, where
/// the interval of their mean is on one side of it. It is looked at after each of at most so many runs: each look has its part of
/// the error that all may have (Bonferroni).
pub(super) fn of_margins(margins: &[f64], confidence: f64, most_runs: u32) -> Verdict {
    if margins.iter().any(|margin| !margin.is_finite()) {
        return Verdict::Broken;
    }
    let looks = f64::from(most_runs.saturating_sub(1).max(1));
    let of_look = 1.0 - (1.0 - confidence) / looks;
    let Some(estimate) = Estimate::of(margins.iter().copied(), of_look) else { return Verdict::Unclear };
    let half = estimate.half_width().unwrap_or(CLEAR);
    match estimate.mean {
        mean if mean - half > 0.0 => Verdict::Kept,
        mean if mean + half < 0.0 => Verdict::Broken,
        _ => Verdict::Unclear,
    }
}

/// Of the verdicts on each objective.
pub(super) fn of_all(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    verdicts.into_iter().fold(Verdict::Kept, |all, one| match (all, one) {
        (Verdict::Broken, _) | (_, Verdict::Broken) => Verdict::Broken,
        (Verdict::Unclear, _) | (_, Verdict::Unclear) => Verdict::Unclear,
        (Verdict::Kept, Verdict::Kept) => Verdict::Kept,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::far_below(&[0.7], Verdict::Kept)]
    #[case::far_above(&[-3.0], Verdict::Broken)]
    #[case::one_run_near_the_bound(&[0.2], Verdict::Unclear)]
    #[case::runs_agree(&[0.2, 0.21, 0.19], Verdict::Kept)]
    #[case::runs_differ(&[0.2, -0.1, 0.05], Verdict::Unclear)]
    #[case::far_from_it_and_from_each_other(&[0.9, 0.2], Verdict::Unclear)]
    #[case::broken_by_a_little(&[-0.1, -0.12, -0.11, -0.09], Verdict::Broken)]
    #[case::nothing_to_compare(&[f64::NEG_INFINITY], Verdict::Broken)]
    fn runs_say_so_much(#[case] margins: &[f64], #[case] expected: Verdict) {
        assert_eq!(of_margins(margins, 0.95, 5), expected);
    }

    #[test]
    fn one_broken_objective_is_enough() {
        assert_eq!(of_all([Verdict::Kept, Verdict::Unclear, Verdict::Broken]), Verdict::Broken);
        assert_eq!(of_all([Verdict::Unclear, Verdict::Kept]), Verdict::Unclear);
    }
}
