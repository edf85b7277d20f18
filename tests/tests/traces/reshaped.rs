//! Recordings that are made longer, shorter or less shared before they are played, and sets of rows.

use std::fs;

use prony_tests::Tool;
use serde_json::{Value, json};

use super::sample;

/// What a dry run would send of a trace, one body a line, with the numbers that are wanted of each.
fn listed(rows: &str, flags: &[&str]) -> (Vec<Value>, String) {
    let tool =
        Tool::new(["profile", "--mock", "--input-file", "t.jsonl", "--dry-run", "9", "--random-seed", "1"]);
    let tool = tool.args(["--dry-run-output", "bodies.jsonl"]).args(flags);
    tool.file("t.jsonl", rows);
    let run = tool.run();
    let bodies = fs::read_to_string(run.succeeds().dir().join("bodies.jsonl")).unwrap();
    let body = |line: &str| serde_json::from_str::<Value>(line).unwrap()["body"].clone();
    (bodies.lines().map(body).collect(), run.stderr.clone())
}

const TRACE: &str = r#"{"timestamp": 0, "input_length": 48, "output_length": 10, "hash_ids": [1, 2, 3]}
{"timestamp": 5, "input_length": 48, "output_length": 10, "hash_ids": [1, 2, 4]}
{"timestamp": 9, "input_length": 90, "output_length": 10, "hash_ids": [5, 6, 7, 8, 9, 10]}
"#;

fn words(body: &Value) -> Vec<&str> {
    body["messages"][0]["content"].as_str().unwrap().split(' ').collect()
}

#[test]
fn a_trace_is_sent_as_it_was_reshaped() {
    let flags =
        ["--isl-block-size", "16", "--synthesis-prefix-len-multiplier", "2", "--synthesis-max-isl", "50"];
    let others =
        ["--synthesis-output-len-multiplier", "3", "--synthesis-max-osl", "25", "--force-min-tokens"];
    let (bodies, said) = listed(
        TRACE,
        &[&flags[..], &others[..], &["--ignore-trace-delays", "--request-count", "2"]].concat(),
    );
    assert_eq!(bodies.len(), 2);
    for body in &bodies {
        assert_eq!((&body["max_completion_tokens"], &body["min_tokens"]), (&json!(25), &json!(25)), "{body}");
        // 16 more tokens for each of the two shared blocks. A sign is a token of its own.
        let tokens = words(body).iter().map(|word| 1 + word.matches([',', '.']).count()).sum::<usize>();
        assert_eq!(tokens, 81, "a space, and 80 tokens: {body}");
    }
    let shared =
        words(&bodies[0]).iter().zip(words(&bodies[1])).take_while(|(one, other)| **one == *other).count();
    assert!((50..=66).contains(&shared), "{shared} words are shared");
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn a_file_is_converted_as_it_is_reshaped_and_what_changes_nothing_is_told() {
    let tool = Tool::new(["dataset", "inspect", "t.jsonl", "--json", "--trace-session-sample-ratio", "0.4"])
        .args(["--isl-block-size", "16", "--synthesis-prompt-len-multiplier", "0.5"]);
    tool.file("t.jsonl", TRACE);
    let found: Value = serde_json::from_str(&tool.run().succeeds().stdout).unwrap();
    assert_eq!((&found["sessions"], &found["requests"]), (&json!(1), &json!(1)));
    let tool = Tool::new(["dataset", "convert", "rows.jsonl", "--synthesis-prefix-root-multiplier", "2"]);
    tool.file("rows.jsonl", "{\"text\": \"a\"}\n");
    let run = tool.run();
    let warning = "warning: `--synthesis-prefix-root-multiplier` changes nothing of the input file: it names no blocks that \
                   prompts share\n";
    assert_eq!(run.succeeds().stderr, warning);
    let run = Tool::new(["dataset", "inspect", "--max-context-length", "5"])
        .arg(sample("mooncake/toolagent_shaped.jsonl"))
        .run();
    run.ends_with(2);
    assert!(run.stderr.contains("is left out by `--max-context-length`"), "{}", run.stderr);
}

#[test]
fn a_set_of_speed_bench_is_the_rows_of_its_category() {
    let row = |category: &str, questions: usize| {
        let messages = vec![json!({"role": "user", "content": "Sort a list."}); questions];
        json!({"question_id": category, "category": category, "messages": messages, "sub_category": "x"})
            .to_string()
            + "\n"
    };
    let found = |named: &str| {
        let tool = Tool::new(["dataset", "inspect", "q.jsonl", "--json", "--custom-dataset-type", named]);
        tool.file("q.jsonl", row("coding", 1) + &row("math", 2) + &row("low_entropy", 1));
        tool.run()
    };
    for (named, sessions, requests) in [
        ("speed_bench_qualitative", 3, 4),
        ("speed_bench_math", 1, 2),
        ("speed_bench_throughput_32k_low_entropy", 1, 1),
    ] {
        let contents: Value = serde_json::from_str(&found(named).succeeds().stdout).unwrap();
        let numbers = (&contents["format"], &contents["sessions"], &contents["requests"]);
        assert_eq!(numbers, (&json!("speed-bench"), &json!(sessions), &json!(requests)), "{named}");
    }
    let run = found("speed_bench_writing");
    run.ends_with(2);
    assert!(run.stderr.contains("none of its rows has the category `writing`"), "{}", run.stderr);
    let detected = Tool::new(["profile", "--mock", "--input-file", "q.jsonl", "--dry-run", "1"]);
    detected.file("q.jsonl", row("coding", 1));
    let body: Value = serde_json::from_str(detected.run().succeeds().stdout.trim()).unwrap();
    assert!(body["body"]["category"].is_null() && body["body"]["sub_category"].is_null(), "{body}");
}
