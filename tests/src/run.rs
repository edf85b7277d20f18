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

    /// None of these stands in anything that it printed or wrote.
    ///
    /// # Panics
    /// When one does, or when it wrote less than a run writes.
    #[track_caller]
    pub fn keeps(&self, secrets: &[&str]) -> &Self {
        let written = files(self.dir());
        // What fails before it begins leaves nothing behind.
        assert!(written.len() > 5 || [2, 4].contains(&self.code), "{written:?}\n{}", self.stderr);
        for secret in secrets {
            for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
                let line = text.lines().find(|line| line.contains(secret));
                assert!(line.is_none(), "{name} tells `{secret}`: {}", line.unwrap_or_default());
            }
            for file in &written {
                let bytes = std::fs::read(file).expect("a file of the run can be read");
                assert!(!holds(&bytes, secret), "`{}` holds `{secret}`", file.display());
            }
        }
        self
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

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of the run");
    let paths = entries.map(|entry| entry.expect("an entry of a folder").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
