//! What a search found, in a number and an interval.

use serde::Serialize;

use super::{
    next::Bracket,
    plan::{Probe, SearchPlan},
    verdict::Verdict,
};

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Answer {
    /// What is known of the edge.
    #[serde(flatten)]
    pub(crate) bracket: Bracket,
    /// The load at which the objectives are just kept, where it is between two: by the margins of both, in proportion.
    pub(crate) estimate: Option<f64>,
    /// It is wider than was asked for, since runs of a load in it do not agree.
    pub(crate) is_noisy: bool,
}

impl Answer {
    pub(super) fn of(plan: &SearchPlan, bracket: Bracket, probes: &[Probe]) -> Self {
        let Bracket::Between { kept, broken } = bracket else {
            return Self { bracket, estimate: None, is_noisy: false };
        };
        let of_load = |load: f64| probes.iter().find(|probe| probe.load.total_cmp(&load).is_eq());
        let margin = |load: f64| worst_margin(plan, of_load(load)?);
        let estimate = if plan.range.is_whole {
            // The highest whole number that is not known to break them.
            let within = probes.iter().map(|probe| probe.load).filter(|load| (kept..broken).contains(load));
            within.filter(|load| margin(*load).is_some_and(|margin| margin >= 0.0)).fold(kept, f64::max)
        } else {
            between(kept, broken, margin(kept), margin(broken))
        };
        let is_open =
            |probe: &Probe| probe.verdict == Verdict::Unclear && probe.load > kept && probe.load < broken;
        let is_noisy = probes.iter().any(is_open);
        Self { bracket, estimate: Some(estimate), is_noisy }
    }
}

/// Where the margin is 0 between two loads, if it were a straight line over their logarithms.
fn between(kept: f64, broken: f64, above: Option<f64>, below: Option<f64>) -> f64 {
    let part = match (above, below) {
        (Some(above), Some(below)) if above > 0.0 && below < 0.0 => above / (above - below),
        _ => 0.5,
    };
    kept * (broken / kept).powf(part)
}

/// The mean margin of the objective that is nearest to being broken, or most broken.
fn worst_margin(plan: &SearchPlan, probe: &Probe) -> Option<f64> {
    let mean = |at: usize| {
        let margins = plan.margins(at, &probe.runs);
        let mean = margins.iter().sum::<f64>() / margins.len() as f64;
        mean.is_finite().then_some(mean)
    };
    (0..plan.slos.len()).map(mean).try_fold(f64::INFINITY, |worst, mean| Some(worst.min(mean?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_nearer_to_the_load_with_the_smaller_margin() {
        let middle = between(100.0, 121.0, Some(0.1), Some(-0.1));
        assert!((middle - 110.0).abs() < 1e-9, "{middle}");
        assert!(between(100.0, 121.0, Some(0.01), Some(-0.3)) < 101.0);
        assert!((between(100.0, 121.0, Some(0.1), None) - 110.0).abs() < 1e-9);
    }
}
