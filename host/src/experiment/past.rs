//! Experiments and searches that stand in folders, told in a few words each.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::Serialize;
use serde_json::Value;

use super::{
    files,
    folder::{self, is_experiment},
    search,
    state::{Progress, RunState, State, StoredCell},
};
use crate::{bounded, report::past_runs, screen::counted};

/// Largest file of results or of a search that is read, in megabytes.
const MOST_MEGABYTES: u64 = 256;

/// Several runs that belong together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Past {
    /// Their folder.
    pub(crate) dir: PathBuf,
    /// When they began, in nanoseconds since 1970; when their folder was made, where no file says it.
    pub(crate) started_ns: u64,
    /// The same, as RFC 3339 says it.
    started: Option<String>,
    #[serde(flatten)]
    what: What,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum What {
    Experiment(PastExperiment),
    Search(PastSearch),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct PastExperiment {
    state: HowFar,
    /// Why it is no further, where its file says so.
    reason: Option<String>,
    /// The values of each setting that has several.
    swept: BTreeMap<String, Vec<Value>>,
    cells: usize,
    runs_per_cell: u32,
    measured_runs: usize,
    /// Runs that failed, could not begin or did not reach the target.
    failed_runs: usize,
    /// Name of the best cell, and the number that it is best by.
    best: Option<String>,
    best_by: Option<String>,
}

/// How far an experiment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum HowFar {
    /// It goes on, or was killed.
    Running,
    Interrupted,
    Stopped,
    Complete,
    /// Its file cannot be read.
    #[default]
    Unreadable,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct PastSearch {
    /// The setting that was raised.
    over: String,
    objectives: Vec<String>,
    /// What was found, or why nothing was; null while it goes on.
    answer: Value,
    runs: usize,
}

/// The experiments and searches in a folder and in the folders in it.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<Past>> {
    let mut found = Vec::new();
    found.extend(read(dir));
    for entry in fs::read_dir(dir)? {
        found.extend(read(&entry?.path()));
    }
    Ok(found)
}

/// The file with the table of the experiment or search in this folder, if one is there, and what to do where the file is not.
pub(crate) fn table_in(dir: &Path) -> Option<(PathBuf, String)> {
    if is_search(dir) {
        let hint = format!("what was found is in `{}`", dir.join(search::FILE).display());
        Some((dir.join(search::TEXT), hint))
    } else if is_experiment(dir) {
        let hint = format!("`prony report {}` makes it from the runs", dir.display());
        Some((dir.join(files::TABLE), hint))
    } else {
        None
    }
}

/// The results of the experiment or search in a folder as JSON, if one is there.
pub(crate) fn json_in(dir: &Path) -> Option<PathBuf> {
    if is_search(dir) {
        Some(dir.join(search::FILE))
    } else {
        is_experiment(dir).then(|| dir.join(files::JSON))
    }
}

fn is_search(dir: &Path) -> bool {
    dir.join(search::FILE).is_file()
}

fn read(dir: &Path) -> Option<Past> {
    let (what, started_ns) = if is_search(dir) {
        (What::Search(PastSearch::of(&json(&dir.join(search::FILE)))), None)
    } else if is_experiment(dir) {
        let state = folder::read(dir).ok();
        let started_ns = state.as_ref().map(|state| state.started_ns).filter(|ns| *ns > 0);
        let results = json(&dir.join(files::JSON));
        let of_state = |state: &State| PastExperiment::of(state, &results);
        (What::Experiment(state.as_ref().map(of_state).unwrap_or_default()), started_ns)
    } else {
        return None;
    };
    let started_ns = started_ns.or_else(|| made_ns(dir)).unwrap_or_default();
    Some(Past { dir: dir.to_owned(), started_ns, started: past_runs::timestamp(started_ns), what })
}

