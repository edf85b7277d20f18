//! Names of tokenizers and datasets: looked up on this machine, and nowhere else.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;

const TOKENIZER: &str = include_str!("../fixtures/tokenizer/tokenizer.json");
const PROMPTS: &str = "{\"text\": \"One?\"}\n{\"text\": \"Two?\"}\n";

/// A run that finds nothing in a home folder of its own but these files.
fn with_files(files: &[(&str, &str)], words: &[&str]) -> Run {
    let server = MockServer::start(["--tokens", "3"]);
    let tool = Tool::profile(&server).args(["--request-count", "2"]).args(words);
    let home = tool.dir().to_owned();
    let tool = tool.env("HOME", home).env("HF_HOME", "").env("HF_HUB_CACHE", "").env("XDG_CACHE_HOME", "");
    for (path, content) in files {
        std::fs::create_dir_all(tool.dir().join(path).parent().unwrap()).unwrap();
        tool.file(path, content);
    }
    tool.run()
}

const CACHE: &str = ".cache/huggingface/hub";

#[test]
fn a_model_of_the_hubs_cache_counts_tokens() {
    let folder = format!("{CACHE}/models--org--Name-7B");
    let files = [
        (format!("{folder}/refs/main"), "abc\n".to_owned()),
        (format!("{folder}/snapshots/abc/tokenizer.json"), TOKENIZER.to_owned()),
    ];
    let files: Vec<_> = files.iter().map(|(path, content)| (path.as_str(), content.as_str())).collect();
    let run = with_files(&files, &["--tokenizer", "org/Name-7B"]);
    assert!(run.succeeds().stdout.contains("models--org--Name-7B/snapshots/abc"), "{}", run.stdout);
    let run = with_files(&files, &["--tokenizer", "org/Name-7B", "--tokenizer-revision", "v9"]);
    run.ends_with(2);
    assert!(
        run.stderr.contains("only `abc`") && run.stderr.contains("--tokenizer-revision"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_model_of_the_users_folder_counts_tokens() {
    let run = with_files(
        &[("models/org/n/tokenizer.json", TOKENIZER)],
        &["--tokenizer", "org/n", "--data-dir", "models"],
    );
    assert!(run.succeeds().stdout.contains("models/org/n"), "{}", run.stdout);
}

#[rstest]
#[case::cl100k("cl100k_base")]
#[case::r50k("gpt2")]
fn names_of_tiktoken_need_no_file(#[case] name: &str) {
    let run = with_files(&[], &["--tokenizer", name, "--isl", "40"]);
    let records = run.succeeds().records();
    assert!(records.iter().all(|record| record["metrics"]["input_sequence_length"]["value"] == 40));
}

#[test]
fn a_name_that_is_nowhere_is_told_with_the_place_to_put_it() {
    let run = with_files(&[], &["--tokenizer", "org/n"]);
    run.ends_with(2);
    for part in ["models--org--n", "tokenizer.json", "--data-dir", "fetches nothing"] {
        assert!(run.stderr.contains(part), "{part} in {}", run.stderr);
    }
    let run = with_files(&[], &["--public-dataset", "sharegpt"]);
    run.ends_with(2);
    assert!(run.stderr.contains("ShareGPT_Vicuna_unfiltered"), "{}", run.stderr);
}

#[rstest]
#[case::of_the_users_folder("sets/d.jsonl", "d")]
#[case::of_the_cache(".cache/huggingface/hub/datasets--o--d/snapshots/abc/data/train.jsonl", "o/d")]
fn a_dataset_is_read_by_its_name(#[case] path: &str, #[case] name: &str) {
    let run = with_files(&[(path, PROMPTS)], &["--public-dataset", name, "--data-dir", "sets"]);
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 2);
    let file = summary["input_config"]["dataset"]["path"].as_str().unwrap();
    assert!(file.ends_with(path), "{file}");
}

#[test]
fn a_run_has_one_dataset() {
    let run = with_files(
        &[("sets/d.jsonl", PROMPTS), ("p.jsonl", PROMPTS)],
        &["--public-dataset", "d", "--data-dir", "sets", "--input-file", "p.jsonl"],
    );
    run.ends_with(2);
    assert!(run.stderr.contains("a run has one dataset"), "{}", run.stderr);
}

const TEMPLATE: &str = "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'].strip() }}\n\
    {% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

/// The lengths of all inputs, in the order of sending, of a tokenizer with this template.
fn input_lengths(words: &[&str]) -> Vec<u64> {
    let files =
        [("model/tokenizer.json", TOKENIZER), ("model/chat_template.jinja", TEMPLATE), ("p.jsonl", PROMPTS)];
    let run = with_files(&files, &[&["--tokenizer", "model"][..], words].concat());
    let records = run.succeeds().records();
    records
        .iter()
        .map(|record| record["metrics"]["input_sequence_length"]["value"].as_u64().unwrap())
        .collect()
}

#[test]
fn inputs_are_counted_through_the_chat_template() {
    let plain = input_lengths(&["--input-file", "p.jsonl"]);
    let templated = input_lengths(&["--input-file", "p.jsonl", "--apply-chat-template"]);
    let added = templated[0] - plain[0];
    assert!(added > 3, "the template adds {added} tokens");
    assert_eq!(templated[1] - plain[1], added);
}

#[test]
fn generated_prompts_are_as_long_as_asked_for_with_the_template() {
    assert_eq!(input_lengths(&["--isl", "60", "--apply-chat-template"]), [60, 60]);
}

#[test]
fn a_tokenizer_without_a_template_is_refused() {
    let run = with_files(&[], &["--apply-chat-template"]);
    run.ends_with(2);
    assert!(
        run.stderr.contains("it has none") && run.stderr.contains("chat_template.jinja"),
        "{}",
        run.stderr
    );
}
