//! The log in a file and in JSON: `--log-file`, `--log-format`, and their variables.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;
use serde_json::Value;

/// A short run that says what it does.
fn verbose(server: &MockServer) -> Tool {
    Tool::profile(server).args(["--request-count", "2", "-vv"])
}

fn log(run: &Run) -> String {
    fs::read_to_string(run.dir().join("run.log")).unwrap()
}

fn is_of_the_log(line: &str) -> bool {
    line.contains(" DEBUG ") || line.contains(" TRACE ")
}

#[rstest]
#[case::in_process(&[])]
#[case::workers_of_another_process(&["--isolate", "chat"])]
fn the_log_is_in_the_file_and_not_on_standard_error(#[case] words: &[&str]) {
    let server = MockServer::start([]);
    let run = verbose(&server).args(words).args(["--log-file", "run.log"]).run();
    run.succeeds();
    let log = log(&run);
    assert!(log.lines().any(|line| is_of_the_log(line) && line.contains(" prony::")), "{log}");
    assert!(!log.contains('\u{1b}'), "a file has no colours: {log}");
    assert!(!run.stderr.lines().any(is_of_the_log), "{}", run.stderr);
}

#[test]
fn lines_are_added_to_what_is_in_the_file() {
    let server = MockServer::start([]);
    let tool = verbose(&server).args(["--log-file", "run.log"]);
    tool.file("run.log", "from before\n");
    let run = tool.run();
    run.succeeds();
    assert!(log(&run).starts_with("from before\n") && log(&run).lines().count() > 1);
}

fn are_objects(lines: &str) -> bool {
    let objects: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let keys = ["timestamp", "level", "target", "message"];
    let is_whole = |line: &Value| keys.iter().all(|key| line[key].is_string());
    !objects.is_empty() && objects.iter().all(is_whole)
}

#[test]
fn each_line_is_an_object_where_that_is_asked_for() {
    let server = MockServer::start([]);
    let words = ["--log-format", "json", "--log-file", "run.log", "--isolate", "chat"];
    let run = verbose(&server).args(words).run();
    run.succeeds();
    assert!(are_objects(&log(&run)), "{}", log(&run));
}

/// The same on standard error, where other lines stand between.
#[test]
fn objects_stand_on_standard_error_without_a_file() {
    let server = MockServer::start([]);
    let run = verbose(&server).args(["--log-format", "json"]).run();
    run.succeeds();
    let objects: String =
        run.stderr.lines().filter(|line| line.starts_with('{')).map(|line| line.to_owned() + "\n").collect();
    assert!(are_objects(&objects), "{}", run.stderr);
    assert!(!run.stderr.lines().any(is_of_the_log), "{}", run.stderr);
}

#[test]
fn variables_say_it_as_well_and_flags_stand_over_them() {
    let server = MockServer::start([]);
    let run = verbose(&server).env("PRONY_LOG_FILE", "run.log").env("PRONY_LOG_FORMAT", "json").run();
    assert_eq!(run.succeeds().stderr, "");
    assert!(are_objects(&log(&run)));
    let tool = verbose(&server).args(["--log-file", "other.log", "--log-format", "text"]);
    let run = tool.env("PRONY_LOG_FILE", "run.log").env("PRONY_LOG_FORMAT", "json").run();
    run.succeeds();
    assert!(!run.dir().join("run.log").exists());
    let other = fs::read_to_string(run.dir().join("other.log")).unwrap();
    assert!(other.lines().any(is_of_the_log), "{other}");
}

#[test]
fn a_format_that_there_is_not_is_refused() {
    let run = Tool::new(["metrics"]).env("PRONY_LOG_FORMAT", "xml").run();
    run.ends_with(2);
    assert!(run.stderr.contains("use the variable `PRONY_LOG_FORMAT`, which is `xml`"), "{}", run.stderr);
    let run = Tool::new(["metrics", "--log-format", "xml"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("--log-format"), "{}", run.stderr);
}

#[test]
fn a_file_that_cannot_be_made_ends_the_command_before_anything_is_sent() {
    let server = MockServer::start([]);
    let run = verbose(&server).args(["--log-file", "no/such/folder/run.log"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("failed to open the log file `no/such/folder/run.log`"), "{}", run.stderr);
    assert!(run.stderr.contains("help: name a file in a folder that there is"), "{}", run.stderr);
    assert_eq!(server.truth()["requests_total"], 0);
}

/// What is measured is worth more than what is logged.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_once_and_ends_no_run() {
    let server = MockServer::start([]);
    let run = verbose(&server).args(["--log-file", "/dev/full"]).run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 2);
    let warning = "lines of the log are lost: `/dev/full` cannot be written";
    assert_eq!(run.stderr.matches(warning).count(), 1, "{}", run.stderr);
}

#[rstest]
fn a_key_is_in_no_log(#[values("text", "json")] format: &str) {
    const KEY: &str = "sk-a-key-that-nobody-may-see";
    let server = MockServer::start([]);
    let words = ["--log-file", "run.log", "--log-format", format, "--api-key", KEY];
    let run = verbose(&server).args(words).env("PRONY_LOG_FILE", "").run();
    run.succeeds().keeps(&[KEY]);
    assert!(!log(&run).is_empty());
}
