//! A dry run lists what a run would send, and when, and sends nothing.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;

use prony_tests::{MockServer, Run, Script, ScriptedServer, SeenRequest, Tool};
use rstest::rstest;
use serde_json::{Value, json};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn listed(run: &Run) -> Vec<Value> {
    lines(&run.succeeds().stdout)
}

fn reply() -> Script {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": "a"}, "text": "a", "finish_reason": "stop"});
    Script::whole(
        "application/json",
        json!({"choices": [choice], "content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn"})
            .to_string(),
    )
}

fn body(request: &SeenRequest) -> Value {
    let text = String::from_utf8(request.bytes.clone()).unwrap();
    serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
}

const RECORDED: &str = r#"{"session_id": "trip", "turns": [{"text": "Oslo?"}, {"role": "assistant", "text": "Fine."}, {"text": "Rain?", "delay": 1500}]}
{"session_id": "tea", "turns": [{"text": "Tea?"}]}"#;

/// Whatever is asked for, the list has the bodies that a server of the same run is sent, in their order.
#[rstest]
#[case::chat("chat", &["--isl", "20", "--isl-stddev", "5", "--osl", "4"])]
#[case::completions("completions", &["--isl", "20", "--extra-inputs", "temperature:0.25"])]
#[case::messages("messages", &["--isl", "20", "--osl", "9"])]
#[case::mix("chat", &["--seq-dist", "5,2:50;30,4:50"])]
#[case::file("chat", &["--input-file", "c.jsonl", "--replies", "recorded", "--num-conversations", "2"])]
fn what_is_listed_is_what_is_sent(#[case] format: &str, #[case] words: &[&str]) {
    let server = ScriptedServer::start([reply()]);
    let tool = || {
        let tool = Tool::bare_profile().args(["--url", &server.url(), "--endpoint-type", format]).args(words);
        tool.file("c.jsonl", RECORDED);
        tool
    };
    let listed = listed(&tool().args(["--dry-run", "100"]).run());
    assert!(server.requests().is_empty(), "nothing is sent");
    tool().run();
    let sent: Vec<Value> = server.requests().iter().map(body).collect();
    assert_eq!(listed.iter().map(|line| line["body"].clone()).collect::<Vec<_>>(), sent);
    assert!(listed.len() >= 3, "{listed:?}");
}

#[test]
fn a_dry_run_leaves_nothing_behind_and_needs_no_server() {
    let run = Tool::new(["profile", "--mock", "--dry-run"]).run();
    assert_eq!(listed(&run).len(), 10);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
    assert_eq!(fs::read_dir(run.dir()).unwrap().count(), 0);
}

#[rstest]
#[case::poisson(&["--request-rate", "40"])]
#[case::gamma(&["--request-rate", "40", "--arrival-smoothness", "0.5"])]
fn instants_are_those_of_the_run(#[case] load: &[&str]) {
    let server = MockServer::start(["--tokens", "1"]);
    let words = ["--request-count", "30", "--isl", "5", "--osl", "1"];
    let tool = || Tool::profile(&server).args(load).args(words);
    let due: Vec<f64> = listed(&tool().args(["--dry-run", "30"]).run())
        .iter()
        .map(|line| line["due_s"].as_f64().unwrap())
        .collect();
    let run = tool().run();
    let mut scheduled: Vec<u64> = run
        .succeeds()
        .records()
        .iter()
        .map(|record| record["metadata"]["credit_issued_ns"].as_u64().unwrap())
        .collect();
    scheduled.sort_unstable();
    assert_eq!(due.len(), 30);
    // An instant of the wall clock is told to the nanosecond of another start.
    let differs = due
        .iter()
        .zip(&scheduled)
        .map(|(listed, at)| (listed - due[0] - (at - scheduled[0]) as f64 / 1e9).abs());
    assert!(differs.fold(0.0, f64::max) < 2e-9, "{due:?}");
}

