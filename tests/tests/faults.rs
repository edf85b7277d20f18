//! Servers that fail: every failure is an error, in a row of its own, and improves no number.

use prony_tests::{MockServer, Tool, wire::Replay};
use rstest::rstest;
use serde_json::Value;

#[rstest]
#[case::status(&["--error-every", "2"], "http_status")]
#[case::cut(&["--cut-every", "2"], "stream_cut")]
#[case::in_band(&["--stream-error-every", "2"], "server_error")]
#[case::in_band_without_a_name(&["--stream-error-every", "2", "--stream-error-style", "bare"], "server_error")]
fn failures_are_errors_in_one_row(#[case] fault: &[&str], #[case] kind: &str) {
    let server = MockServer::start(fault.iter().copied());
    let run =
        Tool::profile(&server).args(["--request-count", "20", "--osl", "8", "--concurrency", "4"]).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 10);
    assert_eq!(summary["error_request_count"]["avg"], 10);
    let errors = summary["error_summary"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0]["error_details"]["type"], kind);
    assert_eq!(errors[0]["count"], 10);
    assert_eq!(run.records().iter().filter(|record| record["error"].is_object()).count(), 10);
    // Requests that failed half-way would have shortened these.
    assert_eq!(summary["output_sequence_length"]["min"], 8);
    assert_eq!(summary["time_to_first_token"]["count"], 10);
    assert_eq!(summary["total_osl"]["avg"], 80);
}

#[rstest]
#[case::split(&["--split"])]
#[case::bundled(&["--bundle", "3"])]
#[case::first_bundled(&["--bundle-first", "4"])]
#[case::slow_header(&["--slow-header-ms", "5"])]
fn an_odd_way_of_answering_is_no_failure(#[case] flags: &[&str]) {
    let server = MockServer::start(flags.iter().copied());
    let run = Tool::profile(&server).args(["--request-count", "10", "--osl", "12"]).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 10);
    assert_eq!(summary["output_sequence_length"]["avg"], 12);
}

/// Tokens that come with the first one are not among those whose pace is measured: three tokens follow the first four, and
/// their gaps together are three inter-token latencies. Of some requests a busy machine may read the second chunk with the
/// first, or others together: fewer tokens follow then, by no more than the reads that are missing. Chunks are so far from
/// each other that no machine is so busy for all requests.
#[test]
fn a_bundled_first_chunk_does_not_shorten_the_inter_token_latency() {
    let server = MockServer::start(["--bundle-first", "4", "--itl-ms", "300"]);
    let run = Tool::profile(&server).args(["--request-count", "8", "--osl", "7", "--concurrency", "4"]).run();
    let records = run.succeeds().records();
    assert_eq!(records.len(), 8);
    let mut undisturbed = 0;
    for record in records {
        let metrics = &record["metrics"];
        let gaps = metrics["inter_chunk_latency"]["value"].as_array().unwrap();
        let decoding: f64 = gaps.iter().map(|gap| gap.as_f64().unwrap()).sum();
        let following = decoding / metrics["inter_token_latency"]["value"].as_f64().unwrap();
        let least = gaps.len() as f64;
        assert!((following - following.round()).abs() < 1e-6, "{following} tokens follow: {metrics:#}");
        assert!((least..=3.0).contains(&following.round()), "{following} tokens follow: {metrics:#}");
        undisturbed += usize::from(gaps.len() == 3);
    }
    assert!(undisturbed > 0, "the machine was too busy for all of them");
}

/// The server advertises keep-alive and closes the connection. A request that loses the race is sent again on a fresh
/// connection; none is lost.
#[test]
fn a_server_that_lies_about_keep_alive_loses_no_request() {
    let server = MockServer::start(["--close-every", "1"]);
    let run =
        Tool::profile(&server).args(["--request-count", "100", "--osl", "2", "--concurrency", "4"]).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 100);
    assert_eq!(server.truth()["requests_ok"], 100);
}

#[test]
fn a_stalled_stream_ends_at_the_request_timeout() {
    let server = MockServer::start(["--stall-every", "1", "--stall-ms", "0"]);
    let run = Tool::profile(&server).args(["--request-count", "2", "--request-timeout-seconds", "0.2"]).run();
    let summary = run.ends_with(1).summary();
    assert_eq!(summary["error_summary"][0]["error_details"]["type"], "timeout");
    assert_eq!(summary["error_summary"][0]["count"], 2);
}

