//! What programs read of the environment: tests have none of the user's.

use std::{
    env,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

/// Variables that programs of the tests read, but for those whose names begin with prony's and AIPerf's own words.
const READ: [&str; 11] = [
    "CARGO_TARGET_DIR",
    "COLUMNS",
    "RUST_BACKTRACE",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// Folders in which users have plugins and settings.
const FOLDERS: [&str; 5] =
    ["XDG_DATA_HOME", "XDG_DATA_DIRS", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_STATE_HOME"];

/// Takes away from a program what it would read of the user's environment.
pub(crate) fn take_away(command: &mut Command) {
    for name in READ {
        command.env_remove(name);
    }
    let is_read = |name: &str| name.starts_with("AIPERF_") || name.starts_with("PRONY_");
    for (name, _) in env::vars_os().filter(|(name, _)| is_read(&name.to_string_lossy())) {
        command.env_remove(name);
    }
}

/// A shell in a folder that runs commands as somebody types them, with the programs of `programs` before all others, and none of the
/// user's plugins and settings. What it starts ends with it at the latest.
///
/// # Panics
/// When there is no path of programs.
pub fn shell(folder: &Path, programs: &Path, commands: &str) -> Command {
    let others = env::var_os("PATH").expect("a path of programs");
    let path = env::join_paths([programs.to_owned()].into_iter().chain(env::split_paths(&others)));
    let mut shell = Command::new("sh");
    shell.args(["-euc", commands]).current_dir(folder).stdin(Stdio::null()).process_group(0);
    take_away(&mut shell);
    shell.env("PATH", path.expect("folders without a colon"));
    for name in FOLDERS {
        shell.env(name, folder.join("none"));
    }
    shell
}
