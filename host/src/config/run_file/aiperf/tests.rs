//! Files of AIPerf's, and what is said of them.

use rstest::rstest;

use crate::config::run_file::tests::{line, mistakes, read_text};

#[test]
fn a_file_is_read_where_its_meaning_is_ours() {
    let file = read_text(
        "schemaVersion: \"2.0\"\nrandomSeed: 7\nbenchmark:\n  model: ${MODEL:demo}\n  \
         endpoint: {type: chat, streaming: true, timeout: 60, headers: {A: b}, apiKey: k}\n  \
         dataset: {type: synthetic, entries: 200, prompts: {isl: 300, osl: {mean: 60, stddev: 5}}}\n  \
         warmup: {type: concurrency, requests: 20}\n  \
         profiling: {type: poisson, rate: 12, concurrency: 32, duration: 2m, gracePeriod: 20s}\n  \
         slos: {time_to_first_token: 250}\n  artifacts: {dir: D}\n  runtime: {ui: none}\n  serverMetrics: false\n",
    );
    assert_eq!(mistakes(&file), [""; 0]);
    assert_eq!(
        line(&file),
        "--random-seed=7 --model=llama --endpoint-type=chat --streaming --request-timeout-seconds=60 \
         --header={\"A\":\"b\"} --api-key=k --num-dataset-entries=200 --isl=300 --osl=60 --osl-stddev=5 \
         --warmup-concurrency=1 --warmup-request-count=20 --arrival-pattern=poisson --request-rate=12 --concurrency=32 \
         --benchmark-duration=2m --benchmark-grace-period=20s --goodput=time_to_first_token:250 --artifact-dir=D \
         --ui=none --no-server-metrics"
    );
    assert_eq!(file.places["osl-stddev"].value.to_string(), "run.yaml:6:88");
}

#[test]
fn calls_to_the_server_are_switches_or_say_how() {
    let file = read_text(
        "benchmark:\n  model: m\n  endpoint:\n    resetKvCache: {path: /flush_cache, timeoutSeconds: 5}\n    \
         serverProfiler: true\n",
    );
    assert_eq!(mistakes(&file), [""; 0]);
    assert_eq!(
        line(&file),
        "--model=m --reset-kv-cache --reset-kv-cache-path=/flush_cache --reset-kv-cache-timeout-seconds=5 \
         --server-profiler"
    );
}

#[test]
fn what_surrounds_the_load_has_blocks() {
    let file = read_text(
        "benchmark:\n  model: m\n  gpuTelemetry: {enabled: true, collector: pynvml, urls: [\"http://a:9400/metrics\"], mode: summary}\n  \
         networkLatency: {enabled: true, pingInterval: 2}\n  otel:\n    metricsUrl: http://c:4318\n    \
         customResourceAttributes: {team: serving, stage: test}\n    genAiProvider: vllm\n    streamTimingEnabled: true\n  \
         serverMetrics: {urls: [\"http://a:8000/metrics\"], formats: [json, jsonl]}\n",
    );
    assert_eq!(mistakes(&file), [""; 0]);
    assert_eq!(
        line(&file),
        "--model=m --gpu-telemetry=pynvml --gpu-telemetry=http://a:9400/metrics --network-latency \
         --network-latency-ping-interval=2 --otel-url=http://c:4318 --otel-resource-attributes=team=serving \
         --otel-resource-attributes=stage=test --gen-ai-provider=vllm --server-metrics=http://a:8000/metrics \
         --server-metrics-formats=json --server-metrics-formats=jsonl"
    );
}

/// Without sources, those near the servers are read; what is off says nothing else.
#[rstest]
#[case("gpuTelemetry: {}", "--gpu-telemetry")]
#[case("gpuTelemetry: {collector: dcgm}", "--gpu-telemetry")]
#[case("gpuTelemetry: {enabled: false, collector: pynvml}", "--no-gpu-telemetry")]
#[case("gpuTelemetry: false", "--no-gpu-telemetry")]
#[case("networkLatency: {pingInterval: 2}", "")]
#[case("networkLatency: {enabled: false, pingInterval: 2}", "")]
#[case("serverMetrics: {enabled: false, urls: [a]}", "--no-server-metrics")]
#[case("serverMetrics: {urls: []}", "")]
fn blocks_are_on_or_off(#[case] block: &str, #[case] expected: &str) {
    let file = read_text(&format!("schemaVersion: \"2.0\"\nbenchmark:\n  {block}\n"));
    assert_eq!(mistakes(&file), [""; 0]);
    assert_eq!(line(&file), expected);
}

