//! `prony doctor`: what it says of this machine depends on the machine; that it says all of it, and how it ends, does not.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs};

use prony_tests::{MockPlugin, Run, Tool};
use rstest::rstest;
use serde_json::Value;

/// A machine on which everything that a test can choose is well.
fn doctor() -> Tool {
    Tool::new(["doctor", "--concurrency", "1"])
}

fn looks(run: &Run) -> Vec<Value> {
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(answer["schema_version"], 1);
    answer["looks"].as_array().unwrap().clone()
}

/// What it says of one thing.
fn look(run: &Run, what: &str) -> Value {
    let looks = looks(run);
    let named = looks.iter().find(|look| look["what"] == what);
    named.unwrap_or_else(|| panic!("nobody looked at `{what}`: {}", run.stdout)).clone()
}

#[test]
fn every_look_says_what_was_found_and_needed_and_a_fault_what_to_do() {
    let run = doctor().arg("--json").run();
    assert!([0, 1].contains(&run.code), "{}", run.stderr);
    let looks = looks(&run);
    let groups: BTreeSet<&str> = looks.iter().map(|look| look["group"].as_str().unwrap()).collect();
    let expected = ["clocks", "files", "installation", "memory", "network", "processors"];
    assert_eq!(groups, BTreeSet::from(expected));
    for look in &looks {
        for key in ["what", "found", "needed"] {
            assert!(!look[key].as_str().unwrap().is_empty(), "`{key}` of {look}");
        }
        let state = look["state"].as_str().unwrap();
        assert!(["ok", "note", "warn", "fail"].contains(&state), "{look}");
        let is_bad = ["warn", "fail"].contains(&state);
        assert!(!is_bad || !look["fix"].as_str().unwrap().is_empty(), "{look}");
    }
}

#[test]
fn the_exit_code_is_1_if_and_only_if_something_fails() {
    for concurrency in ["1", "1000000000"] {
        let run = Tool::new(["doctor", "--json", "--concurrency", concurrency]).run();
        let failures = looks(&run).iter().filter(|look| look["state"] == "fail").count();
        run.ends_with(i32::from(failures > 0));
        let answer: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(answer["failures"], failures);
    }
}

/// No machine has a billion ports.
#[test]
fn more_connections_than_ports_fail() {
    let run = Tool::new(["doctor", "--json", "--concurrency", "1000000000"]).run();
    run.ends_with(1);
    let ports = look(&run, "local ports");
    assert_eq!(ports["state"], "fail", "{ports}");
    assert!(ports["fix"].as_str().unwrap().contains("ip_local_port_range"), "{ports}");
}

#[test]
fn people_read_groups_and_words() {
    let run = doctor().run();
    for text in ["processors\n", "clocks\n", "  ok ", "cores", "open files", "; needed: ", " warning"] {
        assert!(run.stdout.contains(text), "`{text}` is not in:\n{}", run.stdout);
    }
    // Into a pipe, each look is one line.
    let lines: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("  ")).collect();
    assert!(lines.len() > 15 && lines.iter().all(|line| line.contains("; needed: ")), "{lines:#?}");
}

#[test]
fn the_kernels_stamps_are_tried() {
    let run = doctor().arg("--json").run();
    let stamps = look(&run, "receive stamps");
    assert_eq!(stamps["state"], if cfg!(target_os = "linux") { "ok" } else { "warn" }, "{stamps}");
}

#[test]
fn a_folder_that_nobody_may_write_to_fails() {
    let tool = doctor().args(["--json", "--artifact-dir", "results/of/runs"]);
    tool.file("results", "a file");
    let run = tool.run();
    run.ends_with(1);
    let results = look(&run, "results in `results/of/runs`");
    assert_eq!(results["state"], "fail", "{results}");
    assert!(results["fix"].as_str().unwrap().contains("--artifact-dir"), "{results}");
}

#[test]
fn it_writes_nothing() {
    let run = doctor().args(["--artifact-dir", "results"]).run();
    assert_eq!(fs::read_dir(run.dir()).unwrap().count(), 0, "{}", run.stdout);
}

#[test]
fn a_plugin_with_a_fault_is_named_with_what_to_do() {
    let pack = MockPlugin::empty();
    let manifest = pack.manifest(
        "schema_version: \"1.0\"\nendpoint:\n  acme:\n    class: acme:Acme\n    description: It is not here.\n    \
         metadata: {endpoint_path: /v1/chat/completions, supports_streaming: true, produces_tokens: true, tokenizes_input: true}\n",
    );
    let run = doctor().args(["--json", "--plugins"]).arg(&manifest).run();
    run.ends_with(1);
    let name = manifest.canonicalize().unwrap().display().to_string();
    let looks = looks(&run);
    let says = |look: &&Value, key: &str, text: &str| look[key].as_str().unwrap().contains(text);
    let fault = looks.iter().find(|look| says(look, "what", &name) && says(look, "found", "does not exist"));
    assert_eq!(fault.unwrap()["state"], "fail", "{looks:?}");
}

#[rstest]
#[case::of_the_default(&[])]
#[case::named(&["--endpoint-type", "chat"])]
fn a_manifest_that_cannot_be_read_is_a_row_whatever_the_api_format(#[case] words: &[&str]) {
    let pack = MockPlugin::empty();
    let manifest = pack.manifest("schema_version: [1.0]\n");
    let run = doctor().args(words).args(["--json", "--plugins"]).arg(&manifest).run();
    run.ends_with(1);
    let looks = looks(&run);
    let is_reported = |look: &Value| look["state"] == "fail" && look.to_string().contains("schema_version");
    assert!(looks.iter().any(is_reported), "{looks:?}");
}

#[test]
fn a_tokenizer_that_is_not_here_fails() {
    let run = doctor().args(["--json", "--tokenizer", "./nowhere/tokenizer.json"]).run();
    run.ends_with(1);
    assert_eq!(look(&run, "tokenizer `./nowhere/tokenizer.json`")["state"], "fail");
    let run = doctor().args(["--json", "--tokenizer", "cl100k_base"]).run();
    assert_eq!(look(&run, "tokenizer `cl100k_base`")["state"], "ok");
}

#[test]
fn an_api_format_that_there_is_not_is_refused() {
    let run = Tool::new(["doctor", "--endpoint-type", "chatt"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("unknown endpoint `chatt`"), "{}", run.stderr);
}
