//! The files of a report: which there are, and what becomes of one that cannot be written.

use prony_plugin_api::telemetry::{
    GpuReading, GpuTelemetryBatch, GpuTelemetrySample, NetworkLatencyBatch, NetworkLatencySample,
};

use super::*;
use crate::{
    fingerprint,
    plan::{Compat, Exports, ServerMetricsFormat},
};

#[test]
fn every_file_is_listed_and_nothing_else_is_left_behind() {
    let dir = write(&sound_frames());
    let report = generate(dir.path()).unwrap();
    let mut listed: Vec<String> =
        report.files.iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(
        listed,
        [
            "profile_export.jsonl",
            "profile_export_warmup.jsonl",
            "profile_export_prony.json",
            "profile_export_prony.csv",
            "profile_export_prony.md",
            "report.html",
            "profile_export_console.txt",
            "manifest.json",
            "journal.prony",
        ]
    );
    listed.sort();
    let entries = fs::read_dir(dir.path()).unwrap();
    let mut found: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, listed);
}

#[test]
fn a_file_that_cannot_be_written_costs_that_file_alone() {
    let dir = write(&sound_frames());
    // Where a folder has its name, no file can have it.
    let taken = dir.path().join("profile_export.jsonl");
    fs::create_dir_all(taken.join("inside")).unwrap();
    let (report, unwritten) =
        crate::report::generate(dir.path(), &Wanted::default(), Screen::UNLIMITED).unwrap();
    let error = unwritten.unwrap();
    assert_eq!(error.to_string(), format!("write `{}`", taken.display()));
    assert!(error.hint().contains("journal.prony"));
    assert_eq!(report.profiling.outcomes.succeeded, 2);
    assert!(!report.files.contains(&taken) && dir.path().join("profile_export_prony.csv").exists());
}

#[test]
fn a_second_report_says_the_same() {
    let dir = write(&sound_frames());
    let names = ["profile_export.jsonl", "profile_export_prony.json", "profile_export_console.txt"];
    generate(dir.path()).unwrap();
    let first = names.map(|name| text(dir.path(), name));
    generate(dir.path()).unwrap();
    assert_eq!(names.map(|name| text(dir.path(), name)), first);
}

/// A run that has something for every writer: a warm-up, a conversation, kept texts, and scrapes of the server's own metrics.
fn frames_for_every_writer() -> Vec<Frame> {
    let mut header = sample::header();
    header.settings.export_outputs = true;
    header.settings.exports = Exports {
        compat: vec![Compat::Aiperf, Compat::Vllm, Compat::Guidellm],
        slice_s: Some(0.5),
        server_metrics: Some(vec![
            ServerMetricsFormat::Json,
            ServerMetricsFormat::Csv,
            ServerMetricsFormat::Jsonl,
        ]),
        ..Exports::default()
    };
    let mut frames = sample::journal(header, &[sample::a(), Record { steps: 2, ..sample::a() }]);
    let batch = ServerMetricsBatch {
        samples: vec![ServerMetricsSample {
            url: "http://one/metrics".into(),
            at_ns: 5 * MS,
            ..Default::default()
        }],
    };
    let scrape = Frame::Message {
        service: "server_metrics".into(),
        message_type: ServerMetricsBatch::TYPE.into(),
        payload: batch.encode().unwrap(),
    };
    frames.insert(1, scrape);
    let probes = NetworkLatencyBatch { samples: vec![NetworkLatencySample::default()] };
    let gpus = vec![GpuReading::default()];
    let readings =
        GpuTelemetryBatch { samples: vec![GpuTelemetrySample { gpus, ..GpuTelemetrySample::default() }] };
    for (message_type, payload) in [
        (NetworkLatencyBatch::TYPE, probes.encode().unwrap()),
        (GpuTelemetryBatch::TYPE, readings.encode().unwrap()),
    ] {
        let (service, message_type) = ("telemetry".into(), message_type.into());
        frames.insert(1, Frame::Message { service, message_type, payload });
    }
    frames
}

/// So that what is removed with `--overwrite` is what is written.
#[test]
fn the_writers_write_the_files_that_they_name_and_no_others() {
    let dir = write(&frames_for_every_writer());
    let report = generate(dir.path()).unwrap();
    let written: Vec<&str> =
        report.files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    // The run writes some before there is anything to report, and exports are written where somebody asks for them.
    let elsewhere =
        [SETTINGS, file_names::RAW, file_names::AIPERF_INPUTS, file_names::PARQUET, file_names::CHROME_TRACE];
    let of_report = possible_files().filter(|name| !elsewhere.contains(name));
    let named: Vec<&str> = of_report.chain([journal::FILE_NAME]).collect();
    assert_eq!(written, named);
}

