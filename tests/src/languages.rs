//! What suites of libraries in other languages than Rust share: which compilers are installed, and what is done with a folder that
//! `prony plugins new` has written.

use std::{env, fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::Tool;

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
