//! The highest load that keeps to objectives, found by runs.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;
use serde_json::{Value, json};

/// A server that works on one request at a time, for 50 ms: the latency is 50 ms for each request in flight.
fn one_at_a_time() -> MockServer {
    MockServer::start(["--slots", "1", "--ttft-ms", "50"])
}

fn search(server: &MockServer, words: &[&str]) -> Run {
    let tool =
        Tool::new(["search", "--model", "m", "--url", server.url(), "--no-server-metrics", "--ui", "none"]);
    let tool = tool.args(["--artifact-dir", "run", "--request-count", "12", "--isl", "5", "--osl", "1"]);
    tool.args(words).run()
}

fn found(run: &Run) -> Value {
    serde_json::from_str(&run.read("search.json")).unwrap()
}

#[test]
fn the_highest_concurrency_is_found_and_its_evidence_kept() {
    let server = one_at_a_time();
    let run = search(
        &server,
        &["--over", "concurrency", "--range", "1..8", "--slo", "request_latency p50 < 175ms"],
    );
    run.succeeds();
    assert!(run.stdout.contains("keeps to `request_latency p50 < 175ms`: 3 [3, 3]"), "{}", run.stdout);
    let found = found(&run);
    assert_eq!(found["answer"]["found"], "between");
    assert_eq!((&found["answer"]["kept"], &found["answer"]["broken"]), (&json!(3.0), &json!(4.0)));
    let loads: Vec<f64> =
        found["probes"].as_array().unwrap().iter().map(|probe| probe["load"].as_f64().unwrap()).collect();
    assert_eq!(loads, [1.0, 2.0, 4.0, 3.0]);
    for run_of_probe in found["probes"][3]["runs"].as_array().unwrap() {
        let folder = run_of_probe["folder"].as_str().unwrap();
        let summary: Value =
            serde_json::from_str(&run.read(&format!("{folder}/profile_export_prony.json"))).unwrap();
        assert_eq!(summary["request_latency"]["p50"], run_of_probe["values"][0]);
    }
}

#[test]
fn a_range_whose_lowest_load_breaks_an_objective_ends_with_1() {
    let server = one_at_a_time();
    let run =
        search(&server, &["--over", "concurrency", "--range", "4..8", "--slo", "request_latency p50 < 50ms"]);
    run.ends_with(1);
    assert!(run.stdout.contains("no concurrency of `--range` keeps to"), "{}", run.stdout);
}

#[rstest]
#[case::no_metric(&["--slo", "latency_of_all p99 < 5"], "there is no metric `latency_of_all`")]
#[case::no_statistic(&["--slo", "request_latency < 5ms"], "the statistic is missing")]
#[case::its_own_load(&["--slo", "ttft p99 < 5", "--concurrency", "5"], "use `--concurrency` in a search")]
#[case::a_list(&["--slo", "ttft p99 < 5", "--num-profile-runs", "3"], "use `--num-profile-runs` in a search")]
#[case::no_run_is_made(&["--slo", "ttft p99 < 5", "--dry-run"], "use `--dry-run` in a search")]
#[case::more_with_more_load(&["--slo", "request_throughput > 20"], "more load gives more of it")]
#[case::never_so_many(&["--slo", "e2e p99 < 5", "--range", "1..64"], "no run would have as many at once")]
#[case::no_range(&["--slo", "ttft p99 < 5", "--range", "9..2"], "a range is two numbers above 0")]
fn what_is_no_search_is_refused_before_anything_is_sent(#[case] words: &[&str], #[case] expected: &str) {
    let server = one_at_a_time();
    let run = search(&server, words);
    run.ends_with(2);
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    assert_eq!(server.truth()["requests"], json!([]));
}

#[test]
fn an_objective_that_no_request_has_is_told_and_not_held_against_the_server() {
    let server = one_at_a_time();
    let run = search(&server, &["--range", "1..8", "--slo", "time_to_first_token p99 < 500ms"]);
    run.ends_with(2);
    assert!(
        run.stderr.contains("no request has the metric of `time_to_first_token p99 < 500ms`"),
        "{}",
        run.stderr
    );
}

/// A run that was ended before its time might not have kept to anything.
#[test]
fn runs_that_end_early_tell_nothing() {
    let server = one_at_a_time();
    let words =
        ["--range", "1..4", "--deadline", "0.4", "--repeats", "1", "--slo", "request_latency p50 < 1s"];
    let run = search(&server, &words);
    run.ends_with(6);
    assert!(run.stdout.contains("it cannot be told which concurrency"), "{}", run.stdout);
}
