//! Conversations of several turns: what each request repeats, when it goes, and what is reported of them.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockServer, Run, Script, ScriptedServer, SeenRequest, Tool};
use rstest::rstest;
use serde_json::{Value, json};

/// Answers of a chat, each with a text of its own.
fn replies(count: usize) -> Vec<Script> {
    (1..=count).map(|number| Script::whole("application/json", reply(&format!("reply {number}")))).collect()
}

fn reply(text: &str) -> String {
    json!({
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2}
    })
    .to_string()
}

fn messages(request: &SeenRequest) -> Vec<(String, String)> {
    let text = String::from_utf8(request.bytes.clone()).unwrap();
    let body: Value = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
    let of = |message: &Value| {
        let role = message["role"].as_str().unwrap().to_owned();
        (role, message["content"].as_str().unwrap().to_owned())
    };
    body["messages"].as_array().unwrap().iter().map(of).collect()
}

/// One conversation at a time with a server of these answers.
fn talk(server: &ScriptedServer, words: &[&str]) -> Tool {
    Tool::bare_profile().args(["--url", &server.url()]).args(words)
}

fn all_messages(server: &ScriptedServer) -> Vec<Vec<(String, String)>> {
    server.requests().iter().map(messages).collect()
}

#[rstest]
fn each_turn_repeats_all_earlier_ones_and_the_servers_replies(
    #[values(&[], &["--transport", "portable"], &["--isolate", "chat"])] place: &[&str],
) {
    let server = ScriptedServer::start(replies(5));
    let run = talk(&server, place).args(["--num-conversations", "1", "--conversation-turn-mean", "5"]).run();
    run.succeeds();
    let requests = all_messages(&server);
    assert_eq!(requests.iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 5, 7, 9]);
    for (earlier, later) in requests.iter().zip(&requests[1..]) {
        assert_eq!(later[..earlier.len()], earlier[..]);
    }
    let said: Vec<_> = requests[4].iter().filter(|(role, _)| role == "assistant").collect();
    let expected = (1..5).map(|number| ("assistant".to_owned(), format!("reply {number}")));
    assert_eq!(said.into_iter().cloned().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

const RECORDED: &str = r#"{"session_id": "trip", "turns": [{"role": "system", "text": "Be brief."}, {"text": "Oslo?"}, {"role": "assistant", "text": "Fine."}, {"text": "Rain?"}]}"#;

#[rstest]
#[case::live("live", "reply 1")]
#[case::recorded("recorded", "Fine.")]
fn later_turns_repeat_the_replies_that_were_asked_for(#[case] policy: &str, #[case] expected: &str) {
    let server = ScriptedServer::start(replies(2));
    let tool = talk(&server, &["--input-file", "c.jsonl", "--num-conversations", "1", "--replies", policy]);
    tool.file("c.jsonl", RECORDED);
    tool.args(["--system-prompt", "You are kind."]).run().succeeds();
    let pair = |role: &str, text: &str| (role.to_owned(), text.to_owned());
    let system = pair("system", "You are kind.\n\nBe brief.");
    let first = vec![system, pair("user", "Oslo?")];
    let second = [&first[..], &[pair("assistant", expected), pair("user", "Rain?")]].concat();
    assert_eq!(all_messages(&server), [first, second]);
}

/// The answer of a chat with calls of tools, by their ids and names.
fn calling(text: Option<&str>, calls: &[(&str, &str)]) -> Script {
    let message = json!({"role": "assistant", "content": text, "tool_calls": chat_calls(calls)});
    let choice = json!({"index": 0, "message": message, "finish_reason": "tool_calls"});
    Script::whole("application/json", json!({"choices": [choice]}).to_string())
}

/// Their arguments are JSON in a spelling of its own.
fn chat_calls(calls: &[(&str, &str)]) -> Value {
    let call = |(id, name): &(&str, &str)| json!({"type": "function", "id": id, "function": {"name": name, "arguments": "{\"b\": 1.0,\"a\":[ ]}"}});
    calls.iter().map(call).collect()
}

/// A dialogue of five requests in prony's own format: calls of tools, their results, and what the user says in between.
fn with_tools() -> String {
    let message = |role: &str, text: &str, tools: Value| {
        let tools = json!({"kind": "json", "name": "tools", "data": tools.to_string()});
        json!({"role": role, "parts": [{"kind": "text", "data": text}, tools]})
    };
    let user = |text: &str| json!({"role": "user", "parts": [{"kind": "text", "data": text}]});
    let said = |text: &str| json!({"role": "assistant", "parts": [{"kind": "text", "data": text}]});
    let calls = |calls: &[(&str, &str)]| message("assistant", "", json!({"tool_calls": chat_calls(calls)}));
    let result = |id: &str, text: &str| message("tool", text, json!({"tool_call_id": id}));
    let steps = [
        (vec![user("Weather?")], calls(&[("r-1", "weather")])),
        (vec![result("r-1", "sun")], said("Sunny.")),
        (vec![user("Time?")], calls(&[("r-2", "time"), ("r-3", "place")])),
        (vec![result("r-2", "noon"), result("r-3", "Lima")], said("Noon.")),
        (vec![user("Bye")], said("Bye.")),
    ];
    let steps = steps.iter().enumerate().map(|(at, (messages, reply))| match at.checked_sub(1) {
        None => json!({"messages": messages, "reply": reply}),
        Some(before) => json!({"messages": messages, "reply": reply, "after": [before], "context": before}),
    });
    let session = json!({"id": "tools", "steps": steps.collect::<Vec<_>>()});
    format!("{{\"prony_sessions\": 1}}\n{session}\n")
}

fn body(request: &SeenRequest) -> Value {
    let text = String::from_utf8(request.bytes.clone()).unwrap();
    serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// What the last of five requests says, each of which repeats the one before it.
fn last_of_five(policy: &str, words: &[&str]) -> Value {
    let answers = [
        calling(Some("One moment."), &[("c-1", "weather"), ("c-2", "news")]),
        Script::whole("application/json", reply("reply 2")),
        calling(None, &[("c-3", "time")]),
        Script::whole("application/json", reply("reply 4")),
    ];
    let server = ScriptedServer::start(answers);
    let words =
        [&["--input-file", "t.jsonl", "--num-conversations", "1", "--replies", policy], words].concat();
    let tool = talk(&server, &words);
    tool.file("t.jsonl", with_tools());
    tool.run().succeeds();
    let bodies: Vec<Value> =
        server.requests().iter().map(|request| body(request)["messages"].clone()).collect();
    for (earlier, later) in bodies.iter().zip(&bodies[1..]) {
        let (earlier, later) = (earlier.as_array().unwrap(), later.as_array().unwrap());
        assert_eq!(later[..earlier.len()], earlier[..]);
    }
    assert_eq!(bodies.len(), 5);
    bodies[4].clone()
}

/// The server made one call more than the script has results, and then one fewer.
#[rstest]
fn results_of_tools_answer_the_calls_that_the_server_made(
    #[values(&[], &["--transport", "portable"], &["--isolate", "chat"])] place: &[&str],
) {
    let expected = json!([
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "One moment.", "tool_calls": chat_calls(&[("c-1", "weather"), ("c-2", "news")])},
        {"role": "tool", "content": "sun", "tool_call_id": "c-1"},
        {"role": "tool", "content": "", "tool_call_id": "c-2"},
        {"role": "assistant", "content": "reply 2"},
        {"role": "user", "content": "Time?"},
        {"role": "assistant", "content": null, "tool_calls": chat_calls(&[("c-3", "time")])},
        {"role": "tool", "content": "noon", "tool_call_id": "c-3"},
        {"role": "user", "content": "Lima"},
        {"role": "assistant", "content": "reply 4"},
        {"role": "user", "content": "Bye"},
    ]);
    assert_eq!(last_of_five("live", place), expected);
}

#[test]
fn recorded_calls_of_tools_are_repeated_with_their_own_results() {
    let expected = json!([
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": null, "tool_calls": chat_calls(&[("r-1", "weather")])},
        {"role": "tool", "content": "sun", "tool_call_id": "r-1"},
        {"role": "assistant", "content": "Sunny."},
        {"role": "user", "content": "Time?"},
        {"role": "assistant", "content": null, "tool_calls": chat_calls(&[("r-2", "time"), ("r-3", "place")])},
        {"role": "tool", "content": "noon", "tool_call_id": "r-2"},
        {"role": "tool", "content": "Lima", "tool_call_id": "r-3"},
        {"role": "assistant", "content": "Noon."},
        {"role": "user", "content": "Bye"},
    ]);
    assert_eq!(last_of_five("recorded", &[]), expected);
}

const CALLS_IN_MESSAGES: &str = r#"{"type":"message","stop_reason":"tool_use","content":[{"type":"tool_use","id":"c-1","name":"weather","input":{"city":"Lima"}}]}"#;
const CALLS_IN_RESPONSES: &str = r#"{"id":"r","model":"m","status":"completed","output":[{"type":"function_call","id":"i-1","call_id":"c-1","name":"weather","arguments":"{\"city\":\"Lima\"}"}]}"#;
const CALLS_OF_OLLAMA: &str = r#"{"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"id":"c-1","function":{"name":"weather","arguments":{"city":"Lima"}}}]},"done":true,"done_reason":"stop"}"#;
const CALLS_IN_CONVERSE: &str = r#"{"output":{"message":{"role":"assistant","content":[{"toolUse":{"toolUseId":"c-1","name":"weather","input":{"city":"Lima"}}}]}},"stopReason":"tool_use"}"#;

/// Behind the user's message, each API format has the server's call and the script's result in its own form.
#[rstest]
#[case::messages("messages", CALLS_IN_MESSAGES, "messages", json!([
    {"role": "assistant", "content": [{"type": "tool_use", "id": "c-1", "name": "weather", "input": {"city": "Lima"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c-1", "content": "sun"}]},
]))]
#[case::responses("responses", CALLS_IN_RESPONSES, "input", json!([
    {"type": "function_call", "call_id": "c-1", "name": "weather", "arguments": "{\"city\":\"Lima\"}"},
    {"type": "function_call_output", "call_id": "c-1", "output": "sun"},
]))]
#[case::ollama("ollama_chat", CALLS_OF_OLLAMA, "messages", json!([
    {"role": "assistant", "content": "", "tool_calls": [{"id": "c-1", "function": {"name": "weather", "arguments": {"city": "Lima"}}}]},
    {"role": "tool", "content": "sun", "tool_name": "weather", "tool_call_id": "c-1"},
]))]
#[case::bedrock("bedrock_converse_stream", CALLS_IN_CONVERSE, "messages", json!([
    {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c-1", "name": "weather", "input": {"city": "Lima"}}}]},
    {"role": "user", "content": [{"toolResult": {"toolUseId": "c-1", "content": [{"text": "sun"}]}}]},
]))]
fn each_api_format_has_its_own_form_of_calls(
    #[case] endpoint: &str,
    #[case] answer: &str,
    #[case] list: &str,
    #[case] expected: Value,
) {
    let server = ScriptedServer::start([Script::whole("application/json", answer)]);
    let words = ["--endpoint-type", endpoint, "--input-file", "t.jsonl", "--request-count", "2"];
    let tool = talk(&server, &words);
    tool.file("t.jsonl", with_tools());
    tool.run().succeeds();
    let second = body(&server.requests()[1])[list].clone();
    assert_eq!(second.as_array().unwrap()[1..], expected.as_array().unwrap()[..]);
}

