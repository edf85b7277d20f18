//! What prony prints fits into the screen: lines break between words, tables are not wider than the terminal.

use std::collections::BTreeSet;

use prony_tests::{MockServer, Run, Script, ScriptedServer, Tool};
use rstest::rstest;

/// So wide that nothing has to be broken.
const WIDE: &str = "1000";

/// What only a narrow screen says.
const LEFT_OUT: &str = "left out to fit the width, but in `profile_export_prony.json`: std, min, max, p90";

/// The words of a text, but for rules and for numbers, which differ from run to run.
fn words(text: &str) -> BTreeSet<String> {
    let words = text.split_whitespace().filter(|word| !word.contains('─'));
    words.filter(|word| !word.contains(|c: char| c.is_ascii_digit())).map(str::to_owned).collect()
}

/// Whether a line is too long only because a path, a URL or a hash stands at its end.
fn ends_with_a_long_word(line: &str, columns: usize) -> bool {
    let word = line.rsplit(' ').next().unwrap_or_default();
    let begins = line.chars().count() - word.chars().count();
    begins <= columns / 2 && (word.contains('/') || word.starts_with("sha256-"))
}

fn lines_fit(text: &str, columns: usize) {
    for line in text.lines().filter(|line| !line.starts_with("wrote ")) {
        let is_short = line.chars().count() <= columns;
        assert!(is_short || ends_with_a_long_word(line, columns), "{columns} columns: {line}\nin\n{text}");
    }
}

fn words_are_whole(narrow: &str, wide: &str) {
    let whole = &words(wide) | &words(LEFT_OUT);
    let pieces = &words(narrow) - &whole;
    assert!(pieces.is_empty(), "{pieces:?} are no words of\n{wide}\nbut of\n{narrow}");
}

/// What a command prints on a narrow screen fits, and says the same as on a wide one.
fn both_fit(tool: impl Fn() -> Tool, columns: usize) -> [Run; 2] {
    let runs = [&*columns.to_string(), WIDE].map(|columns| tool().env("COLUMNS", columns).run());
    let [narrow, wide] = &runs;
    assert_eq!(narrow.code, wide.code, "{}", narrow.stderr);
    let text = |run: &Run, text: &str| text.replace(&run.dir().display().to_string(), "/folder");
    for (narrow, wide) in [
        (text(narrow, &narrow.stdout), text(wide, &wide.stdout)),
        (text(narrow, &narrow.stderr), text(wide, &wide.stderr)),
    ] {
        lines_fit(&narrow, columns);
        words_are_whole(&narrow, &wide);
    }
    runs
}

#[rstest]
#[case::plugins("plugins")]
#[case::a_category("plugins endpoint")]
#[case::an_entry("plugins show endpoint chat")]
#[case::a_service("service server_metrics --help")]
#[case::messages("plugins graph")]
#[case::a_new_plugin("plugins new acme-chat")]
#[case::help("profile -h")]
#[case::findings("plugins validate /nowhere/at/all")]
#[case::a_typo("profile --model m --concurency 3")]
#[case::an_unknown_endpoint("profile --model m --endpoint-type speach")]
#[case::a_bad_value("profile --model m --request-rate many")]
#[case::a_service_alone("service server_metrics")]
#[case::a_run_that_is_not_there("report /nowhere/at/all")]
#[case::a_warm_up_that_is_too_short(
    "profile --model m --url http://127.0.0.1:9 --concurrency 9 --warmup-request-count 1"
)]
fn no_word_is_broken(#[case] line: &str, #[values(60, 80, 120)] columns: usize) {
    both_fit(|| Tool::new(line.split(' ')), columns);
}

/// The report of one run, on a narrow screen and on a wide one.
fn both_reports(run: &Run, columns: usize) -> [Run; 2] {
    let folder = run.artifact("");
    both_fit(|| Tool::new(["report"]).arg(&folder), columns)
}

