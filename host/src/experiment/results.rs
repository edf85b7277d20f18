//! What an experiment came to: the numbers of each cell, the best one, and those that no other one beats.

use std::{collections::BTreeMap, path::Path};

use super::{
    best::{self, Criterion, Key},
    cell::Cell,
    design::Design,
    estimate::Estimate,
    measured::Measured,
    state::{RunState, State},
};
use crate::{
    metrics::{ObjectiveState, Statistic, tags},
    screen::counted,
};

/// What an experiment came to, as far as it is.
#[derive(Clone, Debug)]
pub(crate) struct Results {
    /// In the order of the design.
    pub(crate) cells: Vec<CellResults>,
    /// What the best cell is best by.
    pub(crate) best_by: Criterion,
    /// Its place. No run of it breaks an objective.
    pub(crate) best: Option<usize>,
    /// The place of the cell with the most throughput.
    pub(crate) best_throughput: Option<usize>,
    /// The place of the cell with the least latency.
    pub(crate) best_latency: Option<usize>,
    /// What was compared to find those that no other one beats: throughput, and a latency.
    pub(crate) trade: [Key; 2],
    /// Their places.
    pub(crate) front: Vec<usize>,
    pub(crate) confidence: f64,
    /// Runs of each cell that were asked for.
    pub(crate) repeats: u32,
}

/// What one cell came to.
#[derive(Clone, Debug)]
pub(crate) struct CellResults {
    pub(crate) cell: Cell,
    /// Runs that count.
    pub(crate) measured: u32,
    /// Runs that failed: which one, and why.
    pub(crate) failed: Vec<(u32, String)>,
    /// Runs that count and are not complete: which one, and why.
    pub(crate) incomplete: Vec<(u32, String)>,
    /// What became of the objectives of runs that count.
    pub(crate) objectives: Vec<(String, ObjectiveState)>,
    /// Each number of its runs, with its unit.
    pub(crate) numbers: Vec<(Key, String, Estimate)>,
}

impl CellResults {
    pub(crate) fn get(&self, key: &Key) -> Option<&Estimate> {
        self.numbers.iter().find(|(known, ..)| known == key).map(|(.., estimate)| estimate)
    }

    /// Each objective of its runs, with the worst that became of it in one of them.
    pub(super) fn worst_of_each_objective(&self) -> Vec<(&str, ObjectiveState)> {
        let mut worst: Vec<(&str, ObjectiveState)> = Vec::new();
        for (objective, state) in &self.objectives {
            match worst.iter_mut().find(|(known, _)| known == objective) {
                Some((_, known)) => *known = (*known).max(*state),
                None => worst.push((objective, *state)),
            }
        }
        worst
    }

    /// The worst that became of any of them; none where nothing is asked.
    pub(super) fn worst_objective(&self) -> Option<ObjectiveState> {
        self.objectives.iter().map(|(_, state)| *state).max()
    }

    /// Whether one of its runs breaks an objective. Such a cell is not the best one, whatever else it has.
    pub(super) fn breaks_an_objective(&self) -> bool {
        self.worst_objective() == Some(ObjectiveState::Broken)
    }
}

impl Results {
    /// Reads what the runs of an experiment have left in its folder. A run whose summary is gone does not count.
    pub(crate) fn read(design: &Design, state: &State, dir: &Path) -> Self {
        let of_cell = |cell: &Cell| {
            let (mut runs, mut failed, mut incomplete) = (Vec::new(), Vec::new(), Vec::new());
            let mut over: Vec<_> = state.of_cell(&cell.name).collect();
            over.sort_by_key(|run| run.repeat);
            for run in over {
                let measured = Measured::read(&dir.join(&run.folder));
                match measured {
                    Ok(measured) if run.state == RunState::Measured => {
                        incomplete.extend(measured.incomplete.clone().map(|reason| (run.repeat, reason)));
                        runs.push(measured);
                    }
                    Err(error) if run.state == RunState::Measured => {
                        failed.push((run.repeat, format!("its summary cannot be read: {error}")));
                    }
                    _ => failed.push((run.repeat, run.reason.clone().unwrap_or_default())),
                }
            }
            CellResults { failed, incomplete, ..cell_results(cell, &runs, design.confidence) }
        };
        Self::of(design.cells.iter().map(of_cell).collect(), design)
    }

