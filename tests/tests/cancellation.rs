//! Requests that are cancelled on purpose: which, when, and that they are neither errors nor in any latency.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockServer, Run, Script, ScriptedServer, Tool};
use rstest::rstest;
use serde_json::Value;

/// 40 requests whose responses take a second after their first token, of which some are cancelled.
fn measure(transport: &str, format: &str, more: &[&str]) -> (MockServer, Run) {
    let server = MockServer::start(["--ttft-ms", "20", "--itl-ms", "50", "--tokens", "21"]);
    let run = Tool::profile_in(format, server.url())
        .args(["--concurrency", "20", "--request-count", "40", "--isl", "5", "--no-server-metrics"])
        .args(["--transport", transport])
        .args(more)
        .run();
    (server, run)
}

fn cancelled(run: &Run) -> Vec<Value> {
    let records = run.records().into_iter();
    records.filter(|record| record["metadata"]["was_cancelled"] == true).collect()
}

fn numbers(records: &[Value]) -> Vec<u64> {
    let mut numbers: Vec<u64> =
        records.iter().map(|record| record["metadata"]["session_num"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[rstest]
fn some_requests_are_cancelled_and_counted_apart(
    #[values("timed", "portable")] transport: &str,
    #[values("chat", "messages")] format: &str,
) {
    let words = ["--request-cancellation-rate", "30", "--request-cancellation-delay", "0.4"];
    let (server, run) = measure(transport, format, &words);
    let summary = run.succeeds().summary();
    let left = summary["cancelled_on_purpose"].as_u64().unwrap();
    // Of 40 with 30 %: the seed decides, and it is the same each time.
    assert!((4..=20).contains(&left), "{left}");
    assert_eq!(summary["cancelled_request_count"]["avg"], left);
    assert_eq!(summary["request_count"]["avg"], 40 - left);
    assert!(summary.get("error_request_count").is_none_or(|errors| errors["avg"] == 0));
    assert_eq!(summary["error_summary"], serde_json::json!([]));
    assert_eq!(summary["is_complete"], true, "{}", summary["incomplete_reason"]);
    assert!(summary["request_latency"]["min"].as_f64() > Some(900.0), "{}", summary["request_latency"]);
    let truth = server.truth();
    assert_eq!(
        (truth["requests_abandoned"].as_u64(), truth["requests_ok"].as_u64()),
        (Some(left), Some(40 - left))
    );
    assert!(
        run.stdout.contains(&format!("cancelled on purpose, not in the numbers: {left} requests")),
        "{}",
        run.stdout
    );
    let cancelled = cancelled(&run);
    assert_eq!(cancelled.len() as u64, left);
    for record in &cancelled {
        assert_eq!(record["error"]["type"], "request_cancelled");
        assert_eq!(record["metrics"], serde_json::json!({}));
        let at = |key: &str| record["metadata"][key].as_u64().unwrap();
        let after_ms = (at("cancellation_time_ns") - at("request_sent_ns")) / 1_000_000;
        assert!((400..1000).contains(&after_ms), "{after_ms} ms");
    }
    // The server knows when a client left, but for the time that it took to read the request.
    let requests = truth["requests"].as_array().unwrap();
    let abandoned = requests.iter().filter(|request| request["outcome"] == "abandoned");
    let stayed: Vec<u64> = abandoned
        .map(|request| {
            (request["ended_ns"].as_u64().unwrap() - request["arrived_ns"].as_u64().unwrap()) / 1_000_000
        })
        .collect();
    assert!(stayed.iter().all(|ms| (200..1000).contains(ms)), "{stayed:?}");
}

#[test]
fn the_seed_decides_which_are_cancelled_with_any_number_of_workers() {
    let which = |seed: &str, workers: &str| {
        let words = ["--request-cancellation-rate", "30", "--workers", workers, "--random-seed", seed];
        let words = [
            &["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--no-server-metrics"],
            &words[..],
        ];
        let server = MockServer::start(["--ttft-ms", "20", "--tokens", "1"]);
        let tool =
            Tool::new(words.concat()).args(["--url", server.url(), "--streaming", "--concurrency", "4"]);
        let run = tool.args(["--request-count", "40", "--isl", "5"]).run();
        numbers(&cancelled(run.succeeds()))
    };
    let one = which("7", "1");
    assert!(!one.is_empty());
    assert_eq!(one, which("7", "2"));
    assert_ne!(one, which("8", "1"));
}

/// Without a delay a client leaves as soon as the request is written, whether or not the server has answered.
#[rstest]
fn a_request_may_be_cancelled_as_soon_as_it_is_sent(#[values("timed", "portable")] transport: &str) {
    let server = ScriptedServer::start([Script::silent().hold()]);
    let run = Tool::profile_at(&server.url())
        .args(["--request-count", "5", "--isl", "5", "--no-server-metrics", "--transport", transport])
        .args(["--request-cancellation-rate", "100"])
        .run();
    run.ends_with(1);
    assert_eq!(run.summary()["cancelled_on_purpose"], 5);
    assert_eq!(server.requests().len(), 5);
    assert!(
        run.stderr.contains("5 requests cancelled, as `--request-cancellation-rate` asks"),
        "{}",
        run.stderr
    );
    let connections: Vec<usize> = server.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 1, 2, 3, 4], "a connection is closed, and not used again");
}

/// Who leaves does not come back with the next turn.
#[test]
fn a_conversation_ends_with_a_request_that_is_cancelled() {
    let turns = ["--conversation-turn-mean", "3", "--num-conversations", "12", "--concurrency", "12"];
    let server = MockServer::start(["--ttft-ms", "20", "--tokens", "1"]);
    let run = Tool::profile(&server)
        .args(["--isl", "5", "--no-server-metrics", "--request-cancellation-rate", "30"])
        .args(turns)
        .run();
    run.succeeds();
    let cancelled = cancelled(&run);
    assert!(!cancelled.is_empty());
    for record in &cancelled {
        let of_session =
            |other: &&Value| other["metadata"]["session_num"] == record["metadata"]["session_num"];
        let records = run.records();
        let last =
            records.iter().filter(of_session).map(|other| other["metadata"]["turn_index"].as_u64()).max();
        assert_eq!(last.unwrap(), record["metadata"]["turn_index"].as_u64());
    }
}

#[test]
fn a_warm_up_is_not_cancelled() {
    let words = ["--request-cancellation-rate", "100", "--warmup-request-count", "6", "--isolate", "chat"];
    let (server, run) = measure("timed", "chat", &words);
    run.ends_with(1);
    assert_eq!(run.summary()["warmup_metrics"]["request_count"]["avg"], 6);
    assert_eq!(server.truth()["requests_ok"], 6);
}

#[test]
fn an_error_of_the_server_before_that_is_an_error() {
    let server = MockServer::start(["--error-every", "1", "--ttft-ms", "0"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "5", "--isl", "5", "--no-server-metrics"])
        .args(["--request-cancellation-rate", "100", "--request-cancellation-delay", "20"])
        .run();
    run.ends_with(1);
    let summary = run.summary();
    assert_eq!(
        (&summary["cancelled_on_purpose"], &summary["error_request_count"]["avg"]),
        (&0.into(), &5.into())
    );
}
