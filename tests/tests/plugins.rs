//! Packs and libraries of strangers, good and bad, through the real binary.

use std::fs::File;

use prony_tests::{MockPlugin, MockServer, Run, Tool, fixtures, library, mock_plugin};
use rstest::rstest;

/// A manifest with one chat-like endpoint `acme` of `library:type`.
fn manifest(class: &str) -> String {
    format!(
        "schema_version: \"1.0\"\nendpoint:\n  acme:\n    class: {class}\n    description: A stranger.\n    metadata: {{endpoint_path: /v1/chat/completions, \
         supports_streaming: true, produces_tokens: true, tokenizes_input: true}}\n"
    )
}

/// A profile with the endpoint `acme` of a pack.
fn profile(pack: &MockPlugin, server: &MockServer) -> Tool {
    Tool::new([
        "profile",
        "--model",
        "m",
        "--ui",
        "none",
        "--artifact-dir",
        "run",
        "--isl",
        "8",
        "--streaming",
    ])
    .args(["--url", server.url(), "--endpoint-type", "acme", "--request-count", "6", "--plugins"])
    .arg(pack.path())
}

/// Three lines: what failed with the file's name, what was found, what to do.
fn is_explained(run: &Run, file: &str, found: &str) {
    run.ends_with(3);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{}", run.stderr);
    assert!(lines[0].starts_with("error: failed to load the endpoint `acme`"), "{}", run.stderr);
    assert!(lines[0].contains(file), "{}", run.stderr);
    assert!(lines[1].starts_with("cause: ") && lines[1].contains(found), "{}", run.stderr);
    assert!(lines[2].starts_with("help: "), "{}", run.stderr);
}

#[test]
fn a_library_that_is_missing_is_named_with_the_next_step() {
    let pack = MockPlugin::empty();
    pack.manifest(&manifest("acme_chat:AcmeChat"));
    let run = profile(&pack, &MockServer::start([])).run();
    is_explained(&run, "libacme_chat.so", "");
}

#[rstest]
#[case::empty(&b""[..])]
#[case::text(&b"just some text, and long enough to be more than a header of an object file would be"[..])]
fn a_file_that_is_no_library_is_named_with_the_next_step(#[case] contents: &[u8]) {
    let pack = MockPlugin::empty();
    pack.manifest(&manifest("acme_chat:AcmeChat"));
    pack.file("libacme_chat.so", contents);
    let run = profile(&pack, &MockServer::start([])).run();
    is_explained(&run, "libacme_chat.so", "");
}

#[test]
fn a_library_cut_short_does_not_take_the_host_down() {
    let pack = MockPlugin::empty();
    pack.manifest(&manifest("acme_chat:AcmeChat"));
    let whole = std::fs::read(library("bad-panics")).unwrap();
    pack.file("libacme_chat.so", &whole[..whole.len() / 2]);
    let run = profile(&pack, &MockServer::start([])).run();
    is_explained(&run, "libacme_chat.so", "");
}

#[rstest]
#[case::no_entry("bad_no_entry:Chat", "bad-no-entry", "it has no `.prony.plugin` section")]
#[case::another_contract(
    "bad_contract:Chat",
    "bad-contract",
    "is built for contract 2.3, and this host offers 1.4"
)]
#[case::another_layout(
    "bad_layout:Chat",
    "bad-layout",
    "bad-layout 0.1.0 (contract 1.0, rustc 1.90.0) and this host (1.4, "
)]
#[case::no_such_type(
    "bad_panics:NoSuchEndpoint",
    "bad-panics",
    "the manifest names the endpoint `NoSuchEndpoint`, and bad-panics 0.1.0 exports `PanickingEndpoint`"
)]
fn a_bad_library_is_refused_with_its_reason(#[case] class: &str, #[case] package: &str, #[case] found: &str) {
    let pack = mock_plugin("acme", class, package);
    let run = profile(&pack, &MockServer::start([])).run();
    let file = format!("lib{}.so", package.replace('-', "_"));
    is_explained(&run, &file, found);
}

