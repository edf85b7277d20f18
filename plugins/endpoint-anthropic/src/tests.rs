//! What the API format writes, and what reading costs. What it reads is compared with recorded answers in the workspace's
//! own tests.

use prony_plugin_api::{
    ErrorKind, PartKind, PluginError,
    abi::host::ParserInstance,
    conformance::Suite,
    testing::{Answer, CountingAllocator, TestEndpoint, Turn},
};
use rstest::rstest;

use crate::messages::MessagesEndpoint;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn endpoint() -> TestEndpoint {
    TestEndpoint::new::<MessagesEndpoint>("{}").unwrap()
}

fn body(turn: &Turn) -> Result<String, PluginError> {
    endpoint().format(turn).map(|request| String::from_utf8(request.body).unwrap())
}

fn with_part(kind: PartKind, data: &str) -> Turn {
    Turn::user("Look:").part(kind, "", data)
}

#[test]
fn a_conversation_is_written_with_the_system_apart() {
    let turn = Turn::empty()
        .message("system", "Be \"brief\".")
        .message("user", "Hi")
        .message("assistant", "Hello.")
        .message("", "Bye");
    insta::assert_snapshot!(
        body(&turn.model("m").max_tokens(16).streaming()).unwrap(),
        @r#"{"model":"m","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."},{"role":"user","content":"Bye"}],"max_tokens":16,"system":"Be \"brief\".","stream":true}"#
    );
}

#[test]
fn several_system_texts_become_blocks_and_a_limit_is_always_there() {
    let turn = Turn::empty().message("system", "One.").message("system", "Two.").message("user", "Hi");
    insta::assert_snapshot!(
        body(&turn.model("m")).unwrap(),
        @r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":1024,"system":[{"type":"text","text":"One."},{"type":"text","text":"Two."}]}"#
    );
}

#[test]
fn the_key_and_the_version_go_into_headers_of_the_api_format() {
    let request = endpoint().format(&Turn::user("Hi")).unwrap();
    assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(request.api_key_header, Some(("x-api-key".to_owned(), String::new())));
}

#[test]
fn calls_of_tools_and_their_results_are_written() {
    let written: serde_json::Value = serde_json::from_str(&body(&Turn::called_tools()).unwrap()).unwrap();
    insta::assert_snapshot!(written["messages"], @r##"[{"role":"user","content":"Rain?"},{"role":"assistant","content":[{"type":"tool_use","id":"c-1","name":"weather","input":{"b":1.0}},{"type":"tool_use","id":"c-2","name":"time","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c-1","content":"sun"},{"type":"tool_result","tool_use_id":"c-2","content":""}]},{"role":"user","content":"And?"}]"##);
}

#[rstest]
#[case::inline(
    PartKind::IMAGE,
    "data:image/png;base64,iVBORw0KGgo=",
    r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}"#
)]
#[case::linked(
    PartKind::IMAGE,
    "https://example.com/a.png",
    r#"{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}"#
)]
#[case::raw(
    PartKind::RAW,
    r#"{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}"#,
    r#"{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}"#
)]
fn other_content_becomes_blocks(#[case] kind: PartKind, #[case] data: &str, #[case] block: &str) {
    let body = body(&with_part(kind, data)).unwrap();
    assert!(body.contains(&format!(r#""content":[{{"type":"text","text":"Look:"}},{block}]"#)), "{body}");
}

#[rstest]
#[case::audio(PartKind::AUDIO, "data:audio/wav;base64,UklGRg==", "send audio")]
#[case::video(PartKind::VIDEO, "https://example.com/a.mp4", "send a video")]
#[case::not_base64(
    PartKind::IMAGE,
    "data:image/svg+xml,<svg/>",
    "send the image `data:image/svg+xml,<svg/>`"
)]
fn what_the_api_format_has_no_form_for_is_refused(
    #[case] kind: PartKind,
    #[case] data: &str,
    #[case] message: &str,
) {
    let error = body(&with_part(kind, data)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
    assert!(error.message.starts_with(message) && !error.hint.is_empty(), "{error}");
}

#[test]
fn the_users_fields_win() {
    let body = body(&Turn::user("Hi").model("m").extra(r#"{"max_tokens": 5, "top_k": 1}"#)).unwrap();
    assert_eq!(body, r#"{"model":"m","messages":[{"role":"user","content":"Hi"}],"max_tokens":5,"top_k":1}"#);
}

#[test]
fn counts_come_in_pieces_and_what_was_cached_is_input_as_well() {
    let start = r#"{"type":"message_start","message":{"usage":{"input_tokens":143,"output_tokens":0}}}"#;
    let end = r#"{"type":"message_delta","delta":{},"usage":{"input_tokens":15,"output_tokens":9,"cache_read_input_tokens":128}}"#;
    let answer = endpoint().read_stream(format!("data: {start}\n\ndata: {end}\n\n").as_bytes());
    let usage = answer.usage.unwrap();
    assert_eq!((usage.prompt, usage.completion, usage.cache_read), (Some(143), Some(9), Some(128)));
}

/// Feeds one delta on each channel, and counts.
fn feed(parser: &mut ParserInstance, answer: &mut Answer, text: &str) -> u64 {
    let members =
        [("text_delta", "text"), ("thinking_delta", "thinking"), ("input_json_delta", "partial_json")];
    let events = members.map(|(kind, member)| {
        format!(
            r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"{kind}","{member}":"{text}"}}}}"#
        )
    });
    let before = CountingAllocator::allocations();
    for event in &events {
        parser.event("content_block_delta", event.as_bytes(), answer).unwrap();
    }
    CountingAllocator::allocations() - before
}

#[test]
fn a_token_in_the_middle_of_a_stream_allocates_nothing() {
    let (mut parser, mut answer) = (endpoint().parser().unwrap(), Answer::default());
    feed(&mut parser, &mut answer, "first");
    for passage in &mut answer.passages {
        passage.text.reserve(1 << 12);
    }
    let allocations: u64 = (0..100).map(|_| feed(&mut parser, &mut answer, " naïve")).sum();
    assert_eq!(allocations, 0);
    assert_eq!(answer.text().len(), 5 + 100 * 7);
}

#[test]
fn it_does_what_the_contract_says() {
    let report = Suite::new().endpoint::<MessagesEndpoint>();
    assert!(report.conforms(), "{report}");
}