#[test]
fn a_run_without_any_success_still_writes_everything() {
    let server = MockServer::start(["--error-every", "1", "--error-status", "503"]);
    let run = Tool::profile(&server).args(["--request-count", "6"]).run();
    run.ends_with(1);
    let summary = run.summary();
    assert_eq!(summary["error_request_count"]["avg"], 6);
    assert_eq!(summary["error_summary"][0]["error_details"]["code"], 503);
    assert_eq!(run.records().len(), 6);
    assert!(run.artifact("profile_export_prony.csv").exists());
    assert!(run.stdout.contains("503"), "{}", run.stdout);
}

/// Who throws the report away must hear of a failure all the same.
#[test]
fn a_failed_run_says_why_on_standard_error() {
    let server = MockServer::start(["--error-every", "1", "--error-status", "503"]);
    let run = Tool::profile(&server).args(["--request-count", "3"]).run();
    run.ends_with(1);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines[0], "error: failed to measure anything: no request succeeded", "{}", run.stderr);
    assert!(lines[1].starts_with("cause: 3 requests ended with http_status"), "{}", run.stderr);
}

#[test]
fn a_run_that_failed_in_part_warns() {
    let server = MockServer::start(["--error-every", "2"]);
    let run = Tool::profile(&server).args(["--request-count", "4"]).run();
    run.succeeds();
    assert_eq!(run.stderr, "warning: 2 of 4 requests failed\n");
    assert!(run.stdout.contains("2 of 4 requests failed (50.0 %; http_status 500)"), "{}", run.stdout);
}

/// A server's answer, whatever it says.
fn answer(status: &str, media: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

#[test]
fn a_secret_that_a_server_repeats_is_masked() {
    let body = r#"{"error": {"message": "Incorrect API key provided: sk-hush-hush"}}"#;
    let server = Replay::start(answer("401 Unauthorized", "application/json", body), 1);
    let run = Tool::profile_at(&server.url())
        .args(["--request-count", "1", "--no-server-metrics", "--api-key", "sk-hush-hush"])
        .run();
    run.ends_with(1);
    let message = run.summary()["error_summary"][0]["error_details"]["message"].to_string();
    assert!(message.contains("Incorrect API key provided: <redacted>"), "{message}");
    assert!(!run.stdout.contains("hush") && !run.stderr.contains("hush"), "{}{}", run.stdout, run.stderr);
    assert!(
        !String::from_utf8_lossy(&std::fs::read(run.artifact("journal.prony")).unwrap()).contains("hush")
    );
}

#[test]
fn what_a_server_says_does_not_reach_the_terminal_as_commands() {
    let body = "{\"error\": {\"message\": \"\\u001b[31mred\\u0007\"}}";
    let server = Replay::start(answer("400 Bad Request", "application/json", body), 1);
    let run = Tool::profile_at(&server.url()).args(["--request-count", "1", "--no-server-metrics"]).run();
    run.ends_with(1);
    assert!(run.stdout.contains("red"), "{}", run.stdout);
    assert!(!run.stdout.contains('\u{1b}') && !run.stdout.contains('\u{7}'), "{}", run.stdout);
}

#[test]
fn a_redirection_is_an_error_that_says_where_to() {
    let answer = b"HTTP/1.1 301 Moved\r\nLocation: http://elsewhere/v1\r\nContent-Length: 0\r\n\r\n".to_vec();
    let server = Replay::start(answer, 1);
    let run = Tool::profile_at(&server.url()).args(["--request-count", "1", "--no-server-metrics"]).run();
    run.ends_with(1);
    assert!(run.stderr.contains("http://elsewhere/v1"), "{}", run.stderr);
}

#[test]
fn nobody_at_the_address_is_said_at_once() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let run = Tool::profile_at(&url).run();
    run.ends_with(4);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{}", run.stderr);
    assert!(lines[0].contains(&url), "{}", run.stderr);
    assert!(lines[2].contains("--wait-for-model-timeout"), "{}", run.stderr);
    assert!(!run.artifact("journal.prony").exists());
}

#[test]
fn waiting_for_a_model_does_not_wait_for_an_attempt_that_hangs() {
    let server = MockServer::start(["--stall-every", "1", "--stall-ms", "0"]);
    let run = Tool::profile(&server).args(["--wait-for-model-timeout", "0.2"]).run();
    run.ends_with(4);
    assert!(run.stderr.contains("within 0.2 s"), "{}", run.stderr);
}

