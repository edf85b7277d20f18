//! Input files as users keep them: compressed, in a pipe, in a folder, larger than memory should be.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};
use prony_tests::{MockServer, Run, Tool, fixtures};
use rstest::rstest;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::Value;

const ROWS: &str = "{\"text\": \"one\"}\n{\"text\": \"two\"}\n{\"text\": \"three\"}\n";

const BODIES: &str = r#"
{"model": "m", "stream": true, "messages": [{"role": "user", "content": "one"}]}
{"model": "m", "stream": true, "messages": [{"role": "user", "content": "two"}]}
"#;

fn gzip(rows: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(rows.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(rows: &str) -> Vec<u8> {
    compress_to_vec(rows.as_bytes(), CompressionLevel::Fastest)
}

fn profile(server: &MockServer, name: &str, bytes: &[u8]) -> Run {
    let tool = Tool::profile(server).args(["--request-count", "3", "--osl", "2", "--no-server-metrics"]);
    let file = tool.file(name, bytes);
    let file: &Path = &file;
    tool.arg("--input-file").arg(file).run()
}

#[rstest]
#[case::gzip("rows.jsonl.gz", gzip)]
#[case::zstd("rows.jsonl.zst", zstd)]
#[case::without_a_name_for_it("rows.jsonl", gzip)]
fn a_compressed_file_is_read(#[case] name: &str, #[case] pack: fn(&str) -> Vec<u8>) {
    let server = MockServer::start(["--ttft-ms", "2", "--itl-ms", "1"]);
    // In parts, as `cat` joins such files, with a byte order mark in front of the rows.
    let (first, rest) = ROWS.split_at(17);
    let run = profile(&server, name, &[pack(&format!("\u{feff}{first}")), pack(rest)].concat());
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 3);
    assert_eq!(summary["input_config"]["dataset"]["entries"], 3);
    assert_eq!(server.truth()["requests_ok"], 3);
}

#[rstest]
#[case::texts("{\"text\": \"one\"}\n{\"text\": \"two\"}\n", &[])]
#[case::fewer_than_there_are(ROWS, &["--num-dataset-entries", "2"])]
#[case::fewer_than_asked_for("{\"text\": \"one\"}\n{\"text\": \"two\"}\n", &["--num-dataset-entries", "3"])]
#[case::bodies(BODIES, &["--custom-dataset-type", "raw-payload"])]
fn the_summary_says_how_many_entries_there_were(#[case] rows: &str, #[case] words: &[&str]) {
    let server = MockServer::start([]);
    let tool =
        Tool::profile(&server).args(["--request-count", "3", "--input-file", "rows.jsonl"]).args(words);
    tool.file("rows.jsonl", rows);
    assert_eq!(tool.run().succeeds().summary()["input_config"]["dataset"]["entries"], 2);
}

#[rstest]
#[case::gzip("rows.jsonl.gz", gzip, "it is compressed with gzip, and damaged")]
#[case::zstd("rows.jsonl.zst", zstd, "it is compressed with zstd, and damaged")]
fn a_damaged_file_is_refused(#[case] name: &str, #[case] pack: fn(&str) -> Vec<u8>, #[case] says: &str) {
    let server = MockServer::start([]);
    let packed = pack(ROWS);
    let run = profile(&server, name, &packed[..packed.len() / 2]);
    run.ends_with(2);
    assert!(run.stderr.contains(says) && run.stderr.contains(name), "{}", run.stderr);
    assert_eq!(server.truth()["requests_total"], 0);
}

fn plain(rows: &str) -> Vec<u8> {
    rows.as_bytes().to_vec()
}

#[rstest]
#[case::plain(plain)]
#[case::gzip(gzip)]
#[case::zstd(zstd)]
fn standard_input_is_read(#[case] pack: fn(&str) -> Vec<u8>) {
    let server = MockServer::start(["--tokens", "2"]);
    let tool = Tool::profile(&server).args(["--request-count", "3", "--input-file", "-"]);
    assert_eq!(tool.run_fed(&pack(ROWS)).succeeds().summary()["input_config"]["dataset"]["entries"], 3);
    assert_eq!(server.truth()["requests_ok"], 3);
    let inspected = Tool::new(["dataset", "inspect", "--json", "-"]).run_fed(&pack(ROWS));
    let found: Value = serde_json::from_str(&inspected.succeeds().stdout).unwrap();
    assert_eq!((&found["format"], &found["requests"]), (&"single-turn".into(), &3.into()));
}

/// Workers of a process of their own read the trace as well: its prompts do not travel.
#[test]
fn a_trace_from_standard_input_reaches_an_isolated_endpoint() {
    let server = MockServer::start([]);
    let rows = "{\"timestamp\": 0, \"input_length\": 40, \"output_length\": 3}\n\
                {\"timestamp\": 9, \"input_length\": 50, \"output_length\": 4}\n";
    let tool =
        Tool::profile(&server).args(["--request-count", "2", "--isolate", "chat", "--input-file", "-"]);
    assert_eq!(tool.run_fed(rows.as_bytes()).succeeds().records().len(), 2);
    assert_eq!(server.truth()["requests_ok"], 2);
}

#[test]
fn nothing_in_standard_input_is_told() {
    let run = Tool::new(["dataset", "inspect", "-"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("standard input: it is empty or closed"), "{}", run.stderr);
    let run = Tool::new(["dataset", "inspect", "-"]).run_fed(b"\n\n");
    run.ends_with(2);
    assert!(run.stderr.contains("`-`: it has no row"), "{}", run.stderr);
}

fn inspected(path: &Path) -> Value {
    let run = Tool::new(["dataset", "inspect", "--json"]).arg(path).run();
    serde_json::from_str(&run.succeeds().stdout).unwrap()
}

#[rstest]
#[case::below_each_other("sagemaker", "sagemaker-data-capture", 14)]
#[case::beside_their_sub_agents("claude-code", "claude-code", 17)]
fn a_folder_of_recordings_is_read(#[case] name: &str, #[case] format: &str, #[case] requests: u64) {
    let found = inspected(&fixtures().join("traces").join(name));
    assert_eq!((&found["format"], &found["requests"]), (&format.into(), &requests.into()));
}

#[test]
fn requests_are_drawn_from_the_pools_of_a_folder() {
    let server = MockServer::start(["--tokens", "2"]);
    let run = || {
        let tool = Tool::profile(&server).args(["--request-count", "12"]);
        fs::create_dir(tool.dir().join("pools")).unwrap();
        tool.file(
            "pools/questions.jsonl",
            "{\"text\": \"Why?\"}\n{\"text\": \"How?\", \"output_length\": 2}\n",
        );
        tool.file("pools/answers.jsonl", "{\"text\": \"So.\"}\n{\"text\": \"Thus, or so it seems.\"}\n");
        let run = tool.args(["--custom-dataset-type", "random_pool", "--input-file", "pools"]).run();
        assert_eq!(run.succeeds().summary()["input_config"]["dataset"]["entries"], 12);
        let mut records = run.records();
        records.sort_by_key(|record| record["metadata"]["conversation_id"].as_str().unwrap().to_owned());
        let length = |record: &Value| record["metrics"]["input_sequence_length"]["value"].as_u64().unwrap();
        records.iter().map(length).collect::<Vec<_>>()
    };
    let drawn = run();
    assert!(drawn.iter().any(|length| *length != drawn[0]), "{drawn:?}");
    assert_eq!(drawn, run());
}

#[test]
fn a_folder_without_files_is_told() {
    let tool = Tool::new(["dataset", "inspect", "empty"]);
    fs::create_dir(tool.dir().join("empty")).unwrap();
    let run = tool.run();
    run.ends_with(2);
    assert!(run.stderr.contains("there is no input file in it"), "{}", run.stderr);
}

/// A file that is not kept in memory: 600 sessions of two rows each, which stand apart, of 60 kB a row.
fn large(last: &str) -> String {
    let padding = "x".repeat(30_000);
    let row = |number: usize, when: &str| {
        format!(
            "{{\"session_id\": \"s-{number}\", {when}, \"text_input\": \"say {number}\", \"output_length\": 2, \
             \"extra\": {{\"user\": \"{padding}\"}}}}\n"
        )
    };
    let first = (0..600).map(|number| row(number, &format!("\"timestamp\": {}", number * 10)));
    let second = (0..600).map(|number| row(number, "\"delay\": 5"));
    first.chain(second).chain([last.to_owned()]).collect()
}

#[rstest]
#[case::in_process(&[])]
#[case::isolated(&["--isolate", "chat"])]
fn sessions_of_a_large_file_are_played(#[case] words: &[&str]) {
    let server = MockServer::start(["--tokens", "2"]);
    let window =
        ["--fixed-schedule", "--fixed-schedule-start-offset", "1000", "--fixed-schedule-end-offset", "1100"];
    let tool = Tool::profile(&server).args(window).args(words).args(["--input-file", "large.jsonl"]);
    tool.file("large.jsonl", large(""));
    let run = tool.run();
    let mut played: Vec<(String, u64)> = Vec::new();
    for record in run.succeeds().records() {
        let metadata = &record["metadata"];
        played.push((
            metadata["conversation_id"].as_str().unwrap().to_owned(),
            metadata["turn_index"].as_u64().unwrap(),
        ));
    }
    played.sort_unstable();
    let mut expected: Vec<(String, u64)> =
        (100..=110).flat_map(|number| [0, 1].map(|turn| (format!("s-{number}"), turn))).collect();
    expected.sort_unstable();
    assert_eq!(played, expected);
    assert_eq!(server.truth()["requests_ok"], 22);
}

#[test]
fn what_is_wrong_at_the_end_of_a_large_file_is_told_before_the_load() {
    let server = MockServer::start([]);
    let tool = Tool::profile(&server).args(["--fixed-schedule", "--input-file", "large.jsonl"]);
    tool.file("large.jsonl", large("{\"session_id\": \"s-7\", \"text_input\": 5}\n"));
    let run = tool.run();
    run.ends_with(2);
    assert!(run.stderr.contains("large.jsonl:1201`"), "{}", run.stderr);
    assert_eq!(server.truth()["requests_total"], 0);
}
