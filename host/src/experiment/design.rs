//! What is to be measured, how often, and in which order: the [`Design`].

use std::path::PathBuf;

use super::{
    best::Criterion,
    cell::Cell,
    convergence::Convergence,
    order::{Order, PlannedRun},
};
use crate::{
    config::words::{Said, Words},
    seed::Seed,
};

/// Most runs of one experiment. More take months, and are a mistake.
pub(super) const MOST_RUNS: usize = 100_000;

/// The folder in an experiment's folder that has those of its runs.
const RUNS: &str = "runs";

/// What is to be measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Design {
    /// What is measured, in the order in which it was asked for; at least one, and each with a name of its own.
    pub(crate) cells: Vec<Cell>,
    /// Runs of each cell, at least one; the most there may be where it is looked whether they converge.
    pub(crate) repeats: u32,
    /// In which order runs go.
    pub(crate) order: Order,
    /// Where their seeds come from.
    pub(crate) seeds: Seeds,
    /// Only the first run of a cell warms up.
    pub(crate) warms_up_once: bool,
    /// Seconds to wait before the next run of the same cell.
    pub(crate) repeat_pause_s: f64,
    /// Seconds to wait before a run of another cell.
    pub(crate) cell_pause_s: f64,
    /// Of intervals: a part of 1.
    pub(crate) confidence: f64,
    /// When a cell was measured often enough.
    pub(crate) convergence: Option<Convergence>,
    /// What makes a cell the best one, where the user says so.
    pub(crate) best: Option<Criterion>,
    /// A command for the shell between two runs.
    pub(crate) between: Option<String>,
}

/// Where the seeds of runs come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seeds {
    /// Root of all of them.
    pub(crate) base: u64,
    /// Cells have the same ones.
    pub(crate) same_in_cells: bool,
    /// Repeats have the same ones.
    pub(crate) same_in_repeats: bool,
}

impl Design {
    /// Whether there is more than one run.
    pub(crate) fn is_experiment(&self) -> bool {
        self.cells.len() > 1 || self.repeats > 1
    }

    /// Whether a setting takes several values.
    pub(crate) fn is_sweep(&self) -> bool {
        self.cells.len() > 1
    }

    /// All runs in their order.
    pub(crate) fn runs(&self) -> Vec<PlannedRun> {
        self.order.runs(self.cells.len(), self.repeats, Seed::new(self.seeds.base))
    }

    /// Where the files of a run are, below the experiment's folder.
    pub(crate) fn folder(&self, run: PlannedRun) -> PathBuf {
        let mut folder = PathBuf::from(RUNS);
        if self.is_sweep() {
            folder.push(&self.cells[run.cell].name);
        }
        if self.repeats > 1 {
            folder.push(format!("run_{}", run.repeat));
        }
        folder
    }

    /// The settings of a run, without the folder for its files.
    pub(crate) fn settings(&self, base: &Words, run: PlannedRun) -> Words {
        let mut words = self.cells[run.cell].over(base);
        if self.warms_up_once && run.repeat > 1 {
            let is_of_warmup = |name: &str| name.starts_with("warmup-") || name == "num-warmup-sessions";
            words = words.only(|name| !is_of_warmup(name)).without_described_warmups();
        }
        let seed = self.seed(run).to_string();
        words.set(Said { name: "random-seed".to_owned(), values: vec![seed.into()] });
        words
    }

    /// The seed of a run. One of the first run of the only cell, and of all that are to have the same, is the root itself.
    pub(crate) fn seed(&self, run: PlannedRun) -> u64 {
        let has_own = self.is_sweep() && !self.seeds.same_in_cells;
        let cell = if has_own { self.cells[run.cell].name.as_str() } else { "" };
        let repeat = if self.seeds.same_in_repeats { 1 } else { run.repeat };
        self.seeds.of(cell, repeat)
    }
}

