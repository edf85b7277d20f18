//! The mock server with somebody else's response: what a vendor tries an API format on before there is a server.

use prony_tests::{MockServer, Tool};
use rstest::rstest;

/// Three events of a format that nobody has, and a fourth that ends it.
const STREAM: &str = "data: {\"say\": \"One\"}\n\ndata: {\"say\": \" two\"}\n\ndata: {\"say\": \" three\"}\n\ndata: [DONE]\n\n";

/// As `curl -siN` writes it: with the head of a chunked response, without the chunks.
fn with_head(content_type: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

/// A profile of `target`: `--mock`, or `--url` and an address.
fn profile(target: &[&str]) -> Tool {
    Tool::bare_profile().args(target)
}

/// Reads `say`, by a template.
fn say(tool: Tool) -> Tool {
    tool.args(["--endpoint-type", "template", "--endpoint-option", "response_field=say", "--isl", "5"])
        .args(["--endpoint-option", r#"template={"ask": {{ text|tojson }}}"#, "--request-count", "2"])
}

#[rstest]
#[case::body_alone(STREAM.to_owned())]
#[case::with_its_head(with_head("text/event-stream; charset=utf-8", STREAM))]
fn a_stream_is_sent_event_by_event_at_the_pace_of_tokens(
    #[case] recording: String,
    #[values("timed", "portable")] transport: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stream.sse");
    std::fs::write(&file, recording).unwrap();
    let file = file.to_str().unwrap();
    let words = ["--answer", file, "--path", "/v9/say", "--ttft-ms", "30", "--itl-ms", "20"];
    let server = MockServer::start(words);
    let tool = say(profile(&["--url", server.url()])).args(["--custom-endpoint", "/v9/say"]);
    let run = tool.args(["--streaming", "--transport", transport]).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 2);
    assert_eq!(summary["output_sequence_length"]["avg"], 3);
    // 30 ms to the first of three texts, and 40 more to the last: not in one piece.
    assert!(summary["time_to_first_token"]["avg"].as_f64().unwrap() >= 29.0, "{summary:#}");
    assert!(summary["request_latency"]["avg"].as_f64().unwrap() >= 69.0, "{summary:#}");
    let truth = server.truth();
    assert_eq!((&truth["requests_ok"], &truth["requests"][0]["path"]), (&2.into(), &"/v9/say".into()));
}

#[test]
fn other_paths_answer_as_always() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answer.json");
    std::fs::write(&file, "{\"say\": \"Hi\"}").unwrap();
    let server =
        MockServer::start(["--answer", file.to_str().unwrap(), "--path", "/v9/say", "--tokens", "4"]);
    let run = Tool::profile(&server).args(["--request-count", "1", "--isl", "5"]).run();
    assert_eq!(run.succeeds().summary()["output_sequence_length"]["avg"], 4);
    let run = say(profile(&["--url", server.url()])).args(["--custom-endpoint", "/v9/say"]).run();
    assert_eq!(run.succeeds().summary()["output_sequence_length"]["avg"], 1);
}

/// A vendor's last step: any path, any response format, no server.
#[rstest]
#[case::lines("application/x-ndjson", "{\"say\": \"Hi\"}\n{\"say\": \" there\"}\n", 2)]
#[case::whole("application/json", "{\"say\": \"Hi\"}", 1)]
#[case::events("text/event-stream", STREAM, 3)]
fn profile_measures_a_recorded_response_without_a_server(
    #[case] content_type: &str,
    #[case] body: &str,
    #[case] tokens: u64,
) {
    let tool = profile(&["--mock"]);
    tool.file("answer.http", with_head(content_type, body));
    let run = say(tool).args(["--mock-answer", "answer.http", "--custom-endpoint", "/any/where"]).run();
    assert_eq!(run.succeeds().summary()["output_sequence_length"]["avg"], tokens);
}

#[test]
fn a_recorded_error_is_sent_with_its_status() {
    let tool = profile(&["--mock"]);
    let body = r#"{"error": {"message": "slow down", "type": "rate_limit_error"}}"#;
    tool.file("429.http", format!("HTTP/2 429 \r\ncontent-type: application/json\r\n\r\n{body}"));
    let run = tool.args(["--mock-answer", "429.http", "--request-count", "1", "--isl", "5"]).run();
    run.ends_with(1);
    let details = run.summary()["error_summary"][0]["error_details"].clone();
    let message = "POST /v1/chat/completions: rate_limit_error: slow down";
    assert_eq!((&details["code"], &details["message"]), (&429.into(), &message.into()));
}

#[rstest]
#[case::no_such_file("nothing.sse", None, "read the response `nothing.sse`")]
#[case::empty("empty.sse", Some(""), "read the response `empty.sse`: read the recording: it is empty")]
#[case::head_without_end("head.http", Some("HTTP/1.1 200 OK\r\n"), "its head has no end")]
fn what_is_no_response_is_an_error_of_usage(
    #[case] name: &str,
    #[case] contents: Option<&str>,
    #[case] expected: &str,
    #[values(&["mock-server", "--answer"][..], &["profile", "--mock", "--mock-answer"][..])]
    command: &[&str],
) {
    let tool = Tool::new(command).arg(name);
    if let Some(contents) = contents {
        tool.file(name, contents);
    }
    let run = tool.run();
    run.ends_with(2);
    assert!(run.stderr.contains(expected) && run.stderr.contains("help: "), "{}", run.stderr);
}

#[test]
fn a_path_needs_an_answer_that_is_there() {
    let run = Tool::new(["mock-server", "--path", "/v9/say"]).run();
    run.ends_with(2);
    assert!(
        run.stderr.starts_with("error: `--path` requires `--answer`\nhelp: add `--answer FILE`"),
        "{}",
        run.stderr
    );
}
