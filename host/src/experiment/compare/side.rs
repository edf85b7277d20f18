//! What is compared: runs, with their numbers and their settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{foreign, one_run, settings};
use crate::{
    experiment::{
        best::Key,
        folder::{self, FolderError, is_experiment},
        measured::{self, Measured},
        state::{RunState, StoredCell},
    },
    explain::Explain,
    metrics::{Statistic, tags},
    record::journal,
    report::file_names,
};

/// Why a folder is no side of a comparison.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SideError {
    /// It has no runs.
    #[error("there are no runs with a report in `{}`", .0.display())]
    Nothing(PathBuf),
    /// None of its runs came to its end.
    #[error("all {runs} runs in `{}` are incomplete: they failed, were cut short, or have no report", .dir.display())]
    Incomplete { dir: PathBuf, runs: usize },
    /// The report of one of its runs cannot be read.
    #[error("read the report of the run `{}`", .path.display())]
    Report { path: PathBuf, source: io::Error },
    /// It cannot be read.
    #[error("read the folder `{}`", .path.display())]
    Folder { path: PathBuf, source: io::Error },
    /// Its experiment cannot be read.
    #[error(transparent)]
    Experiment(#[from] FolderError),
    /// What another tool wrote cannot be read.
    #[error("read the results `{}`", .path.display())]
    Results { path: PathBuf, source: io::Error },
    /// The settings of one of its runs cannot be read.
    #[error("read the settings `{}`", .path.display())]
    Settings { path: PathBuf, source: io::Error },
}

impl Explain for SideError {
    fn hint(&self) -> String {
        match self {
            Self::Nothing(_) => "name the folder of a run, of an experiment, or one with folders of runs in it; `prony report RUN` makes the report of a run".to_owned(),
            Self::Incomplete { .. } => "measure them again; `prony report RUN` says how a run ended".to_owned(),
            Self::Report { path, .. } => {
                format!("`prony report {}` makes it again; or take the run out of the folder", path.display())
            }
            Self::Results { path, .. } if path.ends_with(file_names::REQUESTS) => {
                "`prony report RUN` makes it again from the run's journal".to_owned()
            }
            Self::Results { .. } => "name a `profile_export_aiperf.json`, a file of `vllm bench serve --save-result`, or a folder of them".to_owned(),
            Self::Folder { .. } | Self::Settings { .. } => "look at its permissions".to_owned(),
            Self::Experiment(error) => error.hint(),
        }
    }

    fn is_statement(&self) -> bool {
        matches!(self, Self::Nothing(_) | Self::Incomplete { .. })
            || matches!(self, Self::Experiment(error) if error.is_statement())
    }
}

/// A run that is compared.
#[derive(Clone, Debug)]
pub(super) struct SideRun {
    pub(super) measured: Measured,
    /// By key, those that may not differ.
    pub(super) settings: BTreeMap<String, Value>,
    /// Its folder; another tool's results have none with requests.
    pub(super) dir: Option<PathBuf>,
    /// The values of its requests by metric, in the order in which these began; none where they are not needed.
    pub(super) requests: BTreeMap<String, Vec<f64>>,
}

impl SideRun {
    /// The values that a number of it is made of, if they are known.
    pub(super) fn values(&self, key: &Key) -> Option<&[f64]> {
        let values = self.requests.get(&key.metric)?;
        let number = self.measured.get(key)?;
        let statistic = Statistic::of_key(&key.statistic)?;
        one_run::make_up(values, statistic, number).then_some(values)
    }
}

/// One side of a comparison.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    /// As it was typed.
    pub(crate) name: String,
    /// Runs by the name of their cell, which is empty outside of a sweep.
    pub(super) cells: BTreeMap<String, Vec<SideRun>>,
    /// Runs that failed, or did not come to their ends, and are left out.
    pub(crate) left_out: usize,
    /// Files of JSON beside the runs that are no results.
    pub(crate) strange: Vec<PathBuf>,
}

