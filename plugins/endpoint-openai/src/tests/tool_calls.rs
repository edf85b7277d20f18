//! Calls of tools and their results, as the chat and the responses API formats write them.

use prony_plugin_api::{
    Endpoint,
    testing::{TestEndpoint, Turn},
};
use serde_json::Value;

use crate::{chat::ChatEndpoint, responses::ResponsesEndpoint};

fn body<E: Endpoint>(turn: &Turn) -> Value {
    let request = TestEndpoint::new::<E>("{}").unwrap().format(turn).unwrap();
    serde_json::from_slice(&request.body).unwrap()
}

#[test]
fn a_chat_has_them_in_messages() {
    insta::assert_snapshot!(body::<ChatEndpoint>(&Turn::called_tools())["messages"], @r##"[{"role":"user","content":"Rain?"},{"role":"assistant","content":null,"tool_calls":[{"type":"function","id":"c-1","function":{"name":"weather","arguments":"{\"b\": 1.0}"}},{"type":"function","id":"c-2","function":{"name":"time","arguments":""}}]},{"role":"tool","content":"sun","tool_call_id":"c-1"},{"role":"tool","content":"","tool_call_id":"c-2"},{"role":"user","content":"And?"}]"##);
}

#[test]
fn responses_have_them_beside_messages() {
    insta::assert_snapshot!(body::<ResponsesEndpoint>(&Turn::called_tools())["input"], @r##"[{"type":"message","role":"user","content":"Rain?"},{"type":"function_call","call_id":"c-1","name":"weather","arguments":"{\"b\": 1.0}"},{"type":"function_call","call_id":"c-2","name":"time","arguments":""},{"type":"function_call_output","call_id":"c-1","output":"sun"},{"type":"function_call_output","call_id":"c-2","output":""},{"type":"message","role":"user","content":"And?"}]"##);
}
