//! Several URLs share the load: which one answered a request, and how each of them fared.

use prony_tests::{MockServer, Tool};
use rstest::rstest;
use serde_json::json;

#[rstest]
fn a_breakdown_tells_the_good_server_from_the_bad_one(#[values("timed", "portable")] transport: &str) {
    let good = MockServer::start(["--tokens", "4"]);
    let bad = MockServer::start(["--tokens", "4", "--error-every", "2", "--ttft-ms", "60"]);
    let run = Tool::profile(&good)
        .args([
            "--url",
            bad.url(),
            "--request-count",
            "20",
            "--transport",
            transport,
            "--warmup-request-count",
            "2",
        ])
        .run();
    let summary = run.succeeds().summary();
    let [first, second] = [0, 1].map(|at| summary["targets"][at].clone());
    assert_eq!((&first["url"], &second["url"]), (&json!(good.url()), &json!(bad.url())));
    assert_eq!((&first["request_count"], &first["error_request_count"]), (&json!(10), &json!(0)));
    assert_eq!((&second["request_count"], &second["error_request_count"]), (&json!(5), &json!(5)));
    assert_eq!(
        (&first["time_to_first_token"]["count"], &second["request_latency"]["count"]),
        (&json!(10), &json!(5))
    );
    let ttft = |target: &serde_json::Value| target["time_to_first_token"]["min"].as_f64().unwrap();
    assert!(ttft(&second) >= 60.0 && ttft(&second) > ttft(&first), "{first} {second}");

    let records = run.records();
    let asked = |url: &str| records.iter().filter(|record| record["metadata"]["target_url"] == url).count();
    assert_eq!((asked(good.url()), asked(bad.url())), (10, 10));
    let failed = records.iter().filter(|record| !record["error"].is_null());
    assert!(
        failed.clone().all(|record| record["metadata"]["target_url"] == bad.url()) && failed.count() == 5
    );

    let table = run.stdout.split("By URL").nth(1).unwrap();
    let row = table.lines().find(|line| line.contains(bad.url())).unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells[1..3], ["5", "5"], "{table}");
}

#[test]
fn one_url_needs_no_breakdown() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "2"]).run();
    assert!(run.succeeds().summary().get("targets").is_none());
    assert!(run.records()[0]["metadata"].get("target_url").is_none());
    assert!(!run.stdout.contains("By URL"), "{}", run.stdout);
}