impl Side {
    /// Reads the runs in a folder: a run itself, the runs of an experiment, or all whose folders are in it.
    ///
    /// # Errors
    /// There are none with a report, or they cannot be read.
    pub(crate) fn read(dir: &Path) -> Result<Self, SideError> {
        let name = dir.display().to_string();
        let mut side = Self { name, cells: BTreeMap::new(), left_out: 0, strange: Vec::new() };
        if is_experiment(dir) {
            for run in folder::read(dir)?.runs {
                if run.state == RunState::Measured {
                    side.take(&dir.join(&run.folder), run.cell)?;
                } else {
                    side.left_out += 1;
                }
            }
        } else if is_run(dir) {
            side.take(dir, String::new())?;
        } else if let Some(file) = foreign::file_at(dir) {
            side.take_foreign(&file)?;
        } else {
            side.take_all(dir)?;
        }
        match (side.cells.is_empty(), side.left_out) {
            (false, _) => Ok(side),
            (true, 0) => Err(SideError::Nothing(dir.to_owned())),
            (true, runs) => Err(SideError::Incomplete { dir: dir.to_owned(), runs }),
        }
    }

    /// Each cell of an experiment as a side of its own, in the order in which they were asked for; and those that have no complete run.
    ///
    /// # Errors
    /// The folder is no experiment, or a report cannot be read.
    pub(crate) fn of_cells(dir: &Path) -> Result<(Vec<Self>, Vec<String>), SideError> {
        let state = folder::read(dir)?;
        let side_of = |cell: &StoredCell| {
            let mut side =
                Self { name: cell.name.clone(), cells: BTreeMap::new(), left_out: 0, strange: Vec::new() };
            for run in state.runs.iter().filter(|run| run.cell == cell.name) {
                if run.state == RunState::Measured {
                    side.take(&dir.join(&run.folder), String::new())?;
                } else {
                    side.left_out += 1;
                }
            }
            Ok(side)
        };
        let sides = state.cells.iter().map(side_of).collect::<Result<Vec<_>, SideError>>()?;
        let (sides, empty): (Vec<_>, Vec<_>) = sides.into_iter().partition(|side| !side.cells.is_empty());
        Ok((sides, empty.into_iter().map(|side| side.name).collect()))
    }

    /// Takes the runs whose folders or files are in a folder, and notes files that are none.
    fn take_all(&mut self, dir: &Path) -> Result<(), SideError> {
        let unread = |source| SideError::Folder { path: dir.to_owned(), source };
        let entries = fs::read_dir(dir).map_err(unread)?.collect::<io::Result<Vec<_>>>().map_err(unread)?;
        let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if is_run(&path) {
                self.take(&path, String::new())?;
            } else if let Some(file) = foreign::file_at(&path).filter(|file| is_json(file)) {
                match self.take_foreign(&file) {
                    Err(SideError::Results { source, .. }) if is_no_result(&source) => {
                        self.strange.push(file);
                    }
                    taken => taken?,
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, dir: &Path, cell: String) -> Result<(), SideError> {
        let measured = match Measured::read(dir) {
            Ok(measured) if measured.incomplete.is_none() => measured,
            // It was killed, and no report of it was made since.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(SideError::Report { path: dir.to_owned(), source: error });
            }
            Ok(_) | Err(_) => {
                self.left_out += 1;
                return Ok(());
            }
        };
        let settings = settings::read(dir)
            .map_err(|source| SideError::Settings { path: dir.join(file_names::SETTINGS), source })?;
        let (dir, requests) = (Some(dir.to_owned()), BTreeMap::new());
        self.cells.entry(cell).or_default().push(SideRun { measured, settings, dir, requests });
        Ok(())
    }

    fn take_foreign(&mut self, file: &Path) -> Result<(), SideError> {
        let unread = |source| SideError::Results { path: file.to_owned(), source };
        let measured = foreign::read(file).map_err(unread)?;
        if measured.incomplete.is_some() {
            self.left_out += 1;
            return Ok(());
        }
        let (settings, requests) = (BTreeMap::new(), BTreeMap::new());
        let run = SideRun { measured, settings, dir: None, requests };
        self.cells.entry(String::new()).or_default().push(run);
        Ok(())
    }

    /// Reads the requests of the only runs of these cells. What cannot be read is left out, and returned with the reason; a run
    /// without a file of requests has none.
    pub(super) fn read_requests(&mut self, cells: &[String], keys: &[Key]) -> Vec<SideError> {
        let metrics: BTreeSet<&str> = keys.iter().map(|key| key.metric.as_str()).collect();
        let count = Key::known(tags::REQUEST_COUNT, Statistic::Avg);
        let mut unread = Vec::new();
        let only = self.cells.iter_mut().filter(|(cell, runs)| cells.contains(cell) && runs.len() == 1);
        for run in only.flat_map(|(_, runs)| runs) {
            let is_short = run.measured.get(&count).is_none_or(|count| count <= one_run::MOST_REQUESTS);
            let Some(dir) = run.dir.as_deref().filter(|_| is_short) else { continue };
            match measured::values_of_requests(dir, &metrics) {
                Ok(requests) => run.requests = requests,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    unread.push(SideError::Results { path: dir.join(file_names::REQUESTS), source });
                }
            }
        }
        unread
    }

