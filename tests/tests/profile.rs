//! The main job, through the real binary against the mock server.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use prony_tests::{MockServer, Script, ScriptedServer, SeenRequest, Tool};
use rstest::rstest;
use serde_json::Value;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("`{value}` is not a number"))
}

#[test]
fn the_quick_start_measures_the_embedded_mock_server() {
    let run = Tool::new(["profile", "--mock", "--request-count", "2", "--osl", "4", "--ui", "none"]).run();
    run.succeeds();
    assert!(run.stdout.contains("Time to First Token"), "{}", run.stdout);
    let files: Vec<&str> = run.stdout.lines().filter_map(|line| line.strip_prefix("wrote ")).collect();
    assert!(files.len() >= 4, "{}", run.stdout);
    for file in files {
        assert!(run.dir().join(file).exists(), "{file}");
    }
}

#[test]
fn a_streaming_chat_profile_exports_what_was_asked_for() {
    let server = MockServer::start(["--ttft-ms", "5", "--itl-ms", "1"]);
    let run = Tool::profile(&server)
        .args(["--concurrency", "8", "--request-count", "200", "--isl", "100", "--osl", "32"])
        .run();
    run.succeeds();
    let summary = run.summary();
    assert_eq!(summary["request_count"]["avg"], 200);
    for tag in ["time_to_first_token", "inter_token_latency", "request_latency"] {
        assert_eq!(summary[tag]["unit"], "ms", "{tag}");
        assert_eq!(summary[tag]["count"], 200, "{tag}");
    }
    assert!(number(&summary["output_token_throughput"]["avg"]) > 0.0);
    assert_eq!(summary["input_sequence_length"]["avg"], 100);
    assert_eq!(summary["output_sequence_length"]["avg"], 32);
    assert_eq!(run.records().len(), 200);
    let truth = server.truth();
    assert_eq!(truth["requests_ok"], 200);
    assert_eq!(truth["max_in_flight"], 8);
}

/// The server sends the first token 30 ms after the request and one every 5 ms from then on. Whatever the machine is
/// doing, a client cannot see a token before it was sent.
#[test]
fn no_reported_latency_is_shorter_than_the_servers_own() {
    let server = MockServer::start(["--ttft-ms", "30", "--itl-ms", "5"]);
    let run = Tool::profile(&server).args(["--request-count", "5", "--osl", "10"]).run();
    let summary = run.succeeds().summary();
    assert!(number(&summary["time_to_first_token"]["min"]) >= 29.9, "{}", summary["time_to_first_token"]);
    assert!(number(&summary["request_latency"]["min"]) >= 74.9, "{}", summary["request_latency"]);
}

#[test]
fn every_request_carries_the_id_that_its_record_has() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "4"]).run();
    let mut recorded: Vec<String> = run
        .succeeds()
        .records()
        .iter()
        .map(|record| record["metadata"]["x_request_id"].as_str().unwrap().to_owned())
        .collect();
    let truth = server.truth();
    let mut sent: Vec<String> = truth["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| request["request_id"].as_str().unwrap().to_owned())
        .collect();
    recorded.sort();
    sent.sort();
    assert_eq!(recorded, sent);
}

#[rstest]
#[case::chat("chat", &["--streaming"])]
#[case::chat_whole("chat", &[])]
#[case::completions("completions", &["--streaming"])]
#[case::completions_whole("completions", &[])]
#[case::embeddings("embeddings", &[])]
fn every_built_in_endpoint_measures(#[case] endpoint: &str, #[case] flags: &[&str]) {
    let server = MockServer::start(["--tokens", "6"]);
    let run = Tool::new(["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--isl", "8"])
        .args(["--url", server.url(), "--endpoint-type", endpoint, "--request-count", "3"])
        .args(flags)
        .run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 3);
    assert_eq!(summary["input_sequence_length"]["avg"], 8);
    let streams = !flags.is_empty();
    assert_eq!(summary.get("time_to_first_token").is_some(), streams);
    let generates = endpoint != "embeddings";
    assert_eq!(summary.get("output_sequence_length").is_some(), generates);
}

/// Ten million prompts are too many to be kept: they are made as they are needed, by whoever sends them.
#[rstest]
fn the_same_seed_sends_the_same_requests(
    #[values(1, 2)] workers: u32,
    #[values("6", "10000000")] prompts: &str,
    #[values(&[], &["--isolate", "chat"])] place: &[&str],
) {
    let sent = bodies("7", workers, &[&["--num-prompts", prompts], place].concat());
    assert_eq!(sent.len(), 6);
    assert_eq!(sent.iter().collect::<BTreeSet<_>>().len(), 6, "{sent:#?}");
    assert_eq!(sent, bodies("7", 1, &[]));
    assert_ne!(sent, bodies("8", workers, &[]), "the seed decides");
}

