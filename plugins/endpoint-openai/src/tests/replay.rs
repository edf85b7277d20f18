//! What the generating API formats make of single chunks and answers. Recorded answers are compared with a table in the
//! workspace's own tests.

use prony_plugin_api::{
    ErrorKind, PartKind, PluginError, TextKind, TokenUsage,
    abi::host::ResponseSink,
    testing::{Answer, TestEndpoint},
};
use rstest::rstest;

use crate::chat::ChatEndpoint;

fn chat() -> TestEndpoint {
    TestEndpoint::new::<ChatEndpoint>("{}").unwrap()
}

/// Feeds one chunk to a chat and returns what was told.
fn chunk(data: &str) -> (Result<(), PluginError>, Answer) {
    let mut answer = Answer::default();
    let outcome = chat().parser().unwrap().event("", data.as_bytes(), &mut answer);
    (outcome, answer)
}

/// The texts that a chunk tells, in order.
fn texts_of_chunk(data: &str) -> Vec<(TextKind, u32, String)> {
    let (outcome, answer) = chunk(data);
    outcome.unwrap();
    let passages = answer.passages.into_iter();
    passages.map(|passage| (passage.kind, passage.choice, passage.text)).collect()
}

#[test]
fn a_role_only_chunk_tells_no_text() {
    let data = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":null}}]}"#;
    assert_eq!(texts_of_chunk(data), []);
}

#[test]
fn one_chunk_may_speak_on_all_channels() {
    let data = r#"{"choices":[{"index":3,"delta":{"content":"c","reasoning":"r","refusal":"f",
        "tool_calls":[{"index":0,"function":{"name":"n","arguments":"{}"}}]}}]}"#;
    let expected = [
        (TextKind::REASONING, "r"),
        (TextKind::CONTENT, "c"),
        (TextKind::REFUSAL, "f"),
        (TextKind::TOOL, "n{}"),
    ];
    assert_eq!(texts_of_chunk(data), expected.map(|(kind, text)| (kind, 3, text.to_owned())));
}

