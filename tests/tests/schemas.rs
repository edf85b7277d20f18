//! The JSON Schemas against what real runs write: they accept all of it, and no key may have another name.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fs, net::TcpListener, path::Path};

use boon::{Compiler, SchemaIndex, Schemas};
use prony_tests::{MockServer, Run, Tool, library};
use serde_json::Value;

/// The schemas as the program prints them, compiled.
struct Known {
    schemas: Schemas,
    by_name: BTreeMap<String, SchemaIndex>,
}

const NAMES: [&str; 17] = [
    "run",
    "request",
    "session",
    "slices",
    "exchange",
    "server-metrics",
    "scrape",
    "gpu-reading",
    "network-probe",
    "outputs",
    "manifest",
    "experiment",
    "experiment-results",
    "search",
    "compare",
    "conformance",
    "conformance-trace",
];

impl Known {
    fn read() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let mut by_name = BTreeMap::new();
        for name in NAMES {
            let printed = Tool::new(["schema", name]).run();
            let schema: Value = serde_json::from_str(&printed.succeeds().stdout).unwrap();
            let url = format!("file:///{name}.json");
            compiler.add_resource(&url, schema).unwrap();
            let index =
                compiler.compile(&url, &mut schemas).unwrap_or_else(|error| panic!("{name}: {error:#}"));
            by_name.insert(name.to_owned(), index);
        }
        Self { schemas, by_name }
    }

    fn accepts(&self, name: &str, value: &Value) -> bool {
        self.schemas.validate(value, self.by_name[name]).is_ok()
    }

    /// It accepts the value, and not with a key of another name.
    #[track_caller]
    fn describes(&self, name: &str, value: &Value) {
        if let Err(error) = self.schemas.validate(value, self.by_name[name]) {
            panic!("{name}: {error:#}");
        }
        let small = small(name, value, &mut Vec::new());
        assert!(self.accepts(name, &small), "{name}: not with fewer metrics");
        for path in keys(&small, &mut Vec::new()) {
            let renamed = renamed(&small, &path);
            assert!(
                is_free(name, &path) || is_metric(&small, &path) || !self.accepts(name, &renamed),
                "{name}: `{}` may have another name",
                path.join("/")
            );
        }
    }
}

/// The same with one of the entries that have names of their own: one stands for all, and each is looked at again and again.
fn small(name: &str, value: &Value, path: &mut Vec<String>) -> Value {
    let mut below = |part: String, value: &Value| {
        path.push(part);
        let small = small(name, value, path);
        path.pop();
        small
    };
    match value {
        Value::Object(object) => {
            let mut kept = serde_json::Map::new();
            for (key, value) in object {
                kept.insert(key.clone(), below(key.clone(), value));
            }
            let own = |key: &String| is_free(name, &[path.as_slice(), std::slice::from_ref(key)].concat());
            let first = kept.keys().find(|key| own(key)).cloned();
            kept.retain(|key, _| !own(key) || Some(key) == first.as_ref());
            Value::Object(kept)
        }
        Value::Array(list) => list.iter().take(2).map(|value| below("*".to_owned(), value)).collect(),
        other => other.clone(),
    }
}

fn is_free(name: &str, path: &[String]) -> bool {
    let is_below = |free: &str| {
        let parts = free.split('/').count();
        let all_of_it = FREE_BELOW.contains(&(name, free));
        (parts == path.len() || (all_of_it && parts < path.len())) && matches(free, &path[..parts])
    };
    FREE.iter().chain(FREE_BELOW).any(|(schema, free)| *schema == name && is_below(free))
}

/// Metrics have their tags as names, in the summary also beside other things.
fn is_metric(value: &Value, path: &[String]) -> bool {
    let mut place = value;
    for part in path {
        place = if part == "*" { &place[0] } else { &place[part.as_str()] };
    }
    place["unit"].is_string() && place["avg"].is_number()
}

/// What is not prony's to describe, and all that is below.
const FREE_BELOW: &[(&str, &str)] =
    &[("run", "input_config/*"), ("run", "services/*/messages/*"), ("exchange", "payload/*")];