/// A prefix is refused that leads to the name of another file: all names have to be known there.
#[test]
fn names_that_a_prefix_must_not_lead_to_are_all_names() {
    let unknown: Vec<&str> = possible_files().filter(|name| !Exports::FILE_NAMES.contains(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// The table of what a run leaves behind, by the names in its first column.
#[test]
fn the_page_of_the_run_folder_lists_the_files_that_a_run_may_leave() {
    let page = include_str!("../../../../docs/RUN_FOLDER.md");
    let mut listed = listed(page, "\n| file | what |\n", |line| line);
    let mut named: Vec<&str> = possible_files().chain([journal::FILE_NAME]).collect();
    listed.sort();
    named.sort_unstable();
    assert_eq!(listed, named);
}

/// The table of the page of files, without files of several runs and those in folders of their own.
#[test]
fn the_page_of_files_lists_the_files_that_a_run_may_leave() {
    let page = include_str!("../../../../docs/FILES.md");
    let first_column = |line: &'static str| line.split('|').nth(1).unwrap_or_default();
    let mut listed = listed(page, "\n| file | written by | when | version |\n", first_column);
    listed.retain(|name| !name.contains('/') && !["experiment.json", "search.json"].contains(&name.as_str()));
    let mut named: Vec<&str> = possible_files().chain([journal::FILE_NAME]).collect();
    listed.sort();
    named.sort_unstable();
    assert_eq!(listed, named);
}

/// Names of files in a part of each line of the table behind a headline.
fn listed(text: &'static str, head: &str, part: fn(&'static str) -> &'static str) -> Vec<String> {
    let (_, after) = text.split_once(head).unwrap();
    let table = after.lines().take_while(|line| line.starts_with('|'));
    let is_file = |text: &&str| {
        [".json", ".jsonl", ".csv", ".txt", ".md", ".prony", ".yaml", ".html", ".parquet"]
            .iter()
            .any(|end| text.ends_with(end))
    };
    let mut listed: Vec<String> = Vec::new();
    for name in table.flat_map(|line| part(line).split('`').skip(1).step_by(2)).filter(is_file) {
        // `.csv` beside `a.json` is `a.csv`.
        let whole = match name.strip_prefix('.') {
            Some(ending) => {
                let (stem, _) = listed.last().unwrap().rsplit_once('.').unwrap();
                format!("{stem}.{ending}")
            }
            None => name.to_owned(),
        };
        if !listed.contains(&whole) {
            listed.push(whole);
        }
    }
    listed
}

#[test]
fn the_manifest_has_the_sums_of_the_other_files_and_is_made_again_with_them() {
    let dir = write(&sound_frames());
    fs::write(dir.path().join(SETTINGS), "model: m\n").unwrap();
    generate(dir.path()).unwrap();
    let manifest = || -> Value { serde_json::from_str(&text(dir.path(), file_names::MANIFEST)).unwrap() };
    let first = manifest();
    let names: Vec<&str> =
        first["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!((names.first(), names.last()), (Some(&SETTINGS), Some(&journal::FILE_NAME)));
    assert!(names.len() > 7 && !names.contains(&file_names::MANIFEST), "{names:?}");
    assert_eq!((&first["plan"], &first["host"]["cores"]), (&SETTINGS.into(), &2.into()));
    assert_eq!(first["plugins"][0]["library"], "libendpoint_openai.so");
    for file in first["files"].as_array().unwrap() {
        let bytes = fs::read(dir.path().join(file["name"].as_str().unwrap())).unwrap();
        let (sum, size) = fingerprint::of(&mut bytes.as_slice()).unwrap();
        assert_eq!((&file["sha256"], &file["bytes"]), (&fingerprint::hex(&sum).into(), &size.into()));
    }
    fs::write(dir.path().join(SETTINGS), "model: another\n").unwrap();
    generate(dir.path()).unwrap();
    let changed: Vec<bool> =
        std::iter::zip(first["files"].as_array().unwrap(), manifest()["files"].as_array().unwrap())
            .map(|(before, after)| before["sha256"] != after["sha256"])
            .collect();
    assert!(changed[0] && changed[1..].iter().all(|changed| !changed), "{changed:?}");
}

/// What is JSON has a schema, unless its shape is that of another program; what is not has none.
#[test]
fn every_file_of_json_has_a_schema() {
    const OF_OTHER_TOOLS: [&str; 6] = [
        file_names::AIPERF,
        file_names::AIPERF_TIMESLICES,
        file_names::AIPERF_INPUTS,
        file_names::VLLM,
        file_names::GUIDELLM,
        file_names::CHROME_TRACE,
    ];
    for name in possible_files() {
        let is_json =
            Path::new(name).extension().is_some_and(|extension| extension == "json" || extension == "jsonl");
        let is_own = is_json && !OF_OTHER_TOOLS.contains(&name);
        assert_eq!(crate::schemas::of_file(name).is_some(), is_own, "{name}");
    }
}
