//! The service behind the real boundary tables, against pages on loopback.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread,
};

use prony_plugin_api::{
    telemetry::{GPU_POWER, GpuTelemetrySample},
    testing::{ScriptedHost, TestService},
};

use crate::*;

/// What a test gives a service to end.
const STOP: Duration = Duration::from_secs(10);

/// An interval that never ends within a test: only the phases' boundaries are read.
const NEVER_MS: u64 = 3_600_000;

/// Serves this page for good, with this status.
fn serve(status: &'static str, page: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(std::result::Result::ok) {
            let head = BufReader::new(&stream).lines().map_while(std::result::Result::ok);
            assert!(head.take_while(|line| !line.is_empty()).count() > 0);
            let length = page.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{page}"
            )
            .unwrap();
        }
    });
    url
}

const GPU: &str = "DCGM_FI_DEV_POWER_USAGE{gpu=\"3\",UUID=\"GPU-x\",modelName=\"M\",Hostname=\"h\"} 250\n";

/// An address at which nobody listens.
fn nowhere() -> String {
    format!("http://{}/metrics", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

/// What it has published at the end of a run of one phase.
fn samples(options: &str) -> Vec<GpuTelemetrySample> {
    let host = ScriptedHost::new();
    let mut service = TestService::new::<GpuTelemetry>(options, &host).unwrap();
    service.init().unwrap();
    service.start().unwrap();
    service.send(&PhaseStarted::default()).unwrap();
    service.send(&PhaseEnded::default()).unwrap();
    service.stop(STOP).unwrap();
    let batches = host.published_as::<GpuTelemetryBatch>().unwrap();
    batches.into_iter().flat_map(|batch| batch.samples).collect()
}

#[test]
fn a_page_is_read_when_a_phase_begins_and_ends() {
    let url = serve("200 OK", GPU);
    let samples = samples(&format!(r#"{{"urls": ["{url}"], "interval_ms": {NEVER_MS}}}"#));
    assert_eq!(samples.len(), 2, "{samples:?}");
    for sample in samples {
        assert_eq!((sample.source.as_str(), sample.error), (url.as_str(), None));
        assert_eq!((sample.gpus[0].gpu_index, sample.gpus[0].values[GPU_POWER]), (3, 250.0));
    }
}

#[test]
fn what_fails_is_told_once_a_phase() {
    let urls = [nowhere(), serve("503 Busy", ""), serve("200 OK", "up 1\n"), serve("200 OK", "<html>\n")];
    let list = urls.map(|url| format!("\"{url}\"")).join(", ");
    let samples = samples(&format!(r#"{{"urls": [{list}], "interval_ms": {NEVER_MS}}}"#));
    let mut kinds: Vec<String> = samples.into_iter().map(|sample| sample.error.unwrap().kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["connection_refused", "http_status", "no_gpus", "not_prometheus"]);
}

#[test]
fn a_wrong_guess_is_not_told_where_another_is_right() {
    let (right, wrong) = (serve("200 OK", GPU), nowhere());
    let options =
        format!(r#"{{"guesses": ["{wrong}", "{right}"], "nvml": "auto", "interval_ms": {NEVER_MS}}}"#);
    let samples = samples(&options);
    assert!(samples.iter().all(|sample| sample.source == right && sample.error.is_none()), "{samples:?}");
    assert_eq!(samples.len(), 2);
}

#[test]
fn where_there_is_no_gpu_everything_that_was_tried_is_told() {
    let wrong = nowhere();
    let options = format!(
        r#"{{"guesses": ["{wrong}"], "nvml": "auto", "nvml_library": "/nowhere/lib.so", "interval_ms": {NEVER_MS}}}"#
    );
    let samples = samples(&options);
    let tried: Vec<_> =
        samples.iter().map(|sample| (sample.source.clone(), sample.error.is_some())).collect();
    assert_eq!(tried.len(), 2, "{samples:?}");
    assert!(tried.contains(&("nvml".to_owned(), true)) && tried.contains(&(wrong, true)), "{tried:?}");
}
