//! A server that goes away in the middle of a run: the run ends by itself, and says since when.

use prony_tests::{MockServer, Run, Tool, eventually};
use rstest::rstest;

/// A run that only an end of the server can end. Its server goes away once something is measured.
fn outlived(words: &[&str]) -> Run {
    let server = MockServer::start(["--tokens", "2"]);
    let running = Tool::profile(&server).args(["--benchmark-duration", "3600"]).args(words).spawn();
    running.await_journal(20_000);
    drop(server);
    running.wait()
}

#[rstest]
#[case::closed_loop(&["--concurrency", "2"])]
#[case::portable(&["--concurrency", "2", "--transport", "portable"])]
#[case::open_loop(&["--request-rate", "200"])]
#[case::workers_in_a_process_of_their_own(&["--concurrency", "2", "--isolate", "chat"])]
fn a_run_without_a_server_ends_and_keeps_what_it_measured(#[case] words: &[&str]) {
    let run = outlived(words);
    run.ends_with(6);
    let summary = run.summary();
    assert!(summary["request_count"]["avg"].as_u64().unwrap() > 10, "{summary}");
    assert_eq!(summary["is_complete"], false);
    let reason = summary["incomplete_reason"].as_str().unwrap();
    assert!(reason.starts_with("the server was gone since "), "{reason}");
    assert!(
        reason.contains(" s after the start of the run (2") && reason.contains("connections in a row failed"),
        "{reason}"
    );
    let errors = summary["error_summary"].as_array().unwrap();
    let unreached = errors.iter().filter(|error| error["error_details"]["type"] == "connect");
    // Nearly all are refused; a server that is just going resets a connection that is not yet open. Together they are a
    // hundred in a row, and those that were under way as the hundredth was counted.
    let unreached: u64 = unreached.map(|error| error["count"].as_u64().unwrap()).sum();
    assert!((100..400).contains(&unreached), "{unreached} of {errors:?}");
    assert!(
        run.stderr.contains("the run ended before its time: the server was gone since "),
        "{}",
        run.stderr
    );
    assert!(
        run.stdout.contains("warning: the numbers are incomplete: the server was gone since "),
        "{}",
        run.stdout
    );
}

/// One of two servers is gone: the run goes on, and the breakdown by URL shows it.
#[test]
fn a_server_that_is_still_there_keeps_the_run_going() {
    let (gone, there) = (MockServer::start(["--tokens", "2"]), MockServer::start(["--tokens", "2"]));
    let running = Tool::profile(&there)
        .args(["--url", gone.url(), "--benchmark-duration", "3600", "--request-rate", "400"])
        .spawn();
    running.await_journal(20_000);
    drop(gone);
    let before = there.truth()["requests_ok"].as_u64().unwrap();
    // As many have failed by then.
    eventually("more requests", || (there.truth()["requests_ok"].as_u64()? > before + 300).then_some(()));
    running.signal("INT");
    let run = running.wait();
    run.ends_with(130);
    let failed = run.summary()["targets"][1]["error_request_count"].as_u64().unwrap();
    assert!(failed > 200, "{failed}");
}
