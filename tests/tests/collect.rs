//! `prony collect`: one report from what the agents of a run kept. The journal of one run is taken apart into those of two
//! agents, so that the report which they have to come to is known.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::LazyLock,
};

use boon::{Compiler, Schemas};
use prony_tests::{
    MockServer, Run, Tool, commands_of,
    journal::{self, FrameBytes, HEAD, START, tag},
    pages::page,
};
use rstest::rstest;
use serde_json::{Value, json};

const REQUESTS: usize = 60;

/// A tag that no version knows: such frames are passed over, and those behind them keep their numbers.
const PASSED_OVER: u16 = 4000;

static RUN: LazyLock<Run> = LazyLock::new(|| {
    let server = MockServer::start(["--error-every", "7"]);
    let run = Tool::profile(&server)
        .args(["--request-count", &REQUESTS.to_string(), "--concurrency", "4", "--workers", "2"])
        .run();
    run.succeeds();
    run
});

fn journal_of_run() -> Vec<u8> {
    fs::read(RUN.artifact("journal.prony")).unwrap()
}

/// The journal with only the frames that are kept, by what they are and their place.
fn only(whole: &[u8], is_kept: impl Fn(&FrameBytes, usize) -> bool) -> Vec<u8> {
    let mut made = whole[..START].to_vec();
    for (place, frame) in journal::frames(whole).iter().enumerate() {
        let payload = &whole[frame.bytes.start + HEAD..frame.bytes.end];
        let (tag, payload) =
            if is_kept(frame, place) { (frame.tag, payload) } else { (PASSED_OVER, &[][..]) };
        journal::append(&mut made, tag, place as u64, payload);
    }
    made
}

fn is_record(frame: &FrameBytes) -> bool {
    [tag::RECORD, tag::UNCOUNTED].contains(&frame.tag)
}

/// The journal of the first agent: every second record, and what is known of the phases.
fn first() -> Vec<u8> {
    only(&journal_of_run(), |frame, place| !is_record(frame) || place % 2 == 0)
}

/// That of the second one: the other records. What became of the schedule stands in the first one.
fn second() -> Vec<u8> {
    only(
        &journal_of_run(),
        |frame, place| {
            if is_record(frame) { place % 2 == 1 } else { frame.tag != tag::PHASE_ENDED }
        },
    )
}

/// What an agent says of its part, which has workers from this one on.
fn about(node: u32, name: &str, first_worker: u32) -> Value {
    json!({
        "run_id": RUN.summary()["run_id"],
        "nodes": 2,
        "facts": { "node": node, "name": name, "first_worker": first_worker, "workers": 2 },
        "clock": [],
    })
}

/// Collects `a` and `b` into `run`.
fn collecting() -> Tool {
    Tool::new(["collect", "a", "b", "--into", "run"])
}

/// Puts the folder of an agent where the tool works.
fn keep(tool: &Tool, name: &str, journal: &[u8], about: &Value) {
    fs::create_dir_all(tool.dir().join(name)).unwrap();
    tool.file(&format!("{name}/journal.prony"), journal);
    tool.file(&format!("{name}/agent.json"), about.to_string());
}

/// Both agents as they should be.
fn whole() -> Tool {
    let tool = collecting();
    keep(&tool, "a", &first(), &about(0, "a", 0));
    keep(&tool, "b", &second(), &about(1, "b", 2));
    tool
}

/// All metrics of the run. Of gaps, the standard deviation depends on the order in which they are taken in, by rounding.
fn metrics(run: &Run) -> BTreeMap<String, Value> {
    let Value::Object(summary) = run.summary() else { return BTreeMap::new() };
    let mut metrics: BTreeMap<String, Value> =
        summary.into_iter().filter(|(_, value)| value["unit"].is_string()).collect();
    if let Some(gaps) = metrics.get_mut("inter_chunk_latency") {
        gaps["std"] = Value::Null;
    }
    metrics
}

/// What was measured of each request, by its identity.
fn requests(run: &Run) -> BTreeMap<String, Value> {
    let one = |line: Value| {
        let id = line["metadata"]["x_request_id"].as_str().unwrap().to_owned();
        (id, line)
    };
    run.records().into_iter().map(one).collect()
}

/// What the page of several machines says to type, of the folders of two agents.
#[test]
fn folders_that_were_copied_are_collected_as_the_page_says() {
    let blocks = page("docs/MANY_MACHINES.md").blocks();
    let block = blocks.iter().find(|block| block.text.contains("prony collect from-a/RUN")).unwrap();
    let commands = commands_of(&block.text.replace(" from-c/RUN", ""));
    assert_eq!(commands, [["collect", "from-a/RUN", "from-b/RUN", "--into", "collected"]]);
    let tool = Tool::new(&commands[0]);
    keep(&tool, "from-a/RUN", &first(), &about(0, "a", 0));
    keep(&tool, "from-b/RUN", &second(), &about(1, "b", 2));
    let run = tool.run();
    run.succeeds();
    assert!(run.dir().join("collected/profile_export_prony.json").is_file());
}

