//! What a conversation repeats, by the mock server's own account: each body holds all earlier replies verbatim, and the calls
//! of tools in them with their ids, in every API format that writes such calls.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockServer, Tool};
use rstest::rstest;
use serde_json::{Value, json};

/// A dialogue of five requests, two of which send results of tools. Each reply has a length of its own, so that no two replies
/// are the same text.
fn dialogue() -> String {
    let message = |role: &str, text: &str, tools: Value| {
        let tools = json!({"kind": "json", "name": "tools", "data": tools.to_string()});
        json!({"role": role, "parts": [{"kind": "text", "data": text}, tools]})
    };
    let said = |role: &str, text: &str| json!({"role": role, "parts": [{"kind": "text", "data": text}]});
    let calls = |text: &str, ids: &[&str]| {
        let call = |id: &&str| json!({"id": id, "type": "function", "function": {"name": "look", "arguments": "{\"at\":\"it\"}"}});
        message("assistant", text, json!({"tool_calls": ids.iter().map(call).collect::<Vec<_>>()}))
    };
    let result = |id: &str, text: &str| message("tool", text, json!({"tool_call_id": id}));
    let steps = [
        (vec![said("user", "One?")], calls("recorded one", &["r-1", "r-2"])),
        (vec![result("r-1", "sun"), result("r-2", "moon")], said("assistant", "recorded two")),
        (vec![said("user", "Three?")], calls("recorded three", &["r-3", "r-4"])),
        (vec![result("r-3", "sea"), result("r-4", "land")], said("assistant", "recorded four")),
        (vec![said("user", "Five?")], said("assistant", "recorded five")),
    ];
    let steps = steps.iter().enumerate().map(|(at, (messages, reply))| {
        let mut step = json!({"messages": messages, "reply": reply, "max_tokens": 10 + at});
        if let Some(before) = at.checked_sub(1) {
            step["after"] = json!([before]);
            step["context"] = json!(before);
        }
        step
    });
    let session = json!({"id": "tools", "steps": steps.collect::<Vec<_>>()});
    format!("{{\"prony_sessions\": 1}}\n{session}\n")
}

/// A reply in an API format.
struct Reply {
    text: String,
    /// Ids and arguments of its calls of `look`.
    calls: Vec<(String, String)>,
}

impl Reply {
    /// What the mock server says that it said.
    fn live(request: &Value) -> Self {
        let said = &request["said"][0];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let call = |call: &Value| (text(&call["id"]), text(&call["arguments"]));
        Self {
            text: text(&said["text"]),
            calls: said["tool_calls"].as_array().unwrap().iter().map(call).collect(),
        }
    }

    /// What the dialogue has on record.
    fn recorded(number: usize) -> Self {
        let ids: &[&str] = [&["r-1", "r-2"][..], &[], &["r-3", "r-4"], &[]][number];
        let text = ["recorded one", "recorded two", "recorded three", "recorded four"][number];
        let call = |id: &&str| ((*id).to_owned(), "{\"at\":\"it\"}".to_owned());
        Self { text: text.to_owned(), calls: ids.iter().map(call).collect() }
    }

    /// How the next request repeats it, and sends these results of its calls.
    fn in_messages_of(&self, endpoint: &str, results: &[&str]) -> Vec<Value> {
        let Self { text, calls } = self;
        let object = |arguments: &str| serde_json::from_str::<Value>(arguments).unwrap();
        let each = |of: &dyn Fn(&str, &str) -> Value| -> Vec<Value> {
            calls.iter().map(|(id, arguments)| of(id, arguments)).collect()
        };
        let answered = |of: &dyn Fn(&str, &str) -> Value| -> Vec<Value> {
            calls.iter().zip(results).map(|((id, _), result)| of(id, result)).collect()
        };
        let mut said: Vec<Value>;
        match endpoint {
            "chat" => {
                let mut message = json!({"role": "assistant", "content": text});
                if !calls.is_empty() {
                    message["tool_calls"] = each(&|id, arguments| json!({"type": "function", "id": id, "function": {"name": "look", "arguments": arguments}})).into();
                }
                said = vec![message];
                said.extend(answered(
                    &|id, result| json!({"role": "tool", "tool_call_id": id, "content": result}),
                ));
            }
            "ollama_chat" => {
                let mut message = json!({"role": "assistant", "content": text});
                if !calls.is_empty() {
                    message["tool_calls"] = each(&|id, arguments| json!({"id": id, "function": {"name": "look", "arguments": object(arguments)}})).into();
                }
                said = vec![message];
                said.extend(answered(&|id, result| json!({"role": "tool", "tool_name": "look", "tool_call_id": id, "content": result})));
            }
            "responses" => {
                said = vec![json!({"type": "message", "role": "assistant", "content": text})];
                said.extend(each(&|id, arguments| json!({"type": "function_call", "call_id": id, "name": "look", "arguments": arguments})));
                said.extend(answered(
                    &|id, result| json!({"type": "function_call_output", "call_id": id, "output": result}),
                ));
            }
            "messages" if calls.is_empty() => said = vec![json!({"role": "assistant", "content": text})],
            "messages" => {
                let mut content = vec![json!({"type": "text", "text": text})];
                content.extend(each(&|id, arguments| json!({"type": "tool_use", "id": id, "name": "look", "input": object(arguments)})));
                let results = answered(
                    &|id, result| json!({"type": "tool_result", "tool_use_id": id, "content": result}),
                );
                said = vec![
                    json!({"role": "assistant", "content": content}),
                    json!({"role": "user", "content": results}),
                ];
            }
            _ => {
                let mut content = vec![json!({"text": text})];
                content.extend(each(&|id, arguments| json!({"toolUse": {"toolUseId": id, "name": "look", "input": object(arguments)}})));
                said = vec![json!({"role": "assistant", "content": content})];
                if !calls.is_empty() {
                    let results = answered(
                        &|id, result| json!({"toolResult": {"toolUseId": id, "content": [{"text": result}]}}),
                    );
                    said.push(json!({"role": "user", "content": results}));
                }
            }
        }
        said
    }
}

