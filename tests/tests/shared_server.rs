//! A server that somebody else uses at the same time: the numbers are not those of the load that was asked for.

use prony_tests::{MockServer, Run, Tool, eventually};

/// A second of two requests at a time, with a scrape every twentieth of it.
fn measure(server: &MockServer) -> Run {
    let run = Tool::profile(server)
        .args(["--benchmark-duration", "1", "--benchmark-grace-period", "10", "--concurrency", "2"])
        .args(["--server-metrics-interval", "0.05"])
        .run();
    run.succeeds();
    run
}

#[test]
fn requests_of_somebody_else_are_a_warning_with_the_numbers() {
    let server = MockServer::start(["--tokens", "20", "--itl-ms", "5"]);
    let other = Tool::profile(&server)
        .args(["--benchmark-duration", "3600", "--concurrency", "9", "--no-server-metrics"])
        .spawn();
    eventually("the other's load", || (server.truth()["in_flight"].as_u64()? >= 8).then_some(()));
    let run = measure(&server);
    other.signal("INT");
    other.wait();
    assert!(run.stdout.contains("warning: somebody else seems to use the server: in "), "{}", run.stdout);
    let load = run.summary()["other_load"][0].clone();
    let number = |name: &str| load[name].as_f64().unwrap();
    assert!(number("above") >= 3.0 && number("above") <= number("scrapes"), "{load}");
    assert!(number("running") > number("in_flight") + 1.0, "{load}");
    assert!(number("in_flight") <= 2.0, "{load}");
}

#[test]
fn a_server_of_its_own_is_no_reason_to_warn() {
    let server = MockServer::start(["--tokens", "20", "--itl-ms", "5"]);
    let run = measure(&server);
    assert!(!run.stdout.contains("somebody else"), "{}", run.stdout);
    assert!(run.summary().get("other_load").is_none());
}
