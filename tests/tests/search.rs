//! The highest load that keeps to objectives, found by runs.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;

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

/// The runs of a search, in the order of their seeds: folder and value.
fn runs(found: &Value) -> Vec<(String, f64)> {
    let probes = found["probes"].as_array().unwrap();
    let mut runs: Vec<&Value> = probes.iter().flat_map(|probe| probe["runs"].as_array().unwrap()).collect();
    runs.sort_by_key(|run| run["random_seed"].as_u64());
    let of_run =
        |run: &Value| (run["folder"].as_str().unwrap().to_owned(), run["values"][0].as_f64().unwrap());
    runs.into_iter().map(of_run).collect()
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
    for probe in found["probes"].as_array().unwrap() {
        let expected = if probe["load"].as_f64().unwrap() <= 3.0 { "kept" } else { "broken" };
        assert_eq!(probe["verdict"], expected, "{probe}");
    }
    for (folder, value) in runs(&found) {
        let summary: Value =
            serde_json::from_str(&run.read(&format!("{folder}/profile_export_prony.json"))).unwrap();
        assert_eq!(summary["request_latency"]["p50"], json!(value));
    }
}

#[test]
fn a_search_in_aiperfs_words_is_the_same_search() {
    let server = one_at_a_time();
    let words = ["profile", "--model", "m", "--url", server.url(), "--no-server-metrics", "--ui", "none"];
    let tool =
        Tool::new(words).args(["--artifact-dir", "run", "--request-count", "12", "--isl", "5", "--osl", "1"]);
    let recipe =
        ["--search-recipe", "max-concurrency-under-sla", "--e2e-sla-ms", "175", "--concurrency-max", "8"];
    let run = tool.args(recipe).args(["--search-planner", "bayesian"]).run();
    run.succeeds();
    assert!(run.stderr.contains("`--search-planner bayesian` is taken as a name"), "{}", run.stderr);
    assert!(run.stdout.contains("keeps to `request_latency p99 <= 175ms`: 3 [3, 3]"), "{}", run.stdout);
    assert!(run.stdout.contains("needs some 662 requests a run"), "{}", run.stdout);
}

#[test]
fn a_search_that_was_killed_goes_on_and_counts_no_half_run() {
    let server = one_at_a_time();
    let words = ["search", "--model", "m", "--url", server.url(), "--no-server-metrics", "--ui", "none"];
    let tool =
        Tool::new(words).args(["--artifact-dir", "run", "--request-count", "12", "--isl", "5", "--osl", "1"]);
    let killed = tool.args(["--range", "1..8", "--slo", "request_latency p50 < 175ms"]).spawn();
    let kept = killed.until("the third run has begun", || {
        let bytes = fs::read(killed.dir().join("run/search.json")).ok()?;
        let found: Value = serde_json::from_slice(&bytes).ok()?;
        let has_begun = killed.dir().join("run/runs/concurrency_4/journal.prony").exists();
        (has_begun && runs(&found).len() == 2).then_some(found)
    });
    killed.signal("KILL");
    let killed = killed.wait();
    killed.ends_with(128 + 9);

    let other = Tool::new(["search", "--isl", "6", "--resume"]).arg(killed.dir().join("run")).run();
    other.ends_with(2);
    assert!(other.stderr.contains("it was begun with another `--isl`"), "{}", other.stderr);

    let resumed = Tool::new(["search", "--ui", "none", "--resume"]).arg(killed.dir().join("run")).run();
    resumed.succeeds();
    assert!(resumed.stdout.contains("3 [3, 3]"), "{}", resumed.stdout);
    let all = runs(&found(&killed));
    assert_eq!(all[..2], runs(&kept));
    assert!(killed.artifact("unfinished/concurrency_4").exists());
}

