//! What the API format writes and reads, and that it survives everything else.

use example_vendor::ExampleVendor as ApiFormat;

use prony_plugin_api::{
    PluginError,
    conformance::Suite,
    testing::{Recording, TestEndpoint, Turn},
};

/// Recorded responses. CHANGE: record your own with `curl -siN ... > tests/stream.sse`, with the head or without.
const STREAM: &[u8] = include_bytes!("stream.sse");
const ANSWER: &[u8] = include_bytes!("answer.json");

#[test]
fn a_turn_becomes_a_request() -> Result<(), PluginError> {
    let endpoint = TestEndpoint::new::<ApiFormat>("{}")?;
    let turn = Turn::user("What is the capital of France?").model("vendor-1").max_tokens(8);
    let body = endpoint.format(&turn.streaming().extra(r#"{"seed": 7}"#))?.json()?;
    assert_eq!(body["messages"][0]["content"], "What is the capital of France?");
    assert_eq!(body["model"], "vendor-1");
    assert_eq!(body["max_tokens"], 8);
    assert_eq!(body["stream"], true);
    assert_eq!(body["seed"], 7);
    Ok(())
}

#[test]
fn a_stream_becomes_an_answer() -> Result<(), PluginError> {
    let answer = TestEndpoint::new::<ApiFormat>("{}")?.read_stream(STREAM);
    assert_eq!(answer.text(), "The capital is \"Paris\".");
    assert_eq!(answer.finish_reasons, [(0, "stop".to_owned())]);
    assert_eq!(answer.usage.and_then(|usage| usage.completion), Some(6));
    assert!(answer.is_success());
    Ok(())
}

#[test]
fn a_whole_answer_is_read_as_well() -> Result<(), PluginError> {
    let endpoint = TestEndpoint::new::<ApiFormat>("{}")?;
    assert_eq!(endpoint.read_body(200, ANSWER).text(), "The capital is Paris.");
    let refused = endpoint.read_body(429, br#"{"error": {"message": "slow down"}}"#);
    assert_eq!(refused.errors[0].message, "slow down");
    Ok(())
}

#[test]
fn it_does_what_the_contract_says() {
    let suite = Suite::new().replay("stream.sse", Recording::stream(STREAM));
    let report = suite.replay("answer.json", Recording::body(200, ANSWER)).endpoint::<ApiFormat>();
    assert!(report.conforms(), "{report}");
}