#[test]
fn later_turns_say_what_they_wait_for_and_repeat_recorded_replies() {
    let tool =
        Tool::bare_profile().args(["--input-file", "c.jsonl", "--num-conversations", "2", "--dry-run"]);
    tool.file("c.jsonl", RECORDED);
    let listed = listed(&tool.run());
    let facts = |line: &Value| {
        ["conversation_id", "turn_index", "due_s", "after", "delay_s"].map(|key| line[key].clone())
    };
    assert_eq!(facts(&listed[0]), [json!("trip"), json!(0), Value::Null, Value::Null, Value::Null]);
    assert_eq!(facts(&listed[1]), [json!("trip"), json!(1), Value::Null, json!([0]), json!(1.5)]);
    assert_eq!(listed[1]["body"]["messages"][1], json!({"role": "assistant", "content": "Fine."}));
    assert_eq!((&listed[2]["conversation_id"], listed.len()), (&json!("tea"), 3));
}

/// A conversation whose first turn is in the server's cache goes on with the second one, behind its pause; one that is over there is
/// followed by the next one.
#[rstest]
#[case::first_turns(
    &["--scenario", "inferencex-agentx-mvp", "--custom-dataset-type", "multi-turn", "--unsafe-override",
      "--trajectory-start-min-ratio", "0", "--trajectory-start-max-ratio", "0"],
    &[(true, "trip", 0, None), (false, "trip", 1, Some(1.5)), (false, "tea", 0, None)]
)]
#[case::until_over(
    &["--agentic-cache-warmup-duration", "5"],
    &[(true, "trip", 0, None), (true, "trip", 1, Some(0.0)), (false, "tea", 0, None)]
)]
fn a_list_goes_on_behind_a_warm_up_that_fills_the_cache(
    #[case] words: &[&str],
    #[case] expected: &[(bool, &str, u64, Option<f64>)],
) {
    let tool = Tool::bare_profile().args(["--input-file", "c.jsonl", "--concurrency", "1"]).args(words);
    tool.file("c.jsonl", RECORDED);
    let listed = listed(&tool.args(["--dry-run", "3"]).run());
    let facts = |line: &Value| {
        json!([
            line["phase"] == "cache-warm-up",
            line["conversation_id"],
            line["turn_index"],
            line["delay_s"].as_f64()
        ])
    };
    assert_eq!(
        listed.iter().map(facts).collect::<Vec<_>>(),
        expected.iter().map(|line| json!(line)).collect::<Vec<_>>()
    );
}

