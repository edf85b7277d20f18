//! What suites of libraries in other languages than Rust share: which compilers are installed, and what is done with a folder that
//! `prony plugins new` has written.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Tool, finish, program, shell};

/// Whether a program is on the path.
pub fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Whether no test may be left out, since everything that builds libraries is said to be installed: `PRONY_REQUIRE_LANGUAGES=1`, where
/// `tests/languages/install` has seen to it.
pub fn are_required() -> bool {
    env::var_os("PRONY_REQUIRE_LANGUAGES").is_some_and(|value| value == "1")
}

/// Says why a test is not made.
///
/// # Panics
/// When none may be left out ([`are_required`]).
#[expect(clippy::print_stderr, reason = "a test that cannot be made says why")]
pub fn not_tested(why: &str) {
    assert!(!are_required(), "PRONY_REQUIRE_LANGUAGES is 1, and {why}");
    eprintln!("not tested: {why}");
}

/// Whether a program is on the path. Says so where it is not: a test is not made then.
///
/// # Panics
/// When it is not, and no test may be left out ([`are_required`]).
pub fn is_here(program: &str) -> bool {
    let found = is_installed(program);
    if !found {
        not_tested(&format!("{program} is not installed"));
    }
    found
}

/// Installs a plugin's folder for a user, whose data folder is returned.
///
/// # Panics
/// When it is refused.
pub fn install_for_a_user(folder: &Path) -> TempDir {
    let data = tempfile::tempdir().expect("a folder for temporary files");
    Tool::new(["plugins", "add"]).arg(folder).env("XDG_DATA_HOME", data.path()).run().succeeds();
    data
}

/// Types the line that leads a vendor from an empty folder to a measurement, in a language that make builds. Returns the folder of
/// the new library. Nothing is added to the line: how many requests are measured stands in the environment.
///
/// # Panics
/// When a command of the line fails, or not everything was measured.
pub fn typed_in_an_empty_folder(folder: &Path, name: &str, language: &str) -> PathBuf {
    let entry = name.replace('-', "_");
    let line = format!(
        "prony plugins new {name} --language {language} && cd {name} && make && make check && \
         prony plugins check lib{entry}.so && prony plugins add . && prony profile --mock --endpoint-type {entry}"
    );
    let program = program();
    let programs = program.parent().expect("a program stands in a folder");
    let output = finish(shell(folder, programs, &line).env("PRONY_REQUEST_COUNT", "2"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{line}\n{said}");
    let folder = folder.join(name);
    let count = |run: fs::DirEntry| {
        let summary = fs::read(run.path().join("profile_export_prony.json")).expect("a summary");
        serde_json::from_slice::<Value>(&summary).expect("JSON")["request_count"]["avg"].clone()
    };
    let runs = fs::read_dir(folder.join("artifacts")).expect("the folder of all runs");
    let counts: Vec<Value> = runs.map(|run| count(run.expect("the folder of a run"))).collect();
    assert_eq!(counts, [2], "{line}\n{said}");
    folder
}

/// The bodies of the first requests that a run would send.
///
/// # Panics
/// When it does not say them.
pub fn bodies(profile: Tool) -> Vec<Value> {
    let run = profile.args(["--dry-run", "20"]).run();
    let lines = run.succeeds().stdout.lines();
    lines.map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON")["body"].clone()).collect()
}

/// How many lines of a file are not empty.
///
/// # Panics
/// When it cannot be read.
pub fn written_lines(file: &Path) -> usize {
    let text = fs::read_to_string(file).expect("a file that can be read");
    text.lines().filter(|line| !line.trim().is_empty()).count()
}
