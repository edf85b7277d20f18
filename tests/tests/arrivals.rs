//! When requests arrive, as the server knows it: laws of gaps, and rates and numbers that change with time.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockServer, Run, Script, ScriptedServer, SeenRequest, Tool, follows_gamma_law};
use rstest::rstest;
use serde_json::Value;

/// When requests arrived at the server, in seconds since the first one.
fn arrivals(server: &MockServer) -> Vec<f64> {
    let truth = server.truth();
    let at: Vec<u64> =
        truth["arrivals_ns"].as_array().unwrap().iter().map(|at| at.as_u64().unwrap()).collect();
    at.iter().map(|arrived| (arrived - at[0]) as f64 / 1e9).collect()
}

/// Sums of ten gaps each follow the gamma law of ten times the shape. A gap may be less than what a busy machine takes to wake a
/// thread, ten of them, which are 100 ms, are not.
#[rstest]
#[case::poisson(1.0, &["--arrival-pattern", "poisson"])]
#[case::in_bursts(0.5, &["--arrival-pattern", "gamma", "--arrival-smoothness", "0.5"])]
#[case::even(4.0, &["--vllm-burstiness", "4"])]
fn random_arrivals_follow_the_law_that_was_asked_for(#[case] shape: f64, #[case] law: &[&str]) {
    let server = MockServer::start(["--tokens", "1"]);
    let load = [
        "--request-rate",
        "100",
        "--request-count",
        "1201",
        "--isl",
        "5",
        "--osl",
        "1",
        "--no-server-metrics",
    ];
    Tool::profile(&server).args(load).args(law).run().succeeds();
    let arrivals = arrivals(&server);
    let tens: Vec<f64> = arrivals.iter().step_by(10).copied().collect();
    let gaps: Vec<f64> = tens.windows(2).map(|pair| (pair[1] - pair[0]) * 10.0).collect();
    assert!(gaps.len() >= 120, "{}", gaps.len());
    follows_gamma_law(10.0 * shape, gaps);
}

/// The instants of the schedule, in nanoseconds since the first one, and the bodies in their order.
fn sent(workers: &str, law: &[&str]) -> (Vec<u64>, Vec<String>) {
    let finish = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#;
    let server = ScriptedServer::start([Script::events().event(finish).event("[DONE]").last_chunk()]);
    let load = ["--request-rate", "400", "--request-count", "60", "--isl", "9", "--isl-stddev", "3"];
    let tool = Tool::profile_at(&server.url()).args(load).args(["--no-server-metrics", "--workers", workers]);
    let run = tool.args(law).run();
    let records = run.succeeds().records();
    let mut due: Vec<u64> =
        records.iter().map(|record| record["metadata"]["credit_issued_ns"].as_u64().unwrap()).collect();
    due.sort_unstable();
    let mut bodies: Vec<String> = server.requests().iter().map(SeenRequest::body).collect();
    // Requests that are due next to each other may overtake each other on their way.
    bodies.sort_unstable();
    (due.iter().map(|at| at - due[0]).collect(), bodies)
}

#[rstest]
#[case::poisson(&["--arrival-pattern", "poisson"])]
#[case::constant(&["--arrival-pattern", "constant"])]
#[case::gamma(&["--arrival-smoothness", "0.5"])]
#[case::rising(&["--request-rate-ramp-duration", "500ms"])]
fn a_seed_sends_the_same_at_the_same_instants_with_any_number_of_workers(#[case] law: &[&str]) {
    let (one, two) = (sent("1", law), sent("2", law));
    assert_eq!(one.1, two.1);
    // An instant of the wall clock is told to the nanosecond of another start.
    assert!(one.0.iter().zip(&two.0).all(|(one, two)| one.abs_diff(*two) <= 1), "{:?}", one.0);
}

/// From a 40th of 120 requests/s to all of them in 4 s: the area below the line, 246 requests, of which the first half of the
/// time has a little more than a quarter.
#[rstest]
fn a_rate_rises_in_a_straight_line(#[values("timed", "portable")] transport: &str) {
    let server = MockServer::start(["--tokens", "1"]);
    let load =
        ["--request-rate", "120", "--arrival-pattern", "constant", "--request-rate-ramp-duration", "4s"];
    let run = Tool::profile(&server)
        .args(load)
        .args(["--benchmark-duration", "4", "--osl", "1", "--isl", "5", "--transport", transport])
        .run();
    let scheduled = run.succeeds().summary()["scheduled"].as_u64().unwrap();
    assert_eq!(scheduled, 246);
    let arrivals = arrivals(&server);
    let early = arrivals.iter().filter(|at| **at < 2.0).count();
    assert!((55..75).contains(&early), "{early} of {}", arrivals.len());
    assert!(run.stdout.contains("requests/s 3 to 120 at 4 s, constant gaps"), "{}", run.stdout);
}