#[test]
fn a_panic_fails_its_request_and_names_the_plugin() {
    let pack = mock_plugin("acme", "bad_panics:PanickingEndpoint", "bad-panics");
    let server = MockServer::start(["--tokens", "3"]);
    let tool = Tool::new(["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run", "--streaming"]);
    // The third request panics, and every one after it. After the third panic the endpoint is not asked any more.
    tool.file("prompts.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n{\"text\": \"panic in event\"}\n");
    let run = tool
        .args(["--url", server.url(), "--endpoint-type", "acme", "--request-count", "50", "--plugins"])
        .arg(pack.path())
        .args(["--input-file", "prompts.jsonl"])
        .run();
    run.ends_with(3);
    let summary = run.summary();
    assert_eq!(summary["request_count"]["avg"], 2);
    let errors = summary["error_summary"].as_array().unwrap();
    let panics = errors.iter().find(|error| error["error_details"]["type"] == "plugin_panic").unwrap();
    assert_eq!(panics["count"], 3);
    let message = panics["error_details"]["message"].as_str().unwrap();
    assert!(message.contains("`acme`") && message.contains("told to panic in event"), "{message}");
    assert!(run.stdout.contains("`acme` panicked"), "{}", run.stdout);
}

#[rstest]
fn a_panic_is_an_error_of_its_request_wherever_it_happens(
    #[values("format", "parser", "event", "body", "end")] place: &str,
) {
    let pack = mock_plugin("acme", "bad_panics:PanickingEndpoint", "bad-panics");
    let server = MockServer::start(["--tokens", "3"]);
    let tool = Tool::new(["profile", "--model", "m", "--ui", "none", "--artifact-dir", "run"]);
    tool.file("prompts.jsonl", format!("{{\"text\": \"panic in {place}\"}}\n"));
    // Events are only there in a stream, and a whole body only without one.
    let tool = if place == "event" { tool.arg("--streaming") } else { tool };
    let run = tool
        .args(["--url", server.url(), "--endpoint-type", "acme", "--request-count", "2", "--plugins"])
        .arg(pack.path())
        .args(["--input-file", "prompts.jsonl"])
        .run();
    run.ends_with(1);
    let errors = run.summary()["error_summary"].as_array().unwrap().clone();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(
        (&errors[0]["error_details"]["type"], &errors[0]["count"]),
        (&"plugin_panic".into(), &2.into())
    );
    let message = errors[0]["error_details"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("told to panic in {place}")), "{message}");
}

/// A library has one copy of its statics and one panic hook, however many of its types are in use.
#[test]
fn a_library_is_opened_once_for_all_its_types() {
    let pack = mock_plugin("acme", "bad_panics:PanickingEndpoint", "bad-panics");
    let both = format!(
        "{}service:\n  shaky:\n    class: bad_panics:PanickingService\n    description: It panics.\n    \
         metadata: {{required: false, auto_start: true}}\n",
        manifest("bad_panics:PanickingEndpoint")
    );
    pack.manifest(&both);
    let run = profile(&pack, &MockServer::start([])).env("PRONY_LOG", "prony=debug").run();
    let summary = run.succeeds().summary();
    assert!(summary["services"]["shaky"].is_object(), "{summary}");
    let opened = run.stderr.lines().filter(|line| line.contains("opened a library"));
    assert_eq!(opened.filter(|line| line.contains("libbad_panics")).count(), 1, "{}", run.stderr);
}

#[test]
fn a_panicking_service_is_marked_and_the_numbers_are_untouched() {
    let pack = MockPlugin::empty();
    let library = library("bad-panics");
    std::fs::copy(&library, pack.dir().join(library.file_name().unwrap())).unwrap();
    pack.manifest(
        "schema_version: \"1.0\"\nservice:\n  shaky:\n    class: bad_panics:PanickingService\n    description: It panics.\n    \
         metadata: {required: false, auto_start: true}\n",
    );
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "5", "--plugins"]).arg(pack.path()).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 5);
    let shaky = &summary["services"]["shaky"];
    assert_eq!(shaky["state"], "failed");
    assert_eq!(shaky["error"]["type"], "plugin_panic");
}

