//! Schedules of many requests, judged by the formulas of their laws. How gaps reach the server is in the suite `arrivals`.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{collections::BTreeSet, time::Duration};

use prony_tests::{MockServer, Tool, follows_gamma_law};
use rstest::rstest;
use serde_json::Value;

/// 20,000 requests at 8,000 a second: the instants at which the schedule wanted them, in nanoseconds since the first one. When
/// they arrive at such a rate, the machine decides, and a limit of what is in flight keeps it from drowning; so what is asked of
/// the server's truth is that all of them came, each once, and of the records that none was sent before its instant.
fn wanted(law: &[&str]) -> Vec<u64> {
    let server = MockServer::start(["--tokens", "1"]);
    let load = [
        "--request-rate",
        "8000",
        "--request-count",
        "20000",
        "--concurrency",
        "32",
        "--isl",
        "2",
        "--osl",
        "1",
    ];
    let tool = Tool::bare_profile().args(["--url", server.url(), "--use-server-token-count"]).args(load);
    let run = tool.args(law).run();
    let records = run.succeeds().records();
    let truth = server.truth();
    let ids = |requests: &[Value], id: fn(&Value) -> &Value| -> BTreeSet<String> {
        requests.iter().map(|request| id(request).as_str().unwrap().to_owned()).collect()
    };
    let arrived = truth["requests"].as_array().unwrap();
    assert_eq!(
        (arrived.len(), records.len(), truth["arrivals_ns"].as_array().unwrap().len()),
        (20_000, 20_000, 20_000)
    );
    let sent = ids(&records, |record| &record["metadata"]["x_request_id"]);
    assert_eq!((sent.len(), ids(arrived, |request| &request["request_id"])), (20_000, sent));
    let at = |record: &Value, key: &str| record["metadata"][key].as_u64().unwrap();
    let early =
        records.iter().filter(|record| at(record, "request_sent_ns") < at(record, "credit_issued_ns"));
    assert_eq!(early.count(), 0);
    let mut due: Vec<u64> = records.iter().map(|record| at(record, "credit_issued_ns")).collect();
    due.sort_unstable();
    due.iter().map(|at| at - due[0]).collect()
}

/// The same of a dry run, which sends nothing and has the instants of the run: the suite `dry_run` shows it.
fn listed(law: &[&str]) -> Vec<u64> {
    let load = ["--request-rate", "8000", "--request-count", "20000", "--isl", "2", "--dry-run", "20000"];
    let run = Tool::bare_profile().args(load).args(law).run();
    let due = run.succeeds().stdout.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        Duration::from_secs_f64(line["due_s"].as_f64().unwrap())
    });
    let due: Vec<Duration> = due.collect();
    assert_eq!(due.len(), 20_000);
    due.iter().map(|at| u64::try_from(at.saturating_sub(due[0]).as_nanos()).unwrap()).collect()
}

fn gaps(due: &[u64]) -> Vec<f64> {
    due.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e9 * 8000.0).collect()
}

#[test]
fn twenty_thousand_requests_are_sent_as_the_formula_of_their_law_says() {
    let due = wanted(&["--arrival-pattern", "poisson"]);
    follows_gamma_law(1.0, gaps(&due));
}

#[rstest]
#[case::poisson(1.0, &["--arrival-pattern", "poisson"])]
#[case::in_bursts(0.5, &["--arrival-smoothness", "0.5"])]
#[case::even(4.0, &["--arrival-smoothness", "4"])]
fn a_schedule_of_twenty_thousand_follows_its_formula(#[case] shape: f64, #[case] law: &[&str]) {
    follows_gamma_law(shape, gaps(&listed(law)));
}

#[test]
fn a_constant_schedule_of_twenty_thousand_has_equal_gaps() {
    let due = listed(&["--arrival-pattern", "constant"]);
    assert!((0..).zip(&due).all(|(number, at)| at.abs_diff(number * 125_000) <= 1), "{:?}", &due[..9]);
}
