//! The loop over runs. What is measured is noted before the next run begins, so that a kill costs the run that goes on.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    between,
    convergence::Convergence,
    design::Design,
    folder::{ExperimentFolder, FolderError},
    manifest,
    measured::{Measured, values_of_requests},
    order::PlannedRun,
    outcome::RunEnd,
    run_executor::{RunExecutor, Upcoming},
    state::{Progress, RunState, State},
};
use crate::{clock::Clock, config::words::Words, report::file_names, screen::counted};

/// How an experiment ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Nothing is missing.
    Complete,
    /// The user ended it.
    Interrupted { exit_code: u8 },
    /// There is no sense in going on.
    Stopped { reason: String, exit_code: u8 },
}

/// Carries out the runs that are missing. `base` is what they have in common.
///
/// # Errors
/// What was measured could not be noted.
pub(crate) fn carry_out(
    design: &Design,
    base: &Words,
    folder: &ExperimentFolder,
    state: &mut State,
    executor: &mut dyn RunExecutor,
) -> Result<Ended, FolderError> {
    state.progress = Progress::Running;
    state.reason = None;
    if state.started_ns == 0 && state.runs.is_empty() {
        state.started_ns = Clock::start().wall_start_ns();
    }
    manifest::withdraw(folder)?;
    folder.save(state)?;
    let ended = Loop { design, base, folder, state, executor, before: None }.run()?;
    (state.progress, state.reason) = match &ended {
        Ended::Complete => (Progress::Complete, None),
        Ended::Interrupted { .. } => (Progress::Interrupted, None),
        Ended::Stopped { reason, .. } => (Progress::Stopped, Some(reason.clone())),
    };
    folder.save(state)?;
    Ok(ended)
}

struct Loop<'a> {
    design: &'a Design,
    base: &'a Words,
    folder: &'a ExperimentFolder,
    state: &'a mut State,
    executor: &'a mut dyn RunExecutor,
    /// The run before, and how it ended, if this process has carried it out.
    before: Option<(PlannedRun, RunEnd)>,
}

