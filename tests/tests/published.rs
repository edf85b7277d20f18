//! What services publish reaches the report: the summary, the console, and `prony report --messages`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use prony_tests::{MockPlugin, MockServer, Run, Tool, library};
use rstest::rstest;
use serde_json::{Value, json};

const TYPE: &str = "example_vendor_service_tally";

/// A pack with the example service, started with every run.
fn pack(isolation: &str) -> MockPlugin {
    let pack = MockPlugin::empty();
    let library = library("example-vendor-service");
    std::fs::copy(&library, pack.dir().join(library.file_name().unwrap())).unwrap();
    pack.manifest(&format!(
        "schema_version: \"1.0\"\nservice:\n  tally:\n    class: example_vendor_service:ExampleVendorService\n    \
         description: It counts.\n    isolation: {isolation}\n    metadata: {{required: true, auto_start: true}}\n"
    ));
    pack
}

/// A warm-up of three requests, and five.
fn run(pack: &MockPlugin, server: &MockServer) -> Run {
    let tool = Tool::profile(server).args(["--request-count", "5", "--warmup-request-count", "3"]);
    tool.args(["--osl", "4", "--plugins"]).arg(pack.path()).run()
}

#[rstest]
fn a_published_message_stands_in_the_summary_and_its_table_on_the_console(
    #[values("none", "process")] isolation: &str,
) {
    let (server, pack) = (MockServer::start(["--tokens", "4"]), pack(isolation));
    let run = run(&pack, &server);
    let summary = run.succeeds().summary();
    let service = &summary["services"]["tally"];
    assert_eq!((&service["state"], &service["published"]), (&json!("stopped"), &json!(2)));
    let messages = &service["messages"][TYPE];
    assert_eq!(messages["count"], 2);
    let requests = |at: usize| messages["last"][at]["requests"].clone();
    assert_eq!((requests(0), requests(1)), (json!(3), json!(5)), "{messages}");
    assert_eq!(messages["last"][1]["output_tokens"], 20);
    for text in [&run.stdout, &run.read("profile_export_console.txt")] {
        let title = "tally | Requests as counted by Example Vendor";
        let table = text.split(title).nth(1).unwrap();
        let row = table.lines().nth(3).unwrap();
        let cells: Vec<_> = row.split_whitespace().take(3).collect();
        assert_eq!(cells, ["5", "0", "20"], "{text}");
        assert_eq!(text.matches(title).count(), 1, "the table of the warm-up is not shown");
    }
    // Scrapes have files of their own.
    assert_eq!(summary["services"]["server_metrics"]["messages"], Value::Null);
}

#[test]
fn all_messages_of_a_run_are_printed_as_lines_of_json() {
    let (server, pack) = (MockServer::start(["--tokens", "4"]), pack("none"));
    let run = run(&pack, &server);
    let before = std::fs::read(run.succeeds().artifact("profile_export_prony.json")).unwrap();
    let printed = Tool::new(["report", "--messages"]).arg(run.dir().join("run")).run();
    let lines = printed.succeeds().stdout.lines();
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |service: &str| lines.iter().filter(|line| line["service"] == service).collect::<Vec<_>>();
    let tally = of("tally");
    assert_eq!(tally.len(), 2);
    assert_eq!((&tally[1]["type"], &tally[1]["message"]["requests"]), (&json!(TYPE), &json!(5)));
    let scrapes = of("server_metrics");
    assert!(
        scrapes.iter().all(|line| line["message"]["samples"].is_array()) && scrapes.len() > 1,
        "{scrapes:?}"
    );
    assert_eq!(std::fs::read(run.artifact("profile_export_prony.json")).unwrap(), before);
}

#[test]
fn a_folder_without_a_run_has_no_messages() {
    let tool = Tool::new(["report", "--messages", "."]);
    let run = tool.run();
    run.ends_with(2);
    assert!(run.stdout.is_empty() && run.stderr.contains("journal.prony"), "{}", run.stderr);
}