#[test]
fn what_such_a_block_says_that_is_not_ours_is_named() {
    let file = read_text(
        "benchmark:\n  gpuTelemetry: {metricsFile: f.csv, mode: realtime_dashboard}\n  networkLatency: {meanMs: 3}\n  \
         otel: {streamMetricsEnabled: false, url: x}\n  serverMetrics: {discovery: {mode: kubernetes}}\n",
    );
    assert_eq!(
        mistakes(&file),
        [
            "run.yaml:2:18: `benchmark.gpuTelemetry.metricsFile` of AIPerf is not supported",
            "run.yaml:2:38: `benchmark.gpuTelemetry.mode` of AIPerf is not supported",
            "run.yaml:3:20: `benchmark.networkLatency.meanMs` of AIPerf is not supported",
            "run.yaml:4:10: `benchmark.otel.streamMetricsEnabled` of AIPerf is not supported",
            "run.yaml:4:39: `benchmark.otel.url` of AIPerf is not supported",
            "run.yaml:5:19: `benchmark.serverMetrics.discovery` of AIPerf is not supported",
        ]
    );
    assert_eq!(
        mistakes(&read_text("benchmark: {otel: on}\n")),
        ["run.yaml:1:13: `benchmark.otel` of AIPerf is not supported"]
    );
}

#[test]
fn phases_may_be_a_list_and_have_other_loads() {
    let file = read_text(
        "benchmark:\n  models: {items: [{name: a}, b], strategy: random}\n  phases:\n  \
         - {name: w, kind: warmup, type: constant, rate: 5, duration: 3}\n  \
         - {name: p, kind: profiling, type: user_centric, rate: 4, users: 20, rateRamp: {duration: 5}}\n",
    );
    assert_eq!(mistakes(&file), [""; 0]);
    assert_eq!(
        line(&file),
        "--model=a --model=b --model-selection-strategy=random --warmup-arrival-pattern=constant \
         --warmup-request-rate=5 --warmup-duration=3 --user-centric-rate=4 --num-users=20 \
         --request-rate-ramp-duration=5"
    );
    let scheduled = read_text("benchmark:\n  profiling: {type: fixed_schedule, startOffset: 5}\n");
    assert_eq!(line(&scheduled), "--fixed-schedule --fixed-schedule-start-offset=5");
}

#[test]
fn each_key_that_is_not_ours_is_named_with_its_place() {
    let file = read_text(
        "benchmark:\n  model: m\n  mlflow: {uri: x}\n  endpoint: {downloadVideoContent: true}\n  \
         profiling: {adaptiveScale: 5}\n  dataset: {prompts: {isl: \"{{ isl }}\"}}\n  \
         models: {items: [{name: a, weight: 2}]}\nvariables: {isl: 5}\n",
    );
    assert_eq!(
        mistakes(&file),
        [
            "run.yaml:3:3: `benchmark.mlflow` of AIPerf is not supported",
            "run.yaml:4:14: `benchmark.endpoint.downloadVideoContent` of AIPerf is not supported",
            "run.yaml:5:15: `benchmark.profiling.adaptiveScale` of AIPerf is not supported",
            "run.yaml:6:23: `benchmark.dataset.prompts.isl` of AIPerf is not supported",
            "run.yaml:7:12: `benchmark.models.items` of AIPerf is not supported",
            "run.yaml:8:1: `variables` of AIPerf is not supported",
        ]
    );
}

/// The settings of each phase.
fn phases(text: &str) -> Vec<String> {
    let file = read_text(text);
    assert_eq!(mistakes(&file), [""; 0]);
    let phases = file.phases.into_iter().map(|phase| phase.text.with_words(&phase.words).to_string());
    phases.collect()
}

