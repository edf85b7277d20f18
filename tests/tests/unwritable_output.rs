//! Outputs that cannot be written: a full disk, a reader that is gone, a reader that does not read. None of them ends a run.

use prony_tests::{MockServer, Tool};
use rstest::rstest;

/// Standard error into this redirection of the shell.
fn with_stderr(server: &MockServer, redirection: &str, words: &[&str]) -> Tool {
    let shell = format!("{redirection} exec \"$0\" \"$@\" 2>&9");
    Tool::profile(server)
        .args(["--request-count", "20", "--concurrency", "4", "--osl", "8"])
        .args(words)
        .under(&["sh", "-c", &shell])
}

const FULL_DISK: &str = "exec 9>/dev/full;";
/// The reader's end is closed before anything is written.
const READER_GONE: &str = "mkfifo pipe; exec 8<>pipe 9>pipe; exec 8>&-;";
/// The reader's end stays open, and nobody reads.
const NOBODY_READS: &str = "mkfifo pipe; exec 8<>pipe 9>pipe;";

#[rstest]
fn a_run_does_not_need_its_standard_error(
    #[values(FULL_DISK, READER_GONE, NOBODY_READS)] redirection: &str,
    #[values("warn", "trace")] log: &str,
    #[values("timed", "portable")] transport: &str,
    #[values(&[], &["--isolate", "chat"])] words: &[&str],
) {
    let server = MockServer::start([]);
    let run =
        with_stderr(&server, redirection, words).args(["--transport", transport]).env("PRONY_LOG", log).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 20);
    assert_eq!(summary["is_complete"], true);
    assert!(run.stdout.contains("Request Count"), "{}", run.stdout);
}

#[test]
fn a_failure_keeps_its_exit_code_without_standard_error() {
    let server = MockServer::start(["--error-every", "1"]);
    for redirection in [FULL_DISK, READER_GONE] {
        let run = with_stderr(&server, redirection, &[]).run();
        run.ends_with(1);
        assert_eq!(run.summary()["error_request_count"]["avg"], 20);
    }
}

#[test]
fn more_than_a_pipe_holds_is_written_to_whoever_reads_it() {
    let server = MockServer::start([]);
    let tool = Tool::profile(&server).args(["--request-count", "200", "--transport", "portable"]);
    let run = tool.env("PRONY_LOG", "trace").run();
    assert!(run.succeeds().stderr.len() > 65_536, "{}", run.stderr.len());
    assert!(!run.stderr.contains("could not be written in time"), "{}", run.stderr);
}

#[rstest]
#[case::help(&["--help"])]
#[case::version(&["--version"])]
#[case::a_list(&["plugins"])]
fn a_result_that_cannot_be_written_is_a_failure(#[case] words: &[&str]) {
    let run = Tool::new(words).under(&["sh", "-c", "exec \"$0\" \"$@\" >/dev/full"]).run();
    run.ends_with(1);
    assert!(run.stderr.contains("error: failed to write to standard output"), "{}", run.stderr);
}

#[test]
fn a_report_that_cannot_be_printed_is_in_its_files_all_the_same() {
    let server = MockServer::start([]);
    let tool = Tool::profile(&server).args(["--request-count", "4", "--osl", "4"]);
    let run = tool.under(&["sh", "-c", "exec \"$0\" \"$@\" >/dev/full"]).run();
    run.ends_with(1);
    let dir = run.dir().join("run").display().to_string();
    assert!(run.stderr.contains(&format!("help: the results are in `{dir}`")), "{}", run.stderr);
    assert_eq!(run.summary()["request_count"]["avg"], 4);
    assert!(run.read("profile_export_console.txt").contains("Request Count"));
    assert!(std::fs::read_dir(run.dir().join("run")).unwrap().count() >= 5);
}