#[test]
fn a_conversation_ends_with_a_turn_that_failed() {
    let failure = Script::status("500 No", &["Content-Length: 0"]);
    let mut answers = replies(1);
    answers.extend([failure, Script::whole("application/json", reply("of another"))]);
    let server = ScriptedServer::start(answers);
    let run = talk(&server, &["--num-conversations", "2", "--conversation-turn-mean", "3"]).run();
    run.succeeds();
    let lengths: Vec<_> = all_messages(&server).iter().map(Vec::len).collect();
    assert_eq!(lengths, [1, 3, 1, 3, 5]);
    let sessions = sessions(&run);
    assert_eq!(sessions[0]["is_complete"], false);
    assert_eq!((&sessions[0]["succeeded"], &sessions[0]["failed"]), (&json!(1), &json!(1)));
    assert_eq!(sessions[1]["is_complete"], true);
    let summary = run.summary();
    assert_eq!(summary["session_count"]["avg"], 2);
    assert_eq!(summary["complete_session_count"]["avg"], 1);
}

fn sessions(run: &Run) -> Vec<Value> {
    let lines = run.read("profile_export_sessions.jsonl");
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A number of requests ends the load in the middle of a conversation as well.
#[rstest]
fn requests_are_counted_over_all_conversations(#[values("1", "2")] workers: &str) {
    let server = MockServer::start(["--tokens", "3"]);
    let run = Tool::profile(&server)
        .args([
            "--request-count",
            "7",
            "--conversation-turn-mean",
            "3",
            "--concurrency",
            "2",
            "--workers",
            workers,
        ])
        .run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 7);
    assert_eq!(server.truth()["requests_ok"], 7);
}

