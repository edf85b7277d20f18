//! Calls of tools in an answer: with `--export-outputs-json` each is whole in `outputs.json`, however it was sent.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use prony_tests::{Run, Script, ask_once};
use rstest::rstest;
use serde_json::{Value, json};

/// Two calls whose pieces alternate.
const CHAT: &[&str] = &[
    r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"One moment."}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c-1","type":"function","function":{"name":"weather","arguments":""}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c-2","type":"function","function":{"name":"time","arguments":"{\"zone\":"}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}},{"index":1,"function":{"arguments":"\"UTC\""}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"}"}},{"index":0,"function":{"arguments":"\"Lima\"}"}}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":5,"completion_tokens":9}}"#,
    "[DONE]",
];

/// Two calls, one after the other, and one that the server makes itself.
const MESSAGES: &[&str] = &[
    r#"{"type":"message_start","message":{"id":"m","model":"m","content":[],"usage":{"input_tokens":5}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s-1","name":"search","input":{}}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"q\":1}"}}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"c-1","name":"weather","input":{}}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"city\":"}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\"Lima\"}"}}"#,
    r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"c-2","name":"time","input":{}}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"zone\":\"UTC\"}"}}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#,
    r#"{"type":"message_stop"}"#,
];

/// Two calls side by side, one with deltas and one without, and one that the server makes itself.
const RESPONSES: &[&str] = &[
    r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"i-1","call_id":"c-1","name":"weather","arguments":""}}"#,
    r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"i-2","call_id":"c-2","name":"time","arguments":""}}"#,
    r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"{\"city\":"}"#,
    r#"{"type":"response.function_call_arguments.done","output_index":1,"arguments":"{\"zone\":\"UTC\"}"}"#,
    r#"{"type":"response.function_call_arguments.delta","output_index":0,"delta":"\"Lima\"}"}"#,
    r#"{"type":"response.function_call_arguments.done","output_index":0,"arguments":"{\"city\":\"Lima\"}"}"#,
    r#"{"type":"response.output_item.done","output_index":2,"item":{"type":"mcp_call","id":"i-3","name":"search","arguments":"{\"q\":1}"}}"#,
    r#"{"type":"response.completed","response":{"id":"r","model":"m","status":"completed","output":[],"usage":{"input_tokens":5,"output_tokens":9}}}"#,
];

const CHAT_BODY: &str = r#"{"choices":[{"index":0,"finish_reason":"tool_calls","message":{"content":"One moment.","tool_calls":[
    {"id":"c-1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Lima\"}"}},
    {"id":"c-2","type":"function","function":{"name":"time","arguments":"{\"zone\":\"UTC\"}"}}]}}]}"#;
const MESSAGES_BODY: &str = r#"{"type":"message","stop_reason":"tool_use","content":[
    {"type":"server_tool_use","id":"s-1","name":"search","input":{"q":1}},
    {"type":"tool_use","id":"c-1","name":"weather","input":{"city":"Lima"}},
    {"type":"tool_use","id":"c-2","name":"time","input":{"zone":"UTC"}}]}"#;
const RESPONSES_BODY: &str = r#"{"id":"r","model":"m","status":"completed","output":[
    {"type":"function_call","id":"i-1","call_id":"c-1","name":"weather","arguments":"{\"city\":\"Lima\"}"},
    {"type":"mcp_call","id":"i-3","name":"search","arguments":"{\"q\":1}"},
    {"type":"function_call","id":"i-2","call_id":"c-2","name":"time","arguments":"{\"zone\":\"UTC\"}"}]}"#;

/// What `outputs.json` has of the only request.
fn kept(run: &Run) -> Value {
    let outputs: Value = serde_json::from_str(&run.succeeds().read("outputs.json")).unwrap();
    outputs["data"][0].clone()
}

fn both_calls() -> Value {
    json!([
        { "choice": 0, "id": "c-1", "name": "weather", "arguments": r#"{"city":"Lima"}"# },
        { "choice": 0, "id": "c-2", "name": "time", "arguments": r#"{"zone":"UTC"}"# },
    ])
}

#[rstest]
#[case::chat("chat", CHAT)]
#[case::messages("messages", MESSAGES)]
#[case::responses("responses", RESPONSES)]
fn calls_that_are_streamed_in_pieces_are_whole(
    #[case] endpoint: &str,
    #[case] events: &[&str],
    #[values("timed", "portable")] transport: &str,
) {
    let answer = events.iter().fold(Script::events(), |script, event| script.event(event)).last_chunk();
    let run = ask_once(answer, endpoint, &["--streaming", "--transport", transport]);
    assert_eq!(kept(&run)["tool_calls"], both_calls());
}

#[rstest]
#[case::chat("chat", CHAT_BODY)]
#[case::messages("messages", MESSAGES_BODY)]
#[case::responses("responses", RESPONSES_BODY)]
fn calls_of_a_whole_answer_are_kept(#[case] endpoint: &str, #[case] body: &str) {
    let run = ask_once(Script::whole("application/json", body), endpoint, &[]);
    assert_eq!(kept(&run)["tool_calls"], both_calls());
}

#[test]
fn their_text_is_generated_text_as_before() {
    let answer = CHAT.iter().fold(Script::events(), |script, event| script.event(event)).last_chunk();
    let kept = kept(&ask_once(answer, "chat", &["--streaming"]));
    let text = r#"weathertime{"zone":{"city":"UTC"}"Lima"}"#;
    let outputs = json!([
        { "choice": 0, "channel": "content", "text": "One moment." },
        { "choice": 0, "channel": "tool", "text": text },
    ]);
    assert_eq!(kept["outputs"], outputs);
    assert_eq!(kept["response_text"], "One moment.");
}

#[test]
fn an_answer_without_calls_has_no_list_of_them() {
    let body = r#"{"choices":[{"index":0,"finish_reason":"stop","message":{"content":"Four."}}]}"#;
    let kept = kept(&ask_once(Script::whole("application/json", body), "chat", &[]));
    assert_eq!((kept["response_text"].as_str(), kept.get("tool_calls")), (Some("Four."), None));
}

#[test]
fn arguments_that_repeat_the_key_are_masked() {
    let body = CHAT_BODY.replace("Lima", "sk-plain-9a8b7c");
    let run = ask_once(Script::whole("application/json", &body), "chat", &["--api-key", "sk-plain-9a8b7c"]);
    assert_eq!(kept(&run)["tool_calls"][0]["arguments"], r#"{"city":"<redacted>"}"#);
}
