//! Flags of commands in variables of the environment, beside those of a run, which the suite `configuration` has.

use prony_tests::Tool;
use serde_json::Value;

#[test]
fn a_variable_is_a_flag_of_its_command() {
    let run = Tool::new(["metrics"]).env("PRONY_METRICS_JSON", "true").run();
    let shown: Value = serde_json::from_str(&run.succeeds().stdout).unwrap();
    assert!(shown.as_array().is_some_and(|metrics| metrics.len() > 10), "{shown}");
    assert_eq!(run.stderr, "");

    let run = Tool::new(["plugins", "check"]).env("PRONY_PLUGINS_CHECK_LIST", "yes").run();
    assert!(run.succeeds().stdout.contains("fuzz"), "{}", run.stdout);

    let run =
        Tool::new(["search", "--mock", "--slo", "error_rate < 1%"]).env("PRONY_SEARCH_RANGE", "8..1").run();
    assert!(run.ends_with(2).stderr.contains("--range 8..1"), "{}", run.stderr);
}

/// `prony export` requires it.
#[test]
fn a_variable_may_say_what_a_command_requires() {
    let export = || Tool::new(["export", "no-such-run"]);
    assert!(export().run().ends_with(2).stderr.contains("--format"));
    let run = export().env("PRONY_EXPORT_FORMAT", "parquet").run();
    assert!(run.code != 0 && run.stderr.contains("no-such-run"), "{}", run.stderr);
    assert!(!run.stderr.contains("--format"), "{}", run.stderr);
}

#[test]
fn what_is_typed_stands_over_the_variable() {
    let report = || Tool::new(["report", "D"]).env("PRONY_REPORT_SLICE_DURATION", "abc");
    let expected = "error: PRONY_REPORT_SLICE_DURATION: failed to use `--slice-duration abc`";
    let run = report().run();
    assert!(run.ends_with(2).stderr.contains(expected), "{}", run.stderr);
    for typed in [["--slice-duration", "x"], ["--messages", "--quiet"]] {
        let run = report().args(typed).run();
        assert!(!run.ends_with(2).stderr.contains("abc"), "{}", run.stderr);
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_name_of_the_variable() {
    let run = Tool::new(["compare", "a", "b"]).env("PRONY_COMPARE_ANYWAY", "maybe").run();
    let expected = "error: `PRONY_COMPARE_ANYWAY` takes `true` or `false`, and this is `maybe`";
    assert!(run.ends_with(2).stderr.contains(expected), "{}", run.stderr);
    // It requires another flag, and is refused in the words of the command line.
    let run = Tool::new(["record", "--url", "http://h"]).env("PRONY_RECORD_CLIENT_KEY", "key.pem").run();
    assert!(run.ends_with(2).stderr.contains("`PRONY_RECORD_CLIENT_KEY`"), "{}", run.stderr);
    // So is one that the command itself refuses.
    let run = Tool::new(["record", "--url", "http://h"]).env("PRONY_RECORD_CA_CERT", "ca.pem").run();
    let stderr = &run.ends_with(2).stderr;
    assert!(stderr.contains("`PRONY_RECORD_CA_CERT`") && stderr.contains("`--ca-cert`"), "{stderr}");
    let run = Tool::new(["metrics"]).env("PRONY_METRICS_JSN", "true").run();
    let expected =
        "warning: the variable `PRONY_METRICS_JSN` has no effect: did you mean `PRONY_METRICS_JSON`?";
    assert!(run.succeeds().stderr.contains(expected), "{}", run.stderr);
}

/// Also where the command line has lists. With `--quiet` nobody hears of it.
#[test]
fn a_variable_that_means_nothing_is_a_warning_for_each_command_line() {
    let run =
        Tool::new(["config", "show", "--concurrency", "1,2"]).env("PRONY_CONFIG_SHOW_JSN", "true").run();
    assert!(run.succeeds().stderr.contains("`PRONY_CONFIG_SHOW_JSN` has no effect"), "{}", run.stderr);

    let search = || Tool::new(["search", "--mock", "--range", "8..1"]).env("PRONY_SEARCH_OVR", "rate");
    let run = search().run();
    assert!(run.ends_with(2).stderr.contains("`PRONY_SEARCH_OVR` has no effect"), "{}", run.stderr);
    let run = search().args(["--quiet"]).run();
    assert!(!run.ends_with(2).stderr.contains("PRONY_SEARCH_OVR"), "{}", run.stderr);
}

/// Variables of a command may stand in the environment always. The mock server of a run does what the run says alone.
#[test]
fn other_commands_do_not_look_at_it() {
    let variables = [
        ("PRONY_RECORD_URL", "http://h"),
        ("PRONY_MOCK_SERVER_PORT", "x"),
        ("PRONY_SEARCH_OVER", "rate"),
        ("PRONY_LOCK_TOKENIZER", "x"),
        ("PRONY_PLOT_FORMAT", "svg"),
    ];
    let tool = Tool::bare_profile().args(["--mock", "--request-count", "1"]);
    let run = variables.iter().fold(tool, |tool, (name, value)| tool.env(name, value)).run();
    assert!(!run.succeeds().stderr.contains("PRONY_"), "{}", run.stderr);
    let run = Tool::new(["metrics", "--help"]).env("PRONY_METRICS_JSON", "maybe").run();
    run.succeeds();
}
