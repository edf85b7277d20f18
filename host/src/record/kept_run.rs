//! What an agent keeps of a run beside its journal: the [`KeptRun`], in the file `agent.json`.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{clock_shift::ClockShift, node_facts::NodeFacts};
use crate::explain::Explain;

/// Name of the file in the folder that an agent has for a run.
pub(crate) const FILE_NAME: &str = "agent.json";

/// What is needed to make the records in an agent's journal those of the run. A reader ignores fields that it does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct KeptRun {
    /// Identity of the run.
    pub(crate) run_id: String,
    /// How many nodes it has; 0 where that is not known.
    pub(crate) nodes: u32,
    /// What is known of this one.
    pub(crate) facts: NodeFacts,
    /// What puts its instants right.
    pub(crate) clock: ClockShift,
}

/// Why what an agent keeps cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptRunError {
    /// A full disk, a missing right.
    #[error("write `{}`", .path.display())]
    Write { path: PathBuf, source: io::Error },
    /// There is no such file.
    #[error("read `{}`", .path.display())]
    Read { path: PathBuf, source: io::Error },
    /// It is something else.
    #[error("read `{}`: it is not what an agent writes", .path.display())]
    NotUnderstood { path: PathBuf, source: serde_json::Error },
}

impl Explain for KeptRunError {
    fn hint(&self) -> String {
        let hint = match self {
            Self::Write { .. } => "look at the space on that disk and at its permissions",
            Self::Read { .. } | Self::NotUnderstood { .. } => {
                "name the folder that an agent has for the run: it holds `agent.json` and `journal.prony`"
            }
        };
        hint.to_owned()
    }
}

impl KeptRun {
    /// Writes it to an agent's folder. A reader finds what was there before, or all of it.
    ///
    /// # Errors
    /// A full disk, a missing folder, a missing right.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), KeptRunError> {
        let path = dir.join(FILE_NAME);
        let new = dir.join(format!("{FILE_NAME}.new"));
        let written = serde_json::to_vec_pretty(self).map_err(io::Error::from).and_then(|mut text| {
            text.push(b'\n');
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        });
        written.map_err(|source| KeptRunError::Write { path, source })
    }

    /// Reads that of an agent's folder.
    ///
    /// # Errors
    /// There is none, or it is something else.
    pub(crate) fn read(dir: &Path) -> Result<Self, KeptRunError> {
        let path = dir.join(FILE_NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(source) => return Err(KeptRunError::Read { path, source }),
        };
        serde_json::from_slice(&text).map_err(|source| KeptRunError::NotUnderstood { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_a_later_one_takes_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let facts = NodeFacts { node: 1, name: "b".into(), ..NodeFacts::default() };
        let kept = KeptRun { run_id: "r".into(), nodes: 2, facts, clock: ClockShift(vec![(5, -7)]) };
        KeptRun::default().write(dir.path()).unwrap();
        kept.write(dir.path()).unwrap();
        assert_eq!(KeptRun::read(dir.path()).unwrap(), kept);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_without_it_and_another_file_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(KeptRun::read(dir.path()), Err(KeptRunError::Read { .. })));
        fs::write(dir.path().join(FILE_NAME), "hello").unwrap();
        assert!(matches!(KeptRun::read(dir.path()), Err(KeptRunError::NotUnderstood { .. })));
    }

    #[test]
    fn a_missing_folder_is_an_error_with_its_path() {
        let error = KeptRun::default().write(Path::new("/nowhere/at/all")).unwrap_err();
        assert_eq!(error.to_string(), "write `/nowhere/at/all/agent.json`");
    }
}