#[test]
fn the_report_is_that_of_the_run() {
    let collected = whole().run();
    collected.succeeds();
    let expected = metrics(&RUN);
    assert!(expected.len() > 20, "{expected:?}");
    assert_eq!(metrics(&collected), expected);
    let (found, summary) = (collected.summary(), RUN.summary());
    for key in ["run_id", "scheduled", "sent", "error_summary", "models_seen", "token_counts"] {
        assert_eq!(found[key], summary[key], "{key}");
    }
    let (found, expected) = (requests(&collected), requests(&RUN));
    assert_eq!(found.len(), REQUESTS);
    for (id, line) in expected {
        assert_eq!(found[&id]["metrics"], line["metrics"], "{id}");
        assert_eq!(found[&id]["metadata"]["request_start_ns"], line["metadata"]["request_start_ns"], "{id}");
    }
}

/// The summary without what is said of agents by name.
fn of_all(run: &Run) -> Value {
    let mut summary = run.summary();
    for key in ["agents", "notes", "client", "verdict"] {
        assert!(!summary[key].is_null(), "{key}");
        summary.as_object_mut().unwrap().remove(key);
    }
    summary
}

/// The lines of requests, without the number of an agent.
fn lines(run: &Run) -> Vec<Value> {
    let mut lines = run.records();
    for line in &mut lines {
        line["metadata"].as_object_mut().unwrap().remove("node");
    }
    lines
}

/// The journals of two agents, the second one behind the first one, are one journal: whoever reads them apart must come to the same. Tokens
/// are those of the server, so that records stand in the order in which they are read.
#[test]
fn the_report_is_that_of_their_journals_in_one_byte_for_byte() {
    let server = MockServer::start(["--error-every", "7"]);
    let run = Tool::profile(&server)
        .args(["--request-count", &REQUESTS.to_string(), "--concurrency", "4", "--workers", "2"])
        .arg("--use-server-token-count")
        .run();
    let run_id = run.succeeds().summary()["run_id"].clone();
    let whole = fs::read(run.artifact("journal.prony")).unwrap();
    let frames = journal::frames(&whole).into_iter().enumerate();
    let places: Vec<usize> = frames.filter(|(_, frame)| is_record(frame)).map(|(place, _)| place).collect();
    let middle = places[REQUESTS / 2];
    let first = only(&whole, |frame, place| !is_record(frame) || place < middle);
    let second = only(
        &whole,
        |frame, place| if is_record(frame) { place >= middle } else { frame.tag != tag::PHASE_ENDED },
    );
    // Workers have their numbers from the one journal.
    let about = |node: u32, name: &str, nodes: u32| {
        let mut about = about(node, name, 0);
        (about["run_id"], about["nodes"]) = (run_id.clone(), json!(nodes));
        about
    };
    let apart = collecting();
    keep(&apart, "a", &first, &about(0, "a", 2));
    keep(&apart, "b", &second, &about(1, "b", 2));
    let in_one = Tool::new(["collect", "one", "--into", "run"]);
    keep(&in_one, "one", &whole, &about(0, "one", 1));
    let (apart, in_one) = (apart.run(), in_one.run());
    let table = |run: &Run| run.read("profile_export_prony.csv");
    assert_eq!(table(apart.succeeds()), table(in_one.succeeds()));
    assert_eq!(of_all(&apart), of_all(&in_one));
    assert_eq!(lines(&apart), lines(&in_one));
}

#[test]
fn each_agent_has_its_part() {
    let collected = whole().run();
    let summary = collected.succeeds().summary();
    let agents = summary["agents"].as_array().unwrap();
    let names: Vec<&Value> = agents.iter().map(|agent| &agent["name"]).collect();
    assert_eq!(names, ["a", "b"]);
    let count = |agent: &Value, key: &str| agent[key]["avg"].as_u64().unwrap_or_default();
    let of_agents: u64 = agents.iter().map(|agent| count(agent, "request_count")).sum();
    assert_eq!(of_agents, count(&summary, "request_count"));
    assert!(collected.stdout.contains("Agents"), "{}", collected.stdout);
    let workers: BTreeSet<String> =
        requests(&collected).values().map(|line| line["metadata"]["worker_id"].to_string()).collect();
    assert!(workers.len() > 2, "workers of two agents are different ones: {workers:?}");
}

#[test]
fn the_summary_keeps_to_its_schema() {
    let printed = Tool::new(["schema", "run"]).run();
    let schema: Value = serde_json::from_str(&printed.succeeds().stdout).unwrap();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("file:///run.json", schema).unwrap();
    let index = compiler.compile("file:///run.json", &mut schemas).unwrap();
    let summary = whole().run().succeeds().summary();
    assert!(summary["agents"].is_array());
    if let Err(error) = schemas.validate(&summary, index) {
        panic!("{error:#}");
    }
}