impl Loop<'_> {
    fn run(&mut self) -> Result<Ended, FolderError> {
        let runs = self.design.runs();
        for (at, run) in runs.iter().enumerate() {
            if self.is_done(*run) || self.has_converged(run.cell) {
                continue;
            }
            if let Some(ended) = self.executor.interrupted() {
                return Ok(Ended::Interrupted { exit_code: ended });
            }
            if let Some(stopped) = self.pass_over_to(*run, at + 1)? {
                return Ok(stopped);
            }
            if let Some(ended) = self.step(*run, at + 1, runs.len())? {
                return Ok(ended);
            }
        }
        Ok(self.missing().unwrap_or(Ended::Complete))
    }

    /// Says that runs are missing although each had its turn, if some are.
    fn missing(&self) -> Option<Ended> {
        let needs_it = |cell: &str| {
            let at = self.design.cells.iter().position(|known| known.name == cell);
            at.is_some_and(|at| !self.has_converged(at))
        };
        let mut missing = self.state.runs.iter().filter(|run| !run.state.is_over() && needs_it(&run.cell));
        let first = missing.next()?;
        let reason = first.reason.as_deref().unwrap_or_default();
        let others = missing.count() as u64;
        let others =
            if others > 0 { format!(", and {} more", counted(others, "run")) } else { String::new() };
        let reason = format!("the run in `{}` could not begin{others}: {reason}", first.folder);
        Some(Ended::Stopped { reason, exit_code: first.exit_code })
    }

    /// Whether a run is over. One whose summary somebody has removed is to be measured again.
    fn is_done(&self, run: PlannedRun) -> bool {
        let cell = &self.design.cells[run.cell].name;
        let is_there = |folder: &str| self.folder.dir().join(folder).join(file_names::SUMMARY).exists();
        let result = self.state.result(cell, run.repeat);
        result.is_some_and(|run| run.state != RunState::Measured || is_there(&run.folder))
    }

    /// What lies between the run before and this one.
    fn pass_over_to(&mut self, run: PlannedRun, place: usize) -> Result<Option<Ended>, FolderError> {
        if let Some((before, _)) = &self.before {
            let of_cell = if before.cell == run.cell { 0.0 } else { self.design.cell_pause_s };
            let of_repeat = if before.repeat == run.repeat { 0.0 } else { self.design.repeat_pause_s };
            let pause_s = of_cell.max(of_repeat);
            if pause_s > 0.0 {
                self.executor.pause(pause_s);
            }
        }
        let Some(command) = self.design.between.as_deref().filter(|_| !self.state.runs.is_empty()) else {
            return Ok(None);
        };
        let failed = between::carry_out(command, place, self.folder, self.executor)?;
        Ok(failed.map(|reason| Ended::Stopped { reason, exit_code: 1 }))
    }

    fn step(&mut self, run: PlannedRun, place: usize, runs: usize) -> Result<Option<Ended>, FolderError> {
        let path = self.design.folder(run);
        self.folder.make_room(&path)?;
        let upcoming = Upcoming {
            run,
            place,
            runs,
            cells: self.design.cells.len(),
            repeats: self.design.repeats,
            label: self.design.cells[run.cell].label(),
            dir: self.folder.dir().join(&path),
            ends_saturated: false,
        };
        let settings = self.design.settings(self.base, run);
        let end = self.executor.measure(&upcoming, &settings);
        match end {
            RunEnd::Interrupted { exit_code } => return Ok(Some(Ended::Interrupted { exit_code })),
            RunEnd::Unkept { reason, exit_code } => {
                let reason = format!("what a run measured could not be kept: {reason}");
                return Ok(Some(Ended::Stopped { reason, exit_code }));
            }
            _ => {}
        }
        let measured = Measured::read(&upcoming.dir).ok().filter(|_| end == RunEnd::Measured);
        let is_first = self.state.runs.is_empty();
        self.state.note(self.design, run, &end, measured.as_ref());
        self.folder.save(self.state)?;
        self.executor.has_ended(&upcoming, &end, measured.as_ref());
        let before = self.before.replace((run, end.clone())).map(|(_, end)| end);
        let in_vain = measured.as_ref().and_then(|_| self.never_converges(run.cell, &upcoming.dir));
        if let Some(warning) = in_vain {
            self.executor.warn(&warning);
        }
        Ok(ends_all(is_first, before.as_ref(), &end))
    }

    /// Says that a cell is not repeated because no request has a value of what is looked at, if that is so. `last` is the folder of its
    /// last run.
    fn never_converges(&self, cell: usize, last: &Path) -> Option<String> {
        let convergence = self.design.convergence.as_ref().filter(|looked_at| looked_at.needs_requests())?;
        // Those of all runs are read only if there is something amiss.
        let is_in_vain = values_looked_at(last, convergence)?.is_empty()
            && have_no_values(&self.values_of_requests(cell, convergence));
        is_in_vain.then(|| {
            let (metric, cell) = (&convergence.key.metric, self.design.cells[cell].label());
            let of_cell = if cell.is_empty() { String::new() } else { format!(" of the cell {cell}") };
            format!(
                "no request{of_cell} has a value of `{metric}`, which `--convergence-metric` looks at: there are no more repeats of it; name \
                 another metric, or add what this one needs (`prony metrics {metric}`)"
            )
        })
    }

    /// Whether a cell was measured often enough: so it is as well where no request has a value of what is looked at, since no repeat would
    /// tell more. A run whose files are gone says nothing.
    fn has_converged(&self, cell: usize) -> bool {
        let Some(convergence) = &self.design.convergence else { return false };
        if convergence.needs_requests() {
            let runs = self.values_of_requests(cell, convergence);
            return have_no_values(&runs) || convergence.is_met_by_requests(runs);
        }
        let dirs = self.measured_folders(cell).into_iter();
        let values = dirs.filter_map(|dir| Measured::read(&dir).ok()?.get(&convergence.key));
        convergence.is_met_by(&values.collect::<Vec<_>>(), self.design.confidence)
    }

    /// The values of what is looked at for each request, of each run of a cell.
    fn values_of_requests(&self, cell: usize, convergence: &Convergence) -> Vec<Vec<f64>> {
        let dirs = self.measured_folders(cell).into_iter();
        dirs.filter_map(|dir| values_looked_at(&dir, convergence)).collect()
    }

    /// The folders of the runs of a cell that were measured, in the order of the repeats.
    fn measured_folders(&self, cell: usize) -> Vec<PathBuf> {
        let name = &self.design.cells[cell].name;
        let mut runs: Vec<_> =
            self.state.of_cell(name).filter(|run| run.state == RunState::Measured).collect();
        runs.sort_by_key(|run| run.repeat);
        runs.iter().map(|run| self.folder.dir().join(&run.folder)).collect()
    }
}

