//! What is compared: runs, with their numbers and their settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::foreign;
use crate::{
    bounded,
    config::yaml,
    experiment::{
        folder::{self, FolderError, is_experiment},
        measured::Measured,
        state::RunState,
    },
    explain::Explain,
    record::journal,
    report::file_names,
};

/// Settings that may differ: what is compared, and where results and logs go.
const MAY_DIFFER: [&str; 10] = [
    "url",
    "random_seed",
    "artifact_dir",
    "ui",
    "api_key",
    "header",
    "plugin_path",
    "plugins",
    "tokenizer_path",
    "proxy",
];

/// Why a folder is no side of a comparison.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SideError {
    /// It has no runs.
    #[error("there are no runs with a report in `{}`", .0.display())]
    Nothing(PathBuf),
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
            Self::Results { .. } => "name a `profile_export_aiperf.json`, a file of `vllm bench serve --save-result`, or a folder of them".to_owned(),
            Self::Folder { .. } | Self::Settings { .. } => "look at its permissions".to_owned(),
            Self::Experiment(error) => error.hint(),
        }
    }

    fn is_statement(&self) -> bool {
        matches!(self, Self::Nothing(_)) || matches!(self, Self::Experiment(error) if error.is_statement())
    }
}

/// A run that is compared.
#[derive(Clone, Debug)]
pub(super) struct SideRun {
    pub(super) measured: Measured,
    /// By key, those that may not differ.
    pub(super) settings: BTreeMap<String, Value>,
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
}

impl Side {
    /// Reads the runs in a folder: a run itself, the runs of an experiment, or all whose folders are in it.
    ///
    /// # Errors
    /// There are none with a report, or they cannot be read.
    pub(crate) fn read(dir: &Path) -> Result<Self, SideError> {
        let mut side = Self { name: dir.display().to_string(), cells: BTreeMap::new(), left_out: 0 };
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
            let unread = |source| SideError::Folder { path: dir.to_owned(), source };
            let entries =
                fs::read_dir(dir).map_err(unread)?.collect::<io::Result<Vec<_>>>().map_err(unread)?;
            let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
            paths.sort();
            for path in paths {
                if is_run(&path) {
                    side.take(&path, String::new())?;
                } else if let Some(file) = foreign::file_at(&path).filter(|file| is_json(file)) {
                    side.take_foreign(&file)?;
                }
            }
        }
        if side.cells.is_empty() { Err(SideError::Nothing(dir.to_owned())) } else { Ok(side) }
    }

    fn take(&mut self, dir: &Path, cell: String) -> Result<(), SideError> {
        let measured = Measured::read(dir).ok().filter(|measured| measured.incomplete.is_none());
        let Some(measured) = measured else {
            self.left_out += 1;
            return Ok(());
        };
        let settings = settings(dir)?;
        self.cells.entry(cell).or_default().push(SideRun { measured, settings });
        Ok(())
    }

    fn take_foreign(&mut self, file: &Path) -> Result<(), SideError> {
        let unread = |source| SideError::Results { path: file.to_owned(), source };
        let measured = foreign::read(file).map_err(unread)?;
        if measured.incomplete.is_some() {
            self.left_out += 1;
            return Ok(());
        }
        let run = SideRun { measured, settings: BTreeMap::new() };
        self.cells.entry(String::new()).or_default().push(run);
        Ok(())
    }

    /// Whether one of its cells has the name of one of the other side's.
    pub(crate) fn has_cells_of(&self, other: &Self) -> bool {
        self.cells.keys().any(|name| other.cells.contains_key(name))
    }
}

fn is_run(dir: &Path) -> bool {
    dir.join(journal::FILE_NAME).is_file() || dir.join(file_names::SUMMARY).is_file()
}

fn is_json(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "json")
}

/// The settings of a run by key; none where it has no file of them, as older runs.
fn settings(dir: &Path) -> Result<BTreeMap<String, Value>, SideError> {
    let path = dir.join(file_names::SETTINGS);
    let unread = |source| SideError::Settings { path: path.clone(), source };
    let bytes = match bounded::read(&path, yaml::MOST_MEGABYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(unread(error)),
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut settings: BTreeMap<String, Value> =
        yaml::parse(&text).map_err(|error| unread(io::Error::new(io::ErrorKind::InvalidData, error.text)))?;
    settings.retain(|key, _| !MAY_DIFFER.contains(&key.as_str()));
    Ok(settings)
}

/// A setting that two sides do not have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) setting: String,
    /// Its values on both sides, as JSON; nothing where it is not set.
    pub(crate) values: [Option<String>; 2],
}

/// In what the runs of the same cells differ. Sides whose cells have other names have none in common.
pub(crate) fn differences(first: &Side, second: &Side) -> Vec<Difference> {
    let mut found: Vec<Difference> = Vec::new();
    for (name, runs) in &first.cells {
        let Some(others) = second.cells.get(name) else { continue };
        let (Some(run), Some(other)) = (runs.first(), others.first()) else { continue };
        // Of other tools' runs and of old ones no settings are known.
        if run.settings.is_empty() || other.settings.is_empty() {
            continue;
        }
        let keys: BTreeSet<&String> = run.settings.keys().chain(other.settings.keys()).collect();
        for key in keys {
            let values = [run, other].map(|run| run.settings.get(key).map(Value::to_string));
            let difference = Difference { setting: key.clone(), values };
            if difference.values[0] != difference.values[1] && !found.contains(&difference) {
                found.push(difference);
            }
        }
    }
    found
}
