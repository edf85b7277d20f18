//! How long the way to a server is, beside what the server takes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use prony_tests::{Manner, MockServer, Proxy, Run, Tool, UnixFront};
use rstest::rstest;
use serde_json::Value;

const PROBES: &str = "profile_export_network_latency.jsonl";

fn lines(run: &Run) -> Vec<Value> {
    run.read(PROBES).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn measured(server: &MockServer) -> Tool {
    Tool::profile(server).args(["--network-latency", "--request-count", "20", "--osl", "4"])
}

/// The server takes 50 ms to its first token, and the way over loopback next to nothing: the table tells them apart.
#[rstest]
fn the_way_is_told_apart_from_the_server(#[values(&[], &["--isolate", "network_latency"])] more: &[&str]) {
    let server = MockServer::start(["--ttft-ms", "50"]);
    let run = measured(&server).args(more).run();
    let summary = run.succeeds().summary();
    let way = &summary["network_latency"]["targets"][server.url()];
    assert_eq!((&way["before"]["count"], &way["after"]["count"]), (&10.into(), &10.into()), "{summary}");
    assert_eq!((&way["all"]["failed"], &way["all"]["p99_is_carried"]), (&0.into(), &false.into()));
    let median = way["all"]["p50"].as_f64().unwrap();
    let first_token = summary["time_to_first_token"]["p50"].as_f64().unwrap();
    assert!(median > 0.0 && median < first_token, "{way}");
    assert_eq!(summary["network_rtt"]["avg"].as_f64(), Some(median));
    let (min, p99) = (way["all"]["min"].as_f64().unwrap(), way["all"]["p99"].as_f64().unwrap());
    assert!(min <= median && median <= p99, "{way}");
    let lines = lines(&run);
    assert!(lines.len() >= 20, "{lines:?}");
    assert!(lines.iter().all(|line| line["probe_type"] == "tcp_connect" && line["success"] == true));
    for text in [&run.stdout, &run.read("profile_export_prony.md"), &run.read("report.html")] {
        assert!(text.contains("time to open a TCP connection"), "{text}");
    }
    assert!(run.read("report.html").contains("of the median Time to First Token"));
}

#[test]
fn probes_go_on_while_a_phase_does() {
    let server = MockServer::start(["--ttft-ms", "20"]);
    let run = Tool::profile(&server)
        .args(["--network-latency", "--network-latency-ping-interval", "0.05"])
        .args(["--benchmark-duration", "2", "--osl", "2"])
        .run();
    let times: Vec<String> =
        lines(run.succeeds()).iter().map(|line| line["time"].as_str().unwrap().to_owned()).collect();
    for time in ["before", "during", "after"] {
        assert!(times.iter().any(|known| known == time), "{time} in {times:?}");
    }
    assert!(
        times.is_sorted_by_key(|time| ["before", "during", "after"].iter().position(|known| known == time))
    );
}

/// Every connection of a run goes through the proxy, so that the way to it is what counts.
#[test]
fn the_way_leads_to_the_proxy_where_there_is_one() {
    let server = MockServer::start([]);
    let proxy = Proxy::to(server.url(), Manner::Open);
    let run = measured(&server).args(["--proxy", proxy.address()]).run();
    let summary = run.succeeds().summary();
    let targets = summary["network_latency"]["targets"].as_object().unwrap();
    assert_eq!(targets.keys().collect::<Vec<_>>(), [&format!("http://{}", proxy.address())]);
}

#[test]
fn there_is_no_way_to_a_unix_socket() {
    let server = MockServer::start([]);
    let front = UnixFront::before(server.url());
    let run = Tool::profile_at(&front.url()).args(["--network-latency", "--request-count", "2"]).run();
    run.succeeds();
    assert!(run.stderr.contains("`--network-latency` has no effect"), "{}", run.stderr);
    assert!(!run.artifact(PROBES).exists() && run.summary()["network_latency"].is_null());
}

#[test]
fn nothing_is_probed_unless_it_is_asked_for() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "2"]).run();
    assert!(!run.succeeds().artifact(PROBES).exists());
    assert!(run.summary()["services"]["network_latency"].is_null());
}

/// The same from the journal alone, and from a file of settings.
#[test]
fn a_report_has_it_again_and_a_file_may_ask_for_it() {
    let server = MockServer::start([]);
    let tool = Tool::profile(&server).args(["--request-count", "3"]);
    let file = tool.file("run.yaml", "network_latency: true\nnetwork_latency_ping_interval: 1\n");
    let run = tool.arg("--config").arg(file).run();
    let before = run.succeeds().summary()["network_latency"].clone();
    assert!(before.is_object());
    let again = Tool::new(["report"]).arg(run.dir().join("run")).run();
    again.succeeds();
    assert_eq!(run.summary()["network_latency"], before);
}

#[rstest]
#[case("--network-latency-ping-interval 2", "`--network-latency-ping-interval` requires `--network-latency`")]
#[case("--network-latency --no-service network_latency", "`--no-service` leaves it out")]
#[case("--network-latency --network-latency-ping-interval 0", "--network-latency-ping-interval")]
fn what_contradicts_itself_is_refused(#[case] flags: &str, #[case] says: &str) {
    let run = Tool::profile_at("http://127.0.0.1:9").args(flags.split(' ')).run();
    run.ends_with(2);
    assert!(run.stderr.contains(says), "{}", run.stderr);
}
