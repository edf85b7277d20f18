//! Numbers: every metric of a run is what another program computes of its journal, tokens are right whoever counts them and
//! doubted in words where they cannot be, and objectives are held.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, thread, time::Duration};

use prony_tests::{MockServer, Run, Script, ScriptedServer, Tool, eventually, fixtures};
use rstest::rstest;
use serde_json::{Value, json};

/// The server's own inter-token latency in its own tokens, over all of its requests.
fn true_inter_token_ms(truth: &Value, tokens_per_word: f64) -> f64 {
    let requests = truth["requests"].as_array().unwrap();
    let of_request = |request: &Value| {
        let sent: Vec<f64> =
            request["token_sent_ns"].as_array().unwrap().iter().map(|at| at.as_f64().unwrap()).collect();
        let later = sent.iter().filter(|at| **at > sent[0]).count();
        (sent.last().unwrap() - sent[0]) / 1e6 / (later as f64 * tokens_per_word)
    };
    requests.iter().map(of_request).sum::<f64>() / requests.len() as f64
}

fn inter_token_ms(run: &Run) -> f64 {
    run.summary()["inter_token_latency"]["avg"].as_f64().unwrap()
}

fn warnings(run: &Run) -> String {
    run.read("profile_export_console.txt")
}

fn assert_within(tolerance: f64, measured: f64, truth: f64) {
    assert!((measured / truth - 1.0).abs() < tolerance, "{measured} where the server has {truth}");
}

fn assert_within_5_percent(measured: f64, truth: f64) {
    assert_within(0.05, measured, truth);
}

/// A run against a server that counts so many tokens a word, and sends so many words in its first event.
fn counted_otherwise(endpoint: &str, tokens_per_word: f64, bundle_first: u64, tolerance: f64, more: &[&str]) {
    let (ratio, bundle) = (tokens_per_word.to_string(), bundle_first.to_string());
    let flags =
        ["--ttft-ms", "20", "--itl-ms", "20", "--usage-tokens-per-word", &ratio, "--bundle-first", &bundle];
    let server = MockServer::start(flags);
    let tool =
        Tool::profile_in(endpoint, server.url()).args(["--request-count", "2", "--isl", "20", "--osl", "40"]);
    let run = tool.args(more).run();
    run.succeeds();
    let latency = &run.summary()["inter_token_latency"];
    assert_eq!(latency["count"], 2, "{latency}");
    assert_within(tolerance, inter_token_ms(&run), true_inter_token_ms(&server.truth(), tokens_per_word));
}

#[rstest]
fn inter_token_latency_is_the_servers_own_whatever_it_counts(
    #[values("chat", "completions", "responses", "messages")] endpoint: &str,
    #[values(0.33, 1.0, 3.0)] tokens_per_word: f64,
    #[values(1, 3, 6)] bundle_first: u64,
) {
    counted_otherwise(endpoint, tokens_per_word, bundle_first, 0.05, &[]);
}

#[rstest]
#[case::over_the_portable_transport(0.05, &["--transport", "portable"])]
// An estimate: the first six words are shorter than the others.
#[case::without_a_tokenizer(0.1, &["--use-server-token-count"])]
fn inter_token_latency_is_the_servers_own(
    #[case] tolerance: f64,
    #[case] more: &[&str],
    #[values(0.33, 1.0, 3.0)] tokens_per_word: f64,
) {
    counted_otherwise("chat", tokens_per_word, 6, tolerance, more);
}

/// An event of the chat API with this text.
fn said(text: &str) -> String {
    json!({ "choices": [{ "index": 0, "delta": { "content": text } }] }).to_string()
}

/// An event of the chat API that ends the response and tells its usage.
fn over(prompt: u64, completion: u64) -> String {
    json!({
        "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion },
    })
    .to_string()
}

/// Twelve events of three local tokens each, 10 ms apart, so many of them in the first write; then the server's usage.
fn twelve_events(in_first_write: usize, usage: u64) -> Script {
    let event = format!("data: {}\n\n", said(" water light house"));
    let script = (in_first_write..12)
        .fold(Script::events().pause_ms(30).chunk(event.repeat(in_first_write)), |script, _| {
            script.pause_ms(10).chunk(&event)
        });
    script.event(&over(20, usage)).event("[DONE]").last_chunk()
}