#[rstest]
#[case::text(r#""reasoning_details":[{"type":"reasoning.text","text":"so","index":0}]"#, &["so"])]
#[case::a_signature_alone(r#""reasoning_details":[{"type":"reasoning.text","text":null,"signature":"c2ln"}]"#, &[])]
#[case::summary(r#""reasoning":null,"reasoning_details":[{"type":"reasoning.summary","summary":"so"}]"#, &["so"])]
#[case::encrypted(r#""reasoning_details":[{"type":"reasoning.encrypted","data":"ZW5j"}]"#, &[])]
#[case::several(
    r#""reasoning_details":[{"type":"reasoning.text","text":"a"},{"type":"reasoning.encrypted","data":"ZW5j"},
        {"type":"reasoning.summary","summary":"b"}]"#,
    &["ab"]
)]
#[case::beside_the_same_text(r#""reasoning":"so","reasoning_details":[{"type":"reasoning.text","text":"so"}]"#, &["so"])]
#[case::none(r#""reasoning_details":null"#, &[])]
fn thinking_in_details_is_read_once(#[case] members: &str, #[case] expected: &[&str]) {
    for role in ["delta", "message"] {
        let texts = texts_of_chunk(&format!(r#"{{"choices":[{{"index":0,"{role}":{{{members}}}}}]}}"#));
        let expected: Vec<_> =
            expected.iter().map(|text| (TextKind::REASONING, 0, (*text).to_owned())).collect();
        assert_eq!(texts, expected, "{role}");
    }
}

#[rstest]
#[case::of_one_choice(&[
    r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":" naïve"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"{}"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":""}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"b"}}],"usage":{"completion_tokens":3}}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"c"},"finish_reason":"stop"}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"é"}}]}"#,
])]
#[case::of_two_choices(&[
    r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#,
    r#"{"choices":[{"index":1,"delta":{"content":"b"}}]}"#,
    r#"{"choices":[{"index":1,"delta":{"content":"c"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"d"}},{"index":1,"delta":{"content":"d"}}]}"#,
])]
#[case::on_two_channels(&[
    r#"{"choices":[{"delta":{"content":null,"reasoning":"a"}}]}"#,
    r#"{"choices":[{"delta":{"content":null,"reasoning":"b"}}]}"#,
    r#"{"choices":[{"delta":{"content":"c","reasoning":"b"}}]}"#,
    r#"{"choices":[{"delta":{"content":"d","reasoning":"b"}}]}"#,
    r#"{"choices":[{"delta":{"reasoning":"e","reasoning_content":"e"}}]}"#,
    r#"{"choices":[{"delta":{"reasoning":"f","reasoning_content":"f"}}]}"#,
])]
#[case::of_a_text_completion(&[
    r#"{"choices":[{"text":"a","logprobs":null}]}"#,
    r#"{"choices":[{"text":"b","logprobs":null}]}"#,
    r#"{"choices":[{"text":"c","logprobs":["c"]}]}"#,
])]
#[case::with_arguments(&[
    r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"n","arguments":""}}]}}]}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"a"}}]}}]}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"b"}}]}}]}"#,
])]
#[case::that_end(&[
    r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}]}"#,
])]
#[case::with_a_text_and_a_call(&[
    r#"{"choices":[{"delta":{"content":"a","tool_calls":[{"index":0,"id":"t","function":{"name":"n","arguments":"x"}}]}}]}"#,
    r#"{"choices":[{"delta":{"content":"b","tool_calls":[{"index":0,"id":"t","function":{"name":"n","arguments":"x"}}]}}]}"#,
])]
#[case::with_a_text_and_a_call_of_the_older_kind(&[
    r#"{"choices":[{"delta":{"content":"a","function_call":{"name":"n","arguments":"x"}}}]}"#,
    r#"{"choices":[{"delta":{"content":"b","function_call":{"name":"n","arguments":"x"}}}]}"#,
])]
#[case::with_a_choice_that_failed(&[
    r#"{"choices":[{"delta":{"content":"a"},"error":{"code":500,"message":"overloaded"}}]}"#,
    r#"{"choices":[{"delta":{"content":"b"},"error":{"code":500,"message":"overloaded"}}]}"#,
])]
#[case::with_an_error(&[
    r#"{"choices":[{"delta":{"content":"a"}}],"error":{"code":500,"message":"overloaded"}}"#,
    r#"{"choices":[{"delta":{"content":"b"}}],"error":{"code":500,"message":"overloaded"}}"#,
])]
#[case::with_counts_of_speculation(&[
    r#"{"choices":[{"delta":{"content":"a"}}],"metrics":{"speculative_decoding":{"num_spec_steps":4}}}"#,
    r#"{"choices":[{"delta":{"content":"b"}}],"metrics":{"speculative_decoding":{"num_spec_steps":4}}}"#,
])]
fn chunks_in_a_row_say_what_each_of_them_says_by_itself(#[case] chunks: &[&str]) {
    let endpoint = chat();
    let (mut in_a_row, mut one_by_one) = (Answer::default(), Answer::default());
    let mut parser = endpoint.parser().unwrap();
    for data in chunks {
        parser.event("", data.as_bytes(), &mut in_a_row).unwrap();
        endpoint.parser().unwrap().event("", data.as_bytes(), &mut one_by_one).unwrap();
    }
    assert_eq!(in_a_row, one_by_one);
}

/// Counts how often usage is told.
#[derive(Default)]
struct UsageCalls(u32);

impl ResponseSink for UsageCalls {
    fn text(&mut self, _kind: TextKind, _choice: u32, _text: &str) {}
    fn usage(&mut self, _usage: &TokenUsage) {
        self.0 += 1;
    }
    fn finish(&mut self, _choice: u32, _reason: &str) {}
    fn error(&mut self, _code: Option<u32>, _kind: &str, _message: &str) {}
    fn embedding(&mut self, _index: u32, _dimensions: u32) {}
    fn ranking(&mut self, _index: u32, _score: f64) {}
    fn media(&mut self, _kind: PartKind, _content_type: &str, _bytes: u64, _url: &str) {}
    fn follow_up(&mut self, _path: &str, _after_ms: u64) {}
    fn fact(&mut self, _name: &str, _value: &str) {}
    fn done(&mut self) {}
    fn tool_call(&mut self, _choice: u32, _index: u32, _id: &str, _name: &str, _arguments: &str) {}
}

