//! Values and files that no run needs: too large, without an end, nested without an end, not text. Each is an error that says
//! what, where and which limit, and none takes all memory.

use std::{ffi::OsString, fs::File, os::unix::ffi::OsStringExt};

use prony_tests::{MockServer, Run, Script, ScriptedServer, Tool, eventually};
use rstest::rstest;

fn refused(run: &Run, expected: &[&str]) {
    run.ends_with(2);
    for text in expected {
        assert!(run.stderr.contains(text), "`{text}` is not in\n{}", run.stderr);
    }
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}

#[rstest]
#[case::isl("chat", "--isl", "4294967295")]
#[case::isl_stddev("chat", "--isl-stddev", "1e308")]
#[case::batch("embeddings", "--batch-size", "4294967295")]
#[case::passages("hf_tei_rankings", "--rankings-passages-mean", "4294967295")]
#[case::passages_stddev("hf_tei_rankings", "--rankings-passages-stddev", "1e308")]
#[case::passage("hf_tei_rankings", "--rankings-passages-prompt-token-mean", "4294967295")]
#[case::passage_stddev("hf_tei_rankings", "--rankings-passages-prompt-token-stddev", "1e308")]
#[case::query("hf_tei_rankings", "--rankings-query-prompt-token-mean", "4294967295")]
#[case::query_stddev("hf_tei_rankings", "--rankings-query-prompt-token-stddev", "1e308")]
fn content_that_no_memory_holds_is_refused_with_the_limit(
    #[case] endpoint: &str,
    #[case] flag: &str,
    #[case] value: &str,
) {
    let run = Tool::bare_profile().args(["--mock", "--endpoint-type", endpoint, flag, value]).run();
    refused(&run, &["of memory, and 1 GB is the limit", "help: lower one of"]);
}

/// Prompts are made as they are needed: their number takes no memory.
#[test]
fn as_many_prompts_may_be_asked_for_as_a_number_can_say() {
    let server = MockServer::start([]);
    Tool::profile(&server)
        .args(["--num-dataset-entries", "4294967295", "--request-count", "4"])
        .run()
        .succeeds();
}

#[test]
fn the_most_requests_that_a_flag_takes_are_no_overflow() {
    let server = MockServer::start(["--error-every", "1"]);
    let most = ["--warmup-request-count", "18446744073709551615", "--request-count", "18446744073709551615"];
    Tool::profile(&server).args(most).args(["--deadline", "500ms"]).run().ends_with(1);
}

#[rstest]
#[case::brackets(&"[".repeat(20_000), "it opens more than 5000 brackets")]
#[case::braces(&"{a: ".repeat(20_000), "it opens more than 5000 brackets")]
#[case::large(&"# nothing\n".repeat(150_000), "it is larger than 1 MB")]
fn a_configuration_file_is_bounded(#[case] text: &str, #[case] reason: &str) {
    let tool = Tool::new(["plugins"]);
    std::fs::create_dir_all(tool.dir().join("config/prony")).unwrap();
    tool.file("config/prony/config.yaml", text);
    refused(&tool.run(), &[reason, "config.yaml"]);
}

#[rstest]
#[case::brackets(&"[".repeat(20_000), "it opens more than 5000 brackets")]
#[case::large(&"# nothing\n".repeat(150_000), "it is larger than 1 MB")]
fn a_manifest_is_bounded(#[case] text: &str, #[case] reason: &str) {
    let tool = Tool::new(["plugins", "validate", "plugins.yaml"]);
    tool.file("plugins.yaml", text);
    let run = tool.run();
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains(reason) || run.stdout.contains(reason), "{}{}", run.stdout, run.stderr);
}

#[rstest]
#[case::a_device("/dev/zero")]
#[case::a_sparse_file("sparse.jsonl")]
fn an_input_file_without_a_line_is_read_to_a_limit(#[case] path: &str) {
    let tool = Tool::bare_profile().args(["--mock", "--input-file", path]);
    File::create(tool.dir().join("sparse.jsonl")).unwrap().set_len(1 << 30).unwrap();
    refused(&tool.run(), &["line 1 is longer than 256 MB, which is the limit", path]);
}

#[rstest]
#[case::tokenizer(&["--tokenizer", "/dev/zero"], "it is larger than 256 MB")]
#[case::recording(&["--mock-answer", "/dev/zero"], "it is larger than 256 MB")]
fn other_files_are_read_to_a_limit_as_well(#[case] words: &[&str], #[case] reason: &str) {
    refused(&Tool::bare_profile().arg("--mock").args(words).run(), &[reason, "/dev/zero"]);
}

#[rstest]
#[case::count("--concurrency")]
#[case::choice("--endpoint-type")]
#[case::pair("--extra-inputs")]
#[case::unknown("--surely-unknown")]
fn an_error_does_not_repeat_a_hundred_kilobytes(#[case] flag: &str) {
    let value = "x".repeat(100_000);
    let run = Tool::bare_profile().args(["--mock", flag, &value]).run();
    refused(&run, &["error: "]);
    assert!(run.stderr.len() < 10_000, "{} bytes", run.stderr.len());
}

#[rstest]
fn too_few_descriptors_are_an_error_and_no_panic(
    #[values(7, 8, 9, 12, 16, 20, 23)] most: u32,
    #[values(&["profile", "--mock", "--request-count", "2"], &["mock-server", "--port", "0"])]
    words: &[&str],
) {
    let shell = format!("ulimit -n {most}; exec \"$0\" \"$@\"");
    let run = Tool::new(words).under(&["sh", "-c", &shell]).run();
    run.ends_with(1);
    let message = format!("error: the limit of {most} open files is too low: 24 are needed at least");
    assert!(run.stderr.contains(&message), "{}", run.stderr);
}

fn not_utf8() -> OsString {
    OsString::from_vec(b"a\xffb".to_vec())
}

#[test]
fn a_value_that_is_no_text_names_its_flag() {
    let run = Tool::bare_profile().args(["--mock", "--endpoint-type"]).arg(not_utf8()).run();
    refused(&run, &["the value of `--endpoint-type` is not UTF-8 text: `a\u{fffd}b`"]);
}

#[test]
fn the_name_of_a_folder_may_hold_any_bytes() {
    let tool = Tool::new(["profile", "--mock", "--request-count", "2", "--artifact-dir"]).arg(not_utf8());
    let run = tool.run();
    run.succeeds();
    assert!(run.dir().join(not_utf8()).join("profile_export_prony.json").exists());
}

#[rstest]
#[case::ctrl_c("INT", 130)]
#[case::termination("TERM", 143)]
fn waiting_for_the_server_ends_with_the_signal(
    #[case] signal: &str,
    #[case] code: i32,
    #[values(&[], &["--isolate", "chat"])] words: &[&str],
) {
    let server = ScriptedServer::start([Script::silent().hold()]);
    let running =
        Tool::profile_at(&server.url()).args(["--wait-for-model-timeout", "1h"]).args(words).spawn();
    eventually("a request", || (!server.requests().is_empty()).then_some(()));
    running.signal(signal);
    let run = running.wait();
    run.ends_with(code);
    assert!(
        run.stderr.contains("interrupted before the first request: nothing was measured"),
        "{}",
        run.stderr
    );
}
