//! The files of a report, as other programs read them.

use std::collections::BTreeMap;

use prony_tests::{MockServer, Tool};
use serde_json::Value;

/// One table: every line has as many cells as the header, no line is empty, and numbers are numbers.
#[test]
fn the_summary_as_csv_is_one_table() {
    let server = MockServer::start(["--tokens", "4", "--error-every", "3"]);
    let run = Tool::profile(&server).args(["--request-count", "6", "--warmup-request-count", "1"]).run();
    let mut csv = csv::Reader::from_reader(run.succeeds().artifact_file("profile_export_prony.csv"));
    let header = csv.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let (tag, unit, avg, p95) = (column("tag"), column("unit"), column("avg"), column("p95"));
    // Reading fails at a line with more or fewer cells.
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    let row = |name: &str| rows.iter().find(|row| &row[tag] == name).unwrap();
    assert!(rows.iter().all(|row| row[avg].parse::<f64>().is_ok() && !row[unit].is_empty()), "{rows:?}");
    assert!(row("time_to_first_token")[p95].parse::<f64>().is_ok());
    assert_eq!((&row("request_count")[avg], &row("request_count")[p95]), ("4", ""));
}

/// Numbers are bare, as AIPerf writes them; their units stand at the top, and are those of the lines.
#[test]
fn the_texts_have_their_metrics_with_units() {
    let server = MockServer::start(["--tokens", "4"]);
    let run = Tool::profile(&server).args(["--request-count", "2", "--export-outputs-json"]).run();
    let outputs: Value = serde_json::from_str(&run.succeeds().read("outputs.json")).unwrap();
    let units: BTreeMap<String, String> = serde_json::from_value(outputs["units"].clone()).unwrap();
    assert_eq!(units["time_to_first_token"], "ms");
    for (record, output) in run.records().iter().zip(outputs["data"].as_array().unwrap()) {
        for (tag, value) in output["metrics"].as_object().unwrap() {
            let line = &record["metrics"][tag];
            assert_eq!((value, line["unit"].as_str().unwrap()), (&line["value"], &*units[tag]), "{tag}");
        }
    }
}

/// The page stands alone: nothing is fetched, and nothing of it may do anything that its policy does not name. Its charts become
/// files of their own.
#[test]
fn the_page_of_a_run_stands_alone_and_its_charts_become_files() {
    let server = MockServer::start(["--tokens", "4", "--error-every", "5"]);
    let run = Tool::profile(&server).args(["--request-count", "20", "--concurrency", "4"]).run();
    let page = run.succeeds().read("report.html");
    assert!(page.contains("content=\"default-src 'none'; img-src data:;"), "{page}");
    assert!(!page.contains("src=\"") && !page.contains("unsafe-"), "{page}");
    assert!(page.len() < 300_000, "{} bytes for 20 requests", page.len());
    for heading in ["Numbers", "Load", "Over time", "Errors", "Requests", "Run it again"] {
        assert!(page.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    let plots = Tool::new(["plot"]).arg(run.artifact("")).run();
    plots.succeeds();
    for name in ["requests.svg", "request_latency.svg", "latency_distribution.svg"] {
        assert!(plots.stdout.contains(name), "{}", plots.stdout);
        assert!(run.read(&format!("plots/{name}")).starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    }
}
