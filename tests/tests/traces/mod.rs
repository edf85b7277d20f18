//! Traces and datasets of other tools: what is found in them, and what is sent.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod played;
mod reshaped;

use std::{collections::BTreeSet, ffi::OsString, fs, path::PathBuf};

use prony_tests::{MockServer, Tool, fixtures};
use rstest::rstest;
use serde_json::{Value, json};

fn traces() -> PathBuf {
    fixtures().join("traces")
}

fn sample(name: &str) -> PathBuf {
    traces().join(name)
}

/// What `expect.py` counts in each sample.
fn expected() -> Value {
    serde_json::from_slice(&fs::read(sample("expected.json")).unwrap()).unwrap()
}

/// The file of a sample, and its format where that has to be named.
fn words(name: &str) -> Vec<OsString> {
    let named =
        if name.contains("raw_payload") { &["--custom-dataset-type", "raw-payload"][..] } else { &[] };
    [sample(name).into()].into_iter().chain(named.iter().map(OsString::from)).collect()
}

fn inspect(name: &str) -> Value {
    let run = Tool::new(["dataset", "inspect", "--json"]).args(words(name)).run();
    serde_json::from_str(&run.succeeds().stdout).unwrap()
}

#[test]
fn a_sample_of_each_format_is_inspected_as_other_code_counts_it() {
    let mut differences = Vec::new();
    for (name, expected) in expected().as_object().unwrap() {
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
    for name in expected().as_object().unwrap().keys() {
        let convert = Tool::new(["dataset", "convert", "--output", "out.jsonl"]).args(words(name));
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
    for name in expected().as_object().unwrap().keys() {
        let run = Tool::new(["dataset", "anonymise", "-o", "out.jsonl"]).args(words(name)).run();
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
    let words = ["--num-conversations", "1", "--conversation-turn-delay-ratio", "0", "--input-file", "-"];
    let tool = Tool::profile(&server).args(words);
    assert_eq!(tool.run_fed(out.as_bytes()).succeeds().summary()["request_count"]["avg"], 7);
}
