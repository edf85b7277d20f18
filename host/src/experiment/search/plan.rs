//! What is looked for, and what was found of each load.

use std::path::PathBuf;

use serde::Serialize;

use super::{
    next::Range,
    slo::Slo,
    verdict::{self, Verdict},
};
use crate::config::words::{Said, Words};

/// What is looked for, and how.
#[derive(Clone, Debug)]
pub(crate) struct SearchPlan {
    pub(crate) slos: Vec<Slo>,
    /// The setting that is the load, by the long name of its flag.
    pub(crate) over: &'static str,
    /// Requests a second of one user, where users are raised.
    pub(crate) rate_of_user: Option<f64>,
    pub(crate) range: Range,
    /// Runs of one load at most.
    pub(crate) most_runs: u32,
    /// Of intervals: a part of 1.
    pub(crate) confidence: f64,
    /// Seconds to wait between two runs.
    pub(crate) pause_s: f64,
    /// A command for the shell between two runs.
    pub(crate) between: Option<String>,
    /// The seed of the first run; each further one has the next number.
    pub(crate) seed: u64,
}

impl SearchPlan {
    /// The settings of a run with this load.
    pub(crate) fn settings(&self, base: &Words, load: f64) -> Words {
        let mut words = base.clone();
        let mut set = |name: &str, value: f64| {
            words.set(Said { name: name.to_owned(), values: vec![value.to_string().into()] });
        };
        set(self.over, load);
        if let Some(rate) = self.rate_of_user {
            set("user-centric-rate", rate * load);
        }
        words
    }
}

/// A load, its runs, and what they say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Probe {
    pub(crate) load: f64,
    pub(crate) verdict: Verdict,
    pub(crate) runs: Vec<ProbeRun>,
}

/// A run of a load.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

impl SearchPlan {
    /// What the runs of a load say. Of one that ended before its time, nobody knows whether it would have kept to the objectives.
    pub(super) fn verdict(&self, runs: &[ProbeRun]) -> Verdict {
        let of_slo =
            |at: usize| verdict::of_margins(&self.margins(at, runs), self.confidence, self.most_runs);
        match verdict::of_all((0..self.slos.len()).map(of_slo)) {
            Verdict::Kept if runs.iter().any(|run| run.reason.is_some()) => Verdict::Unclear,
            verdict => verdict,
        }
    }

    /// How far an objective is kept in each run; without a number, as far as can be from it.
    pub(super) fn margins(&self, at: usize, runs: &[ProbeRun]) -> Vec<f64> {
        let margin = |run: &ProbeRun| match run.values[at] {
            Some(value) => self.slos[at].margin(value),
            None => f64::NEG_INFINITY,
        };
        runs.iter().map(margin).collect()
    }
}
