//! Traces and datasets of other tools: what is found in them, and what is sent.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::PathBuf,
};

use prony_tests::{MockServer, Run, Tool, fixtures};
use rstest::rstest;
use serde_json::{Value, json};

fn traces() -> PathBuf {
    fixtures().join("traces")
}

fn sample(name: &str) -> PathBuf {
    traces().join(name)
}

fn inspect(name: &str) -> Value {
    let run = Tool::new(["dataset", "inspect", "--json"]).arg(sample(name)).run();
    serde_json::from_str(&run.succeeds().stdout).unwrap()
}

#[test]
fn a_sample_of_each_format_is_inspected_as_other_code_counts_it() {
    let expected: Value = serde_json::from_slice(&fs::read(sample("expected.json")).unwrap()).unwrap();
    let mut differences = Vec::new();
    for (name, expected) in expected.as_object().unwrap() {
        let found = inspect(name);
        for (key, expected) in expected.as_object().unwrap() {
            let is_equal = match (expected.as_f64(), found[key].as_f64()) {
                (Some(expected), Some(found)) => (expected - found).abs() < 1e-5,
                _ => *expected == found[key],
            };
            if !is_equal {
                differences.push(format!("{name}: {key} is {}, not {expected}", found[key]));
            }
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// The numbers of two files that both formats say.
fn differences(one: &Value, other: &Value) -> Vec<String> {
    let keys = one.as_object().unwrap().iter().filter(|(key, value)| *key != "format" && !value.is_null());
    let unequal = keys.filter(|(key, value)| other[key.as_str()] != **value);
    unequal.map(|(key, value)| format!("{key} is {}, not {value}", other[key.as_str()])).collect()
}

#[test]
fn what_is_converted_has_the_same_contents() {
    let expected: Value = serde_json::from_slice(&fs::read(sample("expected.json")).unwrap()).unwrap();
    for name in expected.as_object().unwrap().keys() {
        let convert = Tool::new(["dataset", "convert", "--output", "out.jsonl"]).arg(sample(name));
        let run = convert.run();
        run.succeeds();
        let converted = run.dir().join("out.jsonl");
        let again = Tool::new(["dataset", "inspect", "--json"]).arg(&converted).run();
        let found: Value = serde_json::from_str(&again.succeeds().stdout).unwrap();
        assert_eq!(found["format"], "prony-sessions");
        assert_eq!(differences(&inspect(name), &found), Vec::<String>::new(), "{name}");
        // Converting it once more changes nothing.
        let twice = Tool::new(["dataset", "convert"]).arg(&converted).run();
        assert_eq!(twice.succeeds().stdout, fs::read_to_string(&converted).unwrap(), "{name}");
    }
}

/// What requests asked for, in any order: input and output tokens.
fn lengths(records: &[Value]) -> Vec<(u64, u64)> {
    let of = |record: &Value, metric: &str| record["metrics"][metric]["value"].as_u64().unwrap();
    let mut lengths: Vec<_> = records
        .iter()
        .map(|record| (of(record, "input_sequence_length"), of(record, "output_sequence_length")))
        .collect();
    lengths.sort_unstable();
    lengths
}

#[rstest]
#[case::in_process(&[])]
#[case::portable(&["--transport", "portable"])]
#[case::isolated(&["--isolate", "chat"])]
fn prompts_and_responses_are_as_long_as_in_the_trace(#[case] words: &[&str]) {
    let server = MockServer::start(["--ttft-ms", "1", "--itl-ms", "0"]);
    let tool = Tool::profile(&server).args(["--request-count", "10", "--no-server-metrics"]).args(words);
    let run = tool.arg("--input-file").arg(sample("aiperf/production_trace.mooncake.jsonl")).run();
    run.succeeds();
    let mut expected: Vec<(u64, u64)> = Vec::new();
    for line in fs::read_to_string(sample("aiperf/production_trace.mooncake.jsonl")).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        expected.push((row["input_length"].as_u64().unwrap(), row["output_length"].as_u64().unwrap()));
    }
    expected.sort_unstable();
    assert_eq!(lengths(&run.records()), expected);
}

#[test]
fn recorded_conversations_are_played_turn_by_turn() {
    let server = MockServer::start(["--tokens", "2"]);
    let file = "{\"id\": \"a\", \"conversations\": [{\"from\": \"human\", \"value\": \"Oslo?\"}, \
                {\"from\": \"gpt\", \"value\": \"In Norway.\"}, {\"from\": \"human\", \"value\": \"Rain?\"}]}\n";
    let tool = Tool::profile(&server).args(["--num-conversations", "1", "--input-file", "s.jsonl"]);
    tool.file("s.jsonl", file);
    let run = tool.run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 2);
    assert_eq!(run.summary()["input_config"]["dataset"]["entries"], 1);
}

#[rstest]
#[case::several_apis(
    "openai-batch/input.jsonl",
    "chat",
    "send entry 5 (`req-1-004`) to `/v1/embeddings` and the ones before it to `/v1/chat/completions`",
    "give each API a file of its own"
)]
#[case::tools(
    "openai-messages/messages.jsonl",
    "completions",
    "send entry 3 (`session_000002`) to the endpoint `completions`: it repeats tool calls or their results",
    "choose an endpoint that does, such as `chat`"
)]
fn what_cannot_be_sent_is_refused_before_the_load(
    #[case] name: &str,
    #[case] endpoint: &str,
    #[case] says: &str,
    #[case] hint: &str,
) {
    let server = MockServer::start([]);
    let tool = Tool::profile_in(endpoint, server.url());
    let run = tool.arg("--input-file").arg(sample(name)).run();
    run.ends_with(2);
    assert!(run.stderr.contains(says) && run.stderr.contains(hint), "{}", run.stderr);
    assert_eq!(server.truth()["requests_total"], 0);
}

