//! What a report says of the agents of a run.

use super::{
    super::verdict::{Severity, Verdict},
    *,
};
use crate::record::{NodeFacts, NodeLoss, ProcessUsage, settings::PhaseSettings};

/// A node with one worker.
fn facts(node: u32, name: &str) -> NodeFacts {
    NodeFacts { node, name: name.into(), first_worker: node, workers: 1, ..NodeFacts::default() }
}

fn on(node: u32, record: Record) -> Record {
    Record { node, worker: node, ..record }
}

/// A run of these nodes with these records.
fn frames_of(nodes: &[NodeFacts], records: &[Record]) -> Vec<Frame> {
    let mut frames = sample::journal(sample::header(), records);
    let node = |facts: &NodeFacts| Frame::Node(Box::new(facts.clone()));
    let before = frames.iter().position(|frame| matches!(frame, Frame::Record(_))).unwrap();
    frames.splice(before..before, nodes.iter().map(node));
    let end = frames.len() - 1;
    frames.splice(end..end, nodes.iter().map(node));
    frames
}

fn findings(report: &Report, names: &[&str]) -> Vec<(Severity, String)> {
    let found = Verdict::of(report).findings.into_iter();
    found.filter(|finding| names.contains(&finding.name)).map(|found| (found.severity, found.says)).collect()
}

/// As [`sample::a`], sent so many milliseconds later and with so many more to its first token and end.
fn slower(number: u64, by_ms: u64) -> Record {
    let mut record = sample::a();
    record.request_id = format!("{number}");
    record.session_num = number;
    let times = &mut record.instants;
    for at in
        [&mut times.first_byte, &mut times.first_token, &mut times.first_output_token, &mut times.last_token]
    {
        *at = at.map(|at| at + by_ms * MS);
    }
    times.end += by_ms * MS;
    record
}

#[test]
fn each_agent_has_a_row_and_an_object() {
    let usage = Some(ProcessUsage { cpu_ns: 1500 * MS, peak_memory_bytes: Some(1 << 20) });
    let nodes = [facts(0, "a"), NodeFacts { clock_bound_ns: 250_000, usage, ..facts(1, "b") }];
    let records = [on(0, sample::a()), on(1, sample::b()), on(1, sample::d())];
    let dir = write(&frames_of(&nodes, &records));
    let report = generate(dir.path()).unwrap();
    let console = text(dir.path(), "profile_export_console.txt");
    assert!(console.contains("Agents (times in ms)"), "{console}");
    assert!(console.contains("right to within 0.250 ms"), "{console}");
    let agents = &summary(dir.path())["agents"];
    let of = |place: usize, key: &str| agents[place][key]["avg"].as_f64();
    assert_eq!([of(0, "request_count"), of(1, "request_count")], [Some(1.0), Some(1.0)]);
    assert_eq!([of(0, "error_request_count"), of(1, "error_request_count")], [Some(0.0), Some(1.0)]);
    assert_eq!([&agents[0]["name"], &agents[1]["name"]], ["a", "b"]);
    assert_eq!(agents[1]["clock_bound_ns"], 250_000);
    assert_eq!(
        (&agents[1]["cpu_s"], &agents[1]["peak_memory_bytes"]),
        (&Value::from(1.5), &Value::from(1 << 20))
    );
    assert!(agents[0]["cpu_s"].is_null());
    for name in ["profile_export_prony.md", "report.html"] {
        assert!(text(dir.path(), name).contains("Agents (times in ms)"), "{name}");
    }
    assert_eq!(report.by_node.len(), 2);
}

#[test]
fn a_run_with_one_agent_names_it() {
    let dir = write(&frames_of(&[facts(0, "a")], &[sample::a()]));
    generate(dir.path()).unwrap();
    assert!(text(dir.path(), "profile_export_console.txt").contains("Agents (times in ms)"));
    let agents = &summary(dir.path())["agents"];
    assert_eq!((agents.as_array().map(Vec::len), &agents[0]["name"]), (Some(1), &Value::from("a")));
}

#[test]
fn a_run_without_agents_says_nothing_of_them() {
    let dir = write(&sample::journal(sample::header(), &[sample::a()]));
    generate(dir.path()).unwrap();
    assert!(!text(dir.path(), "profile_export_console.txt").contains("Agents"));
    assert_eq!(summary(dir.path()).get("agents"), None);
}

#[test]
fn nodes_change_no_number_of_the_run() {
    let records = [on(0, sample::a()), on(1, sample::b()), on(1, sample::c()), on(0, sample::d())];
    let numbers = |frames: &[Frame]| {
        let dir = write(frames);
        generate(dir.path()).unwrap();
        let numbers = text(dir.path(), "profile_export_prony.csv");
        (numbers, text(dir.path(), "profile_export.jsonl"))
    };
    let with_nodes = numbers(&frames_of(&[facts(0, "a"), facts(1, "b")], &records));
    assert_eq!(with_nodes, numbers(&sample::journal(sample::header(), &records)));
}

