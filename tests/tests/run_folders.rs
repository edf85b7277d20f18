//! Where a run leaves its files when the user names no folder.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;
use serde_json::json;

/// A short run, in a folder of another test's choice.
fn run_in(folder: &Path, server: &MockServer, words: &[&str]) -> Run {
    let long_name = "org/a-model-whose-name-is-much-too-long-for-a-folder";
    let tool = Tool::new(["profile", "--model", long_name, "--no-server-metrics", "--ui", "none"]);
    let tool = tool.args(["--url", server.url(), "--request-count", "4", "--osl", "2"]).args(words);
    tool.under(&["sh", "-c", "cd \"$0\" && exec \"$@\"", folder.to_str().unwrap()]).run()
}

fn folders(of: &Path) -> BTreeSet<PathBuf> {
    fs::read_dir(of.join("artifacts")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Digits as `0`, so that any date looks alike.
fn shape(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

#[rstest]
#[case::closed_loop(&["--concurrency", "2"], "_chat_c2")]
#[case::open_loop(&["--request-rate", "50"], "_chat_r50")]
#[case::limited(&["--request-rate", "50", "--concurrency", "2"], "_chat_r50_c2")]
fn a_folder_has_a_date_and_a_short_name(#[case] words: &[&str], #[case] end: &str) {
    let (server, home) = (MockServer::start([]), tempfile::tempdir().unwrap());
    let run = run_in(home.path(), &server, words);
    run.succeeds();
    let folders = folders(home.path());
    assert_eq!(folders.len(), 1);
    let folder = folders.first().unwrap();
    let name = folder.file_name().unwrap().to_str().unwrap();
    let (date, rest) = name.split_at("2026-11-28_14-03-07".len());
    assert_eq!((shape(date).as_str(), rest), ("0000-00-00_00-00-00", end));

    let summary = fs::read_to_string(folder.join("profile_export_prony.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["input_config"]["artifact_dir"], json!(format!("artifacts/{name}")));
    // The summary has its times in UTC as well, and the load begins a little later than the run.
    let load = summary["start_time"].as_str().unwrap()[..date.len()].replace('T', "_").replace(':', "-");
    assert!(*date <= *load, "{date} {load}");
}

#[test]
fn runs_that_begin_at_the_same_time_do_not_share_a_folder() {
    let (server, home) = (MockServer::start([]), tempfile::tempdir().unwrap());
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| run_in(home.path(), &server, &[]).code)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(codes, [0; 4]);
    let folders = folders(home.path());
    assert_eq!(folders.len(), 4);
    assert!(folders.iter().all(|folder| folder.join("journal.prony").is_file()), "{folders:?}");
}

#[test]
fn a_later_run_is_listed_below() {
    let (server, home) = (MockServer::start([]), tempfile::tempdir().unwrap());
    let latest = || folders(home.path()).last().unwrap().clone();
    // It lasts longer than a second, and its name would come last but for the date.
    let words = ["--request-rate", "2", "--arrival-pattern", "constant"];
    run_in(home.path(), &server, &words).succeeds();
    let first = latest();
    run_in(home.path(), &server, &[]).succeeds();
    assert_ne!(latest(), first);
}

/// `runs` or `show` where `home` has the folder `artifacts`.
fn about_runs(home: &Path, words: &[&str]) -> Run {
    let tool = Tool::new(words);
    tool.under(&["sh", "-c", "cd \"$0\" && exec \"$@\"", home.to_str().unwrap()]).run()
}

/// What it prints.
fn printed(home: &Path, words: &[&str]) -> String {
    about_runs(home, words).succeeds().stdout.clone()
}

#[test]
fn runs_are_listed_with_their_headlines_and_shown_by_their_ids() {
    let (server, home) = (MockServer::start([]), tempfile::tempdir().unwrap());
    run_in(home.path(), &server, &["--concurrency", "2"]).succeeds();
    let run = run_in(home.path(), &server, &["--request-rate", "50", "--streaming"]);
    let table = run.succeeds().stdout.as_str();

    let list = printed(home.path(), &["runs"]);
    let lines: Vec<&str> = list.lines().collect();
    let at = |text: &str| lines.iter().position(|line| line.contains(text)).unwrap();
    assert!(at("_chat_r50") < at("_chat_c2"), "{list}");
    assert!(list.contains("open loop, 50 requests/s at Poisson gaps"), "{list}");
    assert!(
        list.contains("4 requests, ") && list.contains("first token ") && list.contains(" ms on average"),
        "{list}"
    );

    let known: serde_json::Value = serde_json::from_str(&printed(home.path(), &["runs", "--json"])).unwrap();
    let newest = &known[0];
    assert_eq!(
        (newest["state"].as_str(), newest["endpoint_type"].as_str()),
        (Some("complete"), Some("chat"))
    );
    let id = newest["run_id"].as_str().unwrap();
    for name in [&id[..12], "last", newest["dir"].as_str().unwrap()] {
        assert_eq!(printed(home.path(), &["show", name]), table);
    }
}

#[test]
fn what_is_no_run_is_named() {
    let home = tempfile::tempdir().unwrap();
    let none = about_runs(home.path(), &["runs"]);
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("there are no runs in `artifacts`"), "{}", none.stderr);
    fs::create_dir(home.path().join("artifacts")).unwrap();
    let unknown = about_runs(home.path(), &["show", "abc"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("there is no run `abc` in `artifacts`"), "{}", unknown.stderr);
}

#[test]
fn a_run_without_its_report_is_listed_and_says_how_to_make_it() {
    let (server, home) = (MockServer::start([]), tempfile::tempdir().unwrap());
    run_in(home.path(), &server, &[]).succeeds();
    let folder = folders(home.path()).into_iter().next().unwrap();
    fs::remove_file(folder.join("profile_export_prony.json")).unwrap();
    fs::remove_file(folder.join("profile_export_console.txt")).unwrap();
    let list = printed(home.path(), &["runs"]);
    assert!(list.contains("no report yet: `prony report artifacts/"), "{list}");
    let shown = about_runs(home.path(), &["show", "last"]);
    assert!(shown.code == 2 && shown.stderr.contains("makes it from the journal"), "{}", shown.stderr);
}
