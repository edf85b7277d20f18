//! What holds up a run has a limit, and a log that nobody watches says how far the run is.

use prony_tests::{MockServer, Script, ScriptedServer, Tool};
use rstest::rstest;

/// A run in a closed loop of two against a server that begins every second answer and never ends it.
fn stalled(server: &MockServer, more: &[&str]) -> Tool {
    Tool::profile(server).args(["--concurrency", "2", "--osl", "4", "--request-count", "100"]).args(more)
}

#[rstest]
#[case::timed(&[])]
#[case::portable(&["--transport", "portable"])]
#[case::isolated(&["--isolate", "chat"])]
fn a_run_ends_at_its_deadline_with_all_that_was_measured(#[case] more: &[&str]) {
    let server = MockServer::start(["--stall-every", "2", "--stall-ms", "0"]);
    let run = stalled(&server, more).args(["--deadline", "3s"]).run();
    run.ends_with(6);
    let warning = "warning: the run ended before its time: the deadline of 3 s (`--deadline`) was over";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    let summary = run.summary();
    assert_eq!(summary["is_complete"], false);
    assert_eq!(summary["incomplete_reason"], "the deadline of 3 s (`--deadline`) was over");
    assert_eq!(summary["cancelled_request_count"]["avg"], 2, "{:#?}", run.records());
    let line =
        "cancelled by prony, not in the numbers: 2 requests (the deadline of 3 s (`--deadline`) was over)";
    assert!(run.stdout.contains(line) && !run.stdout.contains("Errors"), "{}", run.stdout);
    assert!(summary["request_count"]["avg"].as_u64().unwrap() >= 1, "{summary}");
    assert_eq!(summary["request_count"]["avg"].as_u64(), server.truth()["requests_ok"].as_u64());
}

#[test]
fn a_deadline_counts_the_warm_up() {
    let server = MockServer::start(["--stall-every", "1", "--stall-ms", "0"]);
    let run = stalled(&server, &["--warmup-request-count", "2", "--deadline", "1"]).run();
    run.ends_with(1);
    assert!(run.stderr.contains("(`--deadline`) was over"), "{}", run.stderr);
    assert_eq!(run.summary()["warmup_metrics"]["cancelled_request_count"]["avg"], 2);
    assert!(run.stdout.contains(" failed, 2 cancelled"), "{}", run.stdout);
    assert_eq!(run.summary()["scheduled"], 0);
}

#[test]
fn a_deadline_counts_the_wait_for_the_server() {
    let server = ScriptedServer::start([Script::status("503 Service Unavailable", &["content-length: 0"])]);
    let run =
        Tool::profile_at(&server.url()).args(["--wait-for-model-timeout", "1h", "--deadline", "1"]).run();
    run.ends_with(4);
    assert!(run.stderr.contains("(and `--deadline`, if it is set)"), "{}", run.stderr);
}

#[test]
fn a_run_that_ends_before_its_deadline_is_complete() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "4", "--osl", "4", "--deadline", "1h"]).run();
    assert_eq!(run.succeeds().summary()["is_complete"], true);
}

#[rstest]
#[case::timed(&[])]
#[case::portable(&["--transport", "portable"])]
fn numbers_without_the_requests_that_were_cancelled_are_not_complete(#[case] more: &[&str]) {
    let server = MockServer::start(["--stall-every", "2", "--stall-ms", "0"]);
    let run =
        stalled(&server, more).args(["--benchmark-duration", "1", "--benchmark-grace-period", "0"]).run();
    run.ends_with(6);
    assert!(run.stderr.contains("2 requests cancelled"), "{}", run.stderr);
    let summary = run.summary();
    assert_eq!(summary["is_complete"], false);
    Tool::new(["report"]).arg(run.artifact("")).run().ends_with(6);
    let reason = summary["incomplete_reason"].as_str().unwrap();
    let why = "2 requests were still in flight and were cancelled (the grace period was over)";
    assert!(reason.starts_with(why), "{reason}");
}

#[test]
fn a_log_hears_every_ten_seconds_how_far_the_run_is() {
    let server = MockServer::start(["--stall-every", "1", "--stall-ms", "0"]);
    let stderr = |ui: &[&str]| {
        let tool = Tool::new(["profile", "--model", "m", "--streaming", "--artifact-dir", "run"]);
        let load = ["--url", server.url(), "--concurrency", "2", "--request-count", "50"];
        tool.args(load).args(["--benchmark-duration", "11", "--benchmark-grace-period", "0"]).args(ui).spawn()
    };
    let (shown, silent) = (stderr(&[]), stderr(&["--ui", "none"]));
    let (shown, silent) = (shown.wait(), silent.wait());
    let lines: Vec<&str> = shown.stderr.lines().filter(|line| line.starts_with("profiling: ")).collect();
    assert_eq!(lines, ["profiling: 10 of 11 s, 0 of 50 requests, 2 in flight"], "{}", shown.stderr);
    assert!(!silent.stderr.contains("profiling: "), "{}", silent.stderr);
}

#[test]
fn a_request_without_a_limit_of_its_own_ends_after_half_an_hour() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "1", "--osl", "4"]).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["input_config"]["target"]["request_timeout_s"], 1800.0);
}
