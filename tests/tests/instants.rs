//! When things happened to a request: what the records say, next to what the server knows.

use std::collections::BTreeMap;

use prony_tests::{MockServer, Script, ScriptedServer, Tool};
use rstest::rstest;
use serde_json::{Value, json};

fn instants(record: &Value) -> Vec<u64> {
    let keys = [
        "scheduled_ns",
        "request_start_ns",
        "tcp_connect_start_ns",
        "tcp_connect_end_ns",
        "connection_ready_ns",
        "request_send_end_ns",
        "response_first_byte_ns",
        "response_first_token_ns",
        "response_last_token_ns",
        "response_receive_end_ns",
    ];
    keys.iter().filter_map(|key| record["trace_data"][key].as_u64()).collect()
}

#[test]
fn a_trace_shows_each_step_in_its_order() {
    let server = MockServer::start(["--ttft-ms", "5", "--itl-ms", "1"]);
    let run =
        Tool::profile(&server).args(["--request-count", "3", "--osl", "4", "--export-http-trace"]).run();
    run.succeeds();
    let records = run.records();
    for record in &records {
        let instants = instants(record);
        assert!(instants.is_sorted(), "{record}");
        assert!(instants.len() >= 7, "{record}");
    }
    let reused: Vec<&Value> =
        records.iter().map(|record| &record["trace_data"]["connection_reused"]).collect();
    assert_eq!(reused, [false, true, true], "one connection serves one request after the other");
    assert!(records[1]["trace_data"]["tcp_connect_start_ns"].is_null());
}

#[test]
fn a_trace_is_written_only_when_it_is_asked_for() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "1", "--osl", "1"]).run();
    assert!(run.succeeds().records()[0]["trace_data"].is_null());
}

/// A name takes a look-up, an address none.
#[test]
fn a_name_is_looked_up_once_a_connection() {
    let server = MockServer::start([]);
    let by_name = server.url().replace("127.0.0.1", "localhost");
    let run = Tool::new(["profile", "--model", "m", "--ui", "none", "--request-count", "2", "--osl", "1"])
        .args([
            "--export-http-trace",
            "--streaming",
            "--no-server-metrics",
            "--url",
            &by_name,
            "--artifact-dir",
            "run",
        ])
        .run();
    run.succeeds();
    let traces: Vec<Value> = run.records().into_iter().map(|record| record["trace_data"].clone()).collect();
    assert!(traces[0]["dns_lookup_ns"].is_u64(), "{}", traces[0]);
    assert!(traces[1]["dns_lookup_ns"].is_null(), "{}", traces[1]);
}

#[test]
#[cfg(target_os = "linux")]
fn the_kernel_tells_when_an_answer_arrived() {
    let server = MockServer::start(["--ttft-ms", "5", "--itl-ms", "1"]);
    let run =
        Tool::profile(&server).args(["--request-count", "4", "--osl", "4", "--export-http-trace"]).run();
    let summary = run.succeeds().summary();
    let client = &summary["client"];
    // The system begins to stamp a moment after it was asked to.
    assert_ne!(client["arrival_clock"], "user", "{client}");
    assert!(client["peak_memory_bytes"].as_u64() > Some(1 << 20), "{client}");
    assert!(client["workers"][0]["busy_share"].as_f64() > Some(0.0), "{client}");
    assert!(run.records().iter().any(|record| record["trace_data"]["arrival_clock"] == "kernel"));
}

#[test]
fn the_portable_transport_tells_when_it_read_them() {
    let server = MockServer::start(["--ttft-ms", "5", "--itl-ms", "1"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "4", "--osl", "4", "--export-http-trace", "--transport", "portable"])
        .run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["client"]["arrival_clock"], "user", "{}", summary["client"]);
    assert_eq!(summary["input_config"]["target"]["transport"], "portable");
    assert!(run.records().iter().all(|record| instants(record).is_sorted()));
}

