//! Slots for requests that wait for their first token: how many the server has at once, and how long others waited.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;
use serde_json::Value;

fn at(request: &Value, key: &str) -> u64 {
    request[key].as_u64().unwrap()
}

/// Requests that had arrived at the server and waited for their first token at the instant `then_ns`.
fn waiting_at(requests: &[Value], then_ns: u64) -> usize {
    let waits = |request: &&Value| {
        at(request, "arrived_ns") <= then_ns && then_ns < at(request, "first_token_sent_ns")
    };
    requests.iter().filter(waits).count()
}

/// The most requests that waited for their first token at once, as the server knows it. It is highest when one arrives.
fn most_waiting(server: &MockServer) -> usize {
    let truth = server.truth();
    let requests = truth["requests"].as_array().unwrap();
    requests.iter().map(|request| waiting_at(requests, at(request, "arrived_ns"))).max().unwrap()
}

/// First tokens after 60 ms, and then 20 more, 15 ms apart: five times as long.
fn measure(format: &str, flags: &[&str]) -> (MockServer, Run) {
    let server = MockServer::start(["--ttft-ms", "60", "--itl-ms", "15", "--tokens", "21"]);
    let run =
        Tool::profile_in(format, server.url()).args(["--isl", "5", "--no-server-metrics"]).args(flags).run();
    run.succeeds();
    (server, run)
}

fn waits_ms(run: &Run) -> Vec<f64> {
    let waited = |record: &Value| record["metadata"]["gate_wait_ns"].as_u64().unwrap_or(0) as f64 / 1e6;
    run.records().iter().map(waited).collect()
}

#[rstest]
#[case::closed("chat", &["--concurrency", "8", "--request-count", "24", "--workers", "1"])]
#[case::closed_with_workers("chat", &["--concurrency", "8", "--request-count", "24", "--workers", "2"])]
#[case::open("chat", &["--request-rate", "200", "--request-count", "24"])]
#[case::portable("chat", &["--concurrency", "8", "--request-count", "24", "--transport", "portable"])]
#[case::another_process("chat", &["--concurrency", "8", "--request-count", "24", "--isolate", "chat"])]
#[case::another_format("completions", &["--concurrency", "8", "--request-count", "24"])]
#[case::typed_events("responses", &["--concurrency", "8", "--request-count", "24"])]
fn no_more_wait_for_their_first_token_than_there_are_slots(#[case] format: &str, #[case] load: &[&str]) {
    let (server, run) = measure(format, &[load, &["--prefill-concurrency", "2"]].concat());
    assert_eq!(most_waiting(&server), 2);
    // The slots come back at the first token, and not at the end of the response.
    assert!(server.truth()["max_in_flight"].as_u64() > Some(4), "{}", server.truth()["max_in_flight"]);
    assert_eq!(run.summary()["request_count"]["avg"], 24);
    let waits = waits_ms(&run);
    assert!(waits.iter().any(|ms| *ms > 30.0), "{waits:?}");
    // Who waits has not been sent.
    let first_token = &run.summary()["time_to_first_token"];
    assert!(first_token["min"].as_f64() > Some(50.0), "{first_token}");
}

/// Later turns of a conversation wait for a slot as first ones do. One slot for 60 ms serves fewer requests than eight
/// conversations have that answer in 360 ms.
#[test]
fn every_turn_of_a_conversation_waits_for_a_slot() {
    let turns = ["--conversation-turn-mean", "3", "--num-conversations", "8", "--concurrency", "8"];
    let (server, run) = measure("chat", &[&turns[..], &["--prefill-concurrency", "1"]].concat());
    assert_eq!(most_waiting(&server), 1);
    assert_eq!(run.summary()["request_count"]["avg"], 24);
    let waited = |record: &Value| record["metadata"]["gate_wait_ns"].as_u64() > Some(10_000_000);
    let later = run.records().into_iter().filter(|record| record["metadata"]["turn_index"] != 0);
    assert!(later.filter(waited).count() > 0);
}

#[test]
fn an_open_loop_says_what_held_its_requests_back() {
    let load = ["--request-rate", "200", "--request-count", "24", "--prefill-concurrency", "1"];
    let (_server, run) = measure("chat", &load);
    assert!(run.stdout.contains("prefill concurrency 1"), "{}", run.stdout);
    assert!(run.stdout.contains("the limit of 1 waiting for their first token held"), "{}", run.stdout);
    assert!(run.stdout.contains("raise `--prefill-concurrency`, or leave it out"), "{}", run.stdout);
}

#[test]
fn without_a_limit_nobody_waits() {
    let (server, run) = measure("chat", &["--concurrency", "8", "--request-count", "24"]);
    assert!(most_waiting(&server) > 2);
    assert!(waits_ms(&run).iter().all(|ms| *ms == 0.0), "{:?}", waits_ms(&run));
}

/// From 1 to 5 slots in 2 s.
#[test]
fn prefill_slots_rise_one_by_one() {
    let load = ["--concurrency", "40", "--benchmark-duration", "3"];
    let slots = ["--prefill-concurrency", "5", "--prefill-concurrency-ramp-duration", "2"];
    let (server, _run) = measure("chat", &[load, slots].concat());
    let truth = server.truth();
    let requests = truth["requests"].as_array().unwrap();
    let first = requests.iter().map(|request| at(request, "arrived_ns")).min().unwrap();
    for (tenths, slots) in [(3, 1), (8, 2), (13, 3), (18, 4), (25, 5)] {
        let then_ns = first + tenths * 100_000_000;
        let near = (0..10).map(|step| waiting_at(requests, then_ns + step * 10_000_000)).max();
        assert_eq!(near, Some(slots), "{tenths} tenths of a second after the first one");
    }
}

#[test]
fn a_slot_comes_back_at_the_end_of_a_response_without_a_token() {
    let server = MockServer::start(["--error-every", "1", "--ttft-ms", "0"]);
    let run = Tool::profile(&server)
        .args(["--concurrency", "4", "--request-count", "20", "--prefill-concurrency", "1", "--isl", "5"])
        .run();
    run.ends_with(1);
    assert_eq!(run.summary()["error_request_count"]["avg"], 20);
}

#[rstest]
#[case::no_stream(&["--url", "http://h"], "`--prefill-concurrency` requires `--streaming`")]
#[case::too_many(
    &["--mock", "--concurrency", "1"],
    "no more requests can wait for their first token than are in flight"
)]
fn slots_that_nobody_could_use_are_refused(#[case] words: &[&str], #[case] expected: &str) {
    let run = Tool::bare_profile().args(["--prefill-concurrency", "2"]).args(words).run();
    run.ends_with(2);
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}