#[test]
fn usage_is_told_with_each_chunk_that_has_it() {
    let (mut parser, mut calls) = (chat().parser().unwrap(), UsageCalls::default());
    for text in ["a", "b", "c"] {
        let data = format!(
            r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}],"usage":{{"prompt_tokens":5,"completion_tokens":1}}}}"#
        );
        parser.event("", data.as_bytes(), &mut calls).unwrap();
    }
    assert_eq!(calls.0, 3);
}

#[test]
fn a_chunk_that_is_like_another_up_to_its_text_is_read_to_the_end() {
    let endpoint = chat();
    let mut parser = endpoint.parser().unwrap();
    let mut answer = Answer::default();
    let mut read = |data: &str| parser.event("", data.as_bytes(), &mut answer);
    read(r#"{"choices":[{"delta":{"content":"a"}}]}"#).unwrap();
    read(r#"{"choices":[{"delta":{"content":"b"}}]}"#).unwrap();
    for broken in ["c\n", "c\\", "c\"}}]}{\""] {
        let error = read(&format!(r#"{{"choices":[{{"delta":{{"content":"{broken}"}}}}]}}"#)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::MALFORMED, "{broken}");
    }
    assert_eq!(answer.text(), "ab");
}

#[test]
fn a_chunk_that_was_cut_anywhere_is_malformed() {
    let data =
        r#"{"id":"c","choices":[{"index":0,"delta":{"content":"a\u00e4"}}],"usage":{"prompt_tokens":1}}"#;
    for end in 1..data.len() {
        let (outcome, answer) = chunk(&data[..end]);
        let error = outcome.unwrap_err();
        assert_eq!((error.kind, answer.passages.len()), (ErrorKind::MALFORMED, 0), "{end} bytes: {error}");
    }
}

#[test]
fn a_member_of_the_wrong_type_is_described_by_what_it_should_be() {
    let body = br#"{"choices":[{"index":0,"message":{"content":42}}]}"#;
    let error = chat().read_body(200, body).failure.unwrap();
    insta::assert_snapshot!(
        error.message,
        @"read the response: invalid type: integer `42`, expected a text, a list of parts or null at line 1 column 46"
    );
}

#[test]
fn another_api_formats_answer_is_described_by_its_members() {
    let body = br#"{"type":"message","content":[],"usage":{"input_tokens":3}}"#;
    let error = chat().read_body(200, body).failure.unwrap();
    insta::assert_snapshot!(
        error.message,
        @"read the response: found an object with `type`, `content`, `usage` where an object with `choices` was expected"
    );
}

#[rstest]
#[case::counts(
    r#"{"speculative_decoding":{"num_spec_steps":4,"num_draft_tokens":12,"num_accepted_draft_tokens":6,"mean_acceptance_length":2.5}}"#,
    &[("spec_decode_steps", "4"), ("spec_decode_draft_tokens", "12"), ("spec_decode_accepted_draft_tokens", "6")]
)]
#[case::some_of_them(r#"{"speculative_decoding":{"num_spec_steps":"4","num_draft_tokens":12}}"#, &[("spec_decode_draft_tokens", "12")])]
#[case::something_else(r#"{"ttft":0.2}"#, &[])]
#[case::no_object(r#""none""#, &[])]
#[case::nothing("null", &[])]
fn what_a_server_says_of_speculation_is_told(#[case] metrics: &str, #[case] expected: &[(&str, &str)]) {
    let (outcome, answer) = chunk(&format!(r#"{{"choices":[],"metrics":{metrics}}}"#));
    outcome.unwrap();
    let expected: Vec<_> =
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(answer.facts, expected);
}
