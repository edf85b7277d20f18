//! How runs end: interrupts, kills, full folders, and commands around them. Nothing that was measured is lost.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hooks;

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::Command,
};

use prony_tests::{MockServer, Running, Tool, eventually, finish};
use rstest::rstest;

/// A run that goes on until somebody ends it.
fn endless(server: &MockServer) -> Tool {
    Tool::profile(server).args(["--benchmark-duration", "3600", "--concurrency", "4", "--osl", "4"])
}

/// Waits until some records are in the journal.
fn measured_something(running: &Running) -> u64 {
    running.await_journal(20_000)
}

#[rstest]
#[case::ctrl_c("INT", 130)]
#[case::termination("TERM", 143)]
fn an_interrupt_drains_and_writes_everything(#[case] signal: &str, #[case] code: i32) {
    let server = MockServer::start(["--itl-ms", "1"]);
    let running = endless(&server).spawn();
    measured_something(&running);
    running.signal(signal);
    let run = running.wait();
    run.ends_with(code);
    let summary = run.summary();
    assert_eq!(summary["was_cancelled"], true);
    assert!(summary["time_to_first_token"]["count"].as_u64().unwrap() > 0);
    // Drained, not cut: nothing was cancelled.
    assert_eq!(summary["error_request_count"]["avg"], 0);
    assert_eq!(summary["request_count"]["avg"].as_u64(), server.truth()["requests_ok"].as_u64());
}

#[test]
fn a_run_that_goes_on_is_not_reported_as_one_that_was_killed() {
    let server = MockServer::start(["--itl-ms", "1"]);
    let running = endless(&server).spawn();
    measured_something(&running);
    let report = Tool::new(["report"]).arg(running.dir().join("run")).run();
    report.ends_with(2);
    let says = format!("is still going (process {})", running.id());
    assert!(report.stderr.contains(&says), "{}", report.stderr);
    running.signal("INT");
    running.wait().ends_with(130);
}

#[test]
fn a_second_interrupt_does_not_wait() {
    let server = MockServer::start(["--stall-every", "1", "--stall-ms", "0"]);
    let running = endless(&server).spawn();
    eventually("four stalled requests", || (server.truth()["in_flight"] == 4).then_some(()));
    running.signal("INT");
    // Two signals that arrive together are one.
    eventually("the first interrupt is seen", || running.said("for requests in flight").then_some(()));
    running.signal("INT");
    let run = running.wait();
    run.ends_with(130);
    let summary = run.summary();
    assert_eq!(summary["was_cancelled"], true);
    assert_eq!(summary["cancelled_request_count"]["avg"], 4);
    assert_eq!(summary["error_summary"], serde_json::json!([]));
    let line = "cancelled by prony, not in the numbers: 4 requests (interrupted by the user)";
    assert!(run.stdout.contains(line) && !run.stdout.contains("Errors"), "{}", run.stdout);
}

#[test]
fn a_terminal_that_goes_away_is_an_interrupt_unless_the_user_said_otherwise() {
    let server = MockServer::start([]);
    // Whoever starts the tests may ignore it as well.
    let attached = endless(&server).under(&["env", "--default-signal=HUP"]).spawn();
    measured_something(&attached);
    attached.signal("HUP");
    attached.wait().ends_with(129);

    let detached = endless(&server).under(&["nohup"]).spawn();
    let bytes = measured_something(&detached);
    detached.signal("HUP");
    detached.await_journal(bytes + 20_000);
    assert!(!detached.said("for requests in flight"));
    detached.signal("INT");
    detached.wait().ends_with(130);
}

/// Puts a pipe that nobody writes to in the place of the run's journal, so that its report is never done.
fn block_the_report(running: &Running) {
    let journal = running.dir().join("run/journal.prony");
    eventually("the journal", || journal.exists().then_some(()));
    std::fs::rename(&journal, journal.with_extension("moved")).unwrap();
    assert!(finish(Command::new("mkfifo").arg(&journal)).status.success());
}

/// The report's side of that pipe, when it is being read.
fn blocked_report(running: &Running) -> File {
    const O_NONBLOCK: i32 = 0o4000;
    let journal = running.dir().join("run/journal.prony");
    eventually("the report", || OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(&journal).ok())
}

#[test]
fn an_interrupt_after_that_of_the_run_does_not_wait_for_the_report() {
    let server = MockServer::start([]);
    let mut running = endless(&server).spawn();
    measured_something(&running);
    block_the_report(&running);
    eventually("the end", || {
        running.signal("INT");
        running.has_ended().then_some(())
    });
    let run = running.wait();
    run.ends_with(130);
    assert!(run.stderr.contains("the report was not written to its end: `prony report "), "{}", run.stderr);
}

