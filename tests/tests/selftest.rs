//! `prony selftest`: it finds that the installation of the tests works, and what is wrong with one that does not.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fs, path::Path, process::Command};

#[cfg(target_os = "linux")]
use prony_tests::eventually;
use prony_tests::{NatsServer, Run, Tool, finish, program};

/// With a folder for temporary files of its own.
fn selftest() -> Tool {
    let tool = Tool::new(["selftest"]);
    let folder = tool.dir().join("temporary");
    fs::create_dir(&folder).unwrap();
    tool.env("TMPDIR", folder)
}

/// That counts and tokens are right, however exact times are while the machine has other things to do.
fn is_well(word: &str) -> bool {
    ["ok", "warn"].contains(&word)
}

/// How a check ended, in its word.
fn word<'a>(run: &'a Run, name: &str) -> &'a str {
    let line = run.stdout.lines().find(|line| line.contains(&format!("  {name}: ")));
    let line = line.unwrap_or_else(|| panic!("no line about `{name}`:\n{}\n{}", run.stdout, run.stderr));
    line.split_whitespace().next().unwrap()
}

#[test]
fn what_is_installed_for_the_tests_works() {
    let run = selftest().run();
    run.succeeds();
    for name in [
        "shipped plugins",
        "a streamed chat",
        "another API format (`messages`)",
        "an endpoint in a process of its own",
    ] {
        assert!(is_well(word(&run, name)), "{}", run.stdout);
    }
    let of_agent = word(&run, "an agent");
    assert!(if NatsServer::is_here() { is_well(of_agent) } else { of_agent == "skip" }, "{}", run.stdout);
    assert!(run.stdout.ends_with("\nthe installation works\n"), "{}", run.stdout);
    let numbers = run.stdout.lines().find(|line| line.contains("a streamed chat")).unwrap();
    assert!(numbers.contains("8 requests, first token off by "), "{numbers}");
}

#[test]
fn nothing_stays_behind() {
    let run = selftest().run();
    run.succeeds();
    let names = |folder: &Path| -> Vec<_> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    assert_eq!(names(run.dir()), ["temporary"]);
    assert!(names(&run.dir().join("temporary")).is_empty());
}

/// The processes that work in a folder, or below.
#[cfg(target_os = "linux")]
fn working_in(folder: &Path) -> Vec<std::path::PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let works = |process: &Path| fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
    processes.filter(|process| works(process)).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn what_it_has_started_ends_with_it() {
    let running = selftest().spawn();
    let folder = running.dir().join("temporary").canonicalize().unwrap();
    running.until("a run of its own", || (!working_in(&folder).is_empty()).then_some(()));
    running.signal("TERM");
    let run = running.wait();
    run.ends_with(143);
    eventually("all of them have ended", || working_in(&folder).is_empty().then_some(()));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

/// A setting of the user's that would change or break a run has no effect.
#[test]
fn the_users_settings_mean_nothing_to_it() {
    let run = selftest().env("PRONY_REQUEST_COUNT", "3").env("PRONY_OSL", "-1").run();
    run.succeeds();
    assert!(is_well(word(&run, "a streamed chat")), "{}", run.stdout);
}

#[test]
fn a_program_without_its_plugins_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("prony");
    fs::copy(program(), &alone).unwrap();
    let mut command = Command::new(&alone);
    command.arg("selftest").current_dir(folder.path()).env_remove("PRONY_PLUGIN_PATH");
    for name in ["XDG_DATA_HOME", "XDG_DATA_DIRS", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"] {
        command.env(name, folder.path().join("none"));
    }
    let output = finish(&mut command);
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}{errors}");
    assert!(
        said.contains("fail  shipped plugins: there are none\n      fix: install the libraries"),
        "{said}"
    );
    assert!(said.contains("fail  a streamed chat: a process of prony ended with the exit code "), "{said}");
    assert!(said.ends_with(" checks failed\n"), "{said}");
}

#[test]
fn without_a_folder_for_temporary_files_it_says_so() {
    let run = Tool::new(["selftest"]).env("TMPDIR", "/nowhere/at/all").run();
    run.ends_with(1);
    assert!(run.stderr.contains("failed to make a temporary folder"), "{}", run.stderr);
    assert!(run.stderr.contains("TMPDIR"), "{}", run.stderr);
}
