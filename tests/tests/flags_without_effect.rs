//! Flags and variables that have no effect in a run: none is ignored without a word.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use prony_tests::{MockPlugin, MockServer, Run, Tool, library};
use rstest::rstest;

/// A short run against the mock server with these words.
fn profile(server: &MockServer, line: &str) -> Run {
    let words = ["--request-count", "2", "--isl", "4"];
    Tool::profile(server).args(words).args(line.split_whitespace()).run()
}

#[track_caller]
fn warns(run: &Run, warning: &str) {
    let line = format!("warning: {warning}");
    assert!(run.stderr.lines().any(|said| said.starts_with(&line)), "{}", run.stderr);
}

#[rstest]
#[case::trust("--insecure", "`--insecure` has no effect: no `--url` begins with `https://`")]
#[case::length_field(
    "--use-legacy-max-tokens",
    "`--use-legacy-max-tokens` has no effect: no request asks for an output length"
)]
#[case::more_prompts_than_requests(
    "--num-prompts 40",
    "`--num-dataset-entries` (`--num-prompts`) asks for 40 prompts, and the run sends only 2 requests: \
     `--request-count 40` sends each prompt once"
)]
#[case::isolated(
    "--isolate server_metrics --no-service server_metrics",
    "`--isolate server_metrics` has no effect"
)]
fn a_flag_without_effect_is_warned_of(#[case] line: &str, #[case] warning: &str) {
    let server = MockServer::start([]);
    let run = profile(&server, line);
    run.succeeds();
    warns(&run, warning);
}

#[test]
fn a_run_whose_flags_all_matter_has_no_warning() {
    let server = MockServer::start([]);
    let run = profile(
        &server,
        "--use-legacy-max-tokens --osl 4 --use-server-token-count --export-outputs-json --num-prompts 2",
    );
    run.succeeds();
    assert!(!run.stderr.contains("no effect") && !run.stderr.contains("prompts"), "{}", run.stderr);
}

#[test]
fn an_option_that_an_api_format_does_not_have_is_named() {
    let server = MockServer::start([]);
    let words =
        ["profile", "-m", "m", "--url", server.url(), "--request-count", "1", "--isl", "4", "--osl", "4"];
    let run = Tool::new(words).args(["--endpoint-type", "messages", "--use-legacy-max-tokens"]).run();
    run.succeeds();
    warns(&run, "`--use-legacy-max-tokens` has no effect: the endpoint `messages` has no such option");
}

#[rstest]
#[case::numbers(
    "--use-server-token-count",
    "image_retrieval",
    "the content of this endpoint is not counted in tokens"
)]
#[case::texts("--export-outputs-json", "embeddings", "the responses of this endpoint are no text")]
fn a_flag_for_text_is_warned_of_where_there_is_none(
    #[case] flag: &str,
    #[case] endpoint: &str,
    #[case] because: &str,
) {
    let server = MockServer::start([]);
    let words =
        ["profile", "-m", "m", "--url", server.url(), "--request-count", "1", "--endpoint-type", endpoint];
    let run = Tool::new(words).arg(flag).run();
    run.succeeds();
    warns(&run, &format!("`{flag}` has no effect: {because}"));
}

#[rstest]
#[case("--ca-cert")]
#[case("--client-cert")]
fn a_certificate_is_read_even_where_nothing_uses_it(
    #[case] flag: &str,
    #[values("timed", "portable")] transport: &str,
) {
    let server = MockServer::start([]);
    let run = profile(&server, &format!("{flag} nope.pem --transport {transport}"));
    run.ends_with(2);
    assert!(run.stderr.contains("cannot read certificates from `nope.pem`"), "{}", run.stderr);
    warns(&run, &format!("`{flag}` has no effect: no `--url` begins with `https://`"));
    assert_eq!(server.truth()["requests_total"], 0);
}

#[rstest]
#[case::flag(&["--api-key", ""], None, "`--api-key`")]
#[case::variable(&[], Some(""), "`PRONY_API_KEY`")]
#[case::blank_variable(&[], Some(" \n"), "`PRONY_API_KEY`")]
fn an_empty_key_is_an_error_that_names_where_it_is(
    #[case] words: &[&str],
    #[case] variable: Option<&str>,
    #[case] by: &str,
) {
    let server = MockServer::start([]);
    let mut tool = Tool::profile(&server).args(words);
    if let Some(value) = variable {
        tool = tool.env("PRONY_API_KEY", value);
    }
    let run = tool.run();
    run.ends_with(2);
    let error = format!("error: the API key is empty: {by} is set to nothing\n");
    assert!(run.stderr.contains(&error), "{}", run.stderr);
    assert_eq!(server.truth()["requests_total"], 0);
}

#[test]
fn variables_of_aiperf_are_named_once() {
    let server = MockServer::start([]);
    let tool = Tool::profile(&server).args(["--request-count", "1", "--isl", "4"]);
    let run = tool.env("AIPERF_HTTP_TIMEOUT", "5").env("AIPERF_DEV_MODE", "1").run();
    run.succeeds();
    warns(
        &run,
        "`AIPERF_DEV_MODE`, `AIPERF_HTTP_TIMEOUT` have no effect: prony reads no variables of AIPerf",
    );
    assert_eq!(run.stderr.matches("AIPERF_DEV_MODE").count(), 1, "{}", run.stderr);
}

#[test]
fn pages_to_scrape_contradict_a_scraper_that_is_left_out() {
    let server = MockServer::start([]);
    let run = profile(&server, "--no-service server-metrics --server-metrics http://localhost:1");
    run.ends_with(2);
    assert!(
        run.stderr.contains("`--server-metrics` together with `--no-service server_metrics`"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_scraper_that_is_left_out_is_not_called_enabled() {
    let server = MockServer::start([]);
    let run = profile(&server, "--no-service server_metrics");
    assert_eq!(run.succeeds().summary()["input_config"]["server_metrics"]["enabled"], false);
}

/// Plugins whose library says nothing about options.
fn silent() -> MockPlugin {
    let pack = MockPlugin::empty();
    fs::copy(library("bad-manners"), pack.dir().join("libbad_manners.so")).unwrap();
    pack.manifest(
        "schema_version: \"1.0\"\n\
         endpoint:\n  open:\n    class: bad_manners:TellingEndpoint\n    description: A test's.\n    \
         metadata: {endpoint_path: /v1/chat/completions, supports_streaming: true, produces_tokens: true, \
         tokenizes_input: true}\n\
         service:\n  opener:\n    class: bad_manners:TellingService\n    description: A test's.\n    \
         metadata: {required: false, auto_start: false}\n",
    );
    pack
}

#[rstest]
#[case::endpoint(
    &["--endpoint-option", "colour=blue", "--endpoint-option", "size=5"],
    "`colour`, `size` may have no effect: the endpoint `open` does not say which options it takes"
)]
#[case::service(
    &["--service", "opener", "--service-option", "opener.colour=blue"],
    "`colour` may have no effect: the service `opener` does not say which options it takes"
)]
fn an_option_of_a_plugin_that_names_none_is_named(#[case] options: &[&str], #[case] warning: &str) {
    let (server, pack) = (MockServer::start([]), silent());
    let words =
        ["profile", "-m", "m", "--url", server.url(), "--request-count", "1", "--endpoint-type", "open"];
    let run = Tool::new(words).args(options).arg("--plugins").arg(pack.path()).run();
    warns(&run, warning);
}
