use prony_plugin_api::{
    ErrorDetails,
    telemetry::{GPU_ENERGY, GPU_POWER, GpuReading, GpuTelemetrySample, NetworkLatencySample, ProbeTime},
};
use serde_json::json;

use super::*;

const S: u64 = 1_000_000_000;

fn taken(messages: &[(&str, Vec<u8>)]) -> (Beside, BesideLines) {
    let mut beside = Beside::default();
    let mut all = BesideLines::default();
    for (message_type, payload) in messages {
        let lines = beside.take(message_type, payload, 1000).unwrap();
        all.network.extend(lines.network);
        all.gpus.extend(lines.gpus);
    }
    (beside, all)
}

fn probe(time: ProbeTime, rtt_ns: Option<u64>) -> NetworkLatencySample {
    let error =
        rtt_ns.is_none().then(|| ErrorDetails { message: "refused".into(), ..ErrorDetails::default() });
    NetworkLatencySample {
        target: "http://h:8000".into(),
        host: "h".into(),
        port: 8000,
        time,
        at_ns: 7,
        rtt_ns,
        error,
    }
}

fn network(samples: Vec<NetworkLatencySample>) -> (&'static str, Vec<u8>) {
    (NetworkLatencyBatch::TYPE, NetworkLatencyBatch { samples }.encode().unwrap())
}

/// A GPU of one source at these seconds, with watts and megajoules.
fn gpu(source: &str, uuid: &str, readings: &[(u64, f64, Option<f64>)]) -> (&'static str, Vec<u8>) {
    let sample = |(at_s, watts, megajoules): &(u64, f64, Option<f64>)| {
        let values = [(GPU_POWER, Some(*watts)), (GPU_ENERGY, *megajoules)];
        let values = values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        let gpu = GpuReading { uuid: uuid.into(), model: "M".into(), values, ..GpuReading::default() };
        GpuTelemetrySample {
            source: source.into(),
            at_ns: at_s * S,
            gpus: vec![gpu],
            ..GpuTelemetrySample::default()
        }
    };
    let samples = readings.iter().map(sample).collect();
    (GpuTelemetryBatch::TYPE, GpuTelemetryBatch { samples }.encode().unwrap())
}

#[test]
fn probes_are_told_by_their_time_and_all_together() {
    let us = |us: u64| Some(us * 1000);
    let probes = vec![
        probe(ProbeTime::Before, us(40)),
        probe(ProbeTime::Before, us(60)),
        probe(ProbeTime::During, None),
        probe(ProbeTime::After, us(50)),
    ];
    let (beside, lines) = taken(&[network(probes)]);
    let summary = Value::Object(beside.summary());
    let ways = &summary["network_latency"]["targets"]["http://h:8000"];
    assert_eq!((&ways["before"]["count"], &ways["before"]["min"]), (&json!(2), &json!(0.04)));
    assert_eq!((&ways["during"]["failed"], &ways["during"]["p50"]), (&json!(1), &Value::Null));
    assert_eq!((&ways["all"]["count"], &ways["all"]["p50"]), (&json!(4), &json!(0.05)));
    assert_eq!(ways["all"]["p99_is_carried"], false);
    assert_eq!(beside.over(&[]).round_trip_ms, Some(0.05));
    assert_eq!(beside.notes(), ["1 of 4 connections to measure the way to `http://h:8000` failed: refused"]);
    let lines: Vec<Value> = lines
        .network
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(
        (&lines[0]["timestamp_ns"], &lines[0]["rtt_ns"], &lines[0]["success"]),
        (&json!(1007), &json!(40_000), &json!(true))
    );
}

#[test]
fn energy_is_that_of_each_gpu_once() {
    let counted = [(9, 100.0, Some(1.0)), (21, 100.0, Some(1.0012))];
    let (mut beside, lines) = taken(&[
        gpu("http://a:9400/metrics", "GPU-a", &counted),
        gpu("nvml", "GPU-a", &counted),
        gpu("nvml", "GPU-b", &[(9, 50.0, None), (21, 50.0, None)]),
    ]);
    let measured = vec![(10 * S, 20 * S)];
    beside.set_measured(measured.clone());
    let over = beside.over(&measured);
    assert!((over.energy_j.unwrap() - 1500.0).abs() < 1e-6, "{over:?}");
    assert_eq!(over.power_w, Some(150.0));
    let summary = Value::Object(beside.summary());
    let gpus = |source: &str| &summary["telemetry_data"]["endpoints"][source]["gpus"]["gpu_0"];
    assert_eq!(gpus("a:9400")["energy"]["source"], "counter");
    let of_library = summary["telemetry_data"]["endpoints"]["nvml"]["gpus"].as_object().unwrap();
    let names: Vec<&str> = of_library.keys().map(String::as_str).collect();
    assert_eq!(names, ["gpu_0_GPU-a", "gpu_0_GPU-b"]);
    assert_eq!(
        summary["telemetry_data"]["summary"]["endpoints_successful"],
        json!(["http://a:9400/metrics", "nvml"])
    );
    assert_eq!(std::str::from_utf8(&lines.gpus).unwrap().lines().count(), 6);
    assert!(beside.notes().is_empty(), "{:?}", beside.notes());
}