/// What the last of the five requests must have said.
fn expected(endpoint: &str, replies: &[Reply]) -> Vec<Value> {
    let asked = |text: &str| match endpoint {
        "responses" => json!({"type": "message", "role": "user", "content": text}),
        "bedrock_converse_stream" => json!({"role": "user", "content": [{"text": text}]}),
        _ => json!({"role": "user", "content": text}),
    };
    let repeated = |at: usize, results: &[&str]| replies[at].in_messages_of(endpoint, results);
    [
        vec![asked("One?")],
        repeated(0, &["sun", "moon"]),
        repeated(1, &[]),
        vec![asked("Three?")],
        repeated(2, &["sea", "land"]),
        repeated(3, &[]),
        vec![asked("Five?")],
    ]
    .concat()
}

fn tools_of(endpoint: &str) -> Value {
    let schema = json!({"type": "object"});
    match endpoint {
        "messages" => json!({"tools": [{"name": "look", "input_schema": schema}]}),
        "responses" => json!({"tools": [{"type": "function", "name": "look", "parameters": schema}]}),
        "bedrock_converse_stream" => {
            json!({"toolConfig": {"tools": [{"toolSpec": {"name": "look", "inputSchema": {"json": schema}}}]}})
        }
        _ => json!({"tools": [{"type": "function", "function": {"name": "look", "parameters": schema}}]}),
    }
}

#[rstest]
fn each_body_holds_all_earlier_replies(
    #[values("chat", "responses", "messages", "ollama_chat", "bedrock_converse_stream")] endpoint: &str,
    #[values(&[], &["--streaming"])] delivery: &[&str],
    #[values("live", "recorded")] policy: &str,
) {
    let server = MockServer::start(["--tool-calls", "2", "--keep-texts"]);
    let tools = tools_of(endpoint).to_string();
    let tool = Tool::bare_profile()
        .args(["--url", server.url(), "--endpoint-type", endpoint, "--replies", policy])
        .args(["--input-file", "t.jsonl", "--num-conversations", "1", "--extra-inputs", &tools])
        .args(delivery);
    tool.file("t.jsonl", dialogue());
    tool.run().succeeds();
    let truth = server.truth();
    let requests = truth["requests"].as_array().unwrap();
    let list = if endpoint == "responses" { "input" } else { "messages" };
    let bodies: Vec<Vec<Value>> = requests
        .iter()
        .map(|request| serde_json::from_str::<Value>(request["body"].as_str().unwrap()).unwrap())
        .map(|body| body[list].as_array().unwrap().clone())
        .collect();
    assert_eq!(bodies.len(), 5);
    for (earlier, later) in bodies.iter().zip(&bodies[1..]) {
        assert_eq!(later[..earlier.len()], earlier[..]);
    }
    let replies: Vec<Reply> = match policy {
        "live" => requests.iter().map(Reply::live).collect(),
        _ => (0..4).map(Reply::recorded).collect(),
    };
    if policy == "live" {
        assert_eq!(replies.iter().map(|reply| reply.calls.len()).collect::<Vec<_>>(), [2, 0, 2, 0, 2]);
    }
    assert_eq!(bodies[4], expected(endpoint, &replies));
}
