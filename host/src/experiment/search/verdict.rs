//! Whether a load keeps to the objectives, by the runs that were made of it.

use serde::Serialize;

use crate::experiment::estimate::Estimate;

/// A margin of so much, of one run, is beyond doubt: runs of one load seldom differ by half of it.
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
/// the interval of their mean is on one side of it.
pub(super) fn of_margins(margins: &[f64], confidence: f64) -> Verdict {
    if margins.iter().any(|margin| !margin.is_finite()) {
        return Verdict::Broken;
    }
    let Some(estimate) = Estimate::of(margins.iter().copied(), confidence) else { return Verdict::Unclear };
    let half = estimate.half_width().unwrap_or(CLEAR).min(CLEAR);
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
    #[case::broken_by_a_little(&[-0.1, -0.12, -0.11, -0.09], Verdict::Broken)]
    #[case::nothing_to_compare(&[f64::NEG_INFINITY], Verdict::Broken)]
    fn runs_say_so_much(#[case] margins: &[f64], #[case] expected: Verdict) {
        assert_eq!(of_margins(margins, 0.95), expected);
    }

    #[test]
    fn one_broken_objective_is_enough() {
        assert_eq!(of_all([Verdict::Kept, Verdict::Unclear, Verdict::Broken]), Verdict::Broken);
        assert_eq!(of_all([Verdict::Unclear, Verdict::Kept]), Verdict::Unclear);
    }
}