/// The values of what is looked at for each request of the run in a folder, if its lines are there.
fn values_looked_at(dir: &Path, convergence: &Convergence) -> Option<Vec<f64>> {
    let metric = convergence.key.metric.as_str();
    values_of_requests(dir, &BTreeSet::from([metric])).ok()?.remove(metric)
}

/// Whether there are runs with lines of requests, and none of these has a value.
fn have_no_values(runs: &[Vec<f64>]) -> bool {
    !runs.is_empty() && runs.iter().all(Vec::is_empty)
}

/// Whether further runs would have the same end, so that they only cost time.
fn ends_all(is_first: bool, before: Option<&RunEnd>, end: &RunEnd) -> Option<Ended> {
    let stopped = |reason: String, exit_code: u8| Some(Ended::Stopped { reason, exit_code });
    match end {
        RunEnd::Unreachable { reason, exit_code } if is_first => {
            stopped(format!("the target cannot be reached: {reason}"), *exit_code)
        }
        RunEnd::Unreachable { reason, exit_code } if matches!(before, Some(RunEnd::Unreachable { .. })) => {
            stopped(format!("the target could not be reached twice in a row: {reason}"), *exit_code)
        }
        RunEnd::NotBegun { reason, exit_code } if is_first => {
            stopped(format!("the first run could not begin: {reason}"), *exit_code)
        }
        RunEnd::Failed { reason, exit_code, in_part: false } if is_first => {
            stopped(format!("the first run measured nothing: {reason}"), *exit_code)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, fs};

    use super::*;
    use crate::{
        config::flags::ConvergenceMode,
        experiment::{best::Key, design::tests::of},
    };

    /// Runs that end as it is written, and then well.
    #[derive(Default)]
    struct Script {
        ends: VecDeque<RunEnd>,
        done: Vec<String>,
        fails_between: bool,
        latencies: VecDeque<f64>,
        /// The line of a request of each run; there is none where these are used up.
        requests: VecDeque<&'static str>,
        warnings: Vec<String>,
    }

    impl RunExecutor for Script {
        fn measure(&mut self, upcoming: &Upcoming, settings: &Words) -> RunEnd {
            let end = self.ends.pop_front().unwrap_or(RunEnd::Measured);
            fs::create_dir_all(&upcoming.dir).unwrap();
            let latency = self.latencies.pop_front().unwrap_or(1.0);
            let text =
                format!(r#"{{"request_latency": {{"unit": "ms", "avg": {latency}}}, "is_complete": true}}"#);
            fs::write(upcoming.dir.join(file_names::SUMMARY), text).unwrap();
            if let Some(line) = self.requests.pop_front() {
                fs::write(upcoming.dir.join(file_names::OWN_REQUESTS), line).unwrap();
            }
            let value = settings.get("concurrency").and_then(<[_]>::first);
            self.done.push(format!(
                "{}/{}",
                value.map_or("-".into(), |value| value.to_string_lossy()),
                upcoming.run.repeat
            ));
            end
        }

        fn pause(&mut self, seconds: f64) {
            self.done.push(format!("{seconds} s"));
        }

        fn between(&mut self, command: &str, _output: &Path) -> Result<(), String> {
            self.done.push(command.to_owned());
            if self.fails_between { Err("failed".to_owned()) } else { Ok(()) }
        }

        fn has_ended(&mut self, _: &Upcoming, _: &RunEnd, _: Option<&Measured>) {}

        fn warn(&mut self, text: &str) {
            self.warnings.push(text.to_owned());
        }

        fn interrupted(&self) -> Option<u8> {
            None
        }
    }

    struct Experiment {
        design: Design,
        folder: ExperimentFolder,
        state: State,
        _dir: tempfile::TempDir,
    }

    fn experiment(design: Design) -> Experiment {
        let dir = tempfile::tempdir().unwrap();
        let folder = ExperimentFolder::named(&dir.path().join("e")).unwrap();
        Experiment { state: State::new(&Words::default(), &design), design, folder, _dir: dir }
    }

    impl Experiment {
        fn goes_on(&mut self, script: &mut Script) -> Ended {
            carry_out(&self.design, &Words::default(), &self.folder, &mut self.state, script).unwrap()
        }
    }

    fn unreachable() -> RunEnd {
        RunEnd::Unreachable { reason: "refused".to_owned(), exit_code: 4 }
    }

    fn failed(in_part: bool) -> RunEnd {
        RunEnd::Failed { reason: "404".to_owned(), exit_code: 1, in_part }
    }

    #[test]
    fn every_run_is_carried_out_once_and_pauses_lie_between() {
        let design = Design {
            cell_pause_s: 1.0,
            repeat_pause_s: 3.0,
            between: Some("reset".to_owned()),
            ..of(&["1", "2"], 2)
        };
        let mut experiment = experiment(design);
        let mut script = Script::default();
        assert_eq!(experiment.goes_on(&mut script), Ended::Complete);
        let expected = ["1/1", "1 s", "reset", "2/1", "3 s", "reset", "1/2", "1 s", "reset", "2/2"];
        assert_eq!(script.done, expected);
        let mut again = Script::default();
        assert_eq!((experiment.goes_on(&mut again), again.done.len()), (Ended::Complete, 0));
    }

    /// A kill after that leaves no manifest with the sum of another state.
    #[test]
    fn a_folder_has_no_manifest_while_its_runs_go_on() {
        let mut experiment = experiment(of(&["1"], 1));
        let manifest = experiment.folder.dir().join(file_names::MANIFEST);
        fs::write(&manifest, "{}").unwrap();
        assert_eq!(experiment.goes_on(&mut Script::default()), Ended::Complete);
        assert!(!manifest.exists());
    }

    #[test]
    fn what_was_interrupted_is_run_again_and_nothing_else() {
        let mut experiment = experiment(of(&["1", "2", "4"], 1));
        let ends = [RunEnd::Measured, RunEnd::Interrupted { exit_code: 130 }].into();
        let mut script = Script { ends, ..Script::default() };
        assert_eq!(experiment.goes_on(&mut script), Ended::Interrupted { exit_code: 130 });
        assert_eq!(experiment.state.progress, Progress::Interrupted);
        let mut rest = Script::default();
        assert_eq!(experiment.goes_on(&mut rest), Ended::Complete);
        assert_eq!(rest.done, ["2/1", "4/1"]);
        assert_eq!(experiment.state.runs.len(), 3);
        assert!(experiment.folder.dir().join("unfinished/concurrency_2").exists());
    }

    #[test]
    fn a_run_whose_files_are_gone_is_missing() {
        let mut experiment = experiment(of(&["1", "2"], 1));
        experiment.goes_on(&mut Script::default());
        fs::remove_dir_all(experiment.folder.dir().join("runs/concurrency_1")).unwrap();
        let mut again = Script::default();
        assert_eq!(experiment.goes_on(&mut again), Ended::Complete);
        assert_eq!((again.done, experiment.state.runs.len()), (vec!["1/1".to_owned()], 2));
    }

    #[test]
    fn a_run_that_fails_does_not_keep_others_from_running() {
        let mut experiment = experiment(of(&["1", "2", "4"], 1));
        let ends = [RunEnd::Measured, failed(false), RunEnd::Measured].into();
        let mut script = Script { ends, ..Script::default() };
        assert_eq!(experiment.goes_on(&mut script), Ended::Complete);
        let states: Vec<RunState> = experiment.state.runs.iter().map(|run| run.state).collect();
        assert_eq!(states, [RunState::Measured, RunState::Failed, RunState::Measured]);
    }

    #[test]
    fn a_first_run_without_anything_ends_all() {
        let mut experiment = experiment(of(&["1", "2"], 1));
        let mut script = Script { ends: [failed(false)].into(), ..Script::default() };
        let stopped =
            Ended::Stopped { reason: "the first run measured nothing: 404".to_owned(), exit_code: 1 };
        assert_eq!(experiment.goes_on(&mut script), stopped);
        // A process that resumes the experiment knows that, and measures the other cell.
        let mut rest = Script::default();
        assert_eq!((experiment.goes_on(&mut rest), rest.done), (Ended::Complete, vec!["2/1".to_owned()]));
    }

    #[test]
    fn a_target_that_is_gone_ends_all_and_its_runs_are_missing() {
        let mut experiment = experiment(of(&["1", "2", "4", "8"], 1));
        let ends = [RunEnd::Measured, unreachable(), unreachable()].into();
        let mut script = Script { ends, ..Script::default() };
        assert!(matches!(experiment.goes_on(&mut script), Ended::Stopped { exit_code: 4, .. }));
        let mut rest = Script::default();
        assert_eq!(experiment.goes_on(&mut rest), Ended::Complete);
        assert_eq!(rest.done, ["2/1", "4/1", "8/1"]);
    }

    #[test]
    fn a_run_that_could_not_begin_is_missing_and_the_others_are_measured() {
        let mut experiment = experiment(of(&["1", "2", "4"], 1));
        let unread = RunEnd::NotBegun { reason: "no file".to_owned(), exit_code: 2 };
        let mut script = Script { ends: [RunEnd::Measured, unread].into(), ..Script::default() };
        let reason = "the run in `runs/concurrency_2` could not begin: no file".to_owned();
        assert_eq!(experiment.goes_on(&mut script), Ended::Stopped { reason, exit_code: 2 });
        assert_eq!((script.done.len(), experiment.state.progress), (3, Progress::Stopped));
        let mut rest = Script::default();
        assert_eq!((experiment.goes_on(&mut rest), rest.done), (Ended::Complete, vec!["2/1".to_owned()]));
    }

    #[test]
    fn a_run_that_could_not_be_kept_ends_all_and_is_missing() {
        let mut experiment = experiment(of(&["1", "2"], 1));
        let full = RunEnd::Unkept { reason: "no space".to_owned(), exit_code: 1 };
        let mut script = Script { ends: [RunEnd::Measured, full].into(), ..Script::default() };
        assert!(matches!(experiment.goes_on(&mut script), Ended::Stopped { exit_code: 1, .. }));
        assert_eq!(experiment.state.runs.len(), 1);
    }

    #[test]
    fn a_command_that_fails_ends_all_and_what_was_measured_stays() {
        let mut experiment = experiment(Design { between: Some("reset".to_owned()), ..of(&["1", "2"], 1) });
        let mut script = Script { fails_between: true, ..Script::default() };
        assert!(matches!(experiment.goes_on(&mut script), Ended::Stopped { exit_code: 1, .. }));
        assert_eq!((experiment.state.runs.len(), experiment.state.progress), (1, Progress::Stopped));
    }

    #[test]
    fn a_cell_that_was_measured_often_enough_is_left_out() {
        let key = Key::new("request_latency", "avg");
        let convergence = Convergence { key, mode: ConvergenceMode::Cv, threshold: 0.05 };
        let mut experiment = experiment(Design { convergence: Some(convergence), ..of(&["1", "2"], 5) });
        // The first cell's latencies are alike, those of the second are not.
        let latencies = [10.0, 10.0, 10.0, 20.0, 10.0, 30.0, 40.0, 50.0].into();
        let mut script = Script { latencies, ..Script::default() };
        assert_eq!(experiment.goes_on(&mut script), Ended::Complete);
        assert_eq!(script.done, ["1/1", "2/1", "1/2", "2/2", "1/3", "2/3", "2/4", "2/5"]);
    }

    #[test]
    fn a_cell_without_the_metric_that_is_looked_at_is_not_repeated() {
        let without = r#"{"metadata": {}, "metrics": {"request_latency": {"value": 5.0}}}"#;
        let with = r#"{"metadata": {}, "metrics": {"time_to_first_token": {"value": 5.0}}}"#;
        let converging = |values: &[&str], requests: &[&'static str]| {
            let key = Key::new("time_to_first_token", "avg");
            let convergence = Convergence { key, mode: ConvergenceMode::Distribution, threshold: 0.05 };
            let mut experiment = experiment(Design { convergence: Some(convergence), ..of(values, 5) });
            let mut script = Script { requests: requests.iter().copied().collect(), ..Script::default() };
            assert_eq!(experiment.goes_on(&mut script), Ended::Complete);
            let mut again = Script::default();
            assert_eq!((experiment.goes_on(&mut again), again.done.len()), (Ended::Complete, 0));
            let of_first = script.done.iter().filter(|run| run.starts_with("1/")).count();
            (of_first, script.done.len() - of_first, script.warnings)
        };
        let (of_first, of_second, warnings) =
            converging(&["1", "2"], &[without, with, with, with, with, with]);
        assert!(of_first == 1 && of_second >= 3, "{of_first} and {of_second}");
        let [warning] = &warnings[..] else { panic!("{warnings:?}") };
        let expected = "no request of the cell concurrency 1 has a value of `time_to_first_token`";
        assert!(warning.starts_with(expected), "{warning}");
        assert_eq!(converging(&["1"], &[with; 5]).2, Vec::<String>::new());
        // Lines that nobody has kept say nothing.
        assert_eq!(converging(&["1"], &[]), (5, 0, Vec::new()));
    }
}
