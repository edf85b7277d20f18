//! A run that ends because too many of its requests fail.

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;

/// Every second request fails.
fn measure(flags: &[&str]) -> (MockServer, Run) {
    let server = MockServer::start(["--error-every", "2", "--ttft-ms", "5", "--tokens", "2"]);
    let run = Tool::profile(&server).args(["--isl", "5", "--no-server-metrics"]).args(flags).run();
    (server, run)
}

#[rstest]
#[case::closed(&["--concurrency", "2"])]
#[case::open(&["--request-rate", "100"])]
#[case::portable(&["--concurrency", "2", "--transport", "portable"])]
#[case::another_process(&["--concurrency", "2", "--isolate", "chat"])]
fn too_many_failures_end_a_run_with_a_reason(#[case] load: &[&str]) {
    let (server, run) =
        measure(&[load, &["--request-count", "5000", "--failed-request-threshold", "0.3"]].concat());
    run.ends_with(6);
    let summary = run.summary();
    let reason = summary["incomplete_reason"].as_str().unwrap();
    assert!(reason.contains("more than `--failed-request-threshold 0.3` allows"), "{reason}");
    assert!(run.stderr.contains(reason), "{}", run.stderr);
    let sent = server.truth()["requests_total"].as_u64().unwrap();
    assert!((10..1000).contains(&sent), "{sent}");
    assert_eq!(summary["is_complete"], false);
}

#[test]
fn a_warm_up_of_failures_ends_the_run_before_it_measures() {
    let server = MockServer::start(["--error-every", "1"]);
    let run = Tool::profile(&server)
        .args(["--warmup-request-count", "500", "--failed-request-threshold", "0.5", "--isl", "5"])
        .run();
    run.ends_with(1);
    assert!(server.truth()["requests_total"].as_u64() < Some(100), "{}", server.truth()["requests_total"]);
    assert!(run.stderr.contains("10 of 10 requests failed"), "{}", run.stderr);
}

#[test]
fn as_many_failures_as_are_allowed_do_not() {
    let (_server, run) =
        measure(&["--concurrency", "2", "--request-count", "60", "--failed-request-threshold", "0.6"]);
    assert_eq!(run.succeeds().summary()["error_request_count"]["avg"], 30);
}
