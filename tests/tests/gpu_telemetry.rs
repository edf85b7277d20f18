//! GPUs beside the load: what they did, and what a token cost in energy.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use prony_tests::{MockServer, Run, Script, ScriptedServer, Tool, finish};
use rstest::rstest;
use serde_json::Value;

const READINGS: &str = "gpu_telemetry_export.jsonl";

/// Watts of a GPU of the mock server at rest, and those that each request in flight adds.
const IDLE_W: f64 = 60.0;
const REQUEST_W: f64 = 20.0;

fn page(server: &MockServer) -> String {
    format!("{}/dcgm/metrics", server.url())
}

/// A run of about two seconds, with eight requests in flight.
fn measured(server: &MockServer) -> Tool {
    let tool = Tool::profile(server).args(["--concurrency", "8", "--request-count", "80", "--osl", "10"]);
    tool.args(["--gpu-telemetry", &page(server)])
}

fn number(summary: &Value, tag: &str) -> f64 {
    summary[tag]["avg"].as_f64().unwrap_or_else(|| panic!("no `{tag}` in {summary}"))
}

fn is_near(found: f64, expected: f64, part: f64) -> bool {
    (found - expected).abs() <= part * expected
}

/// Joules that the server's GPUs took in the measured window, by what the server knows of its requests.
fn true_joules(server: &MockServer, summary: &Value, gpus: f64) -> f64 {
    let truth = server.truth();
    let phase = &summary["phases"][0];
    let (from, until) = (phase["start_ns"].as_u64().unwrap(), phase["window_end_ns"].as_u64().unwrap());
    let wall = truth["wall_start_ns"].as_u64().unwrap();
    let of_each = truth["requests"].as_array().unwrap().iter().map(|request| {
        let at = |name: &str| (wall + request[name].as_u64().unwrap()).clamp(from, until);
        at("ended_ns") - at("arrived_ns")
    });
    let busy_s = of_each.sum::<u64>() as f64 / 1e9;
    gpus * IDLE_W * (until - from) as f64 / 1e9 + REQUEST_W * busy_s
}

#[rstest]
fn energy_is_what_the_gpus_took_while_it_was_measured(
    #[values(&[], &["--isolate", "gpu_telemetry"])] more: &[&str],
) {
    let server = MockServer::start(["--gpus", "2", "--ttft-ms", "100", "--itl-ms", "10"]);
    let run = measured(&server).args(more).run();
    let summary = run.succeeds().summary();
    let joules = number(&summary, "nvidia_total_gpu_energy");
    let truth = true_joules(&server, &summary, 2.0);
    assert!(is_near(joules, truth, 0.05), "{joules} J, and truly {truth} J");
    let tokens = number(&summary, "total_osl");
    let window = number(&summary, "benchmark_duration");
    assert!(is_near(number(&summary, "nvidia_energy_per_output_token"), 1000.0 * joules / tokens, 1e-9));
    assert!(is_near(number(&summary, "nvidia_output_tokens_per_joule"), tokens / joules, 1e-9));
    assert!(is_near(number(&summary, "nvidia_average_gpu_power"), joules / window, 1e-9));
    assert!(is_near(number(&summary, "nvidia_energy_per_request"), joules / 80.0, 1e-9));
    // More than at rest.
    assert!(number(&summary, "nvidia_total_gpu_power") > 2.0 * IDLE_W);
    let source = page(&server);
    let short = server.url().strip_prefix("http://").unwrap();
    let gpus = &summary["telemetry_data"]["endpoints"][short]["gpus"];
    assert_eq!(gpus["gpu_1"]["gpu_uuid"], "GPU-mock-1");
    assert_eq!(
        (&gpus["gpu_0"]["energy"]["source"], &gpus["gpu_0"]["platform"]),
        (&"counter".into(), &"nvidia".into())
    );
    assert!(is_near(gpus["gpu_0"]["metrics"]["nvidia_memory_used"]["avg"].as_f64().unwrap(), 42.95, 0.001));
    let lines = readings(&run);
    assert!(lines.len() >= 6, "{lines:?}");
    assert!(
        lines
            .iter()
            .all(|line| line["telemetry_source_url"] == source && line["gpu_model_name"] == "NVIDIA Mock")
    );
    assert!(
        lines.iter().all(|line| line["telemetry_data"]["nvidia_power_usage"].as_f64().unwrap() >= IDLE_W)
    );
    assert!(
        run.stdout.contains("GPUs\n") && run.stdout.contains("Energy per Output Token"),
        "{}",
        run.stdout
    );
    assert!(run.read("report.html").contains("nvidia_power_usage"));
}

