//! Sessions of agents, in a closed loop: where they begin, what is warmed up for them, and which of their pauses are cut.

use prony_tests::{MockServer, Tool};
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

fn requests(summary: &Value) -> Option<f64> {
    summary["request_count"]["avg"].as_f64()
}

#[test]
fn times_in_which_no_session_goes_on_are_cut_as_they_come() {
    let server = MockServer::start([]);
    let words = ["--system-idle-gap-cap-seconds", "50ms", "--num-conversations", "4"];
    let run = run_of(&server, &agents(4, 3)).args(words).run();
    run.succeeds();
    assert_eq!(requests(&run.summary()), Some(12.0));
    let said = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("times without a session of 0.05 s at most"), "{said}");
}
