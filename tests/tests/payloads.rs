//! Whole bodies from a file: sent byte for byte, and read by the API format that knows the responses.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{Run, Tool, wire::Replay};
use rstest::rstest;
use serde_json::Value;

/// A stream of the Responses API: a delta, and everything once more in the events that end it.
const RESPONSES: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"model\":\"m\"}}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"Hi there\"}\n\n",
    "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"output_index\":0,\"text\":\"Hi there\"}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"model\":\"m\",",
    "\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hi there\"}]}],",
    "\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}}\n\n",
);

/// A stream of the Messages API.
const MESSAGES: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"m\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi there\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

const CHAT: &str = concat!(
    "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi there\"},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
);

/// A body that no endpoint would write: spaces, an escape, a number with a zero at its end.
const BODY: &str =
    r#"{"model" : "m", "messages":[{"role":"user","content":"H\u00e9"}], "stream":true, "t":1.50}"#;

fn server(content_type: &str, body: &str) -> Replay {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nConnection: close\r\n\r\n");
    Replay::start(format!("{head}{body}").into_bytes(), 42)
}

/// Sends [`BODY`] twice.
fn sent_to(server: &Replay, words: &[&str]) -> Run {
    let tool = Tool::bare_profile().args(["--url", &server.url(), "--request-count", "2"]);
    tool.file("p.jsonl", format!("{BODY}\n"));
    tool.args(["--input-file", "p.jsonl", "--custom-dataset-type", "raw-payload"]).args(words).run()
}

/// Method, path and body of the first `POST`.
fn first(server: &Replay) -> (String, String, String) {
    let requests = server.requests();
    let request = requests.iter().find(|request| request.starts_with(b"POST ")).unwrap();
    let text = String::from_utf8(request.clone()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().to_owned(), head.to_ascii_lowercase(), body.to_owned())
}

#[rstest]
#[case::chat("chat", CHAT, "/v1/chat/completions", "authorization: bearer sk-secret")]
#[case::responses("responses", RESPONSES, "/v1/responses", "authorization: bearer sk-secret")]
#[case::messages("messages", MESSAGES, "/v1/messages", "x-api-key: sk-secret")]
#[case::raw("raw", CHAT, "/v1/chat/completions", "authorization: bearer sk-secret")]
fn an_endpoint_sends_payloads_as_they_are_and_reads_the_responses_itself(
    #[case] endpoint: &str,
    #[case] stream: &str,
    #[case] path: &str,
    #[case] header: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let server = server("text/event-stream", stream);
    let words =
        ["--endpoint-type", endpoint, "--streaming", "--transport", transport, "--api-key", "sk-secret"];
    let run = sent_to(&server, &words);
    let summary = run.succeeds().summary();
    let (asked, head, body) = first(&server);
    assert_eq!((asked.as_str(), body.as_str()), (path, BODY));
    assert!(head.contains(header), "{head}");
    assert_eq!(summary["request_count"]["avg"], 2);
    assert_eq!(summary["output_sequence_length"]["avg"], 2);
    assert_eq!(summary["usage_prompt_tokens"]["avg"], 3);
}

/// What no text of the dataset could make: a query, passages, an image.
#[rstest]
#[case::rankings("cohere_rankings", r#"{"results":[{"index":0,"relevance_score":0.5}]}"#)]
#[case::detections("image_retrieval", r#"{"data":[{"index":0,"bounding_boxes":{"chart":[{"x_min":0.1}]}}]}"#)]
#[case::embeddings(
    "embeddings",
    r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,0.2]}],"model":"m"}"#
)]
#[case::tensors(
    "kserve_v2",
    r#"{"model_name":"m","outputs":[{"name":"text_output","datatype":"BYTES","shape":[1],"data":["Hi"]}]}"#
)]
fn endpoints_of_other_inputs_send_payloads_too(#[case] endpoint: &str, #[case] answer: &str) {
    let server = server("application/json", answer);
    let run = sent_to(&server, &["--endpoint-type", endpoint]);
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 2);
    assert_eq!(first(&server).2, BODY);
}

/// A signature is one of the bytes that are sent.
#[test]
fn a_signed_payload_is_sent_as_it_is() {
    let answer = r#"{"output":{"message":{"role":"assistant","content":[{"text":"Hi there"}]}},"stopReason":"end_turn",
        "usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5}}"#;
    let server = server("application/json", answer);
    let keys =
        ["aws_access_key_id=AKIDEXAMPLE", "aws_secret_access_key=secret-of-nobody", "aws_region=us-east-1"];
    let keys: Vec<&str> = keys.iter().flat_map(|option| ["--endpoint-option", option]).collect();
    let run = sent_to(&server, &[&["--endpoint-type", "bedrock_converse_stream"], keys.as_slice()].concat());
    run.succeeds();
    let (_, head, body) = first(&server);
    assert_eq!(body, BODY);
    assert!(head.contains("authorization: aws4-hmac-sha256"), "{head}");
}