/// Bodies of six requests, in the order of their texts.
fn bodies(seed: &str, workers: u32, more: &[&str]) -> Vec<String> {
    let load = ["--request-count", "6", "--concurrency", "2"];
    sent(seed, workers, &[&load, more].concat()).0
}

/// Each of two workers has a slot of a closed loop, and every other arrival of an open one.
#[rstest]
#[case::closed(&["--concurrency", "2"])]
#[case::open(&["--request-rate", "400"])]
fn two_workers_send_together_what_one_sends(#[case] load: &[&str]) {
    let load = [&["--request-count", "200"], load].concat();
    let (alone, one) = sent("7", 1, &load);
    let (together, both) = sent("7", 2, &load);
    assert_eq!((one.len(), both.len()), (1, 2), "workers that have sent something: {one:?}, {both:?}");
    assert_eq!((alone.len(), together.len()), (200, 200));
    let (alone, together): (BTreeSet<_>, BTreeSet<_>) = (alone.iter().collect(), together.iter().collect());
    assert_eq!(alone.len(), 200, "different bodies");
    let different: Vec<_> = alone.symmetric_difference(&together).collect();
    assert!(different.is_empty(), "{different:#?}");
}

/// The bodies that a run sends, in the order of their texts, and the workers that have sent them.
fn sent(seed: &str, workers: u32, more: &[&str]) -> (Vec<String>, BTreeSet<String>) {
    let answer = r#"{"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]}"#;
    // A connection takes its next request a little later, so that one worker cannot have sent everything before another begins.
    let server = ScriptedServer::start([Script::whole("application/json", answer).pause_ms(5)]);
    let words = ["profile", "--model", "m", "--ui", "none", "--no-server-metrics", "--random-seed", seed];
    let run = Tool::new(words)
        .args(["--url", &server.url(), "--isl", "20", "--isl-stddev", "5", "--artifact-dir", "run"])
        .args(["--workers", &workers.to_string()])
        .args(more.iter().copied())
        .run();
    let records = run.succeeds().records();
    let workers = records.iter().map(|record| record["metadata"]["worker_id"].to_string()).collect();
    let mut bodies: Vec<String> = server.requests().iter().map(SeenRequest::body).collect();
    bodies.sort();
    (bodies, workers)
}

#[test]
fn a_warm_up_is_kept_apart() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--warmup-request-count", "3", "--request-count", "5"]).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 5);
    assert_eq!(summary["warmup_metrics"]["request_count"]["avg"], 3);
    assert_eq!(run.records().len(), 5);
    assert_eq!(run.read("profile_export_warmup.jsonl").lines().count(), 3);
    assert_eq!(server.truth()["requests_ok"], 8);
    // Prompts of the warm-up are in the server's prefix cache: profiling has others.
    let conversations = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|record| record["metadata"]["conversation_id"].to_string()).collect()
    };
    let warmup = conversations(&run.read("profile_export_warmup.jsonl"));
    let profiled = conversations(&run.read("profile_export.jsonl"));
    assert_eq!((warmup.len(), profiled.len()), (3, 5));
    assert!(warmup.is_disjoint(&profiled));
}

#[test]
fn a_closed_loop_keeps_its_whole_concurrency_in_flight() {
    let server = MockServer::start(["--ttft-ms", "300", "--tokens", "1"]);
    let run = Tool::profile(&server)
        .args(["--concurrency", "16", "--request-count", "16", "--workers", "3", "--osl", "1"])
        .run();
    run.succeeds();
    assert_eq!(server.truth()["max_in_flight"], 16);
}

/// A number that no machine can keep in flight is no reason to hang.
#[rstest]
#[case::concurrency(&["--concurrency", "9223372036854775807"])]
#[case::rate(&["--request-rate", "100000", "--concurrency", "9223372036854775807"])]
fn a_huge_limit_is_no_limit(#[case] load: &[&str]) {
    let server = MockServer::start(["--tokens", "1"]);
    let run = Tool::profile(&server).args(["--request-count", "5"]).args(load).run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 5);
}

#[rstest]
#[case::constant("constant")]
#[case::poisson("poisson")]
fn an_open_loop_says_what_became_of_its_schedule(#[case] law: &str) {
    let server = MockServer::start(["--tokens", "2"]);
    let run = Tool::profile(&server)
        .args(["--request-rate", "200", "--arrival-pattern", law, "--request-count", "20"])
        .run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["scheduled"], 20);
    assert_eq!(summary["sent"], 20);
    assert_eq!(summary["dropped"], 0);
    assert!(summary["request_service_time"].is_object());
}

