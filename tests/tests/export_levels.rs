//! How much a run writes of single requests, what its files are called, and its slices of time.
#![expect(clippy::unwrap_used, clippy::panic, clippy::float_cmp, reason = "a test fails by panicking")]

use std::fs;

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;
use serde_json::Value;

fn lines(run: &Run, name: &str) -> Vec<Value> {
    run.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn a_summary_has_no_line_for_a_request_and_the_journal_has_them_all() {
    let server = MockServer::start(["--tokens", "3"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "4", "--warmup-request-count", "2", "--osl", "3", "--no-server-metrics"])
        .args(["--export-level", "summary"])
        .run();
    assert_eq!(number(&run.succeeds().summary()["request_count"]["avg"]), 4.0);
    for name in ["profile_export.jsonl", "profile_export_warmup.jsonl", "profile_export_raw.jsonl"] {
        assert!(!run.artifact(name).exists(), "{name}");
    }
    assert!(!run.stdout.contains("profile_export.jsonl"), "{}", run.stdout);
}

/// Where the request was made and read makes no difference.
#[rstest]
fn raw_lines_have_what_was_sent_and_what_came(
    #[values(&[], &["--isolate", "chat"], &["--transport", "portable"])] place: &[&str],
) {
    let server = MockServer::start(["--tokens", "3", "--error-every", "3"]);
    let run = Tool::profile(&server)
        .args([
            "--request-count",
            "6",
            "--osl",
            "3",
            "--no-server-metrics",
            "--api-key",
            "sk-very-secret-key",
        ])
        .args(["--export-level", "raw"])
        .args(place)
        .run();
    let raw = lines(run.succeeds(), "profile_export_raw.jsonl");
    assert_eq!(raw.len(), 6);
    run.keeps(&["sk-very-secret-key"]);
    let records = run.records();
    for line in &raw {
        let id = &line["metadata"]["x_request_id"];
        let record = records.iter().find(|record| record["metadata"]["x_request_id"] == *id).unwrap();
        assert_eq!(line["metadata"]["request_start_ns"], record["metadata"]["request_start_ns"]);
        assert_eq!(line["status"], record["metadata"]["status"]);
        assert_eq!((&line["payload"]["model"], &line["payload"]["stream"]), (&"m".into(), &true.into()));
        assert_eq!(line["request_headers"]["authorization"], "<redacted>", "{line}");
        let responses = line["responses"].as_array().unwrap();
        if record.get("error").is_some() {
            assert!(line["error"]["type"].is_string() && responses[0]["text"].is_string(), "{line}");
            continue;
        }
        let packets: Vec<&Value> =
            responses.iter().flat_map(|response| response["packets"].as_array().unwrap()).collect();
        let texts = packets.iter().filter(|packet| packet["value"].as_str().unwrap().contains("\"content\""));
        assert!(texts.count() >= 3 && packets.last().unwrap()["value"] == "[DONE]", "{line}");
        let moments: Vec<u64> =
            responses.iter().map(|response| response["perf_ns"].as_u64().unwrap()).collect();
        assert!(moments.is_sorted() && moments[0] > line["start_perf_ns"].as_u64().unwrap(), "{line}");
    }
}

#[test]
fn a_report_leaves_raw_lines_as_they_are() {
    let server = MockServer::start(["--tokens", "2"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "2", "--osl", "2", "--no-server-metrics", "--export-level", "raw"])
        .run();
    let first = run.succeeds().read("profile_export_raw.jsonl");
    Tool::new(["report", "--quiet"]).arg(run.artifact("")).run().succeeds();
    assert_eq!(run.read("profile_export_raw.jsonl"), first);
}

/// What cannot be written is not copied either, in this process or in that of the endpoint. The file of bodies is the only one that
/// reaches the size that the system allows here.
#[rstest]
fn bodies_are_not_copied_any_more_where_they_cannot_be_written(
    #[values(&[], &["--isolate", "chat"])] place: &[&str],
) {
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "50"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "80", "--isl", "2000", "--osl", "2", "--no-server-metrics"])
        .args(["--export-level", "raw", "--log-level", "debug"])
        .args(place)
        .under(&["sh", "-c", "ulimit -f 560; exec \"$@\"", "sh"])
        .run();
    run.succeeds();
    assert!(run.stderr.contains("bodies are not written any more"), "{}", run.stderr);
    let is_passed_on = run.stderr.contains("bodies are not copied any more");
    assert_eq!(is_passed_on, !place.is_empty(), "{}", run.stderr);
    let notes = run.summary()["notes"].to_string();
    assert!(notes.contains("profile_export_raw.jsonl"), "{notes}");
    assert_eq!(run.records().len(), 80);
}

