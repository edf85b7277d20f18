//! How connections are opened and kept, and how long anybody waits on one.

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;

/// A profile that does not stream: the head of an answer comes when the whole answer is there.
fn whole(server: &MockServer, flags: &[&str]) -> Run {
    Tool::new(["profile", "--model", "m", "--ui", "none", "--url", server.url(), "--osl", "2"])
        .args(["--no-server-metrics", "--artifact-dir", "run"])
        .args(flags)
        .run()
}

fn errors(run: &Run) -> Vec<(String, u64)> {
    let summary = run.summary();
    let groups = summary["error_summary"].as_array().unwrap();
    groups
        .iter()
        .map(|group| {
            let kind = group["error_details"]["type"].as_str().unwrap();
            (kind.to_owned(), group["count"].as_u64().unwrap())
        })
        .collect()
}

#[rstest]
fn a_server_that_does_not_begin_to_answer_is_waited_for_so_long(
    #[values("timed", "portable")] transport: &str,
) {
    let server = MockServer::start(["--ttft-ms", "600000"]);
    let flags =
        ["--first-byte-timeout-seconds", "0.2", "--idle-timeout-seconds", "0.1", "--request-count", "2"];
    let run = whole(&server, &[&flags[..], &["--transport", transport]].concat());
    assert_eq!(errors(run.ends_with(1)), [("first_byte_timeout".to_owned(), 2)]);
    assert!(run.stderr.contains("help: raise `--first-byte-timeout-seconds`"), "{}", run.stderr);
}

#[rstest]
fn a_stream_that_falls_silent_is_waited_for_so_long(#[values("timed", "portable")] transport: &str) {
    let server = MockServer::start(["--stall-every", "2", "--stall-ms", "0"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "4", "--osl", "8", "--idle-timeout-seconds", "0.3"])
        .args(["--first-byte-timeout-seconds", "60", "--transport", transport])
        .run();
    assert_eq!(errors(run.succeeds()), [("idle_timeout".to_owned(), 2)]);
    assert_eq!(run.summary()["request_count"]["avg"], 2, "the others are not touched");
}

/// The whole answer takes longer than any of its silences may.
#[rstest]
fn tokens_that_keep_coming_are_no_silence(#[values("timed", "portable")] transport: &str) {
    let server = MockServer::start(["--itl-ms", "50"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "1", "--osl", "50", "--idle-timeout-seconds", "2"])
        .args(["--first-byte-timeout-seconds", "2", "--transport", transport])
        .run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 1);
}

/// Its first byte has come, so that it is the silence after it that ends the request.
#[test]
fn a_head_that_stops_half_way_is_a_silence() {
    let server = MockServer::start(["--slow-header-ms", "600000"]);
    let run = whole(&server, &["--idle-timeout-seconds", "0.2", "--request-count", "1"]);
    assert_eq!(errors(run.ends_with(1)), [("idle_timeout".to_owned(), 1)]);
}

#[rstest]
#[case(&["--first-byte-timeout-seconds", "5", "--request-timeout-seconds", "5"], "--first-byte-timeout-seconds")]
#[case(&["--idle-timeout-seconds", "6", "--request-timeout-seconds", "5"], "--idle-timeout-seconds")]
fn a_limit_that_can_never_be_met_is_refused(#[case] flags: &[&str], #[case] flag: &str) {
    let run = Tool::profile_at("http://localhost:1").args(flags).run();
    run.ends_with(2);
    let expected = format!("error: failed to use `{flag}` together with `--request-timeout-seconds`");
    assert!(run.stderr.starts_with(&expected), "{}", run.stderr);
}