/// Three agents, of which the second one was lost at this instant.
fn with_a_loss(at_ms: u64) -> Vec<Frame> {
    let end = NodeLoss { at_ns: at_ms * MS, reason: "process killed".into(), by_signal: false };
    let lost = NodeFacts { lost: Some(end), unfinished: 2, missing_bytes: Some(70), ..facts(1, "b") };
    frames_of(&[facts(0, "a"), lost, facts(2, "c")], &[sample::a()])
}

fn measured_phase(frames: &mut [Frame]) -> &mut PhaseSettings {
    let Frame::Header(header) = &mut frames[0] else { unreachable!("it comes first") };
    &mut header.settings.phases[1]
}

#[test]
fn what_a_lost_agent_leaves_out_is_a_doubt() {
    let report = report_on(&with_a_loss(600));
    let expected = [
        "agent b was lost at 0.6 s: process killed; fewer requests were in flight from then on; of 2 requests that it had, \
         nothing more is known",
        "not all records of agent b are here: 70 bytes of its journal did not arrive",
    ];
    let found = findings(&report, &["agent_lost", "agent_records_missing"]);
    let expected = expected.map(|says| (Severity::Doubtful, says.to_owned()));
    assert_eq!(found, expected);
}

#[test]
fn the_share_of_a_lost_agent_depends_on_how_the_load_is_divided() {
    let says = |frames: &[Frame]| findings(&report_on(frames), &["agent_lost"])[0].1.clone();
    let mut timed = with_a_loss(600);
    let phase = measured_phase(&mut timed);
    (phase.request_count, phase.duration_s) = (None, Some(1.0));
    assert!(says(&timed).contains("; about 1/3 of the load is missing from then on;"), "{}", says(&timed));
    let mut open = with_a_loss(600);
    let phase = measured_phase(&mut open);
    (phase.is_open_loop, phase.rate, phase.law) = (true, Some(10.0), LawName::Poisson);
    let share = "; 1/3 of the load is missing from then on;";
    assert!(says(&open).contains(share), "{}", says(&open));
}

#[test]
fn an_agent_that_was_ended_by_a_signal_is_not_lost() {
    let end = NodeLoss { at_ns: 600 * MS, reason: "it was ended by SIGTERM".into(), by_signal: true };
    let ended = NodeFacts { lost: Some(end), ..facts(1, "b") };
    let report = report_on(&frames_of(&[facts(0, "a"), ended], &[sample::a()]));
    let says = "agent b was ended by SIGTERM at 0.6 s; fewer requests were in flight from then on".to_owned();
    assert_eq!(findings(&report, &["agent_lost", "agent_ended"]), [(Severity::Doubtful, says)]);
}

#[test]
fn an_agent_that_is_lost_after_the_load_leaves_out_none_of_it() {
    let found = findings(&report_on(&with_a_loss(1108)), &["agent_lost"]);
    assert_eq!(found[0].1, "agent b was lost at 1.1 s, after the end of the last phase: process killed");
}

#[test]
fn an_agent_that_is_slower_than_the_others_is_named() {
    let nodes = [facts(0, "a"), facts(1, "b"), facts(2, "c")];
    let mut records = Vec::new();
    for (node, by_ms) in [(0, 0), (1, 1), (2, 500)] {
        records.extend((0..500).map(|number| on(node, slower(number * 3 + u64::from(node), by_ms))));
    }
    let report = report_on(&frames_of(&nodes, &records));
    let says = [
        "agent c: 10.8 x the median p99 TTFT (550.00 ms, median 51.00 ms)",
        "agent c: 5.9 x the median p99 latency (600.00 ms, median 101.00 ms)",
    ];
    let expected = says.map(|says| (Severity::Note, says.to_owned()));
    assert_eq!(findings(&report, &["outlier_agent"]), expected);
}

#[rstest]
#[case::close_enough(9, 0)]
#[case::too_far_apart(11, 1)]
fn clocks_that_differ_by_more_than_a_tenth_of_a_gap_are_a_doubt(
    #[case] bound_ms: u64,
    #[case] doubts: usize,
) {
    let nodes = [facts(0, "a"), NodeFacts { clock_bound_ns: bound_ms * MS, ..facts(1, "b") }];
    let mut frames = frames_of(&nodes, &[sample::a()]);
    let phase = measured_phase(&mut frames);
    (phase.is_open_loop, phase.rate, phase.law) = (true, Some(10.0), LawName::Poisson);
    assert_eq!(findings(&report_on(&frames), &["agent_clocks"]).len(), doubts);
}
