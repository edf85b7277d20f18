//! What an invocation left behind.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::tool::code;

/// An invocation that is over.
#[derive(Debug)]
pub struct Run {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    dir: TempDir,
}

impl Run {
    pub(crate) fn new(output: &Output, dir: TempDir) -> Self {
        Self {
            code: code(output.status),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            dir,
        }
    }

    /// It ended with 0.
    ///
    /// # Panics
    /// When it did not.
    pub fn succeeds(&self) -> &Self {
        self.ends_with(0)
    }

    /// It ended with this code.
    ///
    /// # Panics
    /// When it did not.
    pub fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Its working folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A file of the run's artifact folder.
    pub fn artifact(&self, name: &str) -> PathBuf {
        self.dir.path().join("run").join(name)
    }

    /// A file of the run's artifact folder, to be read.
    ///
    /// # Panics
    /// When there is none.
    pub fn artifact_file(&self, name: &str) -> File {
        File::open(self.artifact(name)).expect("the file exists")
    }

    /// The text of a file of the run's artifact folder.
    ///
    /// # Panics
    /// When there is none.
    pub fn read(&self, name: &str) -> String {
        let path = self.artifact(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}\nstdout:\n{}\nstderr:\n{}", path.display(), self.stdout, self.stderr)
        })
    }

    /// The summary.
    ///
    /// # Panics
    /// When there is none, or it is not JSON.
    pub fn summary(&self) -> Value {
        serde_json::from_str(&self.read("profile_export_prony.json")).expect("the summary is JSON")
    }

    /// The lines of the per-request export.
    ///
    /// # Panics
    /// When there are none, or one is not JSON.
    pub fn records(&self) -> Vec<Value> {
        let lines = self.read("profile_export.jsonl");
        lines.lines().map(|line| serde_json::from_str(line).expect("a record is JSON")).collect()
    }
}