    fn of(cells: Vec<CellResults>, design: &Design) -> Self {
        let has = |key: &Key| cells.iter().any(|cell| cell.get(key).is_some());
        let first = |keys: [Key; 2]| {
            let [usual, other] = keys;
            if has(&usual) { usual } else { other }
        };
        let throughput = first([
            Key::known(tags::OUTPUT_TOKEN_THROUGHPUT, Statistic::Avg),
            Key::known(tags::REQUEST_THROUGHPUT, Statistic::Avg),
        ]);
        let latency = first([
            Key::known(tags::TIME_TO_FIRST_TOKEN, Statistic::P99),
            Key::known(tags::REQUEST_LATENCY, Statistic::P99),
        ]);
        let means = |key: &Key| -> Vec<Option<f64>> {
            cells.iter().map(|cell| cell.get(key).map(|estimate| estimate.mean)).collect()
        };
        let means_of_kept = |key: &Key| -> Vec<Option<f64>> {
            let is_kept = |at: usize| !cells[at].breaks_an_objective();
            means(key).into_iter().enumerate().map(|(at, mean)| mean.filter(|_| is_kept(at))).collect()
        };
        let (most, least) = (means(&throughput), means(&latency));
        let usual = || Criterion { key: throughput.clone(), larger_is_better: true };
        let best_by = design.best.clone().unwrap_or_else(usual);
        let points: Vec<_> = most.iter().zip(&least).map(|(most, least)| most.zip(*least)).collect();
        Self {
            best: best::best(&means_of_kept(&best_by.key), best_by.larger_is_better),
            best_throughput: best::best(&most, true),
            best_latency: best::best(&least, false),
            front: best::front(&points),
            trade: [throughput, latency],
            best_by,
            confidence: design.confidence,
            repeats: design.repeats,
            cells,
        }
    }

    /// The settings that cells differ in, in the order in which they were asked for.
    pub(super) fn settings(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (setting, _) in self.cells.iter().flat_map(|cell| &cell.cell.values) {
            if !names.contains(&setting.name) {
                names.push(setting.name.clone());
            }
        }
        names
    }

    /// Whether any run was measured.
    pub(crate) fn has_any(&self) -> bool {
        self.cells.iter().any(|cell| cell.measured > 0)
    }

