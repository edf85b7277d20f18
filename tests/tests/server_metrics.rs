//! The server's own metrics beside the run's: who is asked, how often, with which key, and what the files say.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use prony_tests::{MockServer, Run, TlsFront, Tool};
use rstest::rstest;
use serde_json::Value;

fn export(run: &Run) -> Value {
    serde_json::from_str(&run.read("server_metrics_export.json")).unwrap()
}

/// Successful scrapes of the only page.
fn fetches(run: &Run) -> u64 {
    let export = export(run);
    let pages = export["summary"]["endpoint_info"].as_object().unwrap();
    pages.values().map(|page| page["total_fetches"].as_u64().unwrap()).sum()
}

fn for_a_second(server: &MockServer) -> Tool {
    Tool::profile(server).args(["--benchmark-duration", "1", "--benchmark-grace-period", "5", "--osl", "4"])
}

#[test]
fn a_page_is_scraped_as_often_as_asked_for() {
    let server = MockServer::start([]);
    let usual = fetches(for_a_second(&server).run().succeeds());
    let often = fetches(for_a_second(&server).args(["--server-metrics-interval", "0.05"]).run().succeeds());
    assert!(often >= 3 * usual, "{often} and {usual}");
}

#[test]
fn an_interval_that_an_option_of_the_service_replaces_is_said_to_have_no_effect() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server)
        .args(["--request-count", "1", "--server-metrics-interval", "2"])
        .args(["--service-option", "server_metrics.interval_ms=500"])
        .run();
    run.succeeds();
    assert!(run.stderr.contains("`--server-metrics-interval` has no effect"), "{}", run.stderr);
}

#[rstest]
#[case("--no-server-metrics --server-metrics-interval 2", "--server-metrics-interval")]
#[case("--no-server-metrics --server-metrics-header A:b", "--server-metrics-header")]
#[case("--server-metrics-interval 0", "--server-metrics-interval")]
#[case("--server-metrics-header novalue", "read value 1 of `--server-metrics-header`")]
fn flags_of_scrapes_that_cannot_be_are_refused(#[case] flags: &str, #[case] named: &str) {
    let run = Tool::profile_at("http://127.0.0.1:9").args(flags.split(' ')).run();
    run.ends_with(2);
    assert!(run.stderr.contains(named), "{}", run.stderr);
}

/// One table: every line has as many cells as the header, and the phase of each row stands in its cell.
#[test]
fn the_csv_is_one_table_with_the_warm_up_in_it() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server)
        .args(["--request-count", "5", "--warmup-request-count", "3", "--osl", "4"])
        .run();
    let mut csv = csv::Reader::from_reader(run.succeeds().artifact_file("server_metrics_export.csv"));
    let header = csv.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let (phase, metric, total) = (column("Phase"), column("Metric"), column("total"));
    // Reading fails at a line with more or fewer cells.
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    let asked = |of: &str| -> f64 {
        let rows = rows.iter().filter(|row| &row[phase] == of && &row[metric] == "prony_mock_requests");
        rows.map(|row| row[total].parse::<f64>().unwrap()).sum()
    };
    assert!((asked("warmup") - 3.0).abs() < 1e-9 && (asked("profiling") - 5.0).abs() < 1e-9, "{rows:?}");
}

/// Scrapes of the target's own pages trust whom the requests trust, and show the same certificate.
#[rstest]
#[case::authority(false, |front: &TlsFront| vec!["--ca-cert".into(), text(&front.authority())])]
#[case::anybody(false, |_: &TlsFront| vec!["--insecure".into()])]
#[case::a_server_that_wants_to_know_us(true, |front: &TlsFront| {
    vec!["--ca-cert".into(), text(&front.authority()), "--client-cert".into(), text(&front.client())]
})]
fn pages_behind_tls_are_trusted_as_the_target_is(
    #[case] wants_client: bool,
    #[case] flags: fn(&TlsFront) -> Vec<String>,
    #[values(&[], &["--isolate", "server_metrics"])] more: &[&str],
) {
    let server = MockServer::start([]);
    let front = TlsFront::before(server.url(), wants_client);
    let run = Tool::profile_at(&front.url()).args(["--request-count", "3", "--osl", "4"]).args(more);
    let run = run.args(flags(&front)).run();
    assert!(fetches(run.succeeds()) >= 1);
    assert_eq!(run.stderr, "");
}

fn text(path: &std::path::Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Another server than the target: nobody said that it may be anybody.
#[test]
fn pages_of_other_servers_are_not_trusted_with_the_target() {
    let (server, other) = (MockServer::start([]), MockServer::start([]));
    let (front, strange) = (TlsFront::before(server.url(), false), TlsFront::before(other.url(), false));
    let page = format!("{}/metrics", strange.url());
    let tool = || {
        let tool = Tool::profile_at(&front.url()).args(["--request-count", "2", "--insecure"]);
        tool.args(["--server-metrics", &page])
    };
    let run = tool().run();
    let pages = export(run.succeeds())["summary"]["endpoint_info"].clone();
    assert_eq!(pages[&page]["total_fetches"].as_u64().unwrap_or(0), 0, "{pages}");
    let option = format!(r#"server_metrics.tls={{"{page}": {{"insecure": true}}}}"#);
    let run = tool().args(["--service-option", &option]).run();
    let pages = export(run.succeeds())["summary"]["endpoint_info"].clone();
    assert!(pages[&page]["total_fetches"].as_u64().unwrap() >= 1, "{pages}");
}
