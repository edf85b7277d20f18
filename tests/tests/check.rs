//! `prony plugins check`, through the real binary, on libraries good and bad.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use prony_tests::{MockPlugin, Run, Tool, library};
use rstest::rstest;
use serde_json::{Value, json};

/// `prony plugins check` of a package's library.
fn check(package: &str) -> Tool {
    Tool::new(["plugins", "check", "--mutations", "50"]).arg(library(package))
}

/// The check of the plugin that does what it is told, as JSON.
fn conduct(how: &str) -> (Run, Value) {
    let options = json!({"do": how}).to_string();
    let run = check("bad-conduct").args(["--json", "--deadline", "30", "--options", &options]).run();
    let report = serde_json::from_str(&run.stdout).unwrap();
    (run, report)
}

/// The texts of everything that was found in one exported type.
fn found(report: &Value, type_name: &str) -> String {
    let types = report["libraries"][0]["types"].as_array().unwrap();
    let one = types.iter().find(|one| one["subject"] == type_name).unwrap();
    let checks = one["checks"].as_array().unwrap();
    let findings = checks.iter().filter_map(|check| check["findings"].as_array()).flatten();
    findings.map(|finding| finding["text"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

#[rstest]
#[case::anthropic("endpoint-anthropic", 1)]
#[case::custom("endpoint-custom", 2)]
#[case::bedrock("endpoint-bedrock", 1)]
#[case::huggingface("endpoint-huggingface", 1)]
#[case::kserve("endpoint-kserve", 1)]
#[case::llamacpp("endpoint-llamacpp", 1)]
#[case::nvidia("endpoint-nvidia", 1)]
#[case::ollama("endpoint-ollama", 1)]
#[case::openai("endpoint-openai", 11)]
#[case::rankings("endpoint-rankings", 3)]
#[case::solido("endpoint-solido", 1)]
#[case::server_metrics("service-server-metrics", 1)]
#[case::network_latency("service-network-latency", 1)]
#[case::gpu_telemetry("service-gpu-telemetry", 1)]
#[case::otel("service-otel", 1)]
#[case::example("example-vendor", 1)]
#[case::example_service("example-vendor-service", 1)]
fn what_ships_conforms(#[case] package: &str, #[case] types: usize) {
    let run = check(package).arg("--json").run();
    let report: Value = serde_json::from_str(&run.succeeds().stdout).unwrap();
    let library = &report["libraries"][0];
    assert_eq!(library["types"].as_array().unwrap().len(), types);
    assert_eq!(library["rungs"].as_array().unwrap().len(), 9);
    for one in library["types"].as_array().unwrap() {
        for check in one["checks"].as_array().unwrap() {
            assert_eq!(check["verdict"], "ok", "{check:#}");
        }
    }
}

#[test]
fn a_library_in_the_working_folder_needs_no_path() {
    let tool = Tool::new(["plugins", "check", "--mutations", "50", "libx.so"]);
    std::fs::copy(library("example-vendor"), tool.dir().join("libx.so")).unwrap();
    tool.run().succeeds();
}

#[test]
fn the_report_tells_what_was_measured_and_what_was_not() {
    let run = check("endpoint-solido").run();
    run.succeeds();
    for expected in ["ns per event", "ns per request", "kB resident over", "cannot be counted from outside"] {
        assert!(run.stdout.contains(expected), "{}", run.stdout);
    }
    assert!(run.stdout.contains("warning: it is a debug build"), "{}", run.stdout);
}

#[rstest]
#[case::segfault("segfault", "was killed by signal 11 (SIGSEGV)")]
#[case::abort("abort", "was killed by signal 6 (SIGABRT)")]
#[case::stack_overflow("recurse", "was killed by signal 6 (SIGABRT)")]
#[case::exit("exit", "exited with code 0")]
#[case::memory("hoard", "was killed by signal 6 (SIGABRT)")]
fn what_takes_the_process_down_is_a_finding_that_names_the_call(#[case] how: &str, #[case] end: &str) {
    let (run, report) = conduct(how);
    run.ends_with(3);
    let endpoint = found(&report, "BadEndpoint");
    assert!(endpoint.contains(&format!("the process {end} while checking `event` with null")), "{endpoint}");
    // The other type is tried all the same.
    let service = found(&report, "BadService");
    assert!(service.contains(&format!("the process {end} while checking `start` in order")), "{service}");
}

/// Also before the first check of its own: answers of common API formats are tried to find out which one it speaks.
#[test]
fn a_crash_at_the_first_event_names_the_call() {
    let (run, report) = conduct("segfault at once");
    run.ends_with(3);
    let endpoint = found(&report, "BadEndpoint");
    let expected = "while checking `event` and `end` with a stream of chat completion chunks";
    assert!(endpoint.contains(expected), "{endpoint}");
}

#[rstest]
#[case::alone(&[], 2)]
#[case::warnings_denied(&["--deny-warnings"], 2)]
#[case::in_json(&["--json"], 2)]
fn a_plugin_that_needs_options_has_not_passed(#[case] flags: &[&str], #[case] code: i32) {
    let run = check("bad-conduct").args(flags).run();
    run.ends_with(code);
    assert!(run.stdout.contains("nothing could be checked: give options"), "{}", run.stdout);
    assert!(
        run.stderr.contains("failed to check anything: a plugin does not take the options `{}`"),
        "{}",
        run.stderr
    );
    assert!(!run.stdout.contains(" conforms"), "{}", run.stdout);
}

#[test]
fn a_call_that_does_not_return_is_a_finding_that_names_it() {
    let options = json!({"do": "hang"}).to_string();
    let run = check("bad-conduct").args(["--deadline", "3", "--options", &options]).run();
    run.ends_with(3);
    assert!(run.stdout.contains("no return within 3s while checking `event` with null"), "{}", run.stdout);
}

/// Nobody waits for a child that says what nobody understands and goes on.
#[test]
fn a_library_that_babbles_and_hangs_is_ended() {
    let options = json!({"fault": "babble", "when": "start"}).to_string();
    let run = check("bad-service").args(["--options", &options]).run();
    run.ends_with(3);
    assert!(run.stdout.contains("the process was killed by signal 9 (SIGKILL)"), "{}", run.stdout);
}

#[test]
fn a_library_that_keeps_what_it_is_given_is_warned_of() {
    let (run, report) = conduct("leak");
    run.succeeds();
    assert_eq!(report["verdict"], "warn");
    let library = &report["libraries"][0];
    assert_eq!((&library["verdict"], &library["types"][0]["verdict"]), (&json!("warn"), &json!("warn")));
    assert_eq!(library["types"][1]["verdict"], "ok");
    assert!(found(&report, "BadEndpoint").contains("resident memory grew by"), "{report:#}");
}

#[test]
fn panics_are_findings_and_not_the_end() {
    let run = check("bad-panics").args(["--options", r#"{"panic_in": "event"}"#]).run();
    run.ends_with(3);
    assert!(run.stdout.contains("panicked: told to panic in event"), "{}", run.stdout);
    assert!(run.stdout.contains("service PanickingService does not conform"), "{}", run.stdout);
}

#[rstest]
#[case("bad-no-entry", "it describes itself", "it has no `.prony.plugin` section")]
#[case("bad-contract", "it is made for a contract that this host offers", "is built for contract 2.3")]
#[case("bad-layout", "its types are those of the contract", "differ in a type")]
fn a_fall_from_the_ladder_names_the_rung(#[case] package: &str, #[case] rung: &str, #[case] found: &str) {
    let run = check(package).run();
    run.ends_with(3);
    let lines: Vec<&str> = run.stdout.lines().collect();
    let at = lines.iter().position(|line| line.trim_start().starts_with("FAIL")).unwrap();
    assert!(lines[at].contains(rung) && lines[at + 1].contains(found), "{}", run.stdout);
    assert!(lines[at + 2].trim_start().starts_with("help: "), "{}", run.stdout);
    assert!(lines[1..at].iter().all(|line| line.starts_with("  ok")), "{}", run.stdout);
}

#[test]
fn several_libraries_are_checked_and_the_worst_decides() {
    let run = check("example-vendor-service").arg(library("bad-no-entry")).run();
    run.ends_with(3);
    assert!(run.stdout.contains("libexample_vendor_service.so conforms"), "{}", run.stdout);
    assert!(run.stdout.contains("libbad_no_entry.so does not conform"), "{}", run.stdout);
}

#[test]
fn warnings_fail_only_when_they_are_denied() {
    // Tests are debug builds, which is worth a warning.
    check("example-vendor-service").run().succeeds();
    check("example-vendor-service").arg("--deny-warnings").run().ends_with(3);
}

#[test]
fn recordings_are_replayed_and_one_of_another_api_format_is_found_out() {
    let tool = check("example-vendor");
    let stream = tool
        .file("mine.sse", "data: {\"choices\": [{\"delta\": {\"content\": \"Hi\"}}]}\n\ndata: [DONE]\n\n");
    let other = tool.file(
        "other.http",
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"word\": \"Hi\"}\n\n",
    );
    let run = tool.arg("--replay").arg(stream).arg("--replay").arg(other).run();
    run.ends_with(3);
    assert!(
        run.stdout.contains(
            "`other.http` was read as a stream of server-sent events, and nothing of it was reported"
        ),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("event of `mine.sse`"), "{}", run.stdout);
}

/// What `curl -siN` writes: the head as it came, the body without its chunks; and what a proxy records: with them.
#[rstest]
#[case::by_curl("data: {\"choices\": [{\"delta\": {\"content\": \"Hi\"}}]}\n\ndata: [DONE]\n\n")]
#[case::with_its_chunks(
    "32\r\ndata: {\"choices\": [{\"delta\": {\"content\": \"Hi\"}}]}\n\r\nf\r\n\ndata: [DONE]\n\n\r\n0\r\n\r\n"
)]
fn a_recording_of_a_chunked_answer_is_replayed(#[case] body: &str) {
    let tool = check("example-vendor");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let stream = tool.file("chunked.http", format!("{head}{body}"));
    let run = tool.arg("--replay").arg(stream).run();
    run.succeeds();
    assert!(run.stdout.contains("event of `chunked.http`"), "{}", run.stdout);
}

/// Lines under a type that tells nothing: only the manifest says what they are.
#[test]
fn the_framing_of_the_manifest_is_that_of_the_check() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n\
        {\"message\": {\"content\": \"Hi\"}}\n{\"message\": {\"content\": \"\"}, \"done\": true}\n";
    let tool = check("endpoint-ollama");
    let file = tool.file("lines.http", answer);
    let run = tool.arg("--replay").arg(file).run();
    // The manifest that ships stands beside the library.
    run.succeeds();
    assert!(run.stdout.contains("plugins.yaml"), "{}", run.stdout);
    assert!(run.stdout.contains("event of `lines.http`"), "{}", run.stdout);

    let tool = check("endpoint-ollama");
    let file = tool.file("lines.http", answer);
    let other = tool.file(
        "plugins.yaml",
        "schema_version: \"1.0\"\nendpoint:\n  ollama_chat:\n    class: endpoint_ollama:ChatEndpoint\n    description: \
         Events.\n    metadata: {endpoint_path: /, supports_streaming: true, produces_tokens: true, tokenizes_input: \
         true}\n",
    );
    let run = tool.arg("--manifest").arg(other).arg("--replay").arg(file).run();
    run.ends_with(3);
    assert!(run.stdout.contains("lines.http"), "{}", run.stdout);
}

#[test]
fn a_manifest_that_is_named_and_cannot_be_read_is_an_error_of_usage() {
    let run = check("example-vendor").args(["--manifest", "no-such.yaml"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("no-such.yaml") && run.stderr.contains("help: "), "{}", run.stderr);
}

/// Comments and no event: there is nothing to measure.
#[test]
fn a_recording_without_events_has_no_speed() {
    let tool = check("example-vendor").args(["--replay", "head.http"]);
    tool.file("head.http", "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: ping\n\n");
    let run = tool.run();
    run.ends_with(3);
    assert!(run.stdout.contains("`head.http` was split into no event"), "{}", run.stdout);
    assert!(!run.stdout.contains("ns per"), "{}", run.stdout);
}

#[rstest]
#[case::missing("no-such-file.sse", None, "read the recording `no-such-file.sse`")]
#[case::empty("empty.sse", Some("\n"), "read the recording `empty.sse`: it is empty")]
#[case::head_alone(
    "head.http",
    Some("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"),
    "read the recording `head.http`: it is empty below its head"
)]
#[case::broken("broken.http", Some("HTTP/1.1 200 OK\r\n"), "read the recording `broken.http`")]
fn a_recording_that_cannot_be_read_is_an_error_of_usage(
    #[case] name: &str,
    #[case] contents: Option<&str>,
    #[case] expected: &str,
) {
    let tool = check("example-vendor").args(["--replay", name]);
    if let Some(contents) = contents {
        tool.file(name, contents);
    }
    let run = tool.run();
    run.ends_with(2);
    assert!(run.stderr.contains(expected) && run.stderr.contains("help: "), "{}", run.stderr);
}

#[test]
fn options_that_are_no_object_are_an_error_of_usage() {
    let run = check("example-vendor").args(["--options", "[1]"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("it is no JSON object"), "{}", run.stderr);
}

#[test]
fn a_library_is_needed_and_nobody_is_a_child_without_a_parent() {
    Tool::new(["plugins", "check"]).run().ends_with(2);
    let run = Tool::new(["plugins", "check", "--as-child"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("standard input is not a socket"), "{}", run.stderr);
}

/// What others can change is not run, not even to be checked.
#[test]
fn a_library_that_everyone_can_change_is_not_run() {
    use std::os::unix::fs::PermissionsExt;
    let pack = MockPlugin::empty();
    let open = pack.dir().join("libopen.so");
    std::fs::copy(library("example-vendor"), &open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o666)).unwrap();
    let run = Tool::new(["plugins", "check"]).arg(&open).run();
    run.ends_with(3);
    assert!(run.stdout.contains("everyone may write to"), "{}", run.stdout);
}

/// A folder of a crate as it is before the first build.
#[rstest]
#[case::its_library("crate/target/release/libacme.so", "cd crate && cargo build --release")]
#[case::a_debug_build("crate/target/debug/libacme.so", "cd crate && cargo build`")]
#[case::its_folder("crate", "cd crate && cargo build --release")]
fn a_library_that_is_not_built_yet_is_told_how_to_build_it(#[case] path: &str, #[case] command: &str) {
    let tool = Tool::new(["plugins", "check", path]);
    let folder = tool.dir().join("crate");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("Cargo.toml"), "[package]\nname = \"acme\"\n").unwrap();
    let run = tool.run();
    run.ends_with(2);
    assert!(run.stderr.contains(&format!("failed to check `{path}`: it is")), "{}", run.stderr);
    assert!(run.stderr.contains("help: build it first") && run.stderr.contains(command), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

#[test]
fn a_library_that_is_not_there_is_an_error_of_usage() {
    let run = Tool::new(["plugins", "check", "nowhere.so"]).run();
    run.ends_with(2);
    assert!(run.stderr.contains("failed to check `nowhere.so`: it does not exist"), "{}", run.stderr);
}