/// 20 requests/s at first, 100 from 1 s to 2 s, and 20 again at 3 s.
fn series(more: &[&str]) -> (MockServer, Run) {
    let server = MockServer::start(["--tokens", "1"]);
    let tool = Tool::profile(&server);
    let points = [(0.5, 20), (1.0, 100), (2.0, 100), (3.0, 20)];
    let points = points.map(|(time_s, qps)| serde_json::json!({ "time_s": time_s, "qps": qps }));
    tool.file("rates.json", serde_json::json!({ "points": points }).to_string());
    let words =
        ["--request-rate-series", "rates.json", "--arrival-pattern", "constant", "--benchmark-duration", "3"];
    let run = tool.args(words).args(["--osl", "1", "--isl", "5"]).args(more).run();
    (server, run)
}

#[test]
fn a_rate_follows_a_series() {
    let (server, run) = series(&[]);
    // 0.5 x 20 + 0.5 x 60 + 100 + 60.
    assert_eq!(run.succeeds().summary()["scheduled"], 200);
    let arrivals = arrivals(&server);
    let between = |from: f64, to: f64| arrivals.iter().filter(|at| (from..to).contains(*at)).count();
    assert!((7..=13).contains(&between(0.0, 0.5)), "{arrivals:?}");
    assert!((85..=115).contains(&between(1.0, 2.0)), "{arrivals:?}");
}

#[rstest]
#[case::two_rates(&["--request-rate", "5"], "`--request-rate-series` together with `--request-rate`")]
#[case::closed(&["--arrival-pattern=concurrency-burst"], "a closed loop has no rate of its own")]
fn a_series_beside_another_rate_is_refused(#[case] more: &[&str], #[case] expected: &str) {
    let words = ["profile", "--mock", "--request-rate-series", "rates.json"];
    let tool = Tool::new(words).args(more);
    tool.file("rates.json", r#"{"points":[{"time_s":0,"qps":5},{"time_s":9,"qps":6}]}"#);
    let run = tool.run();
    run.ends_with(2);
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

#[test]
fn a_series_with_a_mistake_is_named_with_its_file_and_place() {
    let tool = Tool::new(["profile", "--mock", "--request-rate-series", "rates.json"]);
    tool.file("rates.json", r#"{"points":[{"time_s":0,"qps":5},{"time_s":9,"qps":-6}]}"#);
    let run = tool.run();
    run.ends_with(2);
    let expected = "failed to read `--request-rate-series`: `rates.json, point 2`: `qps` must be above 0";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    assert!(run.stderr.contains(r#"help: write it as `{"points""#), "{}", run.stderr);
}

/// How many requests were in flight at the server, so many milliseconds after the first one arrived.
fn in_flight_after(truth: &Value, ms: u64) -> usize {
    let requests = truth["requests"].as_array().unwrap();
    let at = |request: &Value, key: &str| request[key].as_u64().unwrap();
    let first = requests.iter().map(|request| at(request, "arrived_ns")).min().unwrap();
    let then = first + ms * 1_000_000;
    requests
        .iter()
        .filter(|request| at(request, "arrived_ns") <= then && then < at(request, "ended_ns"))
        .count()
}

/// From 1 to 9 in 4 s: one more each half of a second, whatever the number of workers. What is in flight at one instant may be
/// one less, since a slot is empty between two requests.
#[rstest]
#[case::closed(&["--workers", "1"])]
#[case::closed_with_workers(&["--workers", "2"])]
#[case::open(&["--request-rate", "400"])]
#[case::portable(&["--transport", "portable"])]
fn a_concurrency_rises_one_by_one(#[case] more: &[&str]) {
    let server = MockServer::start(["--ttft-ms", "200", "--tokens", "1"]);
    let load = ["--concurrency", "9", "--concurrency-ramp-duration", "4", "--benchmark-duration", "5"];
    let run = Tool::profile(&server).args(load).args(["--osl", "1", "--isl", "5"]).args(more).run();
    run.succeeds();
    let truth = server.truth();
    for (ms, width) in [(250, 1), (1250, 3), (2250, 5), (3250, 7), (4600, 9)] {
        let found = in_flight_after(&truth, ms);
        assert!((width - 1..=width).contains(&found), "{found} in flight after {ms} ms");
    }
    assert_eq!(truth["max_in_flight"], 9);
}

/// A warm-up with a load of its own: 40 requests/s in even gaps for a second, before a closed loop.
#[test]
fn a_warm_up_has_a_rate_of_its_own() {
    let server = MockServer::start(["--tokens", "1"]);
    let warmup =
        ["--warmup-duration", "1", "--warmup-request-rate", "40", "--warmup-arrival-pattern", "constant"];
    let run = Tool::profile(&server)
        .args(warmup)
        .args(["--concurrency", "2", "--request-count", "8", "--osl", "1", "--isl", "5"])
        .run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["warmup_metrics"]["request_count"]["avg"], 40);
    assert_eq!(summary["request_count"]["avg"], 8);
    let of_warmup: Vec<f64> = arrivals(&server).into_iter().take(40).collect();
    assert!((0.85..1.3).contains(&of_warmup[39]), "{of_warmup:?}");
}