/// AIPerf's names have AIPerf's meaning, wherever they stand: work on a request starts before its connection is opened.
/// Latencies count from another instant, which has a name of its own.
#[rstest]
fn a_name_has_one_meaning_in_all_files(#[values("timed", "portable")] transport: &str) {
    let server = MockServer::start(["--ttft-ms", "5", "--itl-ms", "1"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "3", "--osl", "4", "--export-http-trace", "--export-outputs-json"])
        .args(["--connection-reuse-strategy", "never", "--transport", transport])
        .run();
    let records = run.succeeds().records();
    let outputs: Value = serde_json::from_str(&run.read("outputs.json")).unwrap();
    for (record, output) in records.iter().zip(outputs["data"].as_array().unwrap()) {
        let (metadata, trace) = (&record["metadata"], &record["trace_data"]);
        let start = &metadata["request_start_ns"];
        assert_eq!([start, start], [&trace["request_start_ns"], &output["request_start_ns"]]);
        assert!(start.as_u64() <= trace["tcp_connect_start_ns"].as_u64(), "{record}");
        let sent = &metadata["request_sent_ns"];
        assert_eq!(sent, &trace["request_send_end_ns"]);
        assert!(sent.as_u64() >= trace["connection_ready_ns"].as_u64(), "{record}");
        let [first_token, sent] = [&trace["response_first_token_ns"], sent].map(|at| at.as_u64().unwrap());
        let ttft_ms = record["metrics"]["time_to_first_token"]["value"].as_f64().unwrap();
        assert!(((first_token - sent) as f64 / 1e6 - ttft_ms).abs() < 1e-6, "{record}");
    }
}

/// Nothing is seen before it was sent, and nothing arrives before it left: whatever the machine does meanwhile. The two
/// programs read one clock, each with a start of its own, which they know to within some microseconds.
#[test]
fn client_and_server_agree_on_what_came_before_what() {
    const TOLERANCE_NS: u64 = 1_000_000;
    let server = MockServer::start(["--ttft-ms", "20", "--itl-ms", "1"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "20", "--concurrency", "4", "--osl", "4", "--export-http-trace"])
        .run();
    run.succeeds();
    let truth = server.truth();
    let start = truth["wall_start_ns"].as_u64().unwrap();
    let requests: BTreeMap<&str, &Value> = truth["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| (request["request_id"].as_str().unwrap(), request))
        .collect();
    for record in run.records() {
        let request = requests[record["metadata"]["x_request_id"].as_str().unwrap()];
        let arrived = start + request["arrived_ns"].as_u64().unwrap();
        let trace = &record["trace_data"];
        let started = trace["request_start_ns"].as_u64().unwrap();
        let first_token = trace["response_first_token_ns"].as_u64().unwrap();
        assert!(started <= arrived + TOLERANCE_NS, "sent at {started}, arrived at {arrived}");
        let earliest = arrived + 20_000_000;
        assert!(first_token + TOLERANCE_NS >= earliest, "seen at {first_token}, not sent before {earliest}");
    }
}

/// A chunk of a chat with this text.
fn token(text: &str) -> String {
    json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]}).to_string()
}

/// One stamp for three tokens: the first of them may have come earlier, and nobody can tell whether it did.
#[rstest]
#[case::by_the_kernel("timed", true)]
#[case::by_this_process("portable", false)]
fn a_first_token_that_did_not_come_alone_is_marked(#[case] transport: &str, #[case] has_a_bound: bool) {
    let together: String = ["one", "two", "three"].map(|text| format!("data: {}\n\n", token(text))).concat();
    let rest = |script: Script| {
        let finish = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}).to_string();
        script.pause_ms(20).event(&token("last")).event(&finish).event("[DONE]").last_chunk()
    };
    let server = ScriptedServer::start([
        rest(Script::events().chunk(together)),
        rest(Script::events().event(&token("alone"))),
    ]);
    let run = Tool::profile_at(&server.url())
        .args(["--request-count", "2", "--no-server-metrics", "--transport", transport])
        .run();
    let records = run.succeeds().records();
    let marks: Vec<&Value> = records.iter().map(|record| &record["metadata"]["first_read_events"]).collect();
    assert_eq!(marks, [&json!(3), &Value::Null]);
    let first_reads = &run.summary()["client"]["first_reads"];
    assert_eq!((&first_reads["streams"], &first_reads["shared"]), (&json!(2), &json!(1)));
    assert_eq!(first_reads["bound_ms"].is_number(), has_a_bound, "{first_reads}");
}