    /// Whether one of its cells has the name of one of the other side's.
    pub(crate) fn has_cells_of(&self, other: &Self) -> bool {
        self.cells.keys().any(|name| other.cells.contains_key(name))
    }

    /// Whether one of its runs has this number.
    pub(crate) fn has(&self, key: &Key) -> bool {
        self.cells.values().flatten().any(|run| run.measured.get(key).is_some())
    }
}

/// Whether a file was read, and is of another kind.
fn is_no_result(error: &io::Error) -> bool {
    // JSON that ends too early is an `UnexpectedEof`.
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

fn is_run(dir: &Path) -> bool {
    dir.join(journal::FILE_NAME).is_file() || dir.join(file_names::SUMMARY).is_file()
}

fn is_json(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "json")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"request_latency": {"unit": "ms", "p50": 5.0}, "is_complete": true}"#;
    const CUT: &str = r#"{"request_latency": {"unit": "ms", "p50": 5.0}, "is_complete": false}"#;

    /// A folder with a run for each of these summaries.
    fn runs(summaries: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (at, summary) in summaries.iter().enumerate() {
            let run = dir.path().join(format!("run_{at}"));
            fs::create_dir(&run).unwrap();
            fs::write(run.join(file_names::SUMMARY), summary).unwrap();
        }
        dir
    }

    #[test]
    fn runs_that_are_all_incomplete_are_told_with_their_number() {
        let dir = runs(&[CUT, CUT]);
        fs::create_dir(dir.path().join("killed")).unwrap();
        fs::write(dir.path().join("killed").join(journal::FILE_NAME), "").unwrap();
        let error = Side::read(dir.path()).unwrap_err();
        assert!(matches!(error, SideError::Incomplete { runs: 3, .. }), "{error}");
        let nothing = runs(&[]);
        assert!(matches!(Side::read(nothing.path()).unwrap_err(), SideError::Nothing(_)));
    }

    #[test]
    fn a_report_that_cannot_be_read_is_an_error() {
        let dir = runs(&[WHOLE, "{"]);
        let error = Side::read(dir.path()).unwrap_err();
        assert!(matches!(&error, SideError::Report { path, .. } if path.ends_with("run_1")), "{error}");
    }

    #[test]
    fn files_that_are_no_results_are_left_out_and_named() {
        let dir = runs(&[WHOLE, CUT]);
        fs::write(dir.path().join("config.json"), r#"{"model": "m"}"#).unwrap();
        fs::write(dir.path().join("empty.json"), "").unwrap();
        let side = Side::read(dir.path()).unwrap();
        assert_eq!((side.cells[""].len(), side.left_out), (1, 1));
        assert_eq!(side.strange, ["config.json", "empty.json"].map(|name| dir.path().join(name)));
        assert!(Side::read(&dir.path().join("config.json")).is_err());
    }
}