fn readings(run: &Run) -> Vec<Value> {
    run.read(READINGS).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Two requests a second cost more each than twenty, since the GPUs are at rest in between.
#[test]
fn a_token_costs_more_where_there_is_less_load() {
    let cost = |concurrency: &str, requests: &str| {
        let server = MockServer::start(["--gpus", "1", "--ttft-ms", "100", "--itl-ms", "5"]);
        let run = Tool::profile(&server)
            .args(["--concurrency", concurrency, "--request-count", requests, "--osl", "10"])
            .args(["--gpu-telemetry", &page(&server)])
            .run();
        number(&run.succeeds().summary(), "nvidia_energy_per_output_token")
    };
    let (alone, together) = (cost("1", "8"), cost("16", "64"));
    assert!(alone > 2.0 * together, "{alone} and {together} mJ a token");
}

/// Only power is known of some GPUs: then its integral is the energy.
#[test]
fn power_alone_will_do() {
    let server = MockServer::start(["--ttft-ms", "200"]);
    let line = "DCGM_FI_DEV_POWER_USAGE{gpu=\"0\",UUID=\"GPU-x\",modelName=\"M\",Hostname=\"h\"} 250\n";
    let exporter = ScriptedServer::start([Script::whole("text/plain", line)]);
    let run = Tool::profile(&server)
        .args(["--request-count", "10", "--osl", "4", "--gpu-telemetry", &exporter.url()])
        .run();
    let summary = run.succeeds().summary();
    let joules = 250.0 * number(&summary, "benchmark_duration");
    assert!(is_near(number(&summary, "nvidia_total_gpu_energy"), joules, 1e-6));
    let endpoints = summary["telemetry_data"]["endpoints"].as_object().unwrap();
    let gpu = &endpoints.values().next().unwrap()["gpus"]["gpu_0"];
    assert_eq!(gpu["energy"]["source"], "power");
    // An address without a path is that of `/metrics`.
    assert!(exporter.requests()[0].bytes.starts_with(b"GET /metrics "), "{:?}", exporter.requests()[0]);
}

/// A source that is not there is a sentence, and no error of the run.
#[test]
fn no_gpu_is_said_and_costs_nothing() {
    let server = MockServer::start([]);
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = Tool::profile(&server)
        .args(["--request-count", "3", "--gpu-telemetry", &format!("http://{nowhere}")])
        .run();
    let summary = run.succeeds().summary();
    let notes = summary["notes"].to_string();
    assert!(notes.contains("no GPU was found") && notes.contains("connection refused"), "{notes}");
    assert!(summary["nvidia_total_gpu_energy"].is_null());
    assert!(!run.artifact(READINGS).exists());
}

#[test]
fn gpus_are_looked_for_where_the_server_is() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server)
        .args(["--request-count", "3", "--gpu-telemetry"])
        .args(["--service-option", "gpu_telemetry.nvml_library=/nowhere/at/all.so"])
        .run();
    let notes = run.succeeds().summary()["notes"].to_string();
    for tried in ["127.0.0.1:9400", "127.0.0.1:9401", "nvml"] {
        assert!(notes.contains(tried), "{tried} in {notes}");
    }
}

/// Builds NVIDIA's library as the test has it.
fn fake_nvml(folder: &Path) -> PathBuf {
    let source = prony_tests::fixtures().join("nvml/fake.c");
    let library = folder.join("libnvidia-ml.so.1");
    let mut command = Command::new("cc");
    let built = finish(command.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source));
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    library
}

#[rstest]
#[cfg(target_os = "linux")]
fn gpus_of_this_machine_are_read_by_nvidias_library(#[values("nvml", "pynvml")] name: &str) {
    let server = MockServer::start(["--ttft-ms", "200"]);
    let folder = tempfile::tempdir().unwrap();
    let option = format!("gpu_telemetry.nvml_library={}", fake_nvml(folder.path()).display());
    let run = Tool::profile(&server)
        .args(["--request-count", "10", "--osl", "4", "--gpu-telemetry", name, "--service-option", &option])
        .run();
    let summary = run.succeeds().summary();
    let gpus = &summary["telemetry_data"]["endpoints"]["nvml"]["gpus"];
    assert_eq!(
        (&gpus["gpu_0"]["gpu_name"], &gpus["gpu_1"]["gpu_uuid"]),
        (&"NVIDIA Fake".into(), &"GPU-fake-1".into())
    );
    let joules = 200.0 * number(&summary, "benchmark_duration");
    assert!(is_near(number(&summary, "nvidia_total_gpu_energy"), joules, 0.02), "{summary}");
}

#[rstest]
#[case("--gpu-telemetry amdsmi", "GPUs of AMD are not read yet")]
#[case("--gpu-telemetry metrics.csv", "fields of one's own are not read")]
#[case("--gpu-telemetry h --no-gpu-telemetry", "no GPU is watched then")]
#[case("--gpu-telemetry ftp://h", "prony does not speak `ftp`")]
#[case("--slo nvidia_average_gpu_power<500", "since no GPU is watched")]
fn what_cannot_be_watched_is_refused(#[case] flags: &str, #[case] says: &str) {
    let run = Tool::profile_at("http://127.0.0.1:9").args(flags.split(' ')).run();
    run.ends_with(2);
    assert!(run.stderr.contains(says), "{}", run.stderr);
}