/// A file of JSON; nothing where there is none, or it is no JSON.
fn json(path: &Path) -> Value {
    let bytes = bounded::read(path, MOST_MEGABYTES).ok();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// When a folder was made; when it was changed last, where the file system does not say it.
fn made_ns(dir: &Path) -> Option<u64> {
    let about = fs::metadata(dir).ok()?;
    let made = about.created().or_else(|_| about.modified()).ok()?;
    made.duration_since(UNIX_EPOCH).ok()?.as_nanos().try_into().ok()
}

impl Past {
    /// For people: the folder, what was asked for, and what came of it. `is_going` is whether it goes on.
    pub(crate) fn lines(&self, is_going: bool) -> Vec<String> {
        let title = past_runs::title(self.started.as_deref(), &self.dir);
        let further = match &self.what {
            What::Experiment(experiment) => experiment.lines(&self.dir, is_going),
            What::Search(search) => search.lines(is_going),
        };
        std::iter::once(title).chain(further).collect()
    }
}

impl PastExperiment {
    fn of(state: &State, results: &Value) -> Self {
        let of_state = |is: fn(RunState) -> bool| state.runs.iter().filter(|run| is(run.state)).count();
        let best = &results["best_configurations"]["best"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            state: state.progress.into(),
            reason: state.reason.clone(),
            swept: swept(&state.cells),
            cells: state.cells.len(),
            runs_per_cell: state.runs_per_cell,
            measured_runs: of_state(|state| state == RunState::Measured),
            failed_runs: of_state(|state| state != RunState::Measured),
            best: text(&best["name"]).filter(|_| state.cells.len() > 1),
            best_by: text(&best["by"]).filter(|_| state.cells.len() > 1),
        }
    }

    fn lines(&self, dir: &Path, is_going: bool) -> Vec<String> {
        let how_to_go_on = format!("`prony profile --resume {}` goes on", dir.display());
        let state = match (self.state, &self.reason) {
            (HowFar::Unreadable, _) => return vec!["experiment: its file cannot be read".to_owned()],
            _ if is_going => Some("still going".to_owned()),
            (HowFar::Running, _) => Some(format!("killed; {how_to_go_on}")),
            (HowFar::Interrupted, _) => Some(format!("interrupted; {how_to_go_on}")),
            (HowFar::Stopped, Some(reason)) => {
                Some(format!("ended before its time: {reason}; {how_to_go_on}"))
            }
            (HowFar::Stopped, None) => Some(format!("ended before its time; {how_to_go_on}")),
            (HowFar::Complete, _) => None,
        };
        [Some(self.asked()), Some(self.came_to()), state].into_iter().flatten().collect()
    }

    fn asked(&self) -> String {
        let list = |(name, values): (&String, &Vec<Value>)| {
            let values: Vec<String> = values.iter().map(in_words).collect();
            format!("{name} {}", values.join(", "))
        };
        let swept = self.swept.iter().map(list);
        let runs = counted(self.runs_per_cell, "run");
        let runs = if self.cells > 1 { format!("{} of {runs}", counted(self.cells, "cell")) } else { runs };
        let parts: Vec<String> = swept.chain([runs]).collect();
        format!("experiment: {}", parts.join("; "))
    }

    fn came_to(&self) -> String {
        let runs = self.cells as u64 * u64::from(self.runs_per_cell);
        let measured = format!("{} of {} measured", self.measured_runs, counted(runs, "run"));
        let failed = (self.failed_runs > 0).then(|| format!(", {} failed", self.failed_runs));
        let best = self.best.as_ref().zip(self.best_by.as_ref());
        let best = best.map(|(best, by)| format!("; best: {best} (by {by})"));
        [Some(measured), failed, best].into_iter().flatten().collect()
    }
}

/// The values of each setting that has several, in the order of the cells.
fn swept(cells: &[StoredCell]) -> BTreeMap<String, Vec<Value>> {
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (name, value) in cells.iter().flat_map(|cell| &cell.values) {
        let values = all.entry(name.clone()).or_default();
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    all
}

fn in_words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl PastSearch {
    fn of(file: &Value) -> Self {
        let items = |list: &Value| list.as_array().cloned().unwrap_or_default();
        let objectives = items(&file["objectives"]);
        let objectives = objectives.iter().filter_map(|objective| objective["text"].as_str());
        Self {
            over: file["over"].as_str().unwrap_or("load").to_owned(),
            objectives: objectives.map(str::to_owned).collect(),
            answer: file["answer"].clone(),
            runs: items(&file["probes"]).iter().map(|probe| items(&probe["runs"]).len()).sum(),
        }
    }

    fn lines(&self, is_going: bool) -> Vec<String> {
        let objectives: Vec<String> = self.objectives.iter().map(|text| format!("`{text}`")).collect();
        let asked = format!("search: the highest {} that keeps to {}", self.over, objectives.join(" and "));
        let answer = if is_going { "still going".to_owned() } else { self.answer_in_words() };
        vec![asked, format!("{answer} ({})", counted(self.runs, "run"))]
    }

    fn answer_in_words(&self) -> String {
        let over = &self.over;
        let load =
            |key: &str| self.answer[key].as_f64().map(|load| format!("{}", (load * 100.0).round() / 100.0));
        let (kept, broken) = (load("kept"), load("broken"));
        match (&self.answer, load("estimate"), kept, broken) {
            (Value::Null, ..) => "no answer: it was killed".to_owned(),
            (Value::String(reason), ..) => format!("no answer: {reason}"),
            (_, Some(at), Some(kept), Some(broken)) => {
                format!("{over} {at}: {kept} keeps to all, {broken} breaks one")
            }
            (_, _, Some(kept), _) => {
                format!("{over} {kept} keeps to all; no higher one is known to break one")
            }
            (_, _, None, Some(broken)) => format!("even {over} {broken} breaks one"),
            _ => "no answer: the runs do not agree".to_owned(),
        }
    }
}

impl From<Progress> for HowFar {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Running => Self::Running,
            Progress::Interrupted => Self::Interrupted,
            Progress::Stopped => Self::Stopped,
            Progress::Complete => Self::Complete,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        config::words::Words,
        experiment::{design::tests::of, order::PlannedRun, outcome::RunEnd},
    };

    #[test]
    fn an_experiment_is_told_by_what_was_swept_how_far_it_is_and_its_best_cell() {
        let design = of(&["1", "2"], 2);
        let mut state = State::new(&Words::default(), &design);
        state.note(&design, PlannedRun { cell: 0, repeat: 1 }, &RunEnd::Measured, None);
        let failed = RunEnd::Failed { reason: "404".to_owned(), exit_code: 1, in_part: false };
        state.note(&design, PlannedRun { cell: 1, repeat: 1 }, &failed, None);
        state.progress = Progress::Interrupted;
        let results = json!({
            "best_configurations": { "best": { "name": "concurrency 1", "by": "request_throughput_avg" } }
        });
        let past = PastExperiment::of(&state, &results);
        let lines = [
            "experiment: concurrency 1, 2; 2 cells of 2 runs",
            "1 of 4 runs measured, 1 failed; best: concurrency 1 (by request_throughput_avg)",
            "interrupted; `prony profile --resume a` goes on",
        ];
        assert_eq!(past.lines(Path::new("a"), false), lines);
        assert_eq!(past.lines(Path::new("a"), true)[2], "still going");
    }

    #[test]
    fn a_search_is_told_by_its_objectives_and_its_answer() {
        let of_answer = |answer: Value| {
            let file = json!({
                "over": "concurrency",
                "objectives": [{ "text": "request_latency p50 < 5" }],
                "answer": answer,
                "probes": [{ "runs": [{}, {}] }, { "runs": [{}] }],
            });
            PastSearch::of(&file).lines(false)
        };
        let between = json!({ "found": "between", "kept": 3.0, "broken": 4.0, "estimate": 3.0 });
        assert_eq!(
            of_answer(between),
            [
                "search: the highest concurrency that keeps to `request_latency p50 < 5`",
                "concurrency 3: 3 keeps to all, 4 breaks one (3 runs)"
            ]
        );
        let second = |answer| of_answer(answer)[1].clone();
        assert_eq!(second(json!("interrupted")), "no answer: interrupted (3 runs)");
        assert_eq!(
            second(json!({ "found": "none_kept", "broken": 1.0 })),
            "even concurrency 1 breaks one (3 runs)"
        );
        assert_eq!(
            second(json!({ "found": "unknown", "kept": null })),
            "no answer: the runs do not agree (3 runs)"
        );
    }

    #[test]
    fn a_folder_whose_file_is_no_state_is_listed_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("e")).unwrap();
        fs::write(dir.path().join("e/experiment.json"), "{").unwrap();
        let found = list(dir.path()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].lines(false)[1], "experiment: its file cannot be read");
        assert!(found[0].started_ns > 0);
    }
}