/// Also where a session begins with several requests at once.
#[test]
fn requests_that_begin_a_session_side_by_side_are_counted_as_well() {
    let server = MockServer::start(["--tokens", "1"]);
    let step = r#"{"messages": [{"role": "user", "parts": [{"kind": "text", "data": "Hi"}]}]}"#;
    let tool = Tool::profile(&server).args(["--input-file", "s.jsonl", "--request-count", "2"]);
    tool.file(
        "s.jsonl",
        format!("{{\"prony_sessions\": 1}}\n{{\"id\": \"a\", \"steps\": [{step}, {step}, {step}]}}\n"),
    );
    tool.run().succeeds();
    assert_eq!(server.truth()["requests_ok"], 2);
}

#[test]
fn the_input_of_a_turn_is_all_that_it_says() {
    let server = MockServer::start(["--tokens", "10"]);
    let run = Tool::profile(&server)
        .args(["--num-conversations", "3", "--conversation-turn-mean", "4", "--isl", "20"])
        .args(["--shared-system-prompt-length", "50", "--concurrency", "3"])
        .run();
    run.succeeds();
    let mut records = run.records();
    records.sort_by_key(|record| record["metadata"]["session_num"].as_u64());
    for record in records {
        let turn = record["metadata"]["turn_index"].as_u64().unwrap();
        let output = record["metrics"]["output_token_count"]["value"].as_u64().unwrap();
        let input = record["metrics"]["input_sequence_length"]["value"].as_u64().unwrap();
        // Texts of ten tokens by the server's count have as many by ours, or a few more.
        assert!(output >= 10, "{record}");
        let own = 50 + 20 * (turn + 1);
        assert!((own + 10 * turn..=own + 20 * turn).contains(&input), "{input} in turn {turn}");
    }
    let session = &sessions(&run)[0];
    assert_eq!((&session["turns"], &session["is_complete"]), (&json!(4), &json!(true)));
    assert!(session["metrics"]["session_duration"]["value"].as_f64().unwrap() > 0.0);
}