#[rstest]
fn several_events_in_the_first_write_do_not_bend_the_servers_latency(
    #[values(1, 3, 4)] in_first_write: usize,
    #[values(12, 24)] usage: u64,
    #[values("timed", "portable")] transport: &str,
    #[values(&[], &["--use-server-token-count"])] counting: &[&str],
) {
    let server = ScriptedServer::start([twelve_events(in_first_write, usage)]);
    let tool = Tool::profile_at(&server.url()).args(["--request-count", "3", "--isl", "20"]);
    let run = tool.args(["--transport", transport]).args(counting).run();
    run.succeeds();
    let gap_ms = run.summary()["inter_chunk_latency"]["avg"].as_f64().unwrap();
    assert_eq!(run.summary()["inter_token_latency"]["count"], 3);
    assert_within_5_percent(inter_token_ms(&run), gap_ms * 12.0 / usage as f64);
    for record in run.records() {
        let metric = |tag: &str| record["metrics"][tag]["value"].as_f64().unwrap();
        let inverse = metric("inter_token_latency") * metric("output_token_throughput_per_user");
        assert!((inverse - 1e3).abs() < 1e-6, "{inverse}");
    }
}

/// Five tokens in the first event and one in each of five more, with the server's count so far in each.
#[rstest]
fn usage_that_comes_with_each_event_says_how_much_came_first(
    #[values("timed", "portable")] transport: &str,
    #[values(&[], &["--use-server-token-count"])] counting: &[&str],
) {
    let with_usage = |text: &str, completion: u64| {
        json!({
            "choices": [{ "index": 0, "delta": { "content": text } }],
            "usage": { "prompt_tokens": 20, "completion_tokens": completion, "total_tokens": 20 + completion },
        })
        .to_string()
    };
    // Texts whose length says nothing.
    let begun = Script::events().event(&with_usage(" a", 5));
    let script = (6..=10)
        .fold(begun, |script, so_far| script.pause_ms(20).event(&with_usage(" characteristically", so_far)));
    let server = ScriptedServer::start([script.event(&over(20, 10)).event("[DONE]").last_chunk()]);
    let tool = Tool::profile_at(&server.url()).args(["--request-count", "2", "--isl", "20"]);
    let run = tool.args(["--transport", transport]).args(counting).run();
    run.succeeds();
    let gap_ms = run.summary()["inter_chunk_latency"]["avg"].as_f64().unwrap();
    assert_within_5_percent(inter_token_ms(&run), gap_ms);
    assert_eq!(run.summary()["token_counts"]["inter_token_latency_basis"]["usage"], 2);
    assert!(!warnings(&run).contains("is an estimate"), "{}", warnings(&run));
}

#[test]
fn a_latency_that_rests_on_characters_is_told_as_an_estimate() {
    let server = ScriptedServer::start([twelve_events(4, 36)]);
    let tool = Tool::profile_at(&server.url()).args(["--request-count", "2", "--use-server-token-count"]);
    let run = tool.run();
    run.succeeds();
    assert_eq!(run.summary()["token_counts"]["inter_token_latency_basis"]["characters"], 2);
    let text = "the inter-token latency of 2 of 2 requests is an estimate";
    assert!(warnings(&run).contains(text), "{}", warnings(&run));
}

#[test]
fn tokens_that_nobody_counted_are_missed_in_words() {
    let event = format!("data: {}\n\n", said(" water"));
    let script = Script::events().chunk(&event).pause_ms(10).chunk(&event);
    let end = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }).to_string();
    let server = ScriptedServer::start([script.event(&end).event("[DONE]").last_chunk()]);
    let tool = Tool::profile_at(&server.url()).args(["--request-count", "2", "--use-server-token-count"]);
    let run = tool.run();
    run.succeeds();
    let text = "the output of 2 of 2 requests was not counted: token throughputs are too low, and 2 have no inter-token latency";
    assert!(warnings(&run).contains(text), "{}", warnings(&run));
}

