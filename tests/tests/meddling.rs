//! Plugins that change what belongs to the whole process: the run goes on as if they had not, and names them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, os::unix::fs::PermissionsExt};

use prony_tests::{MockPlugin, MockServer, Run, Tool, eventually, library};
use rstest::rstest;

/// A pack with an endpoint and a service that meddle.
fn meddling() -> MockPlugin {
    let pack = MockPlugin::empty();
    fs::copy(library("bad-manners"), pack.dir().join("libbad_manners.so")).unwrap();
    pack.manifest(
        "schema_version: \"1.0\"\nendpoint:\n  acme:\n    class: bad_manners:MeddlingEndpoint\n    description: It meddles.\n    \
         metadata: {endpoint_path: /v1/chat/completions, supports_streaming: false, produces_tokens: true, tokenizes_input: \
         true}\n\
         service:\n  acme_service:\n    class: bad_manners:MeddlingService\n    description: It meddles.\n    \
         metadata: {required: false, auto_start: false}\n",
    );
    pack
}

/// A profile in which somebody does `what`, at the moment `when`.
fn tool(pack: &MockPlugin, server: &MockServer, what: &str, when: &str) -> Tool {
    let tool = Tool::bare_profile().args(["--url", server.url(), "--plugins"]).arg(pack.path());
    if ["new", "format"].contains(&when) {
        let options = [format!("what={what}"), format!("when={when}")];
        tool.args([
            "--endpoint-type",
            "acme",
            "--endpoint-option",
            &options[0],
            "--endpoint-option",
            &options[1],
        ])
    } else {
        let options = [format!("acme_service.what={what}"), format!("acme_service.when={when}")];
        let tool = tool.args(["--service", "acme_service"]);
        tool.args(["--service-option", &options[0], "--service-option", &options[1]])
    }
}

/// Whoever did it and what is named, and that it was put back.
#[track_caller]
fn names(run: &Run, when: &str, what: &str) {
    let who = if ["new", "format"].contains(&when) { "endpoint `acme`" } else { "service `acme_service`" };
    let message = format!("the {who} changed {what}, which belongs to the whole process; prony put it back");
    assert!(run.stderr.contains(&message), "`{message}` is not in: {}", run.stderr);
    if when != "stop" {
        assert!(run.summary()["notes"].to_string().contains(&message), "{}", run.summary()["notes"]);
    }
}

/// The report is where the user wanted it, and so is what the run reads after the plugin was loaded.
#[rstest]
fn a_plugin_that_changes_the_working_directory_takes_no_report_away(
    #[values("new", "format", "start", "stop")] when: &str,
) {
    let (pack, server) = (meddling(), MockServer::start([]));
    let tool =
        tool(&pack, &server, "chdir", when).args(["--request-count", "3", "--input-file", "rows.jsonl"]);
    tool.file("rows.jsonl", "{\"text\": \"a\"}\n");
    let run = tool.run();
    run.succeeds();
    assert_eq!(run.summary()["request_count"]["avg"], 3);
    names(&run, when, "the working directory");
}

#[rstest]
fn a_plugin_that_empties_the_umask_opens_no_file_to_others(
    #[values("new", "format", "start", "stop")] when: &str,
) {
    let (pack, server) = (meddling(), MockServer::start([]));
    let tool = tool(&pack, &server, "umask", when).args(["--request-count", "3", "--export-outputs-json"]);
    let run = tool.run();
    run.succeeds();
    names(&run, when, "the mask of file modes (umask)");
    for entry in fs::read_dir(run.artifact("")).unwrap().map(Result::unwrap) {
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o022, 0, "{:?}: {mode:o}", entry.file_name());
    }
    assert_eq!(run.artifact("").metadata().unwrap().permissions().mode() & 0o022, 0);
}

/// What a plugin prints goes where its log goes.
#[rstest]
fn what_a_plugin_prints_is_not_in_the_report(#[values("new", "format", "start", "stop")] when: &str) {
    let (pack, server) = (meddling(), MockServer::start([]));
    let run = tool(&pack, &server, "print", when).args(["--request-count", "3"]).run();
    run.succeeds();
    assert!(!run.stdout.contains("meddled"), "{}", run.stdout);
    assert!(run.stderr.contains("meddled"), "{}", run.stderr);
    assert!(run.stdout.starts_with(&run.read("profile_export_console.txt")), "{}", run.stdout);
}

/// Ctrl-C and SIGTERM are heard as ever.
#[rstest]
fn a_plugin_that_takes_the_signals_does_not_keep_them(
    #[values("new", "format", "start")] when: &str,
    #[values(("INT", 130), ("TERM", 143))] signal: (&str, i32),
) {
    let (pack, server) = (meddling(), MockServer::start(["--ttft-ms", "50"]));
    let running =
        tool(&pack, &server, "signals", when).args(["--request-rate", "1", "--request-count", "100"]).spawn();
    let named = || running.said("the handler of SIGTERM");
    eventually("a request is sent", || server.truth()["requests_total"].as_u64().filter(|count| *count > 0));
    eventually("the handlers are put back", || named().then_some(()));
    running.signal(signal.0);
    let run = running.wait();
    run.ends_with(signal.1);
    let what = "the handler of SIGINT, the handler of SIGTERM, the handler of SIGPIPE";
    names(&run, when, what);
}