#[test]
fn the_report_of_a_run_that_was_not_interrupted_is_worth_a_question() {
    let server = MockServer::start(["--ttft-ms", "500"]);
    let mut running = Tool::profile(&server).args(["--request-count", "1", "--osl", "4"]).spawn();
    block_the_report(&running);
    let _held = blocked_report(&running);
    eventually("the question", || {
        running.signal("INT");
        running.said("while the report is being written; interrupt again").then_some(())
    });
    eventually("the end", || {
        running.signal("INT");
        running.has_ended().then_some(())
    });
    running.wait().ends_with(130);
}

/// A container is killed 10 s after SIGTERM: what does not end by itself is cancelled in time, and said to be.
#[test]
fn a_stalled_request_holds_up_the_end_no_longer_than_its_drain_timeout() {
    let server = MockServer::start(["--stall-every", "1", "--stall-ms", "0"]);
    let running = endless(&server).args(["--drain-timeout", "200ms"]).spawn();
    eventually("four stalled requests", || (server.truth()["in_flight"] == 4).then_some(()));
    running.signal("TERM");
    let run = running.wait();
    run.ends_with(143);
    let summary = run.summary();
    assert_eq!(summary["cancelled_request_count"]["avg"], 4);
    assert_eq!(summary["error_summary"], serde_json::json!([]));
    let line = "4 requests were still in flight and were cancelled (ended by SIGTERM)";
    assert!(run.stdout.contains(line), "{}", run.stdout);
}

/// The first request is due in thirty thousand years.
#[test]
fn a_run_that_waits_can_be_interrupted() {
    let server = MockServer::start([]);
    let running = Tool::profile(&server)
        .args(["--request-rate", "1e-12", "--arrival-pattern", "poisson", "--request-count", "2"])
        .spawn();
    eventually("the journal", || running.dir().join("run/journal.prony").exists().then_some(()));
    running.signal("INT");
    let run = running.wait();
    run.ends_with(130);
    assert_eq!(run.summary()["sent"], 0);
}

#[test]
fn a_killed_run_is_reported_up_to_its_last_record() {
    let server = MockServer::start([]);
    let running = endless(&server).spawn();
    measured_something(&running);
    running.signal("KILL");
    let killed = running.wait();
    killed.ends_with(128 + 9);
    let report = Tool::new(["report"]).arg(killed.dir().join("run")).run();
    report.ends_with(6);
    let summary = killed.summary();
    assert_eq!(summary["is_complete"], false);
    let counted = summary["request_count"]["avg"].as_u64().unwrap();
    assert!(counted > 10, "{counted}");
    assert_eq!(killed.records().len() as u64, counted);
}

#[test]
fn the_report_of_a_run_that_was_interrupted_is_incomplete() {
    let server = MockServer::start([]);
    let running = endless(&server).spawn();
    measured_something(&running);
    running.signal("INT");
    let run = running.wait();
    run.ends_with(130);
    let report = Tool::new(["report"]).arg(run.dir().join("run")).run();
    report.ends_with(6);
    assert!(
        report.stdout.contains("the numbers are incomplete: interrupted by the user"),
        "{}",
        report.stdout
    );
}

#[test]
fn a_report_computed_again_is_the_same() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "9"]).run();
    let first = run.succeeds().read("profile_export_prony.json");
    Tool::new(["report"]).arg(run.dir().join("run")).run().succeeds();
    assert_eq!(run.read("profile_export_prony.json"), first);
}

#[test]
fn a_folder_with_files_is_not_overwritten_silently() {
    let server = MockServer::start([]);
    let again = |dir: &Path, flags: &[&str]| {
        Tool::new(["profile", "--model", "m", "--ui", "none", "--isl", "8", "--request-count", "1"])
            .args(["--url", server.url(), "--artifact-dir"])
            .arg(dir)
            .args(flags)
            .run()
    };
    let folder = tempfile::tempdir().unwrap();
    again(folder.path(), &[]).succeeds();
    let refused = again(folder.path(), &[]);
    refused.ends_with(2);
    assert!(refused.stderr.contains("--overwrite"), "{}", refused.stderr);
    again(folder.path(), &["--overwrite"]).succeeds();
}

#[test]
fn a_folder_where_nobody_may_write_is_named() {
    let server = MockServer::start([]);
    let run =
        Tool::new(["profile", "--model", "m", "--url", server.url(), "--artifact-dir", "/proc/prony"]).run();
    run.ends_with(1);
    assert!(run.stderr.contains("`/proc/prony`"), "{}", run.stderr);
    assert_eq!(server.truth()["requests_total"], 0);
}

#[rstest]
#[case::no_such_folder("nowhere")]
#[case::no_journal(".")]
fn a_report_on_nothing_says_so(#[case] dir: &str) {
    let run = Tool::new(["report", dir]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("journal"), "{}", run.stderr);
}
