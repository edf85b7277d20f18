//! The report of a run with several measured phases.

use prony_plugin_api::message::PhaseKind;

use super::*;
use crate::record::{ScheduleCounts, settings::PhaseSettings};

/// A run with a second measured phase behind the sound one: one success, and one failure.
fn frames_of_two_measured_phases() -> Vec<Frame> {
    let mut frames = sound_frames();
    let Frame::Header(header) = &mut frames[0] else { panic!("no header") };
    header.settings.phases.push(PhaseSettings { name: Some("peak".into()), ..PhaseSettings::default() });
    let of_peak = |record: Record, session_num| {
        let mut record = Record { phase: 2, session_num, ..record };
        record.instants.end += 1100 * MS;
        Frame::Record(Box::new(record))
    };
    let counts = ScheduleCounts { scheduled: 2, ..ScheduleCounts::default() };
    let at = frames.len() - 1;
    let peak = [
        Frame::PhaseStarted { index: 2, kind: PhaseKind::Profiling, at_ns: 1105 * MS },
        of_peak(sample::a(), 4),
        of_peak(failed("timeout"), 5),
        Frame::PhaseEnded { index: 2, at_ns: 1500 * MS, counts, workers: Vec::new() },
    ];
    frames.splice(at..at, peak);
    frames
}

#[test]
fn several_measured_phases_have_results_each_and_are_pooled_at_top_level() {
    let dir = write(&frames_of_two_measured_phases());
    generate(dir.path()).unwrap();
    let summary = summary(dir.path());
    let phases = summary["phases"].as_array().unwrap();
    let said = |field: &str| phases.iter().map(|phase| &phase[field]).collect::<Vec<_>>();
    assert_eq!(said("name"), ["warm-up", "profiling", "peak"]);
    assert_eq!(said("role"), ["warmup", "measured", "measured"]);
    let counted = |metrics: &Value| {
        ["request_count", "error_request_count"].map(|tag| metrics[tag]["avg"].as_u64().unwrap())
    };
    assert_eq!(
        phases.iter().map(|phase| counted(&phase["metrics"])).collect::<Vec<_>>(),
        [[1, 0], [2, 2], [1, 1]]
    );
    assert_eq!(counted(&summary), [3, 3]);
    let kinds = |summary: &Value| -> Vec<String> {
        let errors = summary["error_summary"].as_array().unwrap();
        errors.iter().map(|error| error["error_details"]["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&phases[1]), ["stream_cut", "http_status"]);
    assert_eq!(kinds(&phases[2]), ["timeout"]);
    assert_eq!(kinds(&summary), ["stream_cut", "http_status", "timeout"]);
}

#[test]
fn each_of_several_measured_phases_is_named_in_every_file() {
    let dir = write(&frames_of_two_measured_phases());
    generate(dir.path()).unwrap();
    let file = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let lines = file(file_names::REQUESTS);
    let named: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["metadata"]["phase_name"].clone())
        .collect();
    assert_eq!(named.iter().filter(|name| *name == "peak").count(), 2, "{named:?}");
    assert_eq!(named.iter().filter(|name| *name == "profiling").count(), named.len() - 2, "{named:?}");
    let table = file(file_names::SUMMARY_TABLE);
    let mut rows = table.lines();
    assert!(rows.next().unwrap().ends_with(",phase"), "{table}");
    let of = |phase: &str| {
        let rows = table.lines().filter(|row| row.starts_with("Request Count") && row.ends_with(phase));
        rows.map(|row| row.split(',').nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((of(",profiling"), of(",peak")), (vec!["2".to_owned()], vec!["1".to_owned()]));
    let console = file(file_names::CONSOLE);
    let by_phase = console.split("By phase").nth(1).unwrap();
    assert!(by_phase.contains("profiling") && by_phase.contains("peak"), "{console}");
}

#[test]
fn one_measured_phase_says_nothing_that_stands_at_top_level() {
    let dir = write(&sound_frames());
    generate(dir.path()).unwrap();
    for phase in summary(dir.path())["phases"].as_array().unwrap() {
        assert!(phase.get("metrics").is_none() && phase.get("name").is_none(), "{phase}");
    }
}
