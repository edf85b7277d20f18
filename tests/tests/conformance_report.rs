//! What a vendor attaches to a release: the report of `prony plugins check`, its cases by name, its seed and its trace.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{fs, path::Path};

use prony_plugin_api::{
    conformance::CASES,
    version::{EPOCH, MINOR, TARGET},
};
use prony_tests::{Tool, library, sha256};
use rstest::rstest;
use serde_json::{Value, json};

/// A check of the example endpoint that takes no time.
fn check() -> Tool {
    Tool::new(["plugins", "check", "--mutations", "20"]).arg(library("example-vendor"))
}

fn json_of(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// The names of the cases that were made of the first type.
fn made(report: &Value) -> Vec<&str> {
    let checks = report["libraries"][0]["types"][0]["checks"].as_array().unwrap();
    checks.iter().map(|check| check["case"].as_str().unwrap()).collect()
}

#[test]
fn every_case_is_listed_with_its_name_and_what_it_says() {
    let all = Tool::new(["plugins", "check", "--list"]).run();
    for case in CASES {
        assert!(all.succeeds().stdout.contains(case.id), "{}: {}", case.id, all.stdout);
    }
    assert!(all.stdout.contains("survives garbage"), "{}", all.stdout);
    let some =
        Tool::new(["plugins", "check", "--list", "--include", "fuzz,service/*", "--exclude", "*/two"]).run();
    let listed = |id: &str| some.succeeds().stdout.contains(id);
    assert!(listed("fuzz/streams") && listed("service/life"), "{}", some.stdout);
    assert!(!listed("service/two") && !listed("hostile/events"), "{}", some.stdout);
}

#[test]
fn only_the_chosen_cases_are_made_and_the_report_says_so() {
    let run = check().args(["--include", "hostile", "--exclude", "hostile/large,*/order", "--json"]).run();
    let report: Value = serde_json::from_str(&run.succeeds().stdout).unwrap();
    let wanted = CASES.iter().map(|case| case.id).filter(|id| id.starts_with("hostile/"));
    let wanted: Vec<&str> = wanted.filter(|id| !["hostile/large", "hostile/order"].contains(id)).collect();
    assert_eq!(made(&report), wanted);
    assert_eq!(report["all_cases"], false);
    assert_eq!(report["cases"], json!({"include": ["hostile"], "exclude": ["hostile/large", "*/order"]}));
    let text = check().args(["--include", "format"]).run();
    let chosen = format!("3 of {} cases are chosen", CASES.len());
    assert!(text.succeeds().stdout.contains(&chosen), "{}", text.stdout);
    assert!(text.stdout.contains("conforms, with warnings, in the chosen cases"), "{}", text.stdout);
}

#[rstest]
#[case::unknown("fuzzy", "there is no case `fuzzy`")]
#[case::of_services("service", "the chosen cases find nothing to try with a library")]
fn a_choice_that_chooses_nothing_has_not_passed(#[case] include: &str, #[case] expected: &str) {
    let run = check().args(["--include", include]).run();
    run.ends_with(2);
    assert!(run.stderr.contains(expected) && run.stderr.contains("plugins check --list"), "{}", run.stderr);
    assert!(!run.stdout.contains(" conforms"), "{}", run.stdout);
}

#[test]
fn the_report_names_the_library_the_contract_and_the_platform() {
    let run = check().args(["--exclude", "speed", "--report", "report.json"]).run();
    let report = json_of(&run.succeeds().dir().join("report.json"));
    let whole = fs::read(library("example-vendor")).unwrap();
    let digits = sha256(&whole);
    let one = &report["libraries"][0];
    assert_eq!((&one["sha256"], &one["bytes"]), (&json!(digits), &json!(whole.len())));
    let contract = format!("{EPOCH}.{MINOR}");
    assert_eq!(
        one["abi"],
        json!({"built_for": contract, "loads_from": format!("{EPOCH}.0"), "language": "rust"})
    );
    assert_eq!(report["prony"]["contract"], contract);
    assert_eq!((&report["prony"]["platform"], &report["seed"]), (&json!(TARGET), &json!(42)));
    let window =
        format!("built for contract {contract}; loads in prony with contract {EPOCH}.0 and later {EPOCH}.x");
    assert!(run.stdout.contains(&window) && run.stdout.contains(&digits), "{}", run.stdout);
}

#[test]
fn the_same_seed_makes_the_same_report_and_a_drawn_one_is_printed() {
    let report = |seed: &str| {
        let run = check().args(["--exclude", "speed", "--seed", seed, "--report", "report.json"]).run();
        let text = fs::read_to_string(run.succeeds().dir().join("report.json")).unwrap();
        (run.stdout.clone(), text)
    };
    let (stdout, first) = report("random");
    let (_, after) = stdout.split_once("\nseed ").unwrap();
    let (seed, _) = after.split_once(':').unwrap();
    assert_eq!(report(seed).1, first);
    assert!(first.contains(&format!("\"seed\": {seed},")), "{first}");
}

#[test]
fn the_trace_has_what_went_in_and_what_came_out() {
    let tool =
        check().args(["--include", "responses/chunks", "--trace", "calls.jsonl", "--replay", "mine.sse"]);
    tool.file("mine.sse", "data: {\"choices\": [{\"delta\": {\"content\": \"Hi\"}}]}\n\ndata: [DONE]\n\n");
    let run = tool.run();
    let trace = fs::read_to_string(run.succeeds().dir().join("calls.jsonl")).unwrap();
    let lines: Vec<Value> = trace.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let chunks = lines.iter().filter(|line| line["case"] == "responses/chunks");
    // Once whole, and 200 times in chunks.
    assert_eq!(chunks.clone().count(), 201);
    for line in chunks {
        let pieces = line["in"].as_array().unwrap();
        let sent: String = pieces.iter().map(|piece| piece["text"].as_str().unwrap()).collect();
        assert!(sent.ends_with("data: [DONE]\n\n"), "{line}");
        assert_eq!(line["out"][0]["text"], "Hi", "{line}");
    }
}

#[test]
fn a_report_or_a_trace_that_cannot_be_written_costs_nothing_else() {
    let full = check().args(["--include", "format", "--report", "/dev/full"]).run();
    full.ends_with(1);
    assert!(full.stderr.contains("failed to write `/dev/full`"), "{}", full.stderr);
    assert!(full.stdout.contains("in the chosen cases"), "{}", full.stdout);
    let trace = check().args(["--include", "format", "--trace", "/dev/full", "--report", "r.json"]).run();
    trace.ends_with(1);
    assert_eq!(json_of(&trace.dir().join("r.json"))["verdict"], "warn");
    let nowhere = check().args(["--report", "no/such/folder/r.json"]).run();
    nowhere.ends_with(1);
    assert!(nowhere.stdout.is_empty() && nowhere.stderr.contains("help: "), "{}", nowhere.stderr);
}

#[rstest]
#[case::a_report("--report")]
#[case::a_trace("--trace")]
fn an_output_never_takes_the_place_of_the_library(#[case] flag: &str) {
    let tool = Tool::new(["plugins", "check", "libx.so", flag, "./libx.so"]);
    let copy = tool.dir().join("libx.so");
    fs::copy(library("example-vendor"), &copy).unwrap();
    let before = fs::read(&copy).unwrap();
    let run = tool.run();
    run.ends_with(2);
    assert_eq!(fs::read(run.dir().join("libx.so")).unwrap(), before);
}
