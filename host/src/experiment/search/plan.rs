//! What is looked for, and what was found of each load.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    curve::{FAR, Point},
    edge::Edge,
    next::{self, Range, Tried},
    slo::Slo,
    verdict::Verdict,
};
use crate::config::words::{Said, Words};

/// What is looked for, and how.
#[derive(Clone, Debug)]
pub(crate) struct SearchPlan {
    pub(crate) slos: Vec<Slo>,
    /// The setting that is the load, by the long name of its flag.
    pub(crate) over: String,
    /// Requests a second of one user, where users are raised.
    pub(crate) rate_of_user: Option<f64>,
    pub(crate) range: Range,
    /// Runs of all loads together, at most.
    pub(crate) most_runs: u32,
    /// Of the interval: a part of 1.
    pub(crate) confidence: f64,
    /// Seconds to wait between two runs.
    pub(crate) pause_s: f64,
    /// A command for the shell between two runs.
    pub(crate) between: Option<String>,
    /// A run whose server cannot keep up ends before its time.
    pub(crate) ends_saturated: bool,
    /// The seed of the first run; each further one has the next number.
    pub(crate) seed: u64,
}

/// The search, and the settings that all of its runs have in common.
#[derive(Clone, Copy)]
pub(crate) struct SearchInputs<'a> {
    pub(crate) plan: &'a SearchPlan,
    /// Settings of all runs.
    pub(crate) base: &'a Words,
}

/// A load, its runs, and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Probe {
    pub(crate) load: f64,
    pub(crate) verdict: Verdict,
    pub(crate) runs: Vec<ProbeRun>,
}

/// A run of a load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProbeRun {
    /// Its folder, below the search's.
    pub(crate) folder: PathBuf,
    pub(crate) random_seed: u64,
    /// The number that each objective is about; none where the run has none.
    pub(crate) values: Vec<Option<f64>>,
    /// Requests that succeeded.
    pub(crate) requests: f64,
    /// Failed ones in percent of those that came to an end.
    pub(crate) failed_percent: f64,
    /// Why it ended before its time, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// It ended because the server could not keep up.
    #[serde(default)]
    pub(crate) is_saturated: bool,
}

impl ProbeRun {
    /// Whether it broke an objective, or came to its end, which tells as much of one that it kept.
    pub(super) fn says_something(&self, slos: &[Slo]) -> bool {
        (0..slos.len()).any(|at| self.says_something_of(slos, at))
    }

    /// The same of one objective.
    pub(super) fn says_something_of(&self, slos: &[Slo], at: usize) -> bool {
        self.excess(slos, at).is_some()
    }

    /// By how much it was above the bound of an objective, as far as that is known. Of a run that ended before its time, nobody knows
    /// whether it would have kept to any; one whose server could not keep up would have been as far above as its time allows.
    fn excess(&self, slos: &[Slo], at: usize) -> Option<f64> {
        let excess = self.values[at].map_or(FAR, |value| slos[at].excess(value));
        match (excess > 0.0, &self.reason) {
            (true, _) if self.is_saturated => Some(FAR),
            (false, Some(_)) => None,
            _ => Some(excess),
        }
    }
}

impl SearchPlan {
    /// The settings of a run with this load.
    pub(crate) fn settings(&self, base: &Words, load: f64) -> Words {
        let mut words = base.clone();
        let mut set = |name: &str, value: f64| {
            words.set(Said { name: name.to_owned(), values: vec![value.to_string().into()] });
        };
        set(&self.over, load);
        if let Some(rate) = self.rate_of_user {
            set("user-centric-rate", rate * load);
        }
        words
    }

    /// The confidence of the interval after one run: there is one after each, and the search ends when one is narrow, so that half of the
    /// error that is allowed is left to that choice.
    pub(super) fn confidence_of_a_look(&self) -> f64 {
        f64::midpoint(1.0, self.confidence)
    }

    /// What all runs say of the edge.
    pub(super) fn edge(&self, probes: &[Probe]) -> Edge {
        let of_slo = |at: usize| -> Vec<Point> {
            let point = |probe: &Probe| Point::of(probe.load, &self.excesses(probe, at));
            probes.iter().filter_map(point).collect()
        };
        let points: Vec<Vec<Point>> = (0..self.slos.len()).map(of_slo).collect();
        Edge::of(&points, self.range.low, self.range.high)
    }

    /// The loads whose runs say something.
    pub(super) fn tried(&self, probes: &[Probe]) -> Vec<Tried> {
        let of_probe = |probe: &Probe| {
            let runs = probe.runs.iter().filter(|run| run.says_something(&self.slos)).count();
            let is_over = (0..self.slos.len()).any(|at| {
                let excesses = self.excesses(probe, at);
                excesses.iter().sum::<f64>() > 0.0
            });
            (runs > 0).then_some(Tried { load: probe.load, runs, is_over })
        };
        probes.iter().filter_map(of_probe).collect()
    }

    /// Notes what is known of each load.
    pub(super) fn judge(&self, probes: &mut [Probe], edge: &Edge) {
        for probe in probes {
            probe.verdict = next::verdict(probe.load, edge, self.confidence_of_a_look());
        }
    }

    /// How far the runs of a load were above the bound of an objective.
    fn excesses(&self, probe: &Probe, at: usize) -> Vec<f64> {
        probe.runs.iter().filter_map(|run| run.excess(&self.slos, at)).collect()
    }
}