#[test]
fn waiting_for_a_model_ends_where_waiting_cannot_help() {
    let server = MockServer::start(["--error-every", "1", "--error-status", "401"]);
    let run = Tool::profile(&server).args(["--wait-for-model-timeout", "3600"]).run();
    run.ends_with(4);
    assert!(run.stderr.contains("--api-key"), "{}", run.stderr);
}

#[test]
fn waiting_for_a_model_that_never_answers_ends() {
    let server = MockServer::start(["--error-every", "1"]);
    let run = Tool::profile(&server).args(["--wait-for-model-timeout", "0.1"]).run();
    run.ends_with(4);
    assert!(run.stderr.contains("within 0.1 s"), "{}", run.stderr);
}

#[test]
fn a_page_that_does_not_exist_is_one_line_of_the_report() {
    let server = MockServer::start([]);
    let missing = format!("{}/no-such-page", server.url());
    let run = Tool::profile(&server).args(["--request-count", "2", "--server-metrics", &missing]).run();
    run.succeeds();
    let lines: Vec<&str> = run.stdout.lines().filter(|line| line.contains("no-such-page")).collect();
    assert_eq!(lines.len(), 1, "{}", run.stdout);
    assert!(lines[0].contains("404"), "{}", lines[0]);
}

#[test]
fn the_servers_own_counters_agree_with_what_was_sent() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server)
        .args(["--warmup-request-count", "4", "--request-count", "30", "--osl", "5", "--concurrency", "3"])
        .run();
    run.succeeds();
    let metrics: Value = serde_json::from_str(&run.read("server_metrics_export.json")).unwrap();
    let text = metrics.to_string();
    assert!(run.artifact("server_metrics_export.csv").exists());
    let total = metrics["metrics"]
        .as_object()
        .unwrap()
        .iter()
        .find(|(name, _)| name.contains("generation_tokens"))
        .map(|(_, metric)| metric["series"][0]["stats"]["total"].clone());
    assert_eq!(total, Some(Value::from(150.0)), "{text}");
}

/// A closed loop against a server that died would fail as fast as it can: millions of records, and nothing learnt.
#[test]
fn a_closed_loop_rests_when_nobody_answers_any_more() {
    let server = MockServer::start(["--tokens", "2"]);
    let running = Tool::profile(&server).args(["--benchmark-duration", "3600", "--concurrency", "2"]).spawn();
    running.await_journal(20_000);
    drop(server);
    let journal = running.dir().join("run/journal.prony");
    running.until("a refused connection in the journal", || {
        let bytes = std::fs::read(&journal).ok()?;
        bytes.windows(20).any(|window| window == b"cannot open a connec").then_some(())
    });
    running.signal("INT");
    let run = running.wait();
    let summary = run.ends_with(130).summary();
    let errors = summary["error_summary"].as_array().unwrap();
    let refused = errors.iter().find(|error| error["error_details"]["type"] == "connect").unwrap();
    // Two slots, ten tries a second each, for as long as it took to look: far from the thousands a second of a loop
    // that does not rest.
    assert!(refused["count"].as_u64().unwrap() < 500, "{refused}");
    // Whatever else failed had begun before the first connection was refused: a server that dies closes its sockets one after
    // the other, and may still take a connection that it closes next.
    let (connect, others): (Vec<_>, Vec<_>) = run
        .records()
        .into_iter()
        .filter(|record| record["error"].is_object() && record["metadata"]["was_cancelled"] != true)
        .partition(|record| record["error"]["type"] == "connect");
    let at = |record: &Value, key: &str| record["metadata"][key].as_u64().unwrap();
    let first_refused = connect.iter().map(|record| at(record, "request_end_ns")).min().unwrap();
    assert!(others.iter().all(|record| at(record, "request_start_ns") < first_refused), "{others:#?}");
    // A connection that dies does so before the response is there, or in the middle of it.
    let died = |record: &Value| {
        ["connection_reset", "stream_cut"].iter().any(|kind| record["error"]["type"] == *kind)
    };
    assert!(others.iter().all(died), "{others:#?}");
    assert!(others.len() < 500, "{errors:#?}");
}