#[test]
fn an_agents_clock_is_put_right_and_no_duration_changes() {
    let tool = collecting();
    keep(&tool, "a", &first(), &about(0, "a", 0));
    let mut late = about(1, "b", 2);
    late["clock"] = json!([[0, 1_000_000_000]]);
    keep(&tool, "b", &second(), &late);
    let collected = tool.run();
    let (found, expected) = (requests(collected.succeeds()), requests(&RUN));
    let start = |line: &Value| line["metadata"]["request_start_ns"].as_u64().unwrap();
    let shifts: BTreeSet<u64> = expected.iter().map(|(id, line)| start(&found[id]) - start(line)).collect();
    assert_eq!(shifts, BTreeSet::from([0, 1_000_000_000]));
    for (id, line) in expected {
        assert_eq!(found[&id]["metrics"]["request_latency"], line["metrics"]["request_latency"], "{id}");
    }
}

#[test]
fn an_agent_that_was_killed_leaves_the_report_incomplete() {
    let tool = collecting();
    keep(&tool, "a", &first(), &about(0, "a", 0));
    let journal = second();
    let end = journal::frames(&journal).into_iter().find(|frame| frame.tag == tag::END).unwrap();
    keep(&tool, "b", &journal[..end.bytes.start], &about(1, "b", 2));
    let collected = tool.run();
    collected.ends_with(6);
    assert!(collected.stderr.contains("the journals of these agents have no end: b"), "{}", collected.stderr);
    assert_eq!(metrics(&collected), metrics(&RUN));
}

#[test]
fn what_one_agent_has_is_a_report_without_the_other() {
    let tool = Tool::new(["collect", "b", "--into", "run"]);
    keep(&tool, "b", &second(), &about(1, "b", 2));
    let collected = tool.run();
    collected.ends_with(6);
    let says = "the records of these nodes of the run are missing: 0";
    assert!(collected.stderr.contains(says), "{}", collected.stderr);
    assert!(!requests(&collected).is_empty());
}

#[test]
fn a_damaged_journal_gives_the_rest_and_its_agent_is_named() {
    let tool = collecting();
    keep(&tool, "a", &first(), &about(0, "a", 0));
    let mut journal = second();
    let frames = journal::frames(&journal);
    let record = frames.iter().find(|frame| is_record(frame)).unwrap();
    journal[record.bytes.end - 1] ^= 1;
    keep(&tool, "b", &journal, &about(1, "b", 2));
    let collected = tool.run();
    collected.ends_with(6);
    assert_eq!(requests(&collected).len(), REQUESTS - 1);
    let says = "not all records of agent b are here: the journal is cut off or damaged: 1 frame is missing";
    assert!(collected.stdout.contains(says), "{}", collected.stdout);
}

/// A folder that cannot be collected, and what is said of it.
#[rstest]
#[case::of_another_run(json!({ "run_id": "another" }), "of the run another")]
#[case::of_a_node_that_is_there(json!({ "facts": { "node": 0 } }), "both are of node 0")]
fn a_folder_that_does_not_belong_to_the_others_is_refused(#[case] change: Value, #[case] says: &str) {
    let tool = collecting();
    keep(&tool, "a", &first(), &about(0, "a", 0));
    let mut other = about(1, "b", 2);
    for (key, value) in change.as_object().unwrap() {
        other[key] = value.clone();
    }
    keep(&tool, "b", &second(), &other);
    let refused = tool.run();
    refused.ends_with(2);
    assert!(refused.stderr.contains(says), "{}", refused.stderr);
    assert!(!refused.dir().join("run").exists());
}

#[rstest]
#[case::no_folder(&[], "read `b/agent.json`")]
#[case::no_journal(&["agent.json"], "open the journal `b/journal.prony`")]
#[case::nothing_of_the_agents(&["journal.prony"], "read `b/agent.json`")]
fn a_folder_that_is_none_of_an_agents_is_named(#[case] files: &[&str], #[case] says: &str) {
    let tool = collecting();
    keep(&tool, "a", &first(), &about(0, "a", 0));
    keep(&tool, "b", &second(), &about(1, "b", 2));
    for name in ["agent.json", "journal.prony"] {
        if !files.contains(&name) {
            fs::remove_file(tool.dir().join("b").join(name)).unwrap();
        }
    }
    let refused = tool.run();
    refused.ends_with(2);
    assert!(refused.stderr.contains(says), "{}", refused.stderr);
    assert!(refused.stderr.contains("the folder that an agent has for the run"), "{}", refused.stderr);
}

#[test]
fn a_folder_with_files_is_not_written_to() {
    let tool = whole();
    fs::create_dir(tool.dir().join("run")).unwrap();
    tool.file("run/notes.txt", "mine");
    let refused = tool.run();
    refused.ends_with(2);
    assert!(refused.stderr.contains("`--into`"), "{}", refused.stderr);
    assert_eq!(fs::read_dir(refused.dir().join("run")).unwrap().count(), 1);
}

#[test]
fn a_full_disk_is_an_error_and_nothing_half_written_stays() {
    let full = whole().under(&["sh", "-c", "ulimit -f 1; exec \"$@\"", "sh"]).run();
    full.ends_with(1);
    assert!(full.stderr.contains("write the journal `run/journal.prony`"), "{}", full.stderr);
    assert!(!full.artifact("journal.prony").exists());
    assert!(full.dir().join("a/journal.prony").exists());
}