/// Where keys are no words of prony's, or those of metrics, whose list is the catalogue: `*` is any key.
const FREE: &[(&str, &str)] = &[
    ("run", "models_seen/*"),
    ("run", "services/*"),
    ("run", "definitions/*"),
    ("run", "warmup_metrics/*"),
    ("run", "verdict/steadiness/*"),
    ("run", "token_counts/inter_token_latency_basis/*"),
    ("run", "intervals/*"),
    ("run", "network_latency/targets/*"),
    ("run", "telemetry_data/endpoints/*"),
    ("run", "telemetry_data/endpoints/*/gpus/*/metrics/*"),
    ("request", "metrics/*"),
    ("request", "metadata/facts/*"),
    ("session", "metrics/*"),
    ("slices", "slices/*/metrics/*"),
    ("exchange", "request_headers/*"),
    ("scrape", "metrics/*"),
    ("scrape", "metrics/*/*/labels/*"),
    ("scrape", "metrics/*/*/buckets/*"),
    ("scrape", "metrics/*/*/quantiles/*"),
    ("gpu-reading", "telemetry_data/*"),
    ("server-metrics", "metrics/*"),
    ("server-metrics", "warmup_metrics/*"),
    ("server-metrics", "metrics/*/series/*/labels/*"),
    ("server-metrics", "metrics/*/series/*/buckets/*"),
    ("server-metrics", "warmup_metrics/*/series/*/labels/*"),
    ("server-metrics", "warmup_metrics/*/series/*/buckets/*"),
    ("server-metrics", "summary/endpoint_info/*"),
    ("server-metrics", "summary/phase_time_ranges/*"),
    ("outputs", "units/*"),
    ("outputs", "data/*/metrics/*"),
    ("experiment", "cells/*/values/*"),
    ("experiment", "runs/*/headline/*"),
    ("experiment-results", "per_combination_metrics/*/parameters/*"),
    ("experiment-results", "per_combination_metrics/*/metrics/*"),
    ("experiment-results", "runs/*/headline/*"),
];

/// Whether a path is such a place.
fn matches(free: &str, path: &[String]) -> bool {
    let free: Vec<&str> = free.split('/').collect();
    free.len() == path.len() && free.iter().zip(path).all(|(free, part)| *free == "*" || free == part)
}

/// Every key of an object, by its path; an element of a list is a `*`.
fn keys(value: &Value, path: &mut Vec<String>) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut below = |part: String, value: &Value, is_key: bool| {
        path.push(part);
        found.extend(is_key.then(|| path.clone()));
        found.extend(keys(value, path));
        path.pop();
    };
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| below(key.clone(), value, true)),
        // One element stands for all.
        Value::Array(list) => list.iter().take(1).for_each(|value| below("*".to_owned(), value, false)),
        _ => {}
    }
    found
}

/// The same with another name for a key, and its value.
fn renamed(value: &Value, path: &[String]) -> Value {
    let mut copy = value.clone();
    let (last, folders) = path.split_last().unwrap();
    let mut place = &mut copy;
    for part in folders {
        place = if part == "*" { &mut place[0] } else { &mut place[part.as_str()] };
    }
    let object = place.as_object_mut().unwrap();
    let taken = object.remove(last).unwrap();
    object.insert(format!("{last}_x"), taken);
    copy
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// Describes the whole file of a run, or its first line.
fn describe(known: &Known, run: &Run, files: &[(&str, &str)]) {
    for (name, file) in files {
        let path = run.artifact(file);
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let text = fs::read_to_string(&path).unwrap();
            let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert!(!lines.is_empty(), "{file} is empty");
            assert!(lines.iter().all(|line| known.accepts(name, line)), "{file}");
            known.describes(name, &lines[0]);
        } else {
            known.describes(name, &json(&path));
        }
    }
}