#[rstest]
fn a_report_fits_into_the_terminal(#[values(60, 80, 120)] columns: usize) {
    let server = MockServer::start(["--tokens", "4"]);
    let words = ["--request-count", "4", "--concurrency", "2", "--warmup-request-count", "1"];
    let run = Tool::profile(&server).args(words).env("COLUMNS", columns.to_string()).run();
    lines_fit(&run.succeeds().stdout, columns);
    lines_fit(&run.stderr, columns);
    assert_eq!(run.stdout, run.read("profile_export_console.txt"));
    assert!(run.stdout.contains("\n  warm-up, not in the numbers: 1 request in "), "{}", run.stdout);
    let [narrow, _] = both_reports(&run, columns);
    assert!(!narrow.stdout.contains("N/A"), "{}", narrow.stdout);
    for statistic in ["avg", "p99", "p95", "p50"] {
        assert!(narrow.stdout.contains(statistic), "{}", narrow.stdout);
    }
    // On the narrowest of these screens it is a matter of the numbers whether they fit into a table at all.
    let header = narrow.stdout.lines().find(|line| line.starts_with("Metric ")).unwrap();
    let has_all =
        ["avg", "min", "max", "p99", "p95", "p90", "p50", "std"].iter().all(|name| header.contains(name));
    assert_eq!(has_all, columns == 120, "{header}");
    assert_eq!(narrow.stdout.contains("\nleft out to fit"), columns < 120, "{}", narrow.stdout);
}

#[rstest]
fn errors_and_their_causes_fit_into_the_terminal(#[values(80, 120)] columns: usize) {
    let sentence = "the model does not fit into the memory of this accelerator; ".repeat(4);
    let body = format!(r#"{{"error": {{"message": "{sentence}"}}}}"#);
    let length = format!("Content-Length: {}", body.len());
    let script = Script::status("500 Sorry", &["Content-Type: application/json", &length]).bytes(body);
    let server = ScriptedServer::start([script]);
    let run = Tool::profile_at(&server.url()).args(["--request-count", "2"]);
    let run = run.env("COLUMNS", columns.to_string()).run();
    lines_fit(&run.ends_with(1).stderr, columns);
    let [narrow, wide] = both_reports(&run, columns);
    let whole = "accelerator; the model does not fit into the memory of this accelerator;";
    assert!(wide.stdout.contains(whole) && !narrow.stdout.contains(whole), "{}", narrow.stdout);
}

#[test]
fn several_urls_fit_as_well() {
    let (one, other) = (MockServer::start(["--tokens", "4"]), MockServer::start(["--tokens", "4"]));
    let run = Tool::profile(&one).args(["--url", other.url(), "--request-count", "4"]).run();
    let [narrow, _] = both_reports(run.succeeds(), 80);
    assert!(narrow.stdout.contains("\nBy URL\nURL "), "{}", narrow.stdout);
}

/// How a step turned out is another in each run, so that only the header is compared.
#[test]
fn the_steps_of_a_calibration_fit_as_well() {
    let run = |columns| {
        let run = Tool::new(["calibrate", "--streams", "1", "--rates", "50"]).env("COLUMNS", columns).run();
        run.succeeds().stdout.clone()
    };
    let narrow = run("80");
    lines_fit(&narrow, 80);
    assert!(narrow.contains("\n50 requests/s  "), "{narrow}");
    let header = |text: &str| text.split('─').next().unwrap_or_default().to_owned();
    words_are_whole(&header(&narrow), &header(&run(WIDE)));
}

#[test]
fn a_message_for_another_program_is_one_line() {
    let run = Tool::new(["profile", "--model", "m", "--endpoint-type", "speach"]).run();
    run.ends_with(2);
    let is_whole = |line: &str| line.starts_with("error: ") || line.starts_with("help: ");
    assert!(run.stderr.lines().all(is_whole), "{}", run.stderr);
}

#[test]
fn one_request_is_no_plural() {
    let words = ["--concurrency", "9", "--warmup-request-count", "1", "--url", "http://127.0.0.1:9"];
    let run = Tool::bare_profile().args(words).run();
    assert!(run.stderr.contains("ends it after 1 request\n"), "{}", run.stderr);
}