#[test]
fn validate_lists_all_errors_with_their_lines() {
    let tool = Tool::new(["dataset", "validate", "t.jsonl"]);
    tool.file(
        "t.jsonl",
        "{\"timestamp\": 0, \"input_length\": 600, \"output_length\": 4, \"hash_ids\": [1, 2]}\n\
         {\"timestamp\": 5, \"input_length\": 600, \"output_length\": 4, \"hash_ids\": [1, 2, 3, 4]}\n\
         \n\
         {\"timestamp\": -1, \"input_length\": 600, \"output_length\": 4}\n\
         {\"timestamp\": 9, \"output_length\": 4}\n",
    );
    let run = tool.run();
    run.ends_with(2);
    let said = run.stderr.replace("\ncause: ", ": ");
    for says in [
        "`t.jsonl:2`: it has 4 blocks of 512 tokens, which are more than its 600 tokens",
        "`t.jsonl:4`: `timestamp` is `-1`, not a number of at least 0",
        "`t.jsonl:5`: it has no `input_length`",
    ] {
        assert!(said.contains(says), "{says} is missing in\n{said}");
    }
}

#[test]
fn validate_says_how_many_sessions_can_be_read() {
    let run = Tool::new(["dataset", "validate"]).arg(sample("weka/traces.jsonl")).run();
    assert_eq!(run.succeeds().stdout, "5 sessions can be read\n");
}

#[test]
fn a_named_format_is_the_only_one_that_is_tried() {
    let file = sample("sharegpt/conversations.role_content.jsonl");
    let run = Tool::new(["dataset", "inspect", "--custom-dataset-type", "mooncake_trace"]).arg(file).run();
    run.ends_with(2);
    assert!(run.stderr.contains("the key `id` is not known"), "{}", run.stderr);
}

#[test]
fn a_session_that_refers_to_later_steps_is_refused() {
    let tool = Tool::new(["dataset", "inspect", "s.jsonl"]);
    let says = |text: &str| {
        format!(
            "{{\"messages\": [{{\"role\": \"user\", \"parts\": [{{\"kind\": \"text\", \"data\": \"a\"}}]}}]{text}}}"
        )
    };
    let steps = [says(""), says(", \"after\": [1]")].join(", ");
    tool.file("s.jsonl", format!("{{\"prony_sessions\": 1}}\n{{\"id\": \"a\", \"steps\": [{steps}]}}\n"));
    let run = tool.run();
    run.ends_with(2);
    let said = run.stderr.replace("\ncause: ", ": ");
    assert!(said.contains("`s.jsonl:2`: steps[1]: `after` and `context` name steps"), "{said}");
}

/// What the steps of a converted session wait for, and with whose conversation they go on.
fn graph(name: &str) -> Vec<(Value, Value)> {
    let run = Tool::new(["dataset", "convert"]).arg(sample(name)).run();
    let session = run.succeeds().stdout.lines().nth(1).unwrap().to_owned();
    let session: Value = serde_json::from_str(&session).unwrap();
    let steps = session["steps"].as_array().unwrap();
    steps.iter().map(|step| (step["after"].clone(), step["context"].clone())).collect()
}

