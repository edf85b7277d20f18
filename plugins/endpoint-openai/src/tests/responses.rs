//! What the responses API format writes, and what reading it costs.

use prony_plugin_api::{
    ErrorKind, PartKind, PluginError,
    abi::host::ParserInstance,
    testing::{Answer, CountingAllocator, TestEndpoint, Turn},
};
use rstest::rstest;

use crate::responses::ResponsesEndpoint;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn endpoint() -> TestEndpoint {
    TestEndpoint::new::<ResponsesEndpoint>("{}").unwrap()
}

fn body(turn: &Turn) -> Result<String, PluginError> {
    endpoint().format(turn).map(|request| String::from_utf8(request.body).unwrap())
}

#[test]
fn what_the_system_says_first_are_the_instructions() {
    let turn = Turn::empty()
        .message("system", "Be \"brief\".")
        .message("user", "Hi")
        .message("assistant", "Hello.")
        .message("system", "Be briefer.")
        .message("", "Bye");
    insta::assert_snapshot!(
        body(&turn.model("m").max_tokens(16).streaming()).unwrap(),
        @r#"{"input":[{"type":"message","role":"user","content":"Hi"},{"type":"message","role":"assistant","content":"Hello."},{"type":"message","role":"system","content":"Be briefer."},{"type":"message","role":"user","content":"Bye"}],"model":"m","stream":true,"instructions":"Be \"brief\".","max_output_tokens":16}"#
    );
}

#[test]
fn media_and_several_texts_become_parts_in_order() {
    let turn = Turn::user("Compare:")
        .part(PartKind::TEXT, "", "")
        .part(PartKind::IMAGE, "", "https://example.com/a.png")
        .part(PartKind::AUDIO, "", "wav,UklGRg==")
        .part(PartKind::RAW, "", r#"{"type": "input_file", "file_id": "f-1"}"#)
        .message("assistant", "One.")
        .part(PartKind::TEXT, "", "Two.");
    insta::assert_snapshot!(
        body(&turn.model("m")).unwrap(),
        @r#"{"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Compare:"},{"type":"input_image","image_url":"https://example.com/a.png"},{"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}},{"type":"input_file","file_id":"f-1"}]},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"One."},{"type":"output_text","text":"Two."}]}],"model":"m","stream":false}"#
    );
}

/// What the server keeps is not sent again, but its instructions are: it takes none from an earlier response.
#[rstest]
#[case::at_first(FIRST, r#"[{"type":"message","role":"user","content":"Hi"},{"type":"message","role":"assistant","content":"Hello."},{"type":"message","role":"user","content":"Bye"}],"model":"m","stream":false,"instructions":"Be brief.","store":true}"#)]
#[case::later(LATER, r#"[{"type":"message","role":"user","content":"Bye"}],"model":"m","stream":false,"instructions":"Be brief.","previous_response_id":"resp_1","store":true}"#)]
fn a_request_can_refer_to_the_response_before_it(#[case] facts: &str, #[case] expected: &str) {
    let turn =
        Turn::empty().message("system", "Be brief.").message("user", "Hi").message("assistant", "Hello.");
    let turn = turn.message("user", "Bye").model("m").facts(facts);
    let endpoint = TestEndpoint::new::<ResponsesEndpoint>(r#"{"previous_response_id": true}"#).unwrap();
    let written = String::from_utf8(endpoint.format(&turn).unwrap().body).unwrap();
    assert_eq!(written, format!(r#"{{"input":{expected}"#));
    assert!(body(&turn).unwrap().contains("Hello.") && !body(&turn).unwrap().contains("resp_1"));
}

const FIRST: &str = r#"{"unix_time_s": 7}"#;
const LATER: &str = r#"{"unix_time_s": 7, "previous_response_id": "resp_1", "previous_messages": 3}"#;

#[test]
fn the_users_fields_win() {
    let body = body(&Turn::user("Hi").model("m").extra(r#"{"stream": true, "store": false}"#)).unwrap();
    assert_eq!(
        body,
        r#"{"input":[{"type":"message","role":"user","content":"Hi"}],"model":"m","stream":true,"store":false}"#
    );
}

#[rstest]
#[case::video(PartKind::VIDEO, "data:video/mp4;base64,AA==", "send a video")]
#[case::audio_that_is_linked(PartKind::AUDIO, "https://example.com/a.wav", "send the audio")]
#[case::unknown(PartKind(99), "?", "write a part of kind 99")]
fn what_the_api_format_has_no_form_for_is_refused(
    #[case] kind: PartKind,
    #[case] data: &str,
    #[case] message: &str,
) {
    let error = body(&Turn::user("Hi").part(kind, "", data)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
    assert!(error.message.starts_with(message), "{error}");
}

/// Feeds one delta on each channel, and counts.
fn feed(parser: &mut ParserInstance, answer: &mut Answer, text: &str) -> u64 {
    let kinds = ["output_text", "refusal", "reasoning_text", "function_call_arguments"];
    let events = (0..).zip(kinds).map(|(output, kind)| {
        format!(
            r#"{{"type":"response.{kind}.delta","output_index":{output},"content_index":0,"delta":"{text}"}}"#
        )
    });
    let events: Vec<String> = events.collect();
    let before = CountingAllocator::allocations();
    for event in &events {
        parser.event("", event.as_bytes(), answer).unwrap();
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
    for call in &mut answer.tool_calls {
        call.arguments.reserve(1 << 12);
    }
    let allocations: u64 = (0..100).map(|_| feed(&mut parser, &mut answer, " naïve")).sum();
    assert_eq!(allocations, 0);
    assert_eq!((answer.text().len(), answer.tool_calls[0].arguments.len()), (5 + 100 * 7, 5 + 100 * 7));
}
