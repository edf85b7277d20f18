//! Results in the files of other tools, as their users' scripts read them: `--compat`.
#![expect(clippy::unwrap_used, clippy::panic, clippy::float_cmp, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, path::Path};

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;
use serde_json::Value;

/// A warm-up, some failures, and a known length of outputs.
fn profile(server: &MockServer, flags: &[&str]) -> Run {
    let run = Tool::profile(server)
        .args(["--request-count", "12", "--concurrency", "3", "--warmup-request-count", "2"])
        .args(["--isl", "20", "--osl", "5", "--no-server-metrics"])
        .args(flags)
        .run();
    run.succeeds();
    run
}

fn server() -> MockServer {
    MockServer::start(["--tokens", "5", "--ttft-ms", "20", "--itl-ms", "5", "--error-every", "4"])
}

fn json(run: &Run, name: &str) -> Value {
    serde_json::from_str(&run.read(name)).unwrap()
}

fn lines(run: &Run, name: &str) -> Vec<Value> {
    run.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The statistics of AIPerf's three kinds of metrics, beside `unit`.
const OF_ONE_NUMBER: &[&str] = &["avg"];
const OF_REQUESTS: &[&str] = &[
    "avg", "count", "max", "min", "p1", "p10", "p25", "p5", "p50", "p75", "p90", "p95", "p99", "std", "sum",
];
const OVER_TIME: &[&str] = &["avg", "max", "min", "p50", "p90", "p95", "p99", "std"];

/// Metrics of a streaming chat run of AIPerf, with their units.
#[rustfmt::skip]
const METRICS: &[(&str, &str, &[&str])] = &[
    ("time_to_first_token", "ms", OF_REQUESTS),
    ("time_to_second_token", "ms", OF_REQUESTS),
    ("request_latency", "ms", OF_REQUESTS),
    ("decode_duration", "ms", OF_REQUESTS),
    ("inter_token_latency", "ms", OF_REQUESTS),
    ("inter_chunk_latency", "ms", OF_REQUESTS),
    ("output_token_throughput_per_user", "tokens/sec/user", OF_REQUESTS),
    ("e2e_output_token_throughput", "tokens/sec/user", OF_REQUESTS),
    ("prefill_throughput_per_user", "tokens/sec/user", OF_REQUESTS),
    ("output_sequence_length", "tokens", OF_REQUESTS),
    ("input_sequence_length", "tokens", OF_REQUESTS),
    ("output_token_count", "tokens", OF_REQUESTS),
    ("usage_prompt_tokens", "tokens", OF_REQUESTS),
    ("usage_completion_tokens", "tokens", OF_REQUESTS),
    ("usage_total_tokens", "tokens", OF_REQUESTS),
    ("usage_prompt_tokens_diff_pct", "%", OF_REQUESTS),
    ("usage_completion_tokens_diff_pct", "%", OF_REQUESTS),
    ("credit_to_start_latency", "ms", OF_REQUESTS),
    ("error_isl", "tokens", OF_REQUESTS),
    ("osl_mismatch_diff_pct", "%", OF_REQUESTS),
    ("output_token_throughput", "tokens/sec", OF_ONE_NUMBER),
    ("input_token_throughput", "tokens/sec", OF_ONE_NUMBER),
    ("total_token_throughput", "tokens/sec", OF_ONE_NUMBER),
    ("request_throughput", "requests/sec", OF_ONE_NUMBER),
    ("request_count", "requests", OF_ONE_NUMBER),
    ("error_request_count", "requests", OF_ONE_NUMBER),
    ("completed_request_count", "requests", OF_ONE_NUMBER),
    ("request_error_rate", "%", OF_ONE_NUMBER),
    ("benchmark_duration", "sec", OF_ONE_NUMBER),
    ("total_isl", "tokens", OF_ONE_NUMBER),
    ("total_osl", "tokens", OF_ONE_NUMBER),
    ("total_output_tokens", "tokens", OF_ONE_NUMBER),
    ("total_error_isl", "tokens", OF_ONE_NUMBER),
    ("osl_mismatch_count", "requests", OF_ONE_NUMBER),
    ("usage_discrepancy_count", "requests", OF_ONE_NUMBER),
    ("effective_concurrency", "requests", OVER_TIME),
    ("effective_prefill_concurrency", "requests", OVER_TIME),
    ("effective_decode_concurrency", "requests", OVER_TIME),
    ("effective_prefill_throughput", "tokens/sec", OVER_TIME),
];

/// What a script finds that reads AIPerf's summary: each metric under its tag with its unit and its statistics, and what describes the
/// run with its keys and types.
#[test]
fn the_summary_has_aiperfs_schema() {
    let run = profile(&server(), &["--compat", "aiperf", "--goodput", "time_to_first_token:10000"]);
    let summary = json(&run, "profile_export_aiperf.json");
    assert_eq!(summary["schema_version"], "1.4");
    assert!(summary["aiperf_version"].as_str().unwrap().starts_with("0.13.0+prony."), "{summary}");
    for (tag, unit, statistics) in METRICS {
        let metric = &summary[tag];
        let expected: BTreeSet<&str> = statistics.iter().copied().chain(["unit"]).collect();
        assert_eq!(keys(metric), expected, "{tag}");
        assert_eq!(metric["unit"], *unit, "{tag}");
        let (counts, others): (Vec<&str>, Vec<&str>) =
            statistics.iter().copied().partition(|statistic| *statistic == "count");
        assert!(others.iter().all(|statistic| metric[*statistic].is_f64()), "{tag}: {metric}");
        assert!(counts.iter().all(|statistic| metric[*statistic].is_u64()), "{tag}: {metric}");
    }
    assert!(summary["request_latency"]["count"].is_u64() && summary["request_latency"]["p50"].is_f64());
    assert_eq!(
        (number(&summary["request_count"]["avg"]), number(&summary["error_request_count"]["avg"])),
        (9.0, 3.0)
    );
    assert_eq!(number(&summary["good_request_count"]["avg"]), 9.0);
    assert_eq!(number(&summary["good_request_fraction"]["avg"]), 0.75, "failures are not good");
    assert_eq!(
        keys(&summary["run_info"]),
        BTreeSet::from(["benchmark_id", "cli_command", "random_seed", "trial"])
    );
    assert_eq!(summary["run_info"]["benchmark_id"], summary["benchmark_id"]);
    let config = &summary["input_config"];
    assert_eq!(config["models"]["items"][0]["name"], "m");
    assert_eq!(
        (&config["endpoint"]["type"], &config["endpoint"]["streaming"]),
        (&"chat".into(), &true.into())
    );
    let phases: Vec<(&str, &str)> = config["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|phase| (phase["kind"].as_str().unwrap(), phase["type"].as_str().unwrap()))
        .collect();
    assert_eq!(phases, [("warmup", "concurrency"), ("profiling", "concurrency")]);
    let telemetry = &summary["telemetry_data"];
    assert!(telemetry["endpoints"].is_object() && telemetry["error_summary"].is_array(), "{telemetry}");
    let collected = &telemetry["summary"];
    assert!(
        collected["endpoints_configured"].is_array() && collected["endpoints_successful"].is_array(),
        "{telemetry}"
    );
    assert_eq!(collected["start_time"], summary["start_time"]);
    assert_eq!((&summary["was_cancelled"], &summary["is_complete"]), (&false.into(), &true.into()));
    let errors = summary["error_summary"].as_array().unwrap();
    let of_all: u64 = errors.iter().map(|error| error["count"].as_u64().unwrap()).sum();
    assert_eq!(of_all, 3);
    let details = &errors[0]["error_details"];
    assert!(
        details["code"].is_u64() && details["type"].is_string() && details["message"].is_string(),
        "{details}"
    );
    // A naive time, as Python's `datetime.fromisoformat` reads it.
    for key in ["start_time", "end_time"] {
        let time = summary[key].as_str().unwrap();
        assert!(time.len() == 26 && &time[10..11] == "T" && !time.ends_with('Z'), "{time}");
    }
    assert_eq!(number(&summary["warmup_metrics"]["request_count"]["avg"]), 2.0);
}

/// What AIPerf defines otherwise than prony is as AIPerf defines it, in the lines as well as in the summary.
#[test]
fn numbers_are_those_of_aiperfs_definitions() {
    let run = profile(&server(), &["--compat", "aiperf"]);
    let (summary, ours) = (json(&run, "profile_export_aiperf.json"), run.summary());
    let lines = lines(&run, "profile_export.jsonl");
    let measured: Vec<&Value> = lines
        .iter()
        .filter(|line| line["metadata"]["benchmark_phase"] == "profiling" && line.get("error").is_none())
        .collect();
    assert_eq!(measured.len(), 9);
    for line in &measured {
        let metric = |tag: &str| number(&line["metrics"][tag]["value"]);
        let (latency, first) = (metric("request_latency"), metric("time_to_first_token"));
        let length = metric("output_sequence_length");
        assert!((metric("inter_token_latency") - (latency - first) / (length - 1.0)).abs() < 1e-9, "{line}");
        let gaps: Vec<f64> =
            line["metrics"]["inter_chunk_latency"]["value"].as_array().unwrap().iter().map(number).collect();
        assert!((gaps.iter().sum::<f64>() - (latency - first)).abs() < 1e-6, "{line}");
        let metadata = &line["metadata"];
        let wall_ms = (metadata["request_end_ns"].as_u64().unwrap()
            - metadata["request_start_ns"].as_u64().unwrap()) as f64
            / 1e6;
        assert!(latency <= wall_ms + 1e-6, "it ends with the last token, and begins with the work");
    }
    for tag in ["time_to_first_token", "request_latency", "inter_token_latency", "output_sequence_length"] {
        let values: Vec<f64> = measured.iter().map(|line| number(&line["metrics"][tag]["value"])).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!((number(&summary[tag]["avg"]) - mean).abs() < 1e-9, "{tag}");
    }
    // A first token counts from before the connection there, and from the last byte of the request here.
    assert!(number(&summary["time_to_first_token"]["max"]) >= number(&ours["time_to_first_token"]["max"]));
    let total = number(&summary["total_osl"]["avg"]);
    let rate = number(&summary["output_token_throughput"]["avg"]);
    assert!(
        (rate - total / number(&ours["benchmark_duration"]["avg"])).abs() < 1e-6,
        "by the window of the phase"
    );
}

/// A program in Python that looks at types finds those that AIPerf writes. What nothing failed in has no number of failures.
#[test]
fn numbers_have_the_types_that_aiperf_writes() {
    let server = MockServer::start(["--tokens", "5"]);
    let flags = ["--compat", "aiperf", "--goodput", "time_to_first_token:10000", "--slice-duration", "10s"];
    let run = profile(&server, &flags);
    let summary = json(&run, "profile_export_aiperf.json");
    assert!(
        summary["request_count"]["avg"].is_f64() && summary.get("error_request_count").is_none(),
        "{summary}"
    );
    for line in lines(&run, "profile_export.jsonl") {
        for (tag, metric) in line["metrics"].as_object().unwrap() {
            let is_count = ["tokens", "requests"].contains(&metric["unit"].as_str().unwrap());
            let has_type = |value: &Value| if is_count { value.is_u64() } else { value.is_f64() };
            let is_right = metric["value"]
                .as_array()
                .map_or_else(|| has_type(&metric["value"]), |all| all.iter().all(has_type));
            assert!(is_right, "{tag}: {metric}");
        }
        assert_eq!(line["metrics"]["good_request_count"]["value"], 1, "{line}");
    }
    let slices = run.read("profile_export_aiperf_timeslices.csv");
    let mut rows = slices.lines().skip(1).map(|row| row.split(',').collect::<Vec<_>>());
    assert!(
        rows.clone().all(|row| row[6].split_once('.').is_some_and(|(_, decimals)| decimals.len() == 2)),
        "{slices}"
    );
    let first = rows.next().unwrap();
    assert_eq!(first[3..6], ["Benchmark Duration", "sec", "avg"], "{slices}");
    assert!(rows.all(|row| row[5] != "count"), "{slices}");
}

/// How far the server's tokens are from those that are counted here, by AIPerf's definition.
#[test]
fn usage_is_compared_with_what_is_counted() {
    let run = profile(&server(), &["--compat", "aiperf"]);
    let lines = lines(&run, "profile_export.jsonl");
    let mut far = 0;
    for line in lines.iter().filter(|line| line.get("error").is_none()) {
        let metric = |tag: &str| number(&line["metrics"][tag]["value"]);
        let difference = |server: &str, own: &str| 100.0 * (metric(server) - metric(own)).abs() / metric(own);
        let prompt = difference("usage_prompt_tokens", "input_sequence_length");
        let completion = difference("usage_completion_tokens", "output_sequence_length");
        assert!((metric("usage_prompt_tokens_diff_pct") - prompt).abs() < 1e-9, "{line}");
        assert!((metric("usage_completion_tokens_diff_pct") - completion).abs() < 1e-9, "{line}");
        let is_measured = line["metadata"]["benchmark_phase"] == "profiling";
        far += u32::from(is_measured && prompt.max(completion) > 10.0);
    }
    let summary = json(&run, "profile_export_aiperf.json");
    assert_eq!(number(&summary["usage_discrepancy_count"]["avg"]), f64::from(far));
    let by_server = profile(&server(), &["--compat", "aiperf", "--use-server-token-count"]);
    let summary = json(&by_server, "profile_export_aiperf.json");
    assert!(summary.get("usage_prompt_tokens_diff_pct").is_none(), "{summary}");
}

/// The keys that AIPerf's lines always have.
const METADATA: [&str; 18] = [
    "session_num",
    "x_request_id",
    "x_correlation_id",
    "conversation_id",
    "turn_index",
    "credit_issued_ns",
    "request_start_ns",
    "request_end_ns",
    "worker_id",
    "record_processor_id",
    "benchmark_phase",
    "phase_index",
    "phase_name",
    "phase_kind",
    "was_cancelled",
    "context_overflow_skip",
    "agent_depth",
    "root_correlation_id",
];

/// Those of them that prony does not have; the page of files says so.
const LEFT_OUT: [&str; 2] = ["x_correlation_id", "root_correlation_id"];

#[test]
fn the_lines_are_aiperfs_and_prony_s_own_stand_beside_them() {
    let server = server();
    let run = profile(&server, &["--compat", "aiperf"]);
    let lines = lines(&run, "profile_export.jsonl");
    let of_phase =
        |phase: &str| lines.iter().filter(|line| line["metadata"]["benchmark_phase"] == phase).count();
    assert_eq!((of_phase("warmup"), of_phase("profiling")), (2, 12), "the warm-up is in the one file");
    for line in &lines {
        let metadata = keys(&line["metadata"]);
        let missing: Vec<&str> = METADATA.into_iter().filter(|key| !metadata.contains(key)).collect();
        assert_eq!(missing, LEFT_OUT, "{line}");
        let metrics = line["metrics"].as_object().unwrap();
        assert!(metrics.values().all(|metric| keys(metric) == BTreeSet::from(["unit", "value"])), "{line}");
        if let Some(error) = line.get("error") {
            assert!(error["type"].is_string() && error["message"].is_string(), "{line}");
            assert_eq!(metrics.keys().collect::<Vec<_>>(), ["error_isl"], "{line}");
        }
    }
    let page = include_str!("../../docs/FILES.md");
    assert!(LEFT_OUT.iter().all(|key| page.contains(&format!("`{key}`"))));
    let plain = profile(&server, &[]);
    let own = run.read("profile_export_prony.jsonl");
    assert_eq!(own.lines().count(), plain.read("profile_export.jsonl").lines().count());
    assert!(
        own.contains("\"request_sent_ns\"") && !run.read("profile_export.jsonl").contains("request_sent_ns")
    );
}

/// Two tables in one file, as AIPerf writes them and its users' scripts split them.
#[test]
fn the_table_has_two_sections() {
    let run = profile(&server(), &["--compat", "aiperf"]);
    let text = run.read("profile_export_aiperf.csv");
    let sections: Vec<&str> = text.split("\r\n\r\n").collect();
    assert_eq!(sections.len(), 2);
    let rows = |section: &str| -> Vec<Vec<String>> {
        section.trim_end().split("\r\n").map(|row| row.split(',').map(str::to_owned).collect()).collect()
    };
    let (many, single) = (rows(sections[0]), rows(sections[1]));
    assert_eq!(many[0].join(","), "Metric,avg,min,max,sum,p1,p5,p10,p25,p50,p75,p90,p95,p99,std");
    assert_eq!(single[0].join(","), "Metric,Value");
    assert!(many.iter().all(|row| row.len() == 15) && single.iter().all(|row| row.len() == 2));
    let summary = json(&run, "profile_export_aiperf.json");
    let row = many.iter().find(|row| row[0] == "Time to First Token (ms)").unwrap();
    assert_eq!(row[9], format!("{:.2}", number(&summary["time_to_first_token"]["p50"])));
    assert!(single.contains(&vec!["Request Count".to_owned(), "9.00".to_owned()]), "{single:?}");
    // As AIPerf 0.13 orders them: by tags, which most names begin as.
    let names: Vec<&str> = single[1..].iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names[..2], ["Benchmark Duration (sec)", "Completed Requests (Success + Error)"], "{names:?}");
    assert_eq!(many[1][0], "Credit-to-Start Latency (ms)", "{many:?}");
}

#[test]
fn inputs_are_what_was_sent_and_can_be_sent_again() {
    let server = MockServer::start(["--tokens", "2"]);
    let flags = ["--num-conversations", "3", "--conversation-turn-mean", "2", "--compat", "aiperf"];
    let run = Tool::profile(&server)
        .args(flags)
        .args(["--osl", "2", "--isl", "12", "--no-server-metrics", "--export-level", "raw"])
        .run();
    let inputs = json(run.succeeds(), "inputs.json");
    let sessions = inputs["data"].as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert!(sessions.iter().all(|session| session["payloads"].as_array().unwrap().len() == 2), "{inputs}");
    let body = &sessions[0]["payloads"][0];
    assert_eq!((&body["model"], &body["stream"]), (&"m".into(), &true.into()));
    assert!(body["messages"][0]["content"].is_string(), "{body}");
    let sent = lines(&run, "profile_export_raw.jsonl");
    assert_eq!(sent.len(), 6);
    for line in &sent {
        let (metadata, payload) = (&line["metadata"], &line["payload"]);
        let session =
            sessions.iter().find(|session| session["session_id"] == metadata["conversation_id"]).unwrap();
        let turn = usize::try_from(metadata["turn_index"].as_u64().unwrap()).unwrap();
        let planned = &session["payloads"][turn];
        if turn == 0 {
            assert_eq!(payload, planned);
        }
        // A later request has the replies of this run as well, which a preview cannot know.
        let last = |body: &Value| body["messages"].as_array().unwrap().last().cloned();
        assert_eq!(last(payload), last(planned), "{line}");
    }
    let again = Tool::profile(&server)
        .args(["--num-conversations", "3", "--no-server-metrics", "--input-file"])
        .arg(run.artifact("inputs.json"))
        .run();
    assert_eq!(number(&again.succeeds().summary()["request_count"]["avg"]), 6.0);
}

/// From the journal there is one way: what `prony report` writes later is what the run would have written.
#[test]
fn a_report_writes_them_for_an_older_run() {
    let run = profile(&server(), &[]);
    let own = run.read("profile_export.jsonl");
    let words = ["report", "--compat", "aiperf,vllm,guidellm", "--slice-duration", "50ms", "--quiet"];
    Tool::new(words).arg(run.artifact("")).run().succeeds();
    assert_eq!(run.read("profile_export_prony.jsonl"), own);
    let names = ["profile_export_aiperf.json", "profile_export.jsonl", "vllm_bench.json", "benchmarks.json"];
    let first: Vec<String> = names.iter().map(|name| run.read(name)).collect();
    Tool::new(words).arg(run.artifact("")).run().succeeds();
    assert_eq!(names.map(|name| run.read(name)).to_vec(), first);
    let slices = json(&run, "profile_export_aiperf_timeslices.json");
    let counts =
        slices["timeslices"].as_array().unwrap().iter().map(|slice| number(&slice["request_count"]["avg"]));
    assert!((counts.sum::<f64>() - 9.0).abs() < 1e-9);
    let header = run.read("profile_export_aiperf_timeslices.csv").lines().next().unwrap().to_owned();
    assert_eq!(header, "Timeslice,Start_NS,End_NS,Metric,Unit,Stat,Value");
}

#[test]
fn results_for_vllm_have_its_keys_and_a_list_entry_for_each_request() {
    let flags = ["--compat", "vllm", "--export-outputs-json", "--goodput", "request_latency:10000"];
    let run = profile(&server(), &flags);
    let results = json(&run, "vllm_bench.json");
    for key in ["date", "backend", "endpoint_type", "model_id", "tokenizer_id", "request_rate"] {
        assert!(results[key].is_string(), "{key}: {}", results[key]);
    }
    assert_eq!((&results["backend"], &results["request_rate"]), (&"openai-chat".into(), &"inf".into()));
    assert_eq!((&results["max_concurrency"], &results["burstiness"]), (&3.into(), &1.0.into()));
    assert_eq!(
        (&results["completed"], &results["failed"], &results["num_prompts"]),
        (&9.into(), &3.into(), &12.into())
    );
    assert_eq!(results["request_goodput"], results["request_throughput"], "all that succeeded were good");
    let of_all = ["duration", "request_throughput", "output_throughput", "total_token_throughput"];
    assert!(of_all.iter().all(|key| number(&results[key]) > 0.0), "{results}");
    for metric in ["ttft", "tpot", "itl", "e2el"] {
        for statistic in ["mean", "median", "std", "p99"] {
            assert!(results[format!("{statistic}_{metric}_ms")].is_number(), "{statistic} of {metric}");
        }
    }
    let list = |key: &str| results[key].as_array().unwrap().clone();
    let lists = [
        "input_lens",
        "output_lens",
        "ttfts",
        "itls",
        "latencies",
        "start_times",
        "generated_texts",
        "errors",
    ];
    assert!(lists.iter().all(|key| list(key).len() == 12));
    let succeeded: Vec<usize> = (0..12).filter(|at| list("errors")[*at] == "").collect();
    assert_eq!(succeeded.len(), 9);
    let ttfts: Vec<f64> = succeeded.iter().map(|at| number(&list("ttfts")[*at])).collect();
    let mean_ms = ttfts.iter().sum::<f64>() / 9.0 * 1e3;
    assert!((mean_ms - number(&results["mean_ttft_ms"])).abs() < 1e-6);
    assert!(succeeded.iter().all(|at| list("output_lens")[*at] == 5 && list("generated_texts")[*at] != ""));
    let tokens: f64 = list("output_lens").iter().map(number).sum();
    assert_eq!(tokens, number(&results["total_output_tokens"]));
}

/// Prony reads what it writes for vLLM and AIPerf, as a side of a comparison.
#[rstest]
#[case::vllm("vllm", "vllm_bench.json")]
#[case::aiperf("aiperf", "profile_export_aiperf.json")]
fn a_file_of_another_tool_is_a_side_of_a_comparison(#[case] tool: &str, #[case] name: &str) {
    let run = profile(&server(), &["--compat", tool]);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join(name);
    fs::copy(run.artifact(name), &copy).unwrap();
    let compared = Tool::new(["compare", "--format", "json"]).arg(&copy).arg(&copy).run();
    assert!([0, 6].contains(&compared.code), "{}", compared.stderr);
    assert!(compared.stdout.contains("time_to_first_token"), "{}", compared.stdout);
}

#[test]
fn results_for_guidellm_have_its_main_fields() {
    let run = profile(&server(), &["--compat", "guidellm"]);
    let report = json(&run, "benchmarks.json");
    assert_eq!(report["metadata"]["version"], 2);
    let benchmark = &report["benchmarks"][0];
    assert_eq!(benchmark["type_"], "generative_benchmark");
    assert_eq!(benchmark["config"]["strategy"]["streams"], 3);
    assert!(number(&benchmark["duration"]) > 0.0);
    let totals = &benchmark["metrics"]["request_totals"];
    assert_eq!(
        (&totals["successful"], &totals["errored"], &totals["total"]),
        (&9.into(), &3.into(), &12.into())
    );
    let names = [
        "request_latency",
        "prompt_token_count",
        "output_token_count",
        "time_to_first_token_ms",
        "time_per_output_token_ms",
        "inter_token_latency_ms",
    ];
    for name in names {
        let distribution = &benchmark["metrics"][name]["successful"];
        assert!(distribution["mean"].is_number() && distribution["std_dev"].is_number(), "{name}");
        assert!(distribution["percentiles"]["p99"].is_number() && distribution["count"] == 9, "{name}");
    }
    assert!(number(&benchmark["metrics"]["requests_per_second"]["successful"]["mean"]) > 0.0);
    let requests = &benchmark["requests"];
    let of = |status: &str| requests[status].as_array().unwrap().len();
    assert_eq!((of("successful"), of("errored"), of("incomplete")), (9, 3, 0));
    let first = &requests["successful"][0];
    let took = number(&first["request_end_time"]) - number(&first["request_start_time"]);
    assert!((took - number(&first["request_latency"])).abs() < 1e-5, "{first}");
}

#[rstest]
#[case(&["--compat", "aiperf,genai-perf"], "genai-perf")]
#[case(&["--compat", "aiperf", "--profile-export-prefix", "a/b"], "--profile-export-prefix")]
#[case(&["--compat", "aiperf", "--profile-export-file", "profile_export_prony.json"], "another file of a run")]
#[case(&["--server-metrics-formats", "parquet"], "parquet")]
#[case(&["--server-metrics-formats", "json", "--no-server-metrics"], "--no-server-metrics")]
#[case(&["--slice-duration", "0"], "--slice-duration")]
#[case(&["--export-level", "all"], "--export-level")]
fn what_cannot_be_is_refused_before_anything_is_sent(#[case] flags: &[&str], #[case] named: &str) {
    let run = Tool::profile_at("http://127.0.0.1:9").args(flags).run();
    run.ends_with(2);
    assert!(run.stderr.contains(named), "{}", run.stderr);
}

#[test]
fn several_runs_have_them_each_and_the_folder_of_all_has_none() {
    let server = MockServer::start(["--tokens", "2"]);
    let run = Tool::profile(&server)
        .args(["--concurrency", "1,2", "--request-count", "3", "--osl", "2", "--no-server-metrics"])
        .args(["--compat", "aiperf"])
        .run();
    run.succeeds();
    let folders = fs::read_dir(run.artifact("runs")).unwrap().map(|entry| entry.unwrap().path());
    let has_file = |folder: &Path| folder.join("profile_export_aiperf.json").is_file();
    assert_eq!(folders.filter(|folder| has_file(folder)).count(), 2);
    let of_all = Tool::new(["report", "--compat", "aiperf"]).arg(run.artifact("")).run();
    assert!(of_all.ends_with(2).stderr.contains("one of its runs"), "{}", of_all.stderr);
}

#[test]
fn a_file_that_cannot_be_written_costs_that_file_alone() {
    let run = profile(&server(), &[]);
    fs::create_dir_all(run.artifact("vllm_bench.json").join("inside")).unwrap();
    let again = Tool::new(["report", "--compat", "aiperf,vllm"]).arg(run.artifact("")).run();
    assert!(again.ends_with(1).stderr.contains("vllm_bench.json"), "{}", again.stderr);
    assert!(run.artifact("profile_export_aiperf.json").is_file());
}
