//! Input files as users keep them: compressed ones are read as they are.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};
use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

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
