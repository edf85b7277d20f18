//! Streams that are no server-sent events: what splits them is the answer's content type, and else the manifest.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockPlugin, Run, Tool, library, wire::Replay};
use rstest::rstest;
use serde_json::Value;

/// Two tokens of Ollama's chat, and their end.
const LINES: [&str; 3] = [
    r#"{"model":"m","message":{"role":"assistant","content":"Hello"},"done":false}"#,
    r#"{"model":"m","message":{"role":"assistant","content":" there"},"done":false}"#,
    r#"{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}"#,
];

/// The API format `lines`, of which the manifest says this.
fn api_format(framing: &str) -> MockPlugin {
    let pack = MockPlugin::empty();
    std::fs::copy(library("endpoint-ollama"), pack.dir().join("liblines.so")).unwrap();
    pack.manifest(&format!(
        "schema_version: \"1.0\"\nendpoint:\n  lines:\n    class: lines:ChatEndpoint\n    description: A test's.\n    \
         metadata: {{endpoint_path: /api/chat, supports_streaming: true, produces_tokens: true, \
         tokenizes_input: true{framing}}}\n"
    ));
    pack
}

/// What three streaming requests make of an answer.
fn profile(framing: &str, content_type: &str, body: &str) -> (Run, Vec<u8>) {
    profile_with(framing, content_type, body, &[])
}

fn profile_with(framing: &str, content_type: &str, body: &str, flags: &[&str]) -> (Run, Vec<u8>) {
    let head = if content_type.is_empty() {
        "HTTP/1.1 200 OK\r\n".to_owned()
    } else {
        format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n")
    };
    let server = Replay::start(format!("{head}Connection: close\r\n\r\n{body}").into_bytes(), 42);
    let pack = api_format(framing);
    let words =
        ["profile", "--endpoint-type", "lines", "--ui", "none", "--artifact-dir", "run", "--streaming"];
    let run = Tool::new(words)
        .args(["--model", "m", "--url", &server.url(), "--request-count", "3", "--isl", "5"])
        .args(["--random-seed", "42", "--no-server-metrics", "--plugins"])
        .arg(pack.path())
        .args(flags)
        .run();
    (run, server.requests().remove(0))
}

fn kind_of_error(run: &Run) -> Value {
    let errors = &run.summary()["error_summary"];
    assert_eq!(errors[0]["count"], 3, "{errors:#}");
    assert!(!errors[0]["error_details"]["hint"].as_str().unwrap().is_empty(), "{errors:#}");
    errors[0]["error_details"]["type"].clone()
}

#[rstest]
#[case::by_its_type("", "application/x-ndjson", "\n")]
#[case::by_its_type_with_a_parameter(
    ", stream_framing: bytes",
    "application/jsonl; charset=utf-8",
    "\r\n\r\n"
)]
#[case::by_the_manifest(", stream_framing: lines", "text/plain", "\n")]
#[case::without_a_type(", stream_framing: lines", "", "\n")]
fn lines_are_tokens(#[case] framing: &str, #[case] content_type: &str, #[case] end: &str) {
    // The last line has no end.
    let (run, _) = profile(framing, content_type, &LINES.join(end));
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 3);
    assert_eq!(summary["output_sequence_length"]["avg"], 2);
    assert!(summary["time_to_first_token"]["avg"].is_number());
}

#[rstest]
#[case::in_a_child("--isolate=lines")]
#[case::on_the_other_transport("--transport=portable")]
fn lines_are_tokens_wherever_they_are_read(#[case] how: &str) {
    let body = LINES.join("\n");
    let (run, _) = profile_with(", stream_framing: lines", "text/plain", &body, &[how]);
    assert_eq!(run.succeeds().summary()["output_sequence_length"]["avg"], 2);
}

#[test]
fn events_stay_events_whatever_the_manifest_says() {
    let body = LINES.map(|line| format!("data: {line}\n\n")).concat();
    let (run, _) = profile(", stream_framing: lines", "text/event-stream", &body);
    assert_eq!(run.succeeds().summary()["output_sequence_length"]["avg"], 2);
}

#[rstest]
#[case::events("", "text/event-stream")]
#[case::lines(", stream_framing: lines", "application/x-ndjson")]
#[case::bytes(", stream_framing: bytes", "*/*")]
fn what_is_accepted_is_what_is_split(#[case] framing: &str, #[case] expected: &str) {
    let (_, request) = profile(framing, "application/x-ndjson", &LINES.join("\n"));
    let request = String::from_utf8(request).unwrap().to_lowercase();
    assert!(request.contains(&format!("\r\naccept: {expected}\r\n")), "{request}");
}

#[rstest]
#[case::lines_that_nobody_announced("", "text/plain", "malformed")]
#[case::half_a_line(", stream_framing: lines", "text/plain", "malformed")]
#[case::a_page(", stream_framing: lines", "text/html", "malformed")]
#[case::a_body(", stream_framing: bytes", "application/json", "malformed")]
fn what_is_no_stream_is_an_error(#[case] framing: &str, #[case] content_type: &str, #[case] kind: &str) {
    let (run, _) = profile(framing, content_type, &LINES.join("\n")[..100]);
    run.ends_with(1);
    assert_eq!(kind_of_error(&run), kind);
}

#[test]
fn lines_that_end_too_early_are_cut() {
    let (run, _) = profile(", stream_framing: lines", "application/x-ndjson", LINES[0]);
    run.ends_with(1);
    assert_eq!(kind_of_error(&run), "stream_cut");
}