#[test]
fn a_session_of_an_agent_has_its_branches_and_sub_agents() {
    let name = "claude-code/with_subagent/23ad52e2-89b4-4edd-9a4b-5a1603a445f4.jsonl";
    let expected = [
        (json!(null), json!(null)),
        // The sub-agent begins a conversation of its own.
        (json!([0]), json!(null)),
        (json!([1]), json!(1)),
        // Its result is awaited.
        (json!([0, 2]), json!(0)),
        (json!([3]), json!(3)),
        // An edited prompt goes on where the one before it did.
        (json!([3, 4]), json!(3)),
        // A compaction begins a new conversation.
        (json!([5]), json!(null)),
    ];
    assert_eq!(graph(name), expected);
}

#[test]
fn spans_wait_for_the_responses_that_they_repeat() {
    let expected = [
        (json!(null), json!(null)),
        (json!([0]), json!(null)),
        (json!([0]), json!(null)),
        (json!([0, 1, 2]), json!(0)),
    ];
    assert_eq!(graph("otel/inference-perf/fan_in_dependencies.json"), expected);
}

#[test]
fn spans_are_replayed_as_a_session() {
    let server = MockServer::start(["--tokens", "2"]);
    let tool = Tool::profile(&server).args(["--num-conversations", "1", "--input-file"]);
    let run = tool.arg(sample("otel/inference-perf/prefix_sharing_example.json")).run();
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 7);
}

#[test]
fn a_file_that_is_like_no_format_is_told_what_was_tried() {
    let tool = Tool::new(["dataset", "inspect", "u.jsonl"]);
    tool.file("u.jsonl", "{\"colour\": \"red\"}\n");
    let run = tool.run();
    run.ends_with(2);
    assert!(run.stderr.contains("its first object has the keys `colour`"), "{}", run.stderr);
    assert!(run.stderr.contains("tried were"), "{}", run.stderr);
}

#[test]
fn settings_that_change_no_whole_body_are_told() {
    let server = MockServer::start(["--tokens", "2"]);
    let tool =
        Tool::profile(&server).args(["--osl", "5", "--extra-inputs", "n:1", "--num-conversations", "1"]);
    let run = tool.arg("--input-file").arg(sample("aiperf/inputs.json")).run();
    run.succeeds();
    for flag in ["--osl", "--extra-inputs"] {
        let says = format!("`{flag}` changes no request body of the input file");
        assert!(run.stderr.contains(&says), "{}", run.stderr);
    }
}

/// All words that a file in prony's own format has when nothing is said in it.
const WORDS: &str = "prony sessions id session starts ns steps after delay at context prompt tokens block size blocks scope \
    max extra path v chat completions embeddings responses recorded sent took input output tool calls null \
    temperature top p k min n seed ignore eos frequency presence penalty";