#[test]
fn two_counters_that_disagree_are_told_with_what_to_do() {
    let answer = Script::events().event(&said(&" water".repeat(256))).event(&over(900, 100)).event("[DONE]");
    let server = ScriptedServer::start([answer.last_chunk()]);
    let run = Tool::profile_at(&server.url()).args(["--request-count", "1", "--isl", "256"]).run();
    run.succeeds();
    let text = warnings(&run);
    assert!(
        text.contains("the server counts 900 input tokens a request where o200k_base counts 256 (+251.6 %)"),
        "{text}"
    );
    assert!(
        text.contains("the server counts 100 output tokens where o200k_base counts 256 (-60.9 %)"),
        "{text}"
    );
    assert!(text.contains("Name the model's tokenizer with `--tokenizer`"), "{text}");
}

#[test]
fn responses_without_any_output_are_told() {
    let end = json!({
        "choices": [{ "index": 0, "delta": {}, "finish_reason": "length" }],
        "usage": { "prompt_tokens": 20, "completion_tokens": 0, "total_tokens": 20 },
    });
    let server =
        ScriptedServer::start([Script::events().event(&end.to_string()).event("[DONE]").last_chunk()]);
    let run = Tool::profile_at(&server.url())
        .args(["--request-count", "4", "--extra-inputs", "max_tokens:0"])
        .run();
    run.succeeds();
    assert!(warnings(&run).contains("4 of 4 successful responses are empty"), "{}", warnings(&run));
}