/// The summary has metrics at top level: those that each run has are named.
fn describe_summary(known: &Known, summary: &Value) {
    known.describes("run", summary);
    let mut without = summary.clone();
    without.as_object_mut().unwrap().remove("request_count");
    assert!(!known.accepts("run", &without), "each run has a number of requests");
}

/// Classes, objectives, a warm-up, conversations, failures, hooks, texts, steps: as much as a run can say.
#[test]
fn the_files_of_a_run_are_what_their_schemas_say() {
    let known = Known::read();
    let server = MockServer::start(["--tokens", "4", "--error-every", "5"]);
    let run = Tool::profile(&server)
        .args(["--class", "chat:share=50", "--class", "batch:share=50,isl=20"])
        .args(["--num-conversations", "6", "--conversation-turn-mean", "3", "--concurrency", "2"])
        .args(["--warmup-request-count", "2", "--goodput", "request_latency:60000"])
        .args(["--slo", "request_latency p50 < 60s", "--export-outputs-json", "--export-http-trace"])
        .args(["--before-run", "true", "--price", "hour=2"])
        .run();
    assert!([0, 5, 6].contains(&run.code), "{}", run.stderr);
    describe_summary(&known, &run.summary());
    let files = [
        ("request", "profile_export.jsonl"),
        ("request", "profile_export_warmup.jsonl"),
        ("session", "profile_export_sessions.jsonl"),
        ("server-metrics", "server_metrics_export.json"),
        ("outputs", "outputs.json"),
        ("manifest", "manifest.json"),
    ];
    describe(&known, &run, &files);
}

/// Everything that is measured beside the load, and every file with lines; the collector of telemetry is not there.
#[test]
fn what_is_known_beside_the_load_is_what_the_schemas_say() {
    let known = Known::read();
    let server = MockServer::start(["--tokens", "4", "--gpus", "2"]);
    let gpus = format!("{}/dcgm/metrics", server.url());
    let nobody = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let run = Tool::profile(&server)
        .args(["--request-count", "20", "--concurrency", "2", "--network-latency", "--gpu-telemetry", &gpus])
        .args(["--otel-url", &nobody, "--traceparent", "--slice-duration", "1s", "--compat", "aiperf"])
        .args(["--export-level", "raw", "--server-metrics-formats", "json,jsonl"])
        .run();
    assert!([0, 5, 6].contains(&run.code), "{}", run.stderr);
    let summary = run.summary();
    for key in ["network_latency", "telemetry_data", "telemetry_export"] {
        assert!(!summary[key].is_null(), "no `{key}` in {summary}");
    }
    describe_summary(&known, &summary);
    let files = [
        ("request", "profile_export_prony.jsonl"),
        ("slices", "slices.json"),
        ("exchange", "profile_export_raw.jsonl"),
        ("scrape", "server_metrics_export.jsonl"),
        ("gpu-reading", "gpu_telemetry_export.jsonl"),
        ("network-probe", "profile_export_network_latency.jsonl"),
        ("manifest", "manifest.json"),
    ];
    describe(&known, &run, &files);
    assert!(run.read("profile_export_prony.jsonl").contains("\"trace_id\""));
}

#[test]
fn the_files_of_an_experiment_and_a_comparison_are_what_their_schemas_say() {
    let known = Known::read();
    let server = MockServer::start(["--tokens", "3"]);
    let experiment = Tool::profile(&server)
        .args(["--request-count", "4", "--concurrency", "1,2", "--num-profile-runs", "2"])
        .args(["--slo", "request_latency p50 < 60s", "--no-server-metrics"])
        .run();
    assert!([0, 5, 6].contains(&experiment.code), "{}", experiment.stderr);
    let files = [
        ("experiment", "experiment.json"),
        ("experiment-results", "experiment_results.json"),
        ("manifest", "manifest.json"),
        ("run", "runs/concurrency_1/run_1/profile_export_prony.json"),
    ];
    describe(&known, &experiment, &files[..3]);
    describe_summary(&known, &json(&experiment.artifact(files[3].1)));
    let sides = ["runs/concurrency_1", "runs/concurrency_2"].map(|side| experiment.artifact(side));
    let gate = ["--anyway", "--gate", "request_latency.p50 +900%"];
    let compared = Tool::new(["compare", "--format", "json"]).args(gate).args(&sides).run();
    assert!(!compared.stdout.is_empty(), "{}", compared.stderr);
    known.describes("compare", &serde_json::from_str(&compared.stdout).unwrap());
}

