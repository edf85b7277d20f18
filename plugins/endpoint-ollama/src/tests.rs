//! What the API format writes, and what reading costs. What it reads is compared with recorded answers in the workspace's
//! own tests.

use prony_plugin_api::{
    ErrorKind, PartKind, PluginError,
    conformance::Suite,
    testing::{Answer, CountingAllocator, Recording, TestEndpoint, Turn},
};
use rstest::rstest;

use crate::endpoint::ChatEndpoint;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn body(turn: &Turn) -> Result<String, PluginError> {
    let request = TestEndpoint::new::<ChatEndpoint>("{}")?.format(turn)?;
    Ok(String::from_utf8(request.body).unwrap())
}

fn read(lines: &str) -> Answer {
    TestEndpoint::new::<ChatEndpoint>("{}").unwrap().replay(&Recording::lines(lines))
}

#[test]
fn a_conversation_with_an_image() {
    let turn = Turn::user("What is it?")
        .part(PartKind::IMAGE, "", "data:image/png;base64,iVBO")
        .message("assistant", "A dot.")
        .message("user", "Sure?")
        .max_tokens(16)
        .streaming();
    insta::assert_snapshot!(body(&turn).unwrap(), @r#"{"model":"test-model","messages":[{"role":"user","content":"What is it?","images":["iVBO"]},{"role":"assistant","content":"A dot."},{"role":"user","content":"Sure?"}],"stream":true,"options":{"num_predict":16}}"#);
}

#[test]
fn calls_of_tools_and_their_results_are_written() {
    let written: serde_json::Value = serde_json::from_str(&body(&Turn::called_tools()).unwrap()).unwrap();
    insta::assert_snapshot!(written["messages"], @r##"[{"role":"user","content":"Rain?"},{"role":"assistant","content":"","tool_calls":[{"id":"c-1","function":{"name":"weather","arguments":{"b":1.0}}},{"id":"c-2","function":{"name":"time","arguments":{}}}]},{"role":"tool","content":"sun","tool_name":"weather","tool_call_id":"c-1"},{"role":"tool","content":"","tool_name":"time","tool_call_id":"c-2"},{"role":"user","content":"And?"}]"##);
}

#[rstest]
#[case::nothing("{}", r#""options":{"num_predict":9}"#)]
#[case::other_options(
    r#"{"options": {"temperature": 0}, "think": true}"#,
    r#""options":{"temperature":0,"num_predict":9},"think":true"#
)]
#[case::a_limit(r#"{"options": {"num_predict": 3}}"#, r#""options":{"num_predict":3}"#)]
#[case::no_object(r#"{"options": null}"#, r#""options":null"#)]
fn the_users_own_fields_win(#[case] extra: &str, #[case] expected: &str) {
    let written = body(&Turn::user("Hi").max_tokens(9).extra(extra)).unwrap();
    assert!(written.ends_with(&format!(r#""stream":false,{expected}}}"#)), "{written}");
}

#[test]
fn what_the_api_format_has_no_form_for_is_refused() {
    for kind in [PartKind::AUDIO, PartKind::VIDEO, PartKind::RAW, PartKind(99)] {
        let error = body(&Turn::user("Hi").part(kind, "", "data:,")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
        assert!(!error.hint.is_empty(), "{error}");
    }
}

#[rstest]
#[case::load("load")]
#[case::unload("unload")]
fn loading_a_model_is_an_answer_without_tokens(#[case] reason: &str) {
    let answer = read(&format!(
        r#"{{"model":"m","message":{{"role":"assistant","content":""}},"done_reason":"{reason}","done":true}}"#
    ));
    assert!(answer.is_success() && answer.passages.is_empty(), "{answer:?}");
    assert_eq!(answer.finish_reasons, [(0, reason.to_owned())]);
}

#[test]
fn a_stream_that_is_not_done_is_cut() {
    let answer = read(r#"{"model":"m","message":{"role":"assistant","content":"Hi"},"done":false}"#);
    assert!(!answer.is_complete() && answer.failure.is_none(), "{answer:?}");
}

#[test]
fn a_token_in_the_middle_of_a_stream_allocates_nothing() {
    let mut parser = TestEndpoint::new::<ChatEndpoint>("{}").unwrap().parser().unwrap();
    let event = r#"{"model":"m","created_at":"2025-10-26T17:21:21.196249Z","message":{"role":"assistant","content":" naïve"},"done":false}"#;
    let mut answer = Answer::default();
    parser.event("", event.as_bytes(), &mut answer).unwrap();
    answer.passages[0].text.reserve(1 << 12);
    let before = CountingAllocator::allocations();
    (0..100).for_each(|_| parser.event("", event.as_bytes(), &mut answer).unwrap());
    assert_eq!(CountingAllocator::allocations() - before, 0);
    assert_eq!(answer.text().len(), 101 * 7);
}

#[test]
fn it_does_what_the_contract_says() {
    let stream = concat!(
        r#"{"model":"m","message":{"role":"assistant","content":"","thinking":"Hm"},"done":false}"#,
        "\n",
        r#"{"model":"m","message":{"role":"assistant","content":"Hell\u00f6"},"done":false}"#,
        "\n",
        r#"{"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}"#,
        "\n",
        r#"{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":2}"#,
        "\n",
    );
    let whole =
        r#"{"model":"m","message":{"role":"assistant","content":"Hi"},"done":true,"done_reason":"length"}"#;
    let suite = Suite::new().replay("stream.ndjson", Recording::lines(stream));
    let report = suite.replay("answer.json", Recording::body(200, whole)).endpoint::<ChatEndpoint>();
    assert!(report.conforms(), "{report}");
    assert_eq!(read(stream).text(), "Hellö");
}