/// Prony finds its own files whatever they are called, and removes them with the run that wrote them.
#[test]
fn a_prefix_names_files_and_prony_finds_them() {
    let server = MockServer::start(["--tokens", "2"]);
    let flags = ["--request-count", "3", "--osl", "2", "--compat", "aiperf", "--export-level", "raw"];
    let run = Tool::profile(&server)
        .args(flags)
        .args(["--warmup-request-count", "1", "--slice-duration", "1s", "--profile-export-file", "foo.json"])
        .run();
    run.succeeds();
    let names = [
        "foo.json",
        "foo.csv",
        "foo.jsonl",
        "foo_raw.jsonl",
        "foo_warmup.jsonl",
        "foo_timeslices.json",
        "foo_console.txt",
        "foo_server_metrics.json",
        "profile_export_prony.json",
        "profile_export_prony.jsonl",
    ];
    for name in names {
        assert!(run.artifact(name).is_file(), "{name}");
    }
    assert!(
        !run.artifact("profile_export.jsonl").exists()
            && !run.artifact("profile_export_console.txt").exists()
    );
    let manifest: Value = serde_json::from_str(&run.read("manifest.json")).unwrap();
    let files = manifest["files"].as_array().unwrap();
    let schema = |name: &str| {
        let file = files.iter().find(|file| file["name"] == name);
        file.unwrap_or_else(|| panic!("no `{name}` in {manifest}"))["schema"].as_str()
    };
    // These are AIPerf's.
    assert_eq!((schema("foo.json"), schema("foo.jsonl"), schema("foo_timeslices.json")), (None, None, None));
    assert_eq!((schema("foo_warmup.jsonl"), schema("foo_raw.jsonl")), (Some("request"), Some("exchange")));
    assert_eq!(schema("profile_export_prony.jsonl"), Some("request"));
    assert_eq!(schema("foo_server_metrics.json"), Some("server-metrics"));
    let shown = Tool::new(["show"]).arg(run.artifact("")).run();
    assert_eq!(shown.succeeds().stdout, run.read("foo_console.txt"));
    let folder = run.artifact("");
    let other =
        Tool::new(["profile", "--model", "m", "--streaming", "--endpoint-type", "chat", "--ui", "none"])
            .args(["--url", server.url(), "--request-count", "1", "--overwrite", "--artifact-dir"])
            .arg(&folder)
            .run();
    other.succeeds();
    let left: Vec<_> =
        names.iter().filter(|name| name.starts_with("foo") && folder.join(name).exists()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_forms_of_server_metrics_are_those_that_were_asked_for() {
    let server = MockServer::start(["--tokens", "2"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "3", "--osl", "2", "--server-metrics-formats", "jsonl"])
        .run();
    let scrapes = lines(run.succeeds(), "server_metrics_export.jsonl");
    assert!(!run.artifact("server_metrics_export.json").exists());
    assert!(!run.artifact("server_metrics_export.csv").exists());
    assert!(!scrapes.is_empty());
    for scrape in &scrapes {
        assert!(
            scrape["endpoint_url"].as_str().unwrap().ends_with("/metrics") && scrape["timestamp_ns"].is_u64()
        );
        let metrics = scrape["metrics"].as_object().unwrap();
        assert!(
            metrics
                .values()
                .flat_map(|series| series.as_array().unwrap())
                .all(|one| one["labels"].is_object())
        );
    }
}

/// All slices together have what the run has, and each has what was done in it.
#[test]
fn slices_share_the_run_out() {
    let server =
        MockServer::start(["--tokens", "10", "--ttft-ms", "30", "--itl-ms", "5", "--error-every", "7"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "24", "--concurrency", "3", "--osl", "10", "--no-server-metrics"])
        .args(["--slice-duration", "100ms"])
        .run();
    let summary = run.succeeds().summary();
    let document: Value = serde_json::from_str(&run.read("slices.json")).unwrap();
    let slices = document["slices"].as_array().unwrap();
    assert!(slices.len() > 3, "{} slices", slices.len());
    let of_all = |tag: &str| summary[tag]["avg"].as_f64().unwrap();
    let sum = |tag: &str, by_time: bool| -> f64 {
        let part = |slice: &Value| {
            number(&slice["metrics"][tag]["avg"]) * if by_time { number(&slice["duration_s"]) } else { 1.0 }
        };
        slices.iter().map(part).sum()
    };
    assert!((sum("request_count", false) - of_all("request_count")).abs() < 1e-9);
    assert!((sum("error_request_count", false) - of_all("error_request_count")).abs() < 1e-9);
    assert!((sum("output_token_throughput", true) - of_all("total_osl")).abs() < 1e-6);
    assert!((sum("input_token_throughput", true) - of_all("total_isl")).abs() < 1e-6);
    let in_flight = sum("effective_concurrency", true) / of_all("benchmark_duration");
    assert!((in_flight - of_all("effective_concurrency")).abs() < 1e-2, "{in_flight}");
    for (slice, next) in slices.iter().zip(&slices[1..]) {
        assert_eq!(slice["end_ns"], next["start_ns"]);
        assert_eq!(slice["is_complete"], true);
    }
    let mut table = csv::Reader::from_reader(run.artifact_file("slices.csv"));
    let header: Vec<String> = table.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header, ["slice", "start_ns", "end_ns", "is_complete", "tag", "unit", "stat", "value"]);
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let counted: f64 =
        rows.iter().filter(|row| &row[4] == "request_count").map(|row| row[7].parse::<f64>().unwrap()).sum();
    assert!((counted - of_all("request_count")).abs() < 1e-9);
}

#[test]
fn too_many_slices_are_none_and_it_is_said() {
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "20"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "2", "--osl", "2", "--no-server-metrics", "--slice-duration", "0.0000001"])
        .run();
    assert!(run.succeeds().summary()["notes"].to_string().contains("--slice-duration"));
    assert!(!run.artifact("slices.json").exists());
}

/// A run whose settings stand in a file has them as well, and its plan repeats them.
#[test]
fn a_file_asks_for_them_and_a_plan_repeats_it() {
    let server = MockServer::start(["--tokens", "2"]);
    let tool = Tool::new(["profile", "--ui", "none", "--artifact-dir", "run", "-f", "run.yaml"]);
    let url = server.url();
    tool.file(
        "run.yaml",
        format!(
            "model: m\nurl: {url}\nrequest_count: 2\nosl: 2\nno_server_metrics: true\ncompat: [aiperf, vllm]\n\
             export_level: summary\nslice_duration: 1s\n"
        ),
    );
    let run = tool.run();
    run.succeeds();
    assert!(
        run.artifact("profile_export_aiperf.json").is_file() && run.artifact("vllm_bench.json").is_file()
    );
    assert!(!run.artifact("profile_export.jsonl").exists() && run.artifact("slices.csv").is_file());
    let plan = fs::read_to_string(run.artifact("plan.yaml")).unwrap();
    assert!(plan.contains("compat:") && plan.contains("slice_duration:"), "{plan}");
}