#[test]
fn what_is_made_anonymous_says_nothing_and_has_the_same_contents() {
    let allowed: BTreeSet<&str> = WORDS.split_whitespace().collect();
    let expected: Value = serde_json::from_slice(&fs::read(sample("expected.json")).unwrap()).unwrap();
    for name in expected.as_object().unwrap().keys() {
        let run = Tool::new(["dataset", "anonymise", "-o", "out.jsonl"]).arg(sample(name)).run();
        run.succeeds();
        let out = run.dir().join("out.jsonl");
        let text = fs::read_to_string(&out).unwrap();
        let words = text.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty());
        let others: BTreeSet<&str> = words.filter(|word| !allowed.contains(word)).collect();
        assert!(others.is_empty(), "{name}: {others:?}");
        let again = Tool::new(["dataset", "inspect", "--json"]).arg(&out).run();
        let found: Value = serde_json::from_str(&again.succeeds().stdout).unwrap();
        let mut was = inspect(name);
        // Texts beside blocks have blocks now, and count for the rate.
        if ["aiperf/mooncake_extended", "genai-perf/payload"].iter().any(|mixed| name.starts_with(mixed)) {
            was["theoretical_hit_rate"] = Value::Null;
        }
        assert_eq!(differences(&was, &found), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn what_is_made_anonymous_can_be_played() {
    let server = MockServer::start(["--tokens", "2"]);
    let name = sample("claude-code/with_subagent/23ad52e2-89b4-4edd-9a4b-5a1603a445f4.jsonl");
    let out = Tool::new(["dataset", "anonymise"]).arg(name).run().succeeds().stdout.clone();
    // Its pauses are those of the recording, and take no part in it.
    let tool = Tool::profile(&server).args([
        "--num-conversations",
        "1",
        "--input-file",
        "-",
        "--conversation-turn-delay-ratio",
        "0",
    ]);
    assert_eq!(tool.run_fed(out.as_bytes()).succeeds().summary()["request_count"]["avg"], 7);
}

/// Requests of a server's truth, by the ids that they were sent with: when they arrived, and when they were over.
fn seen(server: &MockServer) -> HashMap<String, (u64, u64)> {
    let truth = server.truth();
    let requests = truth["requests"].as_array().unwrap().iter();
    let instant = |request: &Value, key: &str| request[key].as_u64().unwrap();
    requests
        .map(|request| {
            let id = request["request_id"].as_str().unwrap().to_owned();
            (id, (instant(request, "arrived_ns"), instant(request, "ended_ns")))
        })
        .collect()
}

/// Steps of converted sessions, and what each waits for.
fn steps(converted: &str) -> HashMap<(String, u64), Vec<u64>> {
    let mut steps = HashMap::new();
    for line in converted.lines().skip(1) {
        let session: Value = serde_json::from_str(line).unwrap();
        for (step, number) in session["steps"].as_array().unwrap().iter().zip(0..) {
            let after = step["after"].as_array().into_iter().flatten().map(|step| step.as_u64().unwrap());
            steps.insert((session["id"].as_str().unwrap().to_owned(), number), after.collect());
        }
    }
    steps
}

/// Plays all sessions of a converted file at once, with hardly any time between their steps.
fn play(server: &MockServer, converted: &str) -> Run {
    let mut lines: Vec<String> = converted.lines().take(1).map(str::to_owned).collect();
    for line in converted.lines().skip(1) {
        let mut session: Value = serde_json::from_str(line).unwrap();
        session["starts_ns"] = 0.into();
        lines.push(session.to_string());
    }
    let tool = Tool::profile(server).args(["--fixed-schedule", "--replay-speedup", "1000000"]);
    tool.args(["--input-file", "-"]).run_fed((lines.join("\n") + "\n").as_bytes())
}

#[rstest]
#[case("aiperf/dag_fork_spawn.jsonl")]
#[case("aiperf/multi_turn.jsonl")]
#[case("atif/v1.7_subagent.trajectory.json")]
#[case("bailian/trace_shaped_blksz_16.jsonl")]
#[case("claude-code/session.jsonl")]
#[case("claude-code/with_subagent/23ad52e2-89b4-4edd-9a4b-5a1603a445f4.jsonl")]
#[case("codex/rollout-2026-03-21T10-05-38-01a7c9e4-6d12-7b3a-9f42-8c6d5e1a0b73.jsonl")]
#[case("mlperf-endpoints/plain_and_tools.jsonl")]
#[case("otel/inference-perf/fan_in_dependencies.json")]
#[case("otel/inference-perf/prefix_sharing_example.json")]
#[case("sharegpt/conversations.json")]
#[case("tracelab/multi_session_example.csv")]
#[case("weka/traces.jsonl")]
fn a_step_is_sent_when_those_before_it_are_over(#[case] name: &str) {
    let convert = Tool::new(["dataset", "convert"]).arg(sample(name)).run();
    let converted = convert.succeeds().stdout.clone();
    let (server, steps) = (MockServer::start(["--tokens", "2", "--itl-ms", "0"]), steps(&converted));
    let run = play(&server, &converted);
    let (records, seen) = (run.succeeds().records(), seen(&server));
    assert_eq!((records.len(), seen.len()), (steps.len(), steps.len()), "{name}");
    let played: HashMap<(String, u64), (u64, u64)> = records
        .iter()
        .map(|record| {
            let metadata = &record["metadata"];
            let id = metadata["conversation_id"].as_str().unwrap().to_owned();
            ((id, metadata["turn_index"].as_u64().unwrap()), seen[metadata["x_request_id"].as_str().unwrap()])
        })
        .collect();
    for (step, after) in &steps {
        for before in after {
            let over_ns = played[&(step.0.clone(), *before)].1;
            assert!(played[step].0 >= over_ns, "{name}: {step:?} arrived before step {before} was over");
        }
    }
}

#[test]
fn forks_go_on_side_by_side() {
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "400"]);
    let convert = Tool::new(["dataset", "convert"]);
    let convert = convert.arg(sample("otel/inference-perf/fan_in_dependencies.json")).run();
    let run = play(&server, &convert.succeeds().stdout);
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 4);
    assert_eq!(server.truth()["max_in_flight"], 2);
}

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