#[test]
fn a_full_open_loop_waits_and_the_wait_counts() {
    let server = MockServer::start(["--ttft-ms", "20", "--tokens", "1"]);
    let run = Tool::profile(&server)
        .args(["--request-rate", "1000", "--arrival-pattern", "constant", "--concurrency", "1"])
        .args(["--request-count", "10", "--osl", "1"])
        .run();
    let summary = run.succeeds().summary();
    let latest = number(&summary["request_latency"]["max"]);
    // The tenth request was due after 9 ms and could go after nine answers of 20 ms each.
    assert!(latest >= 10.0 * 20.0 - 9.0, "{latest}");
    assert!(number(&summary["late"]) >= 8.0);
}

#[test]
fn a_duration_ends_a_run_and_its_grace_cancels_what_is_left() {
    let server = MockServer::start(["--ttft-ms", "60000"]);
    let run = Tool::profile(&server)
        .args(["--benchmark-duration", "0.1", "--benchmark-grace-period", "0.1", "--concurrency", "2"])
        .run();
    // Nothing was measured.
    run.ends_with(1);
    let summary = run.summary();
    assert_eq!(summary["sent"], 2);
    assert_eq!(summary["cancelled_request_count"]["avg"], 2);
    assert_eq!(summary["error_summary"], serde_json::json!([]));
}

#[test]
fn a_file_of_prompts_is_sent_in_order() {
    let server = MockServer::start([]);
    let tool = Tool::new(["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--streaming"]);
    tool.file(
        "prompts.jsonl",
        "{\"text\": \"Name a river.\", \"output_length\": 3}\n\n{\"text\": \"Name two.\", \"output_length\": 5}\n",
    );
    let run =
        tool.args(["--url", server.url(), "--input-file", "prompts.jsonl", "--request-count", "3"]).run();
    let lengths: Vec<Value> = run
        .succeeds()
        .records()
        .iter()
        .map(|record| record["metrics"]["output_sequence_length"]["value"].clone())
        .collect();
    assert_eq!(lengths, [3, 5, 3]);
}

#[test]
fn a_local_tokenizer_counts_instead_of_the_built_in_one() {
    let server = MockServer::start([]);
    let tokenizer = prony_tests::fixtures().join("tokenizer");
    let run = Tool::profile(&server)
        .args(["--request-count", "2", "--isl", "40"])
        .arg("--tokenizer")
        .arg(&tokenizer)
        .run();
    assert_eq!(run.succeeds().summary()["input_sequence_length"]["avg"], 40);
}

#[test]
fn secrets_reach_the_server_and_nothing_else() {
    let server = prony_tests::wire::Replay::start(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\
          \"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
            .to_vec(),
        1,
    );
    let run = Tool::profile_at(&server.url())
        .args(["--request-count", "1", "--no-server-metrics", "--api-key", "sk-hush"])
        .args(["-H", "X-Token: hush-too", "-H", "X-Team: blue", "-H", "Accept: text/mine"])
        .run();
    run.succeeds();
    let request = String::from_utf8_lossy(&server.requests()[0]).to_lowercase();
    assert!(request.contains("authorization: bearer sk-hush"), "{request}");
    assert!(request.contains("x-token: hush-too"), "{request}");
    // The user's header takes the place of ours.
    assert!(
        request.contains("accept: text/mine") && !request.contains("accept: text/event-stream"),
        "{request}"
    );
    for entry in std::fs::read_dir(run.dir().join("run")).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains("hush"), "{}", path.display());
    }
}

#[rstest]
#[case::timed("timed")]
#[case::portable("portable")]
fn connections_are_reused_unless_they_are_not_to_be(#[case] transport: &str) {
    for (strategy, connections) in [("pooled", 1), ("never", 5)] {
        let server = MockServer::start(["--ttft-ms", "1", "--itl-ms", "1"]);
        let run = Tool::profile(&server)
            .args(["--request-count", "5", "--osl", "2", "--transport", transport])
            .args(["--connection-reuse-strategy", strategy])
            .run();
        run.succeeds();
        let truth = server.truth();
        let used: BTreeSet<u64> = truth["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|request| request["connection"].as_u64().unwrap())
            .collect();
        assert_eq!(used.len(), connections, "{strategy}");
    }
}

/// Connections are there before the load is: no request opens one.
#[test]
fn connections_that_were_opened_ahead_are_used() {
    let server = MockServer::start(["--ttft-ms", "5", "--itl-ms", "1"]);
    let run = Tool::profile(&server)
        .args(["--concurrency", "20", "--request-count", "40", "--osl", "2"])
        .args(["--preconnect", "--export-http-trace"])
        .run();
    let records = run.succeeds().records();
    assert!(records.iter().all(|record| record["trace_data"]["connection_reused"] == true));
    assert_eq!(server.truth()["requests_ok"], 40);
}

#[rstest]
#[case::not_kept("--connection-reuse-strategy=never")]
#[case::not_ours("--transport=portable")]
fn connections_that_nobody_keeps_are_not_opened_ahead(#[case] flag: &str) {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--concurrency", "2", "--preconnect", flag]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("or `--preconnect`"), "{}", run.stderr);
}