#[test]
fn sources_of_one_host_are_told_apart_by_their_whole_address() {
    let watts = [(9, 100.0, None), (21, 100.0, None)];
    let (beside, _) =
        taken(&[gpu("http://a:9400/x", "GPU-a", &watts), gpu("http://a:9400/y", "GPU-b", &watts)]);
    let summary = Value::Object(beside.summary());
    for source in ["http://a:9400/x", "http://a:9400/y"] {
        assert!(summary["telemetry_data"]["endpoints"][source]["gpus"]["gpu_0"].is_object(), "{summary}");
    }
}

#[test]
fn a_gpu_without_power_leaves_the_energy_of_all_unknown() {
    let nothing = GpuTelemetrySample {
        source: "b".into(),
        at_ns: 15 * S,
        gpus: vec![GpuReading { uuid: "GPU-b".into(), ..GpuReading::default() }],
        ..GpuTelemetrySample::default()
    };
    let nothing = GpuTelemetryBatch { samples: vec![nothing] }.encode().unwrap();
    let known = gpu("a", "GPU-a", &[(9, 100.0, None), (21, 100.0, None)]);
    let (beside, _) = taken(&[known, (GpuTelemetryBatch::TYPE, nothing)]);
    assert_eq!(beside.over(&[(10 * S, 20 * S)]).energy_j, None);
}

#[test]
fn where_there_is_no_gpu_it_is_said_why() {
    let sample = |source: &str, message: &str| GpuTelemetrySample {
        source: source.into(),
        error: Some(ErrorDetails { message: message.into(), ..ErrorDetails::default() }),
        ..GpuTelemetrySample::default()
    };
    let samples = vec![sample("http://h:9400/metrics", "connection refused"), sample("nvml", "no library")];
    let (beside, _) = taken(&[(GpuTelemetryBatch::TYPE, GpuTelemetryBatch { samples }.encode().unwrap())]);
    assert_eq!(
        beside.notes(),
        [
            "no GPU was found, so that there is no power and no energy: `http://h:9400/metrics`: connection refused; \
          `nvml`: no library"
        ]
    );
}

#[test]
fn an_exporter_that_renews_its_numbers_seldom_is_named() {
    let mut readings: Vec<(u64, f64, Option<f64>)> = (0..=20).map(|s| (s, 100.0, Some(1.0))).collect();
    readings.iter_mut().skip(10).for_each(|reading| reading.2 = Some(1.001));
    let (mut beside, _) = taken(&[gpu("a", "GPU-a", &readings)]);
    beside.set_measured(vec![(0, 20 * S)]);
    let notes = beside.notes();
    assert!(notes.len() == 1 && notes[0].contains("about every 20.0 s only"), "{notes:?}");
}

#[test]
fn a_collector_that_lost_something_is_said_to() {
    let whole = TelemetryExport {
        url: "http://c:4318".into(),
        delivered: 3,
        is_complete: true,
        ..TelemetryExport::default()
    };
    let error = Some(ErrorDetails { message: "connection refused".into(), ..ErrorDetails::default() });
    let lost = TelemetryExport {
        failed: 2,
        delivered: 1,
        spans_dropped: 7,
        is_complete: false,
        error,
        ..whole.clone()
    };
    let notes =
        |export: &TelemetryExport| taken(&[(TelemetryExport::TYPE, export.encode().unwrap())]).0.notes();
    assert!(notes(&whole).is_empty());
    assert_eq!(
        notes(&lost),
        [
            "the collector at `http://c:4318` did not take 2 of 3 requests (connection refused): the last metrics are missing \
          there, 7 of 7 spans are lost. The run and its files lack nothing"
        ]
    );
}