#[test]
fn the_list_may_be_a_file() {
    let words =
        ["--warmup-request-count", "2", "--request-count", "3", "--dry-run=4", "--dry-run-output", "l.jsonl"];
    let run = Tool::bare_profile().args(["--isl", "5"]).args(words).run();
    assert_eq!(run.succeeds().stdout, "wrote 4 requests to l.jsonl\n");
    let listed = lines(&fs::read_to_string(run.dir().join("l.jsonl")).unwrap());
    let phases: Vec<&str> = listed.iter().map(|line| line["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["warm-up", "warm-up", "profiling", "profiling"]);
    let ids: Vec<&str> = listed.iter().map(|line| line["conversation_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["session_000000", "session_000001", "session_000002", "session_000003"]);
}

/// Markers are those of the run: the seed and the place of the conversation decide them.
#[test]
fn bodies_have_the_markers_of_the_run() {
    let words = ["--cache-bust", "first-turn-prefix", "--isl", "40", "--dry-run", "2"];
    let texts: Vec<String> = listed(&Tool::bare_profile().args(words).run())
        .iter()
        .map(|line| line["body"]["messages"][0]["content"].as_str().unwrap().to_owned())
        .collect();
    assert!(texts.iter().all(|text| text.starts_with("[rid:")), "{texts:?}");
    assert_ne!(texts[0], texts[1]);
}

#[test]
fn a_list_that_cannot_be_made_leaves_an_older_one_as_it_is() {
    let words = ["--input-file", "none.jsonl", "--dry-run", "--dry-run-output", "l.jsonl"];
    let tool = Tool::bare_profile().args(words);
    tool.file("l.jsonl", "an older list");
    let run = tool.run();
    assert!(run.stderr.contains("none.jsonl"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(run.dir().join("l.jsonl")).unwrap(), "an older list");
}

#[test]
fn a_key_is_not_shown() {
    let words =
        ["--dry-run", "1", "--api-key", "sk-very-secret-1", "--extra-inputs", "secret:pw-very-secret-2"];
    let run = Tool::bare_profile().args(words).run();
    assert_eq!(listed(&run).len(), 1);
    for secret in ["sk-very-secret-1", "pw-very-secret-2"] {
        assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{}", run.stdout);
    }
}

#[test]
fn a_server_is_not_asked_for_its_model() {
    let run = Tool::new(["profile", "--dry-run"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("`--dry-run` asks no server, and the model is not named"), "{}", run.stderr);
}

/// A strategy chooses sessions, with all of their turns; the warm-up and the measured phase share one row of them.
#[rstest]
#[case::shuffle("shuffle")]
#[case::random("random")]
#[case::sequential("sequential")]
fn a_strategy_chooses_sessions(#[case] strategy: &str) {
    let row = |row: u32| {
        format!("{{\"session_id\": \"s{row:02}\", \"turns\": [{{\"text\": \"a\"}}, {{\"text\": \"b\"}}]}}\n")
    };
    let rows = (0..20).map(row).collect::<Vec<_>>().concat();
    let ids = || {
        let words = ["--num-warmup-sessions", "5", "--num-conversations", "35", "--dry-run", "80"];
        let tool = Tool::bare_profile().args(["--input-file", "c.jsonl"]).args(words);
        let tool = tool.args(["--dataset-sampling-strategy", strategy]);
        tool.file("c.jsonl", &rows);
        let listed = listed(&tool.run());
        let turns: Vec<(String, u64)> = listed
            .iter()
            .map(|line| {
                let id = line["conversation_id"].as_str().unwrap().to_owned();
                (id, line["turn_index"].as_u64().unwrap())
            })
            .collect();
        let sessions = turns.chunks(2).map(|turns| {
            assert_eq!((&turns[0].0, turns[0].1, turns[1].1), (&turns[1].0, 0, 1), "{turns:?}");
            turns[0].0.clone()
        });
        sessions.collect::<Vec<_>>()
    };
    let (found, file): (Vec<String>, Vec<String>) =
        (ids(), (0..20).map(|row| format!("s{row:02}")).collect());
    assert_eq!(found.len(), 40);
    let mut rounds: Vec<Vec<String>> = found.chunks(20).map(<[String]>::to_vec).collect();
    assert_eq!(rounds[0] == file, strategy == "sequential");
    assert_eq!(rounds[0] == rounds[1], strategy == "sequential");
    for round in &mut rounds {
        round.sort();
    }
    assert_eq!(rounds.iter().all(|round| *round == file), strategy != "random");
}

/// Prompts of a recording are written when they are due: what stands before them, a marker in them and their lengths are as ever.
#[test]
fn a_prompt_without_a_text_stands_behind_the_system_message() {
    let words = ["--system-prompt", "Be brief.", "--cache-bust", "first-turn-prefix", "--dry-run", "2"];
    let tool = Tool::bare_profile().args(["--input-file", "t.jsonl", "--request-count", "2"]).args(words);
    let row = |at: u32| {
        format!("{{\"session_id\": \"a\", \"timestamp\": {at}, \"input_length\": 40, \"hash_ids\": [7]}}\n")
    };
    tool.file("t.jsonl", &(row(0) + &row(1000)));
    let listed = listed(&tool.run());
    let texts: Vec<&str> = listed
        .iter()
        .map(|line| {
            let messages = line["body"]["messages"].as_array().unwrap();
            assert_eq!((messages.len(), &messages[0]["content"]), (2, &json!("Be brief.")));
            messages[1]["content"].as_str().unwrap()
        })
        .collect();
    assert!(texts[0].starts_with("[rid:") && texts[0].len() > 100, "{texts:?}");
    // Both begin with the block of the same id, and the marker is that of their session.
    assert_eq!(texts[0], texts[1]);
}