impl Seeds {
    fn of(self, cell: &str, repeat: u32) -> u64 {
        use rand::RngExt as _;

        if cell.is_empty() && repeat == 1 {
            return self.base;
        }
        // 32 bits, so that it is short enough to be typed again.
        Seed::new(self.base).stream(&format!("experiment.{cell}.run.{repeat}")).random::<u32>().into()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;
    use crate::experiment::cell::tests::cell;

    /// A design of cells with these numbers of requests at once.
    pub(in crate::experiment) fn of(concurrencies: &[&str], repeats: u32) -> Design {
        let cells = match concurrencies {
            [] => vec![Cell::only()],
            values => values.iter().map(|value| cell(&[("concurrency", value)])).collect(),
        };
        Design {
            cells,
            repeats,
            order: Order::default(),
            seeds: Seeds { base: 42, same_in_cells: false, same_in_repeats: false },
            warms_up_once: false,
            repeat_pause_s: 0.0,
            cell_pause_s: 0.0,
            confidence: 0.95,
            convergence: None,
            best: None,
            between: None,
        }
    }

    #[test]
    fn each_run_has_a_folder_and_a_seed_of_its_own() {
        let design = of(&["1", "2", "4"], 3);
        let runs = design.runs();
        let folders: BTreeSet<PathBuf> = runs.iter().map(|run| design.folder(*run)).collect();
        let seeds: BTreeSet<u64> = runs.iter().map(|run| design.seed(*run)).collect();
        assert_eq!((runs.len(), folders.len(), seeds.len()), (9, 9, 9));
        assert!(folders.contains(Path::new("runs/concurrency_4/run_3")), "{folders:?}");
    }

    #[test]
    fn folders_have_no_more_levels_than_the_design() {
        let first = PlannedRun { cell: 0, repeat: 1 };
        assert_eq!(of(&["1", "2"], 1).folder(first), Path::new("runs/concurrency_1"));
        assert_eq!(of(&[], 2).folder(first), Path::new("runs/run_1"));
    }

    #[test]
    fn the_first_of_several_runs_is_what_one_run_alone_would_be() {
        let design = of(&[], 3);
        assert_eq!(design.seed(PlannedRun { cell: 0, repeat: 1 }), 42);
        assert_ne!(design.seed(PlannedRun { cell: 0, repeat: 2 }), 42);
    }

    #[test]
    fn seeds_are_the_same_where_that_is_asked_for() {
        let mut design = of(&["1", "2"], 2);
        let seeds =
            |design: &Design| -> Vec<u64> { design.runs().iter().map(|run| design.seed(*run)).collect() };
        design.seeds.same_in_cells = true;
        let [a, b, c, d] = seeds(&design)[..] else { panic!() };
        assert!(a == b && c == d && a == 42 && c != 42);
        design.seeds.same_in_repeats = true;
        assert_eq!(seeds(&design), [42; 4]);
        design.seeds.same_in_cells = false;
        let [a, b, c, d] = seeds(&design)[..] else { panic!() };
        assert!(a == c && b == d && a != b);
    }

    #[test]
    fn a_run_has_the_values_of_its_cell_and_later_ones_no_warm_up() {
        let mut design = of(&["1", "2"], 2);
        design.warms_up_once = true;
        let said = |name: &str, value: &str| Said { name: name.to_owned(), values: vec![value.into()] };
        let base =
            Words::of([said("concurrency", "1,2"), said("warmup-request-count", "5"), said("isl", "9")]);
        let line = |cell, repeat| design.settings(&base, PlannedRun { cell, repeat }).line();
        let seed = design.seed(PlannedRun { cell: 1, repeat: 1 });
        let expected =
            ["--concurrency=2", "--warmup-request-count=5", "--isl=9", &format!("--random-seed={seed}")];
        assert_eq!(line(1, 1), expected);
        assert_eq!(line(0, 2)[..2], ["--concurrency=1", "--isl=9"]);
    }
}
