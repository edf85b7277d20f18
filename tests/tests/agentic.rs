//! Sessions of agents, in a closed loop: where they begin, what is warmed up for them, and which of their pauses are cut.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockServer, Run, Script, ScriptedServer, SeenRequest, Tool};
use rstest::rstest;
use serde_json::{Value, json};

/// So many conversations of so many turns. Before each turn but the first one somebody thinks for a day, and all that was said is
/// recorded.
fn agents(conversations: usize, turns: usize) -> String {
    let conversation = |number: usize| {
        let mut said = Vec::new();
        for turn in 0..turns {
            let delay = if turn == 0 { 0 } else { 86_400_000 };
            said.push(json!({"text": format!("ask {number} {turn}"), "delay": delay}));
            said.push(json!({"role": "assistant", "text": format!("reply {number} {turn}")}));
        }
        json!({"session_id": format!("agent-{number}"), "turns": said}).to_string()
    };
    (0..conversations).map(conversation).collect::<Vec<_>>().join("\n")
}

/// A run of these agents, two at a time, which is over long before a day is.
fn run_of(server: &MockServer, file: &str) -> Tool {
    let tool = Tool::profile(server).args(["--concurrency", "2", "--deadline", "1m"]);
    tool.file("agents.jsonl", file);
    tool.args(["--input-file", "agents.jsonl", "--osl", "4"])
}

/// A text without its line breaks.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn requests(summary: &Value) -> Option<f64> {
    summary["request_count"]["avg"].as_f64()
}

#[test]
fn times_in_which_no_session_goes_on_are_cut_as_they_come() {
    let server = MockServer::start([]);
    let cap = ["--system-idle-gap-cap-seconds", "50ms", "--num-conversations", "4"];
    let run = run_of(&server, &agents(4, 3)).args(cap).run();
    run.succeeds();
    assert_eq!(requests(&run.summary()), Some(12.0));
    let said = words(&run.stdout);
    assert!(said.contains("times without a session of 0.05 s at most"), "{said}");
}

/// An answer of a chat, some time after its request.
fn answer(after_ms: u64) -> Script {
    let choice =
        json!({"index": 0, "message": {"role": "assistant", "content": "live"}, "finish_reason": "length"});
    let body =
        json!({"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 1}}).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Script::silent().pause_ms(after_ms).bytes(head).bytes(body)
}

/// What a request says, text for text, and how many tokens it asks for.
fn asked(request: &SeenRequest) -> (Vec<String>, Option<u64>) {
    let body: Value = serde_json::from_str(&request.body()).unwrap();
    let said = body["messages"].as_array().unwrap().iter();
    let tokens = body["max_tokens"].as_u64().or(body["max_completion_tokens"].as_u64());
    (said.map(|message| message["content"].as_str().unwrap().to_owned()).collect(), tokens)
}

/// The first answer comes when the time of the warm-up is over.
#[test]
fn a_session_begins_in_the_warm_up_and_goes_on_in_the_measurement() {
    let server = ScriptedServer::start([answer(1500), answer(0), answer(0)]);
    let tool = Tool::bare_profile().args(["--url", &server.url(), "--input-file", "agents.jsonl"]);
    tool.file("agents.jsonl", agents(1, 3));
    let tool = tool.args(["--osl", "4", "--extra-inputs", "min_tokens:4", "--ignore-trace-delays"]);
    let run = tool.args(["--agentic-cache-warmup-duration", "1s", "--num-conversations", "1"]).run();
    run.succeeds();
    assert_eq!(requests(&run.summary()), Some(2.0));
    let seen: Vec<_> = server.requests().iter().map(asked).collect();
    let said = ["ask 0 0", "reply 0 0", "ask 0 1", "live", "ask 0 2"].map(str::to_owned);
    assert_eq!(seen[0], (said[..1].to_vec(), Some(1)));
    assert_eq!(seen[1], (said[..3].to_vec(), Some(4)));
    assert_eq!(seen[2], (said.to_vec(), Some(4)));
    let bodies: Vec<String> = server.requests().iter().map(SeenRequest::body).collect();
    assert!(!bodies[0].contains("min_tokens") && bodies[1].contains("min_tokens"), "{bodies:?}");
}

/// Nothing says beforehand what the file is.
#[test]
fn whole_bodies_are_in_no_warm_up_that_asks_for_one_token() {
    let tool = Tool::new(["profile", "-m", "m", "--input-file", "inputs.json"]);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9});
    tool.file("inputs.json", json!({"data": [{"session_id": "a", "payloads": [body]}]}).to_string());
    let run = tool.args(["--agentic-cache-warmup-duration", "1s"]).run();
    run.ends_with(2);
    let said = words(&run.stderr);
    assert!(said.contains("`--agentic-cache-warmup-duration` with the input file"), "{said}");
}

#[rstest]
#[case::together("--burst-phase-starts", 2)]
#[case::behind_their_pauses("--no-burst-phase-starts", 0)]
fn sessions_that_begin_in_their_middle_begin_together_or_behind_a_pause(
    #[case] starts: &str,
    #[case] expected: u64,
) {
    let server = MockServer::start([]);
    let middle = ["--trajectory-start-min-ratio", "0.5", "--trajectory-start-max-ratio", "0.5"];
    let tool = run_of(&server, &agents(2, 4)).args(middle).args([starts, "--no-server-metrics"]);
    // Whether a run that sends nothing has failed is not asked here.
    tool.args(["--benchmark-duration", "500ms"]).run();
    assert_eq!(server.answered(), expected);
}

/// A trace of an agent, with a request every tenth of a second.
fn trace(number: usize) -> String {
    let requests = (0..6).map(|at: u32| {
        let blocks: Vec<u32> = (0..=at).collect();
        let t = f64::from(at) / 10.0;
        json!({"t": t, "type": "n", "in": 64 * (at + 1), "out": 3, "hash_ids": blocks, "api_time": 0.01})
    });
    let id = format!("trace_{number}");
    json!({"id": id, "block_size": 64, "hash_id_scope": "local", "requests": requests.collect::<Vec<_>>()})
        .to_string()
}

fn run_of_scenario(server: &MockServer, more: &[&str]) -> Run {
    let tool = Tool::profile(server).args(["--scenario", "inferencex-agentx-mvp", "--concurrency", "2"]);
    tool.file("traces.jsonl", (0..4).map(trace).collect::<Vec<_>>().join("\n"));
    tool.args(["--input-file", "traces.jsonl", "--benchmark-duration", "1s"]).args(more).run()
}

#[test]
fn a_scenario_locks_its_settings_and_says_whether_the_result_is_a_valid_one() {
    let server = MockServer::start([]);
    let locked = run_of_scenario(&server, &[]);
    locked.ends_with(2);
    let said = words(&locked.stderr);
    assert!(said.contains("a run of the scenario lasts 15 minutes at least"), "{said}");
    assert_eq!(server.answered(), 0);
    let run = run_of_scenario(&server, &["--unsafe-override"]);
    run.succeeds();
    let summary = run.summary();
    assert_eq!(summary["scenario"]["name"], "inferencex-agentx-mvp");
    assert_eq!(summary["scenario"]["submission_valid"], false);
    let reasons = summary["scenario"]["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(reasons[0].as_str().unwrap().contains("15 minutes at least"), "{reasons:?}");
    assert_eq!(summary["input_config"]["cache_bust"]["target"], "first_turn_prefix");
    assert_eq!(summary["session_settings"]["session_idle_cap_s"], 10.0);
    assert_eq!(summary["session_settings"]["spreads_starts"], true);
}