#[test]
fn forms_are_no_payloads() {
    let server = server("application/json", "{}");
    let run = sent_to(&server, &["--endpoint-type", "image_edit"]);
    run.ends_with(2);
    assert!(run.stderr.contains("its requests are forms"), "{}", run.stderr);
}

/// The numbers would be wrong: events repeat the text, and usage and the end stand where `raw` does not look.
#[rstest]
#[case::responses(RESPONSES, "responses")]
#[case::messages(MESSAGES, "messages")]
fn raw_refuses_streams_that_another_endpoint_reads(
    #[case] stream: &str,
    #[case] reader: &str,
    #[values(&[][..], &["--endpoint-option", "response_field=delta"][..])] pointed: &[&str],
    #[values("timed", "portable")] transport: &str,
) {
    let server = server("text/event-stream", stream);
    let words = ["--endpoint-type", "raw", "--streaming", "--transport", transport];
    let run = sent_to(&server, &[&words, pointed].concat());
    run.ends_with(1);
    let summary = run.summary();
    let details = &summary["error_summary"][0]["error_details"];
    assert_eq!(
        (&details["type"], summary["error_summary"][0]["count"].as_u64()),
        (&"malformed".into(), Some(2))
    );
    let hint = format!("use `--endpoint-type {reader} --custom-dataset-type raw-payload`");
    assert!(details.to_string().contains(&hint), "{details}");
    assert!(summary["time_to_first_token"]["avg"].is_null(), "{summary:#}");
}

#[rstest]
#[case::responses(
    r#"{"object":"response","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}]}"#,
    "responses"
)]
#[case::messages(
    r#"{"type":"message","role":"assistant","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn"}"#,
    "messages"
)]
fn raw_refuses_whole_responses_that_another_endpoint_reads(#[case] answer: &str, #[case] reader: &str) {
    let server = server("application/json", answer);
    let run = sent_to(&server, &["--endpoint-type", "raw"]);
    run.ends_with(1);
    assert!(run.stderr.contains(&format!("--endpoint-type {reader}")), "{}", run.stderr);
}

/// Typed events of a server that nobody knows.
#[test]
fn texts_in_events_of_two_types_are_not_added_up() {
    let stream = "data: {\"type\":\"token\",\"text\":\"Hi\"}\n\ndata: {\"type\":\"token\",\"text\":\" there\"}\n\n\
        data: {\"type\":\"end\",\"text\":\"Hi there\"}\n\n";
    let server = server("text/event-stream", stream);
    let run = sent_to(&server, &["--endpoint-type", "raw", "--streaming"]);
    run.ends_with(1);
    let text = run.summary()["error_summary"][0]["error_details"].to_string();
    assert!(text.contains("events of the types `token` and `end` hold text"), "{text}");
    let pointed = ["--endpoint-option", "response_field=type == 'token' && text"];
    let run = sent_to(&server, &[&["--endpoint-type", "raw", "--streaming"], &pointed[..]].concat());
    assert_eq!(run.succeeds().summary()["output_sequence_length"]["avg"], 2);
}

/// A server that is not at fault is not blamed for a stream that nobody can read.
#[test]
fn typed_events_without_a_known_place_are_no_cut_stream() {
    let server = server("text/event-stream", "data: {\"type\":\"word\",\"say\":\"Hi\"}\n\n");
    let run = sent_to(&server, &["--endpoint-type", "raw", "--streaming"]);
    run.ends_with(1);
    let summary: Value = run.summary();
    let details = &summary["error_summary"][0]["error_details"];
    assert_eq!(details["type"], "malformed");
    assert!(details.to_string().contains("response_field="), "{details}");
}

/// A body says whether it asks for a stream, and the flag says what is expected: who forgets one of the two is told.
#[rstest]
#[case::flag_missing(r#""stream": true"#, &[], Some("2 of 2 request bodies have `\"stream\": true`, and `--streaming` is missing"))]
#[case::flag_too_much(r#""stream": false"#, &["--streaming"], Some("2 of 2 request bodies have `\"stream\": false`, and"))]
#[case::agreed(r#""stream": true"#, &["--streaming"], None)]
#[case::agreed_on_none(r#""stream": false"#, &[], None)]
#[case::not_said(r#""t": 1"#, &["--streaming"], None)]
fn a_body_that_disagrees_about_streaming_is_warned_of(
    #[case] member: &str,
    #[case] words: &[&str],
    #[case] warning: Option<&str>,
) {
    let server = server("text/event-stream", CHAT);
    let tool = Tool::bare_profile().args(["--url", &server.url(), "--request-count", "2"]);
    tool.file("p.jsonl", format!("{{{member}}}\n{{{member}}}\n"));
    let words = [&["--input-file", "p.jsonl", "--custom-dataset-type", "raw-payload"], words].concat();
    let run = tool.args(words).run();
    match warning {
        Some(warning) => assert!(run.stderr.contains(warning), "{}", run.stderr),
        None => assert!(!run.stderr.contains("request bodies"), "{}", run.stderr),
    }
}