    /// What is missing of the runs that were carried out, if anything is: those that failed, and those that are incomplete.
    pub(crate) fn missing(&self) -> Option<String> {
        let sum = |runs: fn(&CellResults) -> usize| self.cells.iter().map(runs).sum::<usize>() as u64;
        let (failed, incomplete) = (sum(|cell| cell.failed.len()), sum(|cell| cell.incomplete.len()));
        let part = |runs: u64, what: &str| (runs > 0).then(|| format!("{} {what}", counted(runs, "run")));
        let parts = [part(failed, "failed"), part(incomplete, "incomplete")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// The worst that became of an objective of any run, and of which objectives, each with the number of runs; none where nothing is asked.
    pub(crate) fn worst_objective(&self) -> Option<(ObjectiveState, String)> {
        let all = || self.cells.iter().flat_map(|cell| &cell.objectives);
        let worst = all().map(|(_, state)| *state).max()?;
        let mut of_it: BTreeMap<&str, u64> = BTreeMap::new();
        for (objective, _) in all().filter(|(_, state)| *state == worst) {
            *of_it.entry(objective).or_default() += 1;
        }
        let words =
            of_it.iter().map(|(objective, runs)| format!("{objective} (in {})", counted(*runs, "run")));
        Some((worst, words.collect::<Vec<_>>().join("; ")))
    }

    /// Whether all that was compared is left to chance: the intervals of the best cell and of these other ones have values in
    /// common.
    pub(crate) fn as_good_as_best(&self) -> Vec<usize> {
        let interval = |at: usize| self.cells[at].get(&self.best_by.key)?.spread;
        let Some((best, own)) = self.best.and_then(|best| Some((best, interval(best)?))) else {
            return Vec::new();
        };
        let overlaps = |at: &usize| {
            *at != best
                && !self.cells[*at].breaks_an_objective()
                && interval(*at)
                    .is_some_and(|other| other.ci_low <= own.ci_high && own.ci_low <= other.ci_high)
        };
        (0..self.cells.len()).filter(overlaps).collect()
    }
}

fn cell_results(cell: &Cell, runs: &[Measured], confidence: f64) -> CellResults {
    let mut numbers: Vec<(Key, String, Estimate)> = Vec::new();
    // A metric that the first run has no value of, another one may have.
    for (key, _) in runs.iter().flat_map(|run| &run.numbers) {
        if numbers.iter().any(|(known, ..)| known == key) {
            continue;
        }
        let values = runs.iter().filter_map(|run| run.get(key));
        let unit = runs.iter().find_map(|run| run.units.get(&key.metric)).cloned().unwrap_or_default();
        numbers.extend(Estimate::of(values, confidence).map(|estimate| (key.clone(), unit, estimate)));
    }
    CellResults {
        cell: cell.clone(),
        measured: u32::try_from(runs.len()).unwrap_or(u32::MAX),
        failed: Vec::new(),
        incomplete: Vec::new(),
        objectives: runs.iter().flat_map(|run| run.slo.iter().cloned()).collect(),
        numbers,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::experiment::design::tests::of;

    /// The results of cells with these requests a second and latencies, a pair for each run.
    pub(in crate::experiment) fn results(repeats: u32, cells: &[(&str, &[(f64, f64)])]) -> Results {
        let design = of(&cells.iter().map(|(name, _)| *name).collect::<Vec<_>>(), repeats);
        let run = |&(rate, latency): &(f64, f64)| Measured {
            numbers: vec![
                (Key::known(tags::REQUEST_THROUGHPUT, Statistic::Avg), rate),
                (Key::known(tags::REQUEST_LATENCY, Statistic::P99), latency),
                (Key::known(tags::ERROR_REQUEST_COUNT, Statistic::Avg), 0.0),
            ],
            units: [(tags::REQUEST_THROUGHPUT, "requests/sec"), (tags::REQUEST_LATENCY, "ms")]
                .map(|(tag, unit)| (tag.to_owned(), unit.to_owned()))
                .into(),
            incomplete: None,
            slo: Vec::new(),
        };
        let cells = design.cells.iter().zip(cells).map(|(cell, (_, runs))| {
            let failed =
                if runs.is_empty() { vec![(1, "no request succeeded".to_owned())] } else { Vec::new() };
            CellResults {
                failed,
                ..cell_results(cell, &runs.iter().map(run).collect::<Vec<_>>(), design.confidence)
            }
        });
        Results::of(cells.collect(), &design)
    }

    #[test]
    fn the_best_cell_has_the_most_throughput_and_the_front_what_nothing_beats() {
        let results =
            results(1, &[("1", &[(10.0, 1.0)]), ("2", &[(20.0, 1.5)]), ("4", &[(19.0, 3.0)]), ("8", &[])]);
        assert_eq!(
            (results.best, results.best_latency, results.front.as_slice()),
            (Some(1), Some(0), &[0, 1][..])
        );
        assert_eq!(
            results.trade.clone().map(|key| key.joined()),
            ["request_throughput_avg", "request_latency_p99"]
        );
        assert!(results.has_any());
        assert_eq!(results.missing().as_deref(), Some("1 run failed"));
    }

    #[test]
    fn a_cell_that_breaks_an_objective_is_not_the_best_one() {
        let mut cells =
            results(1, &[("1", &[(10.0, 1.0)]), ("2", &[(20.0, 1.5)]), ("4", &[(15.0, 2.0)])]).cells;
        let mut best = |states: [ObjectiveState; 3]| {
            for (cell, state) in cells.iter_mut().zip(states) {
                cell.objectives = vec![("request_latency p99 < 1ms".to_owned(), state)];
            }
            Results::of(cells.clone(), &of(&["1", "2", "4"], 1)).best
        };
        let (kept, unclear, broken) =
            (ObjectiveState::Kept, ObjectiveState::CannotTell, ObjectiveState::Broken);
        assert_eq!(best([kept, kept, kept]), Some(1));
        assert_eq!(best([kept, broken, unclear]), Some(2));
        assert_eq!(best([broken, broken, broken]), None);
    }

    #[test]
    fn a_run_that_is_incomplete_is_missed() {
        let mut results = results(2, &[("1", &[(10.0, 1.0), (11.0, 1.0)])]);
        assert_eq!(results.missing(), None);
        results.cells[0].incomplete = vec![(2, "1 request was still in flight".to_owned())];
        assert_eq!(results.missing().as_deref(), Some("1 run incomplete"));
    }

    #[test]
    fn cells_that_chance_may_put_first_are_named() {
        let near: &[(f64, f64)] = &[(20.0, 1.0), (21.0, 1.0), (22.0, 1.0)];
        let best: &[(f64, f64)] = &[(21.0, 1.0), (22.0, 1.0), (23.0, 1.0)];
        let far: &[(f64, f64)] = &[(1.0, 1.0), (1.1, 1.0), (1.2, 1.0)];
        let results = results(3, &[("1", near), ("2", best), ("4", far)]);
        assert_eq!((results.best, results.as_good_as_best()), (Some(1), vec![0]));
    }
}