#[test]
fn several_phases_are_those_of_ours() {
    let expected = [
        r#"{"name":"fill","role":"warmup","seamless":true,"concurrency":"4","request_count":"20"}"#,
        r#"{"name":"low","role":"measure","seamless":true,"arrival_pattern":"constant","benchmark_duration":"30s","request_rate":"5"}"#,
        r#"{"name":"users","role":"measure","num_users":"20","user_centric_rate":"4"}"#,
    ];
    let text = "benchmark:\n  model: m\n  phases:\n  - {name: fill, kind: warmup, type: concurrency, requests: 20, concurrency: 4, \
                seamless: true}\n  - {name: low, type: constant, rate: 5, duration: 30s, seamless: true}\n  - {name: users, \
                kind: profiling, type: user_centric, rate: 4, users: 20}\n";
    assert_eq!(phases(text), expected);
}

#[test]
fn a_warm_up_that_hands_over_is_one_of_several_phases() {
    let text =
        "benchmark:\n  profiling: {concurrency: 8, requests: 40}\n  warmup: {requests: 20, seamless: true}\n";
    let expected = [
        r#"{"name":"warmup","role":"warmup","seamless":true,"request_count":"20"}"#,
        r#"{"name":"profiling","role":"measure","concurrency":"8","request_count":"40"}"#,
    ];
    assert_eq!(phases(text), expected);
    let excluded =
        "benchmark:\n  phases: [{rate: 5, type: poisson, excludeFromResults: true}, {concurrency: 8}]\n";
    let expected = [
        r#"{"name":"phase_1","role":"warmup","arrival_pattern":"poisson","request_rate":"5"}"#,
        r#"{"name":"phase_2","role":"measure","concurrency":"8"}"#,
    ];
    assert_eq!(phases(excluded), expected);
}

#[test]
fn what_several_phases_cannot_have_is_named() {
    let file = read_text(
        "benchmark:\n  phases:\n  - {name: a, concurrency: 5, adaptiveScale: 5}\n  - {name: b, type: fixed_schedule}\n  \
         - {name: c, seamless: true}\nsweep: {parameters: {phases.a.concurrency: [1, 2], phases.d.rate: [1, 2]}}\n",
    );
    assert_eq!(
        mistakes(&file),
        [
            "run.yaml:3:31: `benchmark.phases.adaptiveScale` of AIPerf is not supported",
            "run.yaml:4:15: `benchmark.phases.type` of AIPerf is not supported",
            "run.yaml:5:15: `seamless` says how the next phase begins, and this is the last one",
            "run.yaml:6:52: `sweep.parameters.phases.d.rate` of AIPerf is not supported",
        ]
    );
    assert_eq!(line(&file), "--sweep=phases.a.concurrency=1,2");
}

#[test]
fn a_file_of_another_schema_is_named() {
    let file = read_text("schemaVersion: \"3.0\"\nbenchmark: {model: m}\n");
    assert_eq!(mistakes(&file), ["run.yaml:1:1: `schemaVersion` of AIPerf is not supported"]);
    assert_eq!(mistakes(&read_text("schemaVersion: 2.0\nbenchmark: {model: m}\n")), [""; 0]);
}

#[test]
fn what_is_swept_stands_in_place_of_what_is_not() {
    let file = read_text(
        "benchmark:\n  model: m\n  profiling: {type: poisson, rate: 12}\nsweep:\n  parameters:\n    \
         phases.profiling.rate: [6, 12]\n    isl: [5, 6]\n",
    );
    assert_eq!(mistakes(&file), [""; 0]);
    let expected = "--model=m --arrival-pattern=poisson --request-rate=6,12 --isl=5,6";
    assert_eq!(line(&file), expected);
    let above = read_text(
        "sweep: {parameters: {phases.profiling.rate: [6, 12], isl: [5, 6]}}\nbenchmark:\n  model: m\n  \
         profiling: {type: poisson, rate: 12}\n",
    );
    assert_eq!((mistakes(&above), line(&above).as_str()), (Vec::new(), expected));
}

#[test]
fn what_takes_no_list_is_swept_by_name_and_a_path_means_one_setting() {
    let file = read_text(
        "benchmark: {model: m}\nsweep:\n  parameters:\n    model: [a, b]\n    \
         phases.warmup.concurrency: [1, 2]\n    phases.warm.concurrency: [1, 2]\n",
    );
    assert_eq!(
        mistakes(&file),
        ["run.yaml:6:5: `sweep.parameters.phases.warm.concurrency` of AIPerf is not supported"]
    );
    assert_eq!(line(&file), "--warmup-concurrency=1,2 --sweep=model=a,b");
}
