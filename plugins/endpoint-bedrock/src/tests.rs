//! What the API format writes and signs, and what reading costs. What it reads is compared with recorded answers in the
//! workspace's own tests.

use prony_plugin_api::{
    ErrorKind, PartKind, PluginError,
    conformance::Suite,
    metadata::StreamFraming,
    testing::{Answer, CountingAllocator, Recording, Request, TestEndpoint, Turn},
};
use rstest::rstest;

use crate::{
    endpoint::ConverseEndpoint,
    frames::tests::{event, frame},
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const KEY: &str = r#"{"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "aws_region": "us-east-1"}"#;

fn request(options: &str, turn: &Turn) -> Result<Request, PluginError> {
    TestEndpoint::new::<ConverseEndpoint>(options)?.format(turn)
}

fn body(turn: &Turn) -> Result<String, PluginError> {
    Ok(String::from_utf8(request(KEY, turn)?.body).unwrap())
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn stream() -> Vec<u8> {
    [
        event("messageStart", r#"{"role":"assistant"}"#),
        event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"Hm"}}}"#),
        event("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"text":"Hell\u00f6"}}"#),
        event(
            "contentBlockStart",
            r#"{"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}"#,
        ),
        event("contentBlockDelta", r#"{"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"a\":1}"}}}"#),
        event("contentBlockStop", r#"{"contentBlockIndex":2}"#),
        event("messageStop", r#"{"stopReason":"tool_use"}"#),
        event(
            "metadata",
            r#"{"usage":{"inputTokens":3,"outputTokens":4,"totalTokens":12,"cacheReadInputTokens":5}}"#,
        ),
    ]
    .concat()
}

fn read(bytes: &[u8]) -> Answer {
    TestEndpoint::new::<ConverseEndpoint>(KEY).unwrap().replay(&Recording::raw(bytes))
}

#[test]
fn a_conversation_with_a_system_and_an_image() {
    let turn = Turn::empty()
        .message("system", "Be brief.")
        .message("user", "What is it?")
        .part(PartKind::IMAGE, "", "data:image/png;base64,iVBO")
        .message("assistant", "A dot.")
        .message("user", "Sure?")
        .part(PartKind::RAW, "", r#"{"cachePoint": {"type": "default"}}"#)
        .max_tokens(16);
    insta::assert_snapshot!(body(&turn).unwrap(), @r#"{"messages":[{"role":"user","content":[{"text":"What is it?"},{"image":{"format":"png","source":{"bytes":"iVBO"}}}]},{"role":"assistant","content":[{"text":"A dot."}]},{"role":"user","content":[{"text":"Sure?"},{"cachePoint":{"type":"default"}}]}],"system":[{"text":"Be brief."}],"inferenceConfig":{"maxTokens":16}}"#);
}

#[test]
fn calls_of_tools_and_their_results_are_written() {
    let written: serde_json::Value = serde_json::from_str(&body(&Turn::called_tools()).unwrap()).unwrap();
    insta::assert_snapshot!(written["messages"], @r##"[{"role":"user","content":[{"text":"Rain?"}]},{"role":"assistant","content":[{"toolUse":{"toolUseId":"c-1","name":"weather","input":{"b":1.0}}},{"toolUse":{"toolUseId":"c-2","name":"time","input":{}}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"c-1","content":[{"text":"sun"}]}},{"toolResult":{"toolUseId":"c-2","content":[]}},{"text":"And?"}]}]"##);
}

#[rstest]
#[case::a_temperature(r#"{"inferenceConfig": {"temperature": 0}}"#, r#"{"temperature":0,"maxTokens":9}"#)]
#[case::a_limit(r#"{"inferenceConfig": {"maxTokens": 3}}"#, r#"{"maxTokens":3}"#)]
#[case::no_object(r#"{"inferenceConfig": null}"#, "null")]
fn the_users_own_fields_win(#[case] extra: &str, #[case] expected: &str) {
    let written = body(&Turn::user("Hi").max_tokens(9).extra(extra)).unwrap();
    assert!(written.ends_with(&format!(r#","inferenceConfig":{expected}}}"#)), "{written}");
}

#[test]
fn what_the_api_format_has_no_form_for_is_refused() {
    for kind in [PartKind::AUDIO, PartKind::VIDEO, PartKind(99)] {
        let error = body(&Turn::user("Hi").part(kind, "", "data:,")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
        assert!(!error.hint.is_empty(), "{error}");
    }
}

#[test]
fn a_request_goes_to_its_model_and_asks_for_what_it_wants() {
    let turn = Turn::user("Hi").model("arn:aws:bedrock:us-east-1:1:inference-profile/m");
    let whole = request(KEY, &turn).unwrap();
    assert_eq!(
        whole.path.as_deref(),
        Some("/model/arn:aws:bedrock:us-east-1:1:inference-profile%2Fm/converse")
    );
    assert_eq!(header(&whole, "accept"), Some("application/json"));
    let stream = request(KEY, &turn.streaming()).unwrap();
    assert!(stream.path.unwrap().ends_with("/converse-stream"));
    assert_eq!(stream.headers[0], ("accept".to_owned(), "application/vnd.amazon.eventstream".to_owned()));
}

#[test]
fn a_request_is_signed_with_its_host_its_time_its_path_and_its_body() {
    let turn = Turn::user("Hi").model("m:0");
    let signed = request(KEY, &turn).unwrap();
    assert_eq!(header(&signed, "x-amz-date"), Some("20231114T221320Z"));
    assert_eq!(header(&signed, "content-type"), Some("application/json"));
    assert_eq!(header(&signed, "x-amz-security-token"), None);
    let authorization =
        |turn: &Turn| header(&request(KEY, turn).unwrap(), "authorization").unwrap().to_owned();
    let known = authorization(&turn);
    assert!(
        known.starts_with(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/us-east-1/bedrock/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, Signature="
        ),
        "{known}"
    );
    let facts = |host: &str, more: &str| format!(r#"{{"host":"{host}","unix_time_s":1700000000{more}}}"#);
    let same = turn.clone().facts(&facts("localhost:8000", ""));
    assert_eq!(authorization(&same), known);
    for other in [
        Turn::user("Ho").model("m:0"),
        turn.clone().model("m:1"),
        turn.clone().streaming(),
        turn.clone().facts(&facts("localhost:8001", "")),
        turn.clone().facts(&facts("localhost:8000", r#","base_path":"/gateway""#)),
        turn.clone().facts(r#"{"host":"localhost:8000","unix_time_s":1700000001}"#),
    ] {
        assert_ne!(authorization(&other), known, "{other:?}");
    }
    let fixed =
        turn.clone().facts(&facts("localhost:8000", r#","path":"/model/m:0/converse","base_path":"/x""#));
    assert_eq!(authorization(&fixed), known, "the path that the user fixed is the one that is sent");
}

#[test]
fn a_session_token_is_signed_and_sent() {
    let options = KEY.replace('}', r#", "aws_session_token": "token-7"}"#);
    let signed = request(&options, &Turn::user("Hi")).unwrap();
    assert_eq!(header(&signed, "x-amz-security-token"), Some("token-7"));
    let authorization = header(&signed, "authorization").unwrap();
    assert!(authorization.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,"));
}

#[test]
fn a_key_of_the_users_is_enough_without_a_signature() {
    let turn = Turn::user("Hi").facts(r#"{"host":"h","unix_time_s":1,"has_api_key":true}"#);
    assert_eq!(request(KEY, &turn).unwrap().headers.len(), 1);
}

#[rstest]
#[case::an_old_host(KEY, "{}", "a newer prony")]
#[case::no_region(
    r#"{"aws_access_key_id": "a", "aws_secret_access_key": "b"}"#,
    r#"{"host":"h","unix_time_s":1}"#,
    "AWS_REGION"
)]
fn what_cannot_be_signed_is_refused_with_a_hint(
    #[case] options: &str,
    #[case] facts: &str,
    #[case] hint: &str,
) {
    let error = request(options, &Turn::user("Hi").facts(facts)).unwrap_err();
    assert!(error.hint.contains(hint), "{error}");
}

#[test]
fn a_region_may_come_from_the_url() {
    let facts = r#"{"host":"bedrock-runtime.eu-west-3.amazonaws.com","unix_time_s":1700000000}"#;
    let options = r#"{"aws_access_key_id": "a", "aws_secret_access_key": "b"}"#;
    let signed = request(options, &Turn::user("Hi").facts(facts)).unwrap();
    assert!(header(&signed, "authorization").unwrap().contains("/eu-west-3/bedrock/"));
}

#[test]
fn a_stream_of_frames_is_read() {
    let answer = read(&stream());
    assert!(answer.is_success(), "{answer:?}");
    assert_eq!(answer.text(), "Hellö");
    let usage = answer.usage.unwrap();
    assert_eq!((usage.prompt, usage.completion, usage.total), (Some(8), Some(4), Some(12)));
    assert_eq!(answer.finish_reasons, [(0, "tool_use".to_owned())]);
}

#[test]
fn a_stream_that_ends_in_a_frame_is_cut() {
    let whole = stream();
    let answer = read(&whole[..whole.len() / 2]);
    assert!(!answer.is_complete() && answer.failure.is_none(), "{answer:?}");
}

#[test]
fn an_exception_is_an_error_with_its_name_and_its_code() {
    let headers = [(":exception-type", "throttlingException"), (":message-type", "exception")];
    let exception = frame(&headers, r#"{"message":"Too many tokens for AKIDEXAMPLE"}"#);
    let answer = read(&[event("messageStart", "{}"), exception].concat());
    let error = &answer.errors[0];
    assert_eq!((error.code, &*error.kind), (Some(429), "throttlingException"));
    assert_eq!(error.message, "Too many tokens for <redacted>");
}

#[test]
fn an_error_frame_is_an_error() {
    let headers = [(":message-type", "error"), (":error-code", "InternalError"), (":error-message", "no")];
    let error = read(&frame(&headers, "")).errors.remove(0);
    assert_eq!((&*error.kind, &*error.message), ("InternalError", "no"));
}

#[test]
fn what_is_no_frame_is_described_and_a_gateways_error_is_told() {
    let failure = read(b"<html>Bad Gateway</html>").failure.unwrap();
    assert!(failure.message.contains("`<html>Bad Gateway</html>` where a frame"), "{failure}");
    let answer = read(br#"{"error": {"message": "overloaded", "type": "busy"}}"#);
    assert_eq!(answer.errors[0].message, "overloaded");
    let mut changed = stream();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let failure = read(&changed).failure.unwrap();
    assert!(failure.message.contains("checksum") && failure.hint.contains("between"), "{failure}");
}

#[test]
fn no_credentials_stand_in_an_error() {
    let endpoint = TestEndpoint::new::<ConverseEndpoint>(KEY).unwrap();
    let body = br#"{"message":"The Canonical String was x-amz: AKIDEXAMPLE"}"#;
    for status in [403, 200] {
        let error = endpoint.read_body(status, body).errors.remove(0);
        assert_eq!(error.message, "The Canonical String was x-amz: <redacted>");
    }
}

#[test]
fn a_token_in_the_middle_of_a_stream_allocates_nothing() {
    let mut parser = TestEndpoint::new::<ConverseEndpoint>("{}").unwrap().parser().unwrap();
    let event = event("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":" naïve"},"p":"abc"}"#);
    let mut answer = Answer::default();
    // One frame a read, and frames that come in two reads.
    let (early, late) = event.split_at(50);
    for read in [&event[..], early, late] {
        parser.event("", read, &mut answer).unwrap();
    }
    answer.passages[0].text.reserve(1 << 12);
    let before = CountingAllocator::allocations();
    for _ in 0..100 {
        for read in [&event[..], early, late] {
            parser.event("", read, &mut answer).unwrap();
        }
    }
    assert_eq!(CountingAllocator::allocations() - before, 0);
    assert_eq!(answer.text().len(), 202 * 7);
}

#[test]
fn it_does_what_the_contract_says() {
    let whole = r#"{"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"Hm"}}},{"text":"Hi"},{"toolUse":{"name":"f","input":{"a":1}}}]}},"stopReason":"tool_use","usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5}}"#;
    let suite = Suite::new().options(KEY).replay("stream.bin", Recording::raw(stream()));
    let report = suite.replay("answer.json", Recording::body(200, whole)).endpoint::<ConverseEndpoint>();
    assert!(report.conforms(), "{report}");
    assert_eq!(Recording::raw(stream()).framing(), Some(StreamFraming::Bytes));
}