#[test]
fn the_report_and_the_trace_of_a_check_are_what_their_schemas_say() {
    let known = Known::read();
    let stream = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/example-vendor/tests/stream.sse");
    let both = Tool::new(["plugins", "check", "--mutations", "8", "--trace", "calls.jsonl"])
        .args(["--report", "report.json", "--options", "{\"unknown\": 1}", "--replay"])
        .arg(stream)
        .args([library("example-vendor"), library("example-vendor-service")])
        .run();
    let report = json(&both.succeeds().dir().join("report.json"));
    known.describes("conformance", &report);
    let trace = fs::read_to_string(both.dir().join("calls.jsonl")).unwrap();
    let lines: Vec<Value> = trace.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| known.accepts("conformance-trace", line)));
    let whole = lines.iter().find(|line| line["in"] != Value::Array(Vec::new())).unwrap();
    known.describes("conformance-trace", whole);
    // What falls from the ladder has no type, and says why; what crashes has a last call.
    let fallen = Tool::new(["plugins", "check", "--json"]).arg(library("bad-layout")).run();
    known.describes("conformance", &serde_json::from_str(&fallen.ends_with(3).stdout).unwrap());
    let crash = Tool::new(["plugins", "check", "--mutations", "8", "--trace", "calls.jsonl", "--options"])
        .arg("{\"do\": \"segfault\"}")
        .arg(library("bad-conduct"))
        .run();
    let trace = fs::read_to_string(crash.ends_with(3).dir().join("calls.jsonl")).unwrap();
    let lost: Vec<Value> = trace.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lost: Vec<&Value> = lost.iter().filter(|line| !line["lost"].is_null()).collect();
    assert_eq!(lost.len(), 2, "one for each type: {lost:#?}");
    for line in lost {
        known.describes("conformance-trace", line);
    }
}

#[test]
fn the_file_of_a_search_is_what_its_schema_says() {
    let known = Known::read();
    let server = MockServer::start(["--tokens", "2"]);
    let search =
        Tool::new(["search", "--model", "m", "--url", server.url(), "--ui", "none", "--random-seed", "7"])
            .args(["--over", "concurrency", "--range", "1..4", "--slo", "request_latency p50 < 60s"])
            .args([
                "--request-count",
                "20",
                "--no-server-metrics",
                "--max-runs",
                "6",
                "--artifact-dir",
                "run",
            ])
            .run();
    search.succeeds();
    describe(&known, &search, &[("search", "search.json"), ("manifest", "manifest.json")]);
    let page = search.read("report.html");
    assert!(
        page.contains("default-src 'none'") && page.contains("request latency p50 by concurrency"),
        "{page}"
    );
}

#[test]
fn schemas_are_found_by_the_names_of_files() {
    let by_path = Tool::new(["schema", "some/folder/profile_export_prony.json"]).run();
    let by_name = Tool::new(["schema", "run"]).run();
    assert_eq!(by_path.succeeds().stdout, by_name.succeeds().stdout);
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/run.json");
    assert_eq!(by_name.stdout, fs::read_to_string(kept).unwrap());
    let settings = Tool::new(["schema", "plan.yaml"]).run();
    assert_eq!(settings.succeeds().stdout, Tool::new(["config", "schema"]).run().stdout);
    let list = Tool::new(["schema", "--list"]).run();
    assert!(NAMES.iter().all(|name| list.succeeds().stdout.contains(name)), "{}", list.stdout);
    let unknown = Tool::new(["schema", "report.html"]).run();
    unknown.ends_with(2);
    assert!(unknown.stderr.contains("there is no schema of `report.html`"), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("prony schema --list"), "{}", unknown.stderr);
}