#[test]
fn a_text_that_was_not_read_is_told() {
    let event =
        json!({ "choices": [{ "index": 0, "delta": { "words": "Hello" }, "finish_reason": "stop" }] });
    let usage = json!({ "choices": [], "usage": { "prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27 } });
    let stream = Script::events().event(&event.to_string()).event(&usage.to_string());
    let server = ScriptedServer::start([stream.event("[DONE]").last_chunk()]);
    let run = Tool::profile_at(&server.url()).args(["--request-count", "3"]).run();
    let warnings = warnings(&run);
    assert!(warnings.contains("no text was read from 3 of 3 successful responses"), "{warnings}");
    assert!(warnings.contains("`chat` may not read the field"), "{warnings}");
    assert_eq!(run.summary()["token_counts"]["unread_responses"], 3);
}

#[test]
fn the_usage_of_a_recorded_response_is_not_compared_with_the_prompt() {
    let end = json!({
        "choices": [{ "index": 0, "delta": { "content": "Hello" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4 },
    });
    let tool = Tool::bare_profile().args(["--mock", "--request-count", "2", "--mock-answer", "answer.sse"]);
    tool.file("answer.sse", format!("data: {end}\n\ndata: [DONE]\n\n"));
    let run = tool.run();
    run.succeeds();
    assert!(!warnings(&run).contains("input tokens"), "{}", warnings(&run));
}

#[rstest]
#[case::a_format_with_both_names("chat", &[], true)]
#[case::when_the_old_name_was_sent("chat", &["--use-legacy-max-tokens"], false)]
#[case::a_format_with_one_name("completions", &[], false)]
fn longer_responses_name_the_flag_that_may_help(
    #[case] endpoint: &str,
    #[case] more: &[&str],
    #[case] expected: bool,
) {
    let event = json!({
        "choices": [{
            "index": 0, "finish_reason": "stop", "text": " water".repeat(40),
            "delta": { "content": " water".repeat(40) },
        }],
        "usage": { "prompt_tokens": 20, "completion_tokens": 40, "total_tokens": 60 },
    });
    let server =
        ScriptedServer::start([Script::events().event(&event.to_string()).event("[DONE]").last_chunk()]);
    let tool = Tool::profile_in(endpoint, &server.url()).args([
        "--request-count",
        "1",
        "--isl",
        "20",
        "--osl",
        "10",
    ]);
    let run = tool.args(more).run();
    run.succeeds();
    let text = warnings(&run);
    assert!(text.contains("1 of 1 responses is longer than requested"), "{text}");
    assert_eq!(text.contains("use `--use-legacy-max-tokens`"), expected, "{text}");
}

#[test]
fn a_limit_in_flight_that_holds_requests_back_is_named() {
    let server = MockServer::start(["--ttft-ms", "60"]);
    let tool =
        Tool::profile(&server).args(["--request-rate", "50", "--arrival-pattern", "constant", "--osl", "1"]);
    let run = tool.args(["--concurrency", "1", "--request-count", "20"]).run();
    run.succeeds();
    let text = warnings(&run);
    let line = text
        .lines()
        .find(|line| line.contains("the limit of 1 in flight held "))
        .unwrap_or_else(|| panic!("{text}"));
    assert!(
        line.contains(" of 20 requests back: 50/s were asked, 1") && line.contains("/s were reached"),
        "{line}"
    );
}

/// The program is stopped while the response arrives, and goes on when the phase has long been over.
#[rstest]
#[case::before_the_end(200, 1)]
#[case::after_the_end(1300, 0)]
fn what_arrived_before_the_end_counts_and_what_arrived_after_it_does_not(
    #[case] after_ms: u64,
    #[case] succeeded: u64,
) {
    let answer =
        Script::events().pause_ms(after_ms).event(&said(" water")).event(&over(20, 1)).event("[DONE]");
    let server = ScriptedServer::start([answer.last_chunk()]);
    let tool = Tool::profile_at(&server.url()).args(["--concurrency", "1", "--no-server-metrics"]);
    let running = tool.args(["--benchmark-duration", "1", "--benchmark-grace-period", "0"]).spawn();
    eventually("a request", || (server.requests().len() == 1).then_some(()));
    running.signal("STOP");
    // Nothing shows that it has not read what arrived: only time passes.
    thread::sleep(Duration::from_secs(2));
    running.signal("CONT");
    let run = running.wait();
    assert_eq!(run.summary()["request_count"]["avg"], succeeded, "{}", warnings(&run));
    let cancelled = run.summary()["cancelled_request_count"]["avg"].as_u64().unwrap();
    assert!(cancelled >= 1 - succeeded, "{}", warnings(&run));
    run.ends_with(match (succeeded, cancelled) {
        (0, _) => 1,
        (_, 0) => 0,
        _ => 6,
    });
}

/// One definition in the file and in the document, in the same words.
#[test]
fn the_documents_define_times_as_the_summary_does() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "1", "--osl", "4"]).run();
    let page = include_str!("../../docs/METRICS.md").to_lowercase();
    for tag in ["time_to_first_token", "request_latency"] {
        let definition =
            run.succeeds().summary()["definitions"][tag]["text"].as_str().unwrap().to_lowercase();
        assert!(definition.starts_with("from the moment the request was sent"), "{definition}");
        assert!(page.contains(definition.trim_end_matches('.')), "{definition}");
    }
}

/// What `tests/numbers/independent.py` has computed of a journal.
fn computed(name: &str) -> Value {
    let path = fixtures().join("numbers").join(name).join("independent.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The report of a stored journal.
fn report_of(name: &str) -> Run {
    let tool = Tool::new(["report", "run"]);
    let folder = tool.dir().join("run");
    fs::create_dir(&folder).unwrap();
    fs::copy(fixtures().join("numbers").join(name).join("journal.prony"), folder.join("journal.prony"))
        .unwrap();
    tool.run()
}

fn is_close(said: &Value, computed: &Value) -> bool {
    let (Some(said), Some(computed)) = (said.as_f64(), computed.as_f64()) else { return said == computed };
    // The smallest is the rounding of a difference of numbers that are alike.
    (said - computed).abs() <= (1e-9 * said.abs().max(computed.abs())).max(1e-12)
}

#[rstest]
#[case::at_a_rate("rate", 73)]
#[case::in_conversations("sessions", 75)]
fn every_metric_is_what_another_program_computes(#[case] name: &str, #[case] at_least: usize) {
    let (summary, computed) = (report_of(name).summary(), computed(name));
    let metrics = computed["metrics"].as_object().unwrap();
    assert!(metrics.len() >= at_least, "{}", metrics.len());
    for (tag, statistics) in metrics {
        for (statistic, value) in statistics.as_object().unwrap() {
            let said = &summary[tag][statistic];
            assert!(is_close(said, value), "{tag} {statistic}: {said}, computed {value}");
        }
    }
    let said = summary.as_object().unwrap().iter().filter(|(_, value)| value.get("unit").is_some());
    let not_computed: Vec<&String> =
        said.map(|(tag, _)| tag).filter(|tag| !metrics.contains_key(*tag)).collect();
    assert!(not_computed.is_empty(), "{not_computed:?}");
}

#[test]
fn objectives_have_the_intervals_that_another_program_computes() {
    let run = report_of("rate");
    let (summary, computed) = (run.ends_with(5).summary(), computed("rate"));
    let (said, computed) = (summary["slo"].as_array().unwrap(), computed["objectives"].as_array().unwrap());
    assert_eq!((said.len(), computed.len()), (6, 6));
    for (said, computed) in said.iter().zip(computed) {
        assert!(is_close(&said["value"], &computed["value"]), "{said} {computed}");
        for end in ["low", "high"] {
            assert!(is_close(&said["interval"][end], &computed[end]), "{said} {computed}");
        }
    }
    let states: Vec<&str> = said.iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["kept", "cannot_tell", "kept", "broken", "cannot_tell", "kept"]);
}

/// One objective that the server keeps to, and one that it does not.
#[rstest]
#[case::kept(&["--slo", "request_latency p50 < 30s", "--slo", "error_rate <= 0%"], 0, "")]
#[case::broken(&["--slo", "request_latency p50 < 30s", "--slo", "ttft p50 < 1ms"], 5, "an objective is broken: ttft p50 < 1ms: ")]
#[case::too_few(&["--slo", "request_latency p99 < 30s"], 6, "there are too few values; it needs 368 values")]
fn a_run_ends_as_its_objectives_say(#[case] objectives: &[&str], #[case] code: i32, #[case] said: &str) {
    let server = MockServer::start(["--ttft-ms", "5"]);
    let run = Tool::profile(&server).args(["--request-count", "12", "--osl", "2"]).args(objectives).run();
    run.ends_with(code);
    assert!(run.stderr.contains(said), "{}", run.stderr);
    assert_eq!(run.stderr.lines().filter(|line| line.contains("objective")).count(), usize::from(code != 0));
    assert!(run.stdout.contains("\nObjectives\n"), "{}", run.stdout);
    Tool::new(["report"]).arg(run.dir().join("run")).run().ends_with(code);
}

#[test]
fn every_metric_of_aiperf_is_there_or_named_with_a_reason() {
    let list = |words: &[&str]| -> Value {
        let run = Tool::new(words.iter().copied()).run();
        serde_json::from_str(&run.succeeds().stdout).unwrap()
    };
    let (ours, absent) = (list(&["metrics", "--json"]), list(&["metrics", "--absent", "--json"]));
    let ours: BTreeSet<&str> =
        ours.as_array().unwrap().iter().map(|metric| metric["tag"].as_str().unwrap()).collect();
    let reasons: Vec<(&str, &str)> = absent
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|one| one["tags"].as_array().unwrap().iter().map(|tag| (tag, &one["reason"])))
        .map(|(tag, reason)| (tag.as_str().unwrap(), reason.as_str().unwrap()))
        .collect();
    let is_named = |tag: &str| {
        let is_of =
            |known: &str| known.strip_suffix('*').map_or(known == tag, |begin| tag.starts_with(begin));
        reasons.iter().any(|(known, reason)| is_of(known) && reason.len() > 10)
    };
    let theirs = fs::read_to_string(fixtures().join("aiperf/metrics.txt")).unwrap();
    assert_eq!(theirs.lines().count(), 161);
    let unknown: Vec<&str> = theirs.lines().filter(|tag| !ours.contains(tag) && !is_named(tag)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