/// 200 requests a second come, and 100 are answered: nobody has to wait a minute to see what becomes of that.
#[test]
fn a_run_above_the_capacity_ends_early() {
    let server = MockServer::start(["--slots", "1", "--ttft-ms", "10"]);
    let words = ["search", "--model", "m", "--url", server.url(), "--no-server-metrics", "--ui", "none"];
    let tool = Tool::new(words).args(["--artifact-dir", "run", "--isl", "5", "--osl", "1", "--over", "rate"]);
    let tool = tool.args(["--range", "200..400", "--slo", "request_latency p99 < 100ms", "--max-runs", "1"]);
    let run = tool.args(["--benchmark-duration", "60", "--drain-timeout", "100ms"]).run();
    run.ends_with(1);
    let found = found(&run);
    let reason = found["probes"][0]["runs"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("the server cannot keep up: after"), "{reason}");
    assert_eq!((&found["answer"]["found"], &found["answer"]["broken"]), (&json!("none_kept"), &json!(200.0)));
    assert_eq!(found["probes"][0]["runs"][0]["is_saturated"], true);
    let summary: Value =
        serde_json::from_str(&run.read("runs/request_rate_200/profile_export_prony.json")).unwrap();
    assert_eq!(summary["is_complete"], false);
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
#[case::no_objective(&["--range", "1..8"], "there is no objective that it could break")]
#[case::of_a_sweep(&["--slo", "ttft p99 < 5", "--isl-min", "5"], "use `--isl-min` in a search for the highest load")]
#[case::a_list_of_its_load(&["--slo", "e2e p99 < 5", "--concurrency", "1,2"], "a search takes one value of `concurrency`")]
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

/// Nothing is sent for it: a run would tell only at its end.
#[rstest]
#[case("time_to_first_token p99 < 500ms", "add `--streaming`")]
#[case("good_request_fraction > 95%", "--goodput")]
fn an_objective_that_no_run_can_measure_is_refused(#[case] slo: &str, #[case] hint: &str) {
    let server = one_at_a_time();
    let run = search(&server, &["--range", "1..8", "--slo", slo]);
    run.ends_with(2);
    assert!(run.stderr.contains("no request would have its metric"), "{}", run.stderr);
    assert!(run.stderr.contains(hint), "{}", run.stderr);
    assert_eq!(server.truth()["requests"], json!([]));
}

#[test]
fn all_that_is_wrong_with_a_search_is_told_at_once() {
    let words = ["search", "--range", "1..abc", "--max-runs", "0", "--precision", "2", "--search-recipe"];
    let words =
        words.into_iter().chain(["max-goodput-under-slo", "--slo", "a p99 < 5", "--slo", "b p99 < 5"]);
    let run = Tool::new(words).run();
    run.ends_with(2);
    for wrong in ["`a`", "`b`", "--range 1..abc", "--max-runs 0", "--precision 2", "without its bound"] {
        assert!(run.stderr.contains(wrong), "{wrong}: {}", run.stderr);
    }
}

#[rstest]
#[case(&["search", "--resume", "there-is-none"], "no search is in it")]
#[case(&["profile", "--resume", "search"], "`prony search --resume search` goes on with it")]
#[case(&["search", "--resume", "search"], "begin a new search")]
fn a_folder_that_a_search_cannot_go_on_in_is_told(#[case] words: &[&str], #[case] expected: &str) {
    let tool = Tool::new(words);
    fs::create_dir(tool.dir().join("search")).unwrap();
    tool.file("search/search.json", "{}");
    let run = tool.run();
    run.ends_with(2);
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

/// 1 would mean that even the lowest load breaks an objective.
#[test]
fn an_answer_that_cannot_be_printed_is_kept_and_is_no_answer() {
    let server = one_at_a_time();
    let words = ["search", "--model", "m", "--url", server.url(), "--no-server-metrics", "--ui", "none"];
    let tool = Tool::new(words).args(["--artifact-dir", "run", "--request-count", "2", "--isl", "5"]);
    let tool = tool.args(["--osl", "1", "--range", "1..2", "--max-runs", "1", "--slo", "e2e p50 < 1s"]);
    let run = tool.under(&["sh", "-c", "exec \"$0\" \"$@\" >/dev/full"]).run();
    run.ends_with(6);
    assert!(run.stderr.contains("standard output"), "{}", run.stderr);
    assert!(run.read("search_console.txt").contains("concurrency"));
}

#[test]
fn an_objective_that_no_request_has_is_told_and_not_held_against_the_server() {
    let server = one_at_a_time();
    let run = search(&server, &["--range", "1..8", "--slo", "submit_latency p99 < 500ms"]);
    run.ends_with(2);
    assert!(
        run.stderr.contains("no request has the metric of `submit_latency p99 < 500ms`"),
        "{}",
        run.stderr
    );
}

/// A run that was ended before its time might not have kept to anything.
#[test]
fn runs_that_end_early_tell_nothing() {
    let server = one_at_a_time();
    let words =
        ["--range", "1..4", "--deadline", "0.4", "--max-runs", "2", "--slo", "request_latency p50 < 1s"];
    let run = search(&server, &words);
    run.ends_with(6);
    assert!(run.stdout.contains("it cannot be told which concurrency"), "{}", run.stdout);
}

#[test]
fn agents_of_a_search_need_a_server_that_stays() {
    let server = one_at_a_time();
    let run = search(&server, &["--slo", "request_latency p99 < 170ms", "--range", "1..4", "--agents", "2"]);
    run.ends_with(2);
    assert!(run.stderr.contains("name one that stays, with `--nats`"), "{}", run.stderr);
}