#[test]
fn a_required_service_that_panics_ends_the_run() {
    let pack = MockPlugin::empty();
    let library = library("bad-panics");
    std::fs::copy(&library, pack.dir().join(library.file_name().unwrap())).unwrap();
    pack.manifest(
        "schema_version: \"1.0\"\nservice:\n  shaky:\n    class: bad_panics:PanickingService\n    description: It panics.\n    \
         metadata: {required: true, auto_start: true}\n",
    );
    let server = MockServer::start([]);
    let run =
        Tool::profile(&server).args(["--benchmark-duration", "3600", "--plugins"]).arg(pack.path()).run();
    run.ends_with(1);
    assert!(run.stdout.contains("`shaky`"), "{}", run.stdout);
}

#[test]
fn listing_reads_manifests_and_no_library() {
    let pack = MockPlugin::empty();
    pack.manifest(&manifest("no_such_library:AcmeChat"));
    let run = Tool::new(["plugins", "--plugins"]).arg(pack.path()).run();
    run.succeeds();
    for name in ["acme", "chat", "completions", "embeddings", "server_metrics"] {
        assert!(run.stdout.contains(name), "{}", run.stdout);
    }
}

#[test]
fn a_bad_pack_is_skipped_by_file_and_line() {
    let packs = tempfile::tempdir().unwrap();
    let folder = packs.path().join("acme");
    std::fs::create_dir(&folder).unwrap();
    let typo = manifest("acme_chat:AcmeChat").replace("supports_streaming", "supports_steaming");
    std::fs::write(folder.join("plugins.yaml"), typo).unwrap();
    let run = Tool::new(["plugins"]).env("PRONY_PLUGIN_PATH", packs.path()).run();
    run.succeeds();
    assert!(run.stdout.contains("chat"), "{}", run.stdout);
    assert!(run.stdout.contains("plugins.yaml:6"), "{}", run.stdout);
    assert!(run.stdout.contains("supports_steaming"), "{}", run.stdout);
}

#[rstest]
#[case::misspelt("chatt", "help: did you mean `chat`? `prony plugins endpoint` lists all\n")]
#[case::unheard_of("quux", "help: `prony plugins endpoint` lists all\n")]
fn an_unknown_endpoint_leads_to_what_there_is(#[case] name: &str, #[case] hint: &str) {
    let run = Tool::new(["profile", "--endpoint-type", name]).run();
    run.ends_with(2);
    assert!(run.stderr.contains(&format!("error: unknown endpoint `{name}`\n")), "{}", run.stderr);
    assert!(run.stderr.contains(hint), "{}", run.stderr);
}

/// An external pack beats a built-in of the same priority; if it cannot be loaded, the built-in is used and the report
/// says so.
#[test]
fn a_pack_that_cannot_be_loaded_falls_back_to_the_built_in() {
    let pack = MockPlugin::empty();
    pack.manifest(&manifest("acme_chat:AcmeChat").replace("acme:", "chat:"));
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "3", "--plugins"]).arg(pack.path()).run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 3);
    let notes = summary["notes"].to_string();
    assert!(notes.contains("libacme_chat.so"), "{notes}");
}

#[test]
fn the_fixtures_manifest_is_a_valid_one() {
    let manifest = fixtures().join("plugins/plugins.yaml");
    Tool::new(["plugins", "--plugins"]).arg(manifest).run().succeeds();
}

/// A library of a terabyte, nearly all of it a hole in its file.
#[test]
fn a_list_looks_into_libraries_without_reading_them_whole() {
    let pack = mock_plugin("acme", "bad_panics:PanickingEndpoint", "bad-panics");
    let library = pack.dir().join("libbad_panics.so");
    File::options().write(true).open(library).unwrap().set_len(1 << 40).unwrap();
    let run = Tool::new(["plugins", "--plugins"]).arg(pack.path()).run();
    run.succeeds();
    assert!(run.stdout.contains("acme") && !run.stdout.contains("broken"), "{}", run.stdout);
}
