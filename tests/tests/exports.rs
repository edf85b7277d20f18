//! What is made of a run for other programs: its records in Parquet, its sessions on a timeline, its manifest, its charts.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::BufReader,
    path::Path,
};

use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, ListAccessor, Row},
};
use prony_tests::{MockServer, Run, Tool, fixtures, sha256};
use serde_json::{Value, json};

/// Conversations and single requests, some of which fail, and a warm-up.
fn conversations() -> Run {
    let server =
        MockServer::start(["--tokens", "4", "--ttft-ms", "2", "--itl-ms", "2", "--error-every", "7"]);
    Tool::profile(&server)
        .args(["--num-conversations", "8", "--conversation-turn-mean", "3", "--concurrency", "3"])
        .args(["--warmup-request-count", "2", "--no-server-metrics"])
        .run()
}

fn rows(path: &Path) -> Vec<BTreeMap<String, Field>> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let row = |row: Row| row.into_columns().into_iter().collect();
    reader.get_row_iter(None).unwrap().map(|read| row(read.unwrap())).collect()
}

fn number(field: &Field) -> Option<f64> {
    match field {
        Field::Null => None,
        Field::Long(number) => Some(*number as f64),
        Field::Double(number) => Some(*number),
        other => panic!("{other:?} is no number"),
    }
}

fn text(field: &Field) -> Option<&str> {
    match field {
        Field::Null => None,
        Field::Str(text) => Some(text),
        other => panic!("{other:?} is no text"),
    }
}

fn instant(field: &Field) -> Option<i64> {
    match field {
        Field::Null => None,
        Field::Long(ns) => Some(*ns),
        other => panic!("{other:?} is no instant"),
    }
}

/// Each row says what the line of the same request says.
#[test]
fn the_table_of_records_says_what_the_lines_say() {
    let run = conversations();
    Tool::new(["export", "--format", "parquet"]).arg(run.artifact("")).run().succeeds();
    let rows = rows(&run.artifact("records.parquet"));
    let of_phase =
        |phase: &str| rows.iter().filter(|row| text(&row["benchmark_phase"]) == Some(phase)).count();
    let records = run.records();
    assert_eq!((of_phase("profiling"), of_phase("warmup")), (records.len(), 2));
    let row_of = |id: &str| rows.iter().find(|row| text(&row["x_request_id"]) == Some(id)).unwrap();
    let (mut failed, mut gaps) = (0, 0);
    for record in &records {
        let metadata = &record["metadata"];
        let row = row_of(metadata["x_request_id"].as_str().unwrap());
        for key in
            ["credit_issued_ns", "request_start_ns", "request_sent_ns", "request_ack_ns", "request_end_ns"]
        {
            assert_eq!(instant(&row[key]), metadata[key].as_i64(), "{key}");
        }
        for key in ["session_num", "turn_index", "phase_index", "status", "response_bytes"] {
            assert_eq!(number(&row[key]), metadata[key].as_f64(), "{key}");
        }
        assert_eq!(text(&row["conversation_id"]), metadata["conversation_id"].as_str());
        for (tag, metric) in record["metrics"].as_object().unwrap() {
            match (&row.get(tag.as_str()), metric["value"].as_array()) {
                (Some(field), None) => {
                    // Reading numbers of JSON rounds in the last digit.
                    let (own, line) = (number(field).unwrap(), metric["value"].as_f64().unwrap());
                    assert!((own - line).abs() <= 1e-14 * line.abs(), "{tag}: {own} and {line}");
                }
                (None, Some(listed)) => {
                    let Field::ListInternal(list) = &row["chunk_gaps_ns"] else { panic!("no list") };
                    assert_eq!(list.len(), listed.len());
                    assert!(
                        (list.get_long(0).unwrap() as f64 / 1e6 - listed[0].as_f64().unwrap()).abs() < 1e-9
                    );
                    gaps += 1;
                }
                other => panic!("{tag}: {other:?}"),
            }
        }
        let is_failed = record.get("error").is_some();
        assert_eq!(text(&row["outcome"]), Some(if is_failed { "failed" } else { "ok" }));
        assert_eq!(text(&row["error_type"]), record["error"]["type"].as_str());
        failed += usize::from(is_failed);
    }
    assert!(failed > 0 && gaps > 0, "{failed} failed, {gaps} have gaps");
}

