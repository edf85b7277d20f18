//! Input files as users keep them: compressed ones are read as they are.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};
use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

const ROWS: &str = "{\"text\": \"one\"}\n{\"text\": \"two\"}\n{\"text\": \"three\"}\n";

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
    assert_eq!(run.succeeds().summary()["request_count"]["avg"], 3);
    assert_eq!(server.truth()["requests_ok"], 3);
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