/// The server's reply comes first, and then the time that a user thinks.
#[test]
fn a_turn_waits_for_the_time_that_a_user_thinks() {
    let server = MockServer::start(["--tokens", "1"]);
    let run = Tool::profile(&server)
        .args([
            "--num-conversations",
            "2",
            "--conversation-turn-mean",
            "3",
            "--conversation-turn-delay-mean",
            "150",
        ])
        .args(["--conversation-turn-delay-ratio", "2"])
        .run();
    run.succeeds();
    for session in sessions(&run) {
        let between = session["metrics"]["session_time_between_requests"]["value"].as_f64().unwrap();
        assert!(between >= 600.0, "{session}");
    }
}

#[test]
fn the_first_turns_of_conversations_share_prefixes() {
    let server = ScriptedServer::start([Script::whole("application/json", reply("ok"))]);
    let words =
        ["--request-count", "12", "--num-prefix-prompts", "2", "--prefix-prompt-length", "40", "--isl", "10"];
    talk(&server, &words).run().succeeds();
    let beginning = |messages: &Vec<(String, String)>| {
        messages[0].1.split_whitespace().take(20).collect::<Vec<_>>().join(" ")
    };
    let requests = all_messages(&server);
    let beginnings: std::collections::BTreeSet<_> = requests.iter().map(beginning).collect();
    assert_eq!((requests.len(), beginnings.len()), (12, 2));
}

#[rstest]
#[case::format(&["--endpoint-type", "completions", "--system-prompt", "x"], "use `--system-prompt` with the endpoint `completions`")]
#[case::file(&["--input-file", "c.jsonl", "--conversation-turn-mean", "3"], "the file says what is sent")]
#[case::missing(&["--system-prompt-file", "no-such.txt"], "read the system prompt")]
fn what_cannot_be_is_refused(#[case] words: &[&str], #[case] text: &str) {
    let tool = Tool::new(["profile", "--model", "m", "--url", "http://127.0.0.1:9"]).args(words);
    tool.file("c.jsonl", RECORDED);
    let run = tool.run();
    run.ends_with(2);
    assert!(run.stderr.contains(text), "{}", run.stderr);
}

/// Sessions of one run are the same ones with any number of workers.
#[rstest]
fn a_seed_decides_what_is_said(#[values("1", "2")] workers: &str) {
    let said = |workers: &str| {
        let server = ScriptedServer::start([Script::whole("application/json", reply("ok"))]);
        let words =
            ["--num-conversations", "4", "--conversation-turn-mean", "3", "--conversation-turn-stddev", "1"];
        talk(&server, &words).args(["--concurrency", "2", "--workers", workers]).run().succeeds();
        let mut all = all_messages(&server);
        all.sort();
        all
    };
    assert_eq!(said(workers), said("1"));
}