/// Readers find units and what made it in the file itself.
#[test]
fn the_table_knows_its_units_and_its_run() {
    let server = MockServer::start(["--tokens", "2"]);
    let run = Tool::profile(&server).args(["--request-count", "3", "--no-server-metrics"]).run();
    let file = run.dir().join("elsewhere.parquet");
    Tool::new(["export", "--format", "parquet", "-o"]).arg(&file).arg(run.artifact("")).run().succeeds();
    let reader = SerializedFileReader::new(File::open(&file).unwrap()).unwrap();
    let facts: BTreeMap<&str, &str> = reader
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .unwrap()
        .iter()
        .map(|fact| (fact.key.as_str(), fact.value.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(facts["prony.run_id"], run.summary()["run_id"].as_str().unwrap());
    let units: Value = serde_json::from_str(facts["prony.units"]).unwrap();
    assert_eq!((&units["time_to_first_token"], &units["response_bytes"]), (&"ms".into(), &"bytes".into()));
    assert!(!facts.contains_key("prony.incomplete_reason") && !run.artifact("records.parquet").exists());
}

/// The slices of one thread, as (begin, end, category), by their begin and the longest first.
type Slices = Vec<(f64, f64, String)>;

fn threads(trace: &Value) -> BTreeMap<u64, Slices> {
    let mut threads: BTreeMap<u64, Slices> = BTreeMap::new();
    for event in trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "X") {
        let (begin, length) = (event["ts"].as_f64().unwrap(), event["dur"].as_f64().unwrap());
        let slice = (begin, begin + length, event["cat"].as_str().unwrap().to_owned());
        threads.entry(event["tid"].as_u64().unwrap()).or_default().push(slice);
    }
    threads
}

/// A viewer draws slices of one thread within each other: two that overlap otherwise cannot be drawn.
#[track_caller]
fn nest(slices: &mut Slices) {
    slices.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut open: Vec<f64> = Vec::new();
    for (begin, end, category) in slices {
        while open.last().is_some_and(|until| *until <= *begin + 1e-6) {
            open.pop();
        }
        assert!(open.last().is_none_or(|until| *end <= *until + 1e-6), "{category} at {begin} overlaps");
        open.push(*end);
    }
}

/// What readers rely on. Source: "Trace Event Format", the Chromium project, 2016.
#[track_caller]
fn keep_to_the_format(trace: &Value) {
    assert!(["ms", "ns"].contains(&trace["displayTimeUnit"].as_str().unwrap()));
    let (mut named, mut drawn) = (BTreeSet::new(), BTreeSet::new());
    for event in trace["traceEvents"].as_array().unwrap() {
        assert!(event["pid"].is_u64() && event["name"].is_string(), "{event}");
        let place = (event["pid"].as_u64(), event["tid"].as_u64());
        match (event["ph"].as_str(), event["name"].as_str()) {
            (Some("M"), Some("process_name" | "thread_name")) => {
                assert!(event["args"]["name"].is_string() && named.insert(place), "{event}");
            }
            (Some("X"), Some(_)) => {
                let has_times =
                    ["ts", "dur"].iter().all(|key| event[*key].as_f64().is_some_and(|us| us >= 0.0));
                assert!(has_times && event["cat"].is_string() && place.1.is_some(), "{event}");
                drawn.insert(place);
            }
            _ => panic!("{event}"),
        }
    }
    let processes: BTreeSet<_> = drawn.iter().map(|(process, _)| (*process, None)).collect();
    assert!(drawn.is_subset(&named) && processes.is_subset(&named), "{drawn:?} are not in {named:?}");
}

#[test]
fn the_timeline_has_each_session_on_a_thread_and_each_step_in_its_request() {
    let run = conversations();
    Tool::new(["export", "--format", "chrome-trace"]).arg(run.artifact("")).run().succeeds();
    let trace: Value = serde_json::from_str(&run.read("trace.json")).unwrap();
    keep_to_the_format(&trace);
    let mut threads = threads(&trace);
    threads.values_mut().for_each(nest);
    let requests = threads.values().flatten().filter(|(.., category)| category.starts_with("request,"));
    assert_eq!(requests.count(), run.records().len() + 2);
    let named = |name: &str| {
        let events = trace["traceEvents"].as_array().unwrap();
        events
            .iter()
            .filter(|event| event["args"]["name"].as_str().is_some_and(|text| text.starts_with(name)))
            .count()
    };
    let sessions = run.read("profile_export_sessions.jsonl").lines().count();
    assert!(
        sessions > 2 && named("session ") >= sessions,
        "{sessions} sessions, {} threads",
        named("session ")
    );
    assert_eq!((named("warm-up") + named("warmup"), named("phases")), (1, 1));
    let steps: Vec<&str> = trace["traceEvents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["cat"] == "step")
        .map(|event| event["name"].as_str().unwrap())
        .collect();
    for name in ["connect", "send", "wait for the first token", "decode"] {
        assert!(steps.contains(&name), "{name}");
    }
}

/// What there is of a killed run is exported, and the exit code says that it is not all.
#[test]
fn a_killed_run_is_exported_as_far_as_it_came() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["journal.prony", "journal.texts"] {
        let from = fixtures().join("journals/v3-killed").join(name);
        if from.exists() {
            fs::copy(from, dir.path().join(name)).unwrap();
        }
    }
    for (format, name) in [("parquet", "records.parquet"), ("chrome-trace", "trace.json")] {
        let run = Tool::new(["export", "--format", format]).arg(dir.path()).run();
        run.ends_with(6);
        assert!(run.stderr.contains("the run is incomplete: "), "{}", run.stderr);
        assert!(fs::metadata(dir.path().join(name)).unwrap().len() > 100);
    }
    let trace: Value =
        serde_json::from_str(&fs::read_to_string(dir.path().join("trace.json")).unwrap()).unwrap();
    keep_to_the_format(&trace);
    assert!(threads(&trace).len() > 1);
}

#[test]
fn an_export_that_makes_no_sense_is_refused_and_nothing_is_lost() {
    let server = MockServer::start(["--tokens", "2"]);
    let run = Tool::profile(&server).args(["--request-count", "2", "--no-server-metrics"]).run();
    let export = |words: &[&Path]| Tool::new(["export", "--format", "parquet", "-o"]).args(words).run();
    let journal = run.artifact("journal.prony");
    let before = fs::read(&journal).unwrap();
    let over_the_journal = export(&[&journal, &run.artifact("")]);
    over_the_journal.ends_with(2);
    assert!(over_the_journal.stderr.contains("a file of a run has this name"), "{}", over_the_journal.stderr);
    assert_eq!(fs::read(&journal).unwrap(), before);
    let nowhere = export(&[&run.dir().join("no/folder/records.parquet"), &run.artifact("")]);
    nowhere.ends_with(1);
    assert!(nowhere.stderr.contains("No such file or directory"), "{}", nowhere.stderr);
    let of_nothing = export(&[Path::new("x.parquet"), run.dir()]);
    of_nothing.ends_with(2);
    assert!(of_nothing.stderr.contains("journal.prony"), "{}", of_nothing.stderr);
    let full = export(&[Path::new("/dev/full"), &run.artifact("")]);
    full.ends_with(1);
    assert!(full.stderr.contains("No space left on device"), "{}", full.stderr);
    assert!(!fs::metadata("/dev/full").unwrap().is_file(), "a device stays one");
}

#[test]
fn a_timeline_goes_to_standard_output_where_that_is_asked_for() {
    let server = MockServer::start(["--tokens", "2"]);
    let run = Tool::profile(&server).args(["--request-count", "2", "--no-server-metrics"]).run();
    let printed = Tool::new(["export", "--format", "perfetto", "-o", "-"]).arg(run.artifact("")).run();
    let trace: Value = serde_json::from_str(&printed.succeeds().stdout).unwrap();
    assert_eq!(trace["otherData"]["run_id"], run.summary()["run_id"]);
}

fn sum(path: &Path) -> String {
    sha256(fs::read(path).unwrap())
}

/// Checks what a manifest says of the files beside it.
#[track_caller]
fn check_manifest(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let files = manifest["files"].as_array().unwrap();
    assert!(files.len() > 3, "{text}");
    for file in files {
        let path = folder.join(file["name"].as_str().unwrap());
        assert_eq!(file["bytes"].as_u64().unwrap(), fs::metadata(&path).unwrap().len(), "{}", path.display());
        assert_eq!(file["sha256"].as_str().unwrap(), sum(&path), "{}", path.display());
    }
    manifest
}

/// The key is in the environment and in a header, and the manifest has neither.
#[test]
fn the_manifest_of_a_run_lists_its_files_and_what_made_them() {
    let server = MockServer::start(["--tokens", "2"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "2", "--header", "X-Secret: hush-hush", "--after-run", "echo done"])
        .env("PRONY_API_KEY", "a-very-secret-key")
        .run();
    run.succeeds().keeps(&["hush-hush", "a-very-secret-key"]);
    let manifest = check_manifest(&run.artifact(""));
    assert_eq!((&manifest["kind"], &manifest["random_seed"]), (&"run".into(), &42.into()));
    assert_eq!((&manifest["plan"], &manifest["is_complete"]), (&"plan.yaml".into(), &true.into()));
    assert!(manifest["host"]["cores"].as_u64().unwrap() > 0);
    let plugins = manifest["plugins"].as_array().unwrap();
    let chat = plugins.iter().find(|plugin| plugin["name"] == "chat").unwrap();
    assert!(chat["integrity"].as_str().unwrap().starts_with("sha256-"), "{chat}");
    assert!(!chat.to_string().contains('/'), "no path of this machine: {chat}");
    let names: Vec<&str> =
        manifest["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    for name in ["plan.yaml", "journal.prony", "report.html", "profile_export.jsonl", "hooks/1-after_run.txt"]
    {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    fs::remove_file(run.artifact("profile_export_prony.csv")).unwrap();
    Tool::new(["report", "--quiet"]).arg(run.artifact("")).run().succeeds();
    let again = check_manifest(&run.artifact(""));
    assert_eq!(again["files"], manifest["files"]);
}

#[test]
fn the_manifest_of_an_experiment_leads_to_those_of_its_runs() {
    let server = MockServer::start(["--tokens", "2"]);
    let run = Tool::profile(&server)
        .args(["--request-count", "3", "--concurrency", "1,2", "--no-server-metrics"])
        .run();
    run.succeeds();
    let manifest = check_manifest(&run.artifact(""));
    assert_eq!(manifest["kind"], "experiment");
    let folders = ["runs/concurrency_1", "runs/concurrency_2"];
    assert_eq!(manifest["run_manifests"], json!(folders.map(|folder| format!("{folder}/manifest.json"))));
    for folder in folders {
        check_manifest(&run.artifact(folder));
        // What a report of a run makes again, the experiment's manifest says nothing of.
        Tool::new(["report", "--quiet", "--compat", "vllm"]).arg(run.artifact(folder)).run().succeeds();
        check_manifest(&run.artifact(folder));
    }
    assert_eq!(check_manifest(&run.artifact("")), manifest);
}

#[test]
fn charts_follow_a_run_where_that_is_asked_for() {
    let server = MockServer::start(["--tokens", "3"]);
    let profile =
        || Tool::profile(&server).args(["--request-count", "20", "--no-server-metrics", "--auto-plot"]);
    let run = profile().run();
    assert!(run.succeeds().read("plots/request_latency.svg").starts_with("<svg"), "{}", run.stderr);
    // Where a file has the name of the folder, there is no folder.
    let hindered = |tool: Tool| {
        let blocked = tool.dir().join("run/plots");
        tool.arg("--before-run").arg(format!("touch {}", blocked.display())).run()
    };
    let warned = hindered(profile());
    assert!(
        warned.succeeds().stderr.contains("there are no charts: failed to write charts"),
        "{}",
        warned.stderr
    );
    let required = hindered(profile().arg("--plot-required"));
    required.ends_with(1);
    assert!(required.stderr.contains("write charts into"), "{}", required.stderr);
}

/// Width and height that a PNG file says of itself, and how many colours its pixels have.
fn bitmap(path: &Path) -> (u32, u32, usize) {
    let mut reader = png::Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let colours: BTreeSet<&[u8]> = bytes.chunks_exact(4).collect();
    (info.width, info.height, colours.len())
}

#[test]
fn charts_are_bitmaps_and_a_page_as_well() {
    let server = MockServer::start(["--tokens", "3"]);
    let run = Tool::profile(&server).args(["--request-count", "20", "--no-server-metrics"]).run();
    let plot = |args: &[&str]| Tool::new(["plot"]).args(args).arg(run.artifact("")).run();
    plot(&[]).succeeds();
    assert!(run.read("plots/request_latency.svg").starts_with("<svg"));
    let (width, height, colours) = bitmap(&run.artifact("plots/request_latency.png"));
    assert!(width == 1040 && height > 300 && colours > 10, "{width}x{height}, {colours} colours");
    plot(&["--format", "png", "--width", "520"]).succeeds();
    assert_eq!(bitmap(&run.artifact("plots/request_latency.png")).0, 520);
    plot(&["--format", "html"]).succeeds();
    let page = run.read("plots/charts.html");
    assert!(page.contains("default-src 'none'") && page.matches("<svg").count() > 3, "{page}");
    for wrong in [["--format", "gif"], ["--width", "10"]] {
        plot(&wrong).ends_with(2);
    }
}

#[test]
fn charts_have_a_theme_and_what_other_tools_ask_for_is_explained() {
    let server = MockServer::start(["--tokens", "3"]);
    let run = Tool::profile(&server).args(["--request-count", "10", "--no-server-metrics"]).run();
    Tool::new(["plot", "--theme", "dark"]).arg(run.artifact("")).run().succeeds();
    assert!(!run.read("plots/request_latency.svg").contains("prefers-color-scheme"));
    let dashboard = Tool::new(["plot", "--dashboard"]).arg(run.artifact("")).run();
    dashboard.ends_with(2);
    assert!(dashboard.stderr.contains("`--dashboard` of AIPerf is not supported"), "{}", dashboard.stderr);
    assert!(dashboard.stderr.contains("report.html"), "{}", dashboard.stderr);
    let analyze = Tool::new(["analyze", "swim-lane"]).run();
    analyze.ends_with(2);
    assert!(analyze.stderr.contains("--format chrome-trace"), "{}", analyze.stderr);
}
