//! Thinking that a server sends as `reasoning_details`: it is text like any other, and its first piece is the first token.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use prony_tests::{Run, Script, ask_once};
use rstest::rstest;
use serde_json::Value;

const THOUGHT: &str = r#"{"choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.text","text":"Let me see."}]}}]}"#;
const SUMMARY: &str = r#"{"choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.summary","summary":" Short."}]}}]}"#;
const ENCRYPTED: &str = r#"{"choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.encrypted","data":"c2VjcmV0"}]}}]}"#;
const TWICE: &str = r#"{"choices":[{"index":0,"delta":{"reasoning":" So.","reasoning_details":[{"type":"reasoning.text","text":" So."}]}}]}"#;
const CONTENT: &str = r#"{"choices":[{"index":0,"delta":{"content":"Four."},"finish_reason":"stop"}]}"#;

/// What was generated, by channel.
fn texts(run: &Run) -> Vec<(String, String)> {
    let outputs: Value = serde_json::from_str(&run.read("outputs.json")).unwrap();
    let text = |output: &Value, key: &str| output[key].as_str().unwrap().to_owned();
    let outputs = outputs["data"][0]["outputs"].as_array().unwrap();
    outputs.iter().map(|output| (text(output, "channel"), text(output, "text"))).collect()
}

fn said(reasoning: &str) -> Vec<(String, String)> {
    vec![("reasoning".into(), reasoning.into()), ("content".into(), "Four.".into())]
}

#[rstest]
#[case::chat("chat", "timed")]
#[case::chat_portable("chat", "portable")]
#[case::raw("raw", "timed")]
fn the_first_thought_is_the_first_token(#[case] endpoint: &str, #[case] transport: &str) {
    let answer = Script::events().event(ENCRYPTED).pause_ms(150).event(THOUGHT).pause_ms(150).event(SUMMARY);
    let answer = answer.event(TWICE).event(CONTENT).event("[DONE]").last_chunk();
    let run = ask_once(answer, endpoint, &["--streaming", "--transport", transport]);
    let summary = run.succeeds().summary();
    assert_eq!(texts(&run), said("Let me see. Short. So."));
    let first = summary["time_to_first_token"]["avg"].as_f64().unwrap();
    let whole = summary["request_latency"]["avg"].as_f64().unwrap();
    // What is encrypted came 150 ms before the first thought, and the text 150 ms after it.
    assert!(first >= 149.0 && whole - first >= 149.0, "{first} of {whole}");
    assert_eq!(run.records()[0]["metrics"]["reasoning_token_count"]["value"], 8);
}

#[rstest]
#[case::chat("chat")]
#[case::raw("raw")]
fn a_whole_answer_has_its_thoughts(#[case] endpoint: &str) {
    let body = r#"{"choices":[{"index":0,"finish_reason":"stop","message":{"content":"Four.","reasoning_details":
        [{"type":"reasoning.text","text":"Let me see."},{"type":"reasoning.encrypted","data":"c2VjcmV0"}]}}]}"#;
    let run = ask_once(Script::whole("application/json", body), endpoint, &[]);
    run.succeeds();
    assert_eq!(texts(&run), said("Let me see."));
}
