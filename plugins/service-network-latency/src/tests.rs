//! The service behind the real boundary tables, against listeners on loopback.

use std::net::TcpListener;

use prony_plugin_api::{
    ErrorKind,
    telemetry::{NetworkLatencySample, ProbeTime},
    testing::{ScriptedHost, TestService},
};

use crate::*;

/// What a test gives a service to end.
const STOP: Duration = Duration::from_secs(10);

/// What it has published at the end of a run of one phase.
fn samples(options: &str) -> Vec<NetworkLatencySample> {
    let host = ScriptedHost::new();
    let mut service = TestService::new::<NetworkLatency>(options, &host).unwrap();
    service.init().unwrap();
    service.start().unwrap();
    service.send(&PhaseStarted::default()).unwrap();
    service.send(&PhaseEnded::default()).unwrap();
    // The test's clock stands still, so that no deadline is ever reached.
    service.stop(STOP).unwrap();
    let batches = host.published_as::<NetworkLatencyBatch>().unwrap();
    batches.into_iter().flat_map(|batch| batch.samples).collect()
}

#[test]
fn a_server_is_probed_before_and_after_the_run() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let samples = samples(&format!(r#"{{"targets": ["http://127.0.0.1:{port}/v1"], "probes": 3}}"#));
    let times: Vec<ProbeTime> = samples.iter().map(|sample| sample.time).collect();
    assert_eq!(times, [[ProbeTime::Before; 3], [ProbeTime::After; 3]].concat());
    assert!(samples.iter().all(|sample| sample.rtt_ns.is_some() && sample.error.is_none()), "{samples:?}");
    assert_eq!((samples[0].host.as_str(), samples[0].port), ("127.0.0.1", port));
}

#[test]
fn a_server_that_is_not_there_is_asked_once_in_a_row() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let samples = samples(&format!(r#"{{"targets": ["http://127.0.0.1:{port}"]}}"#));
    assert_eq!(samples.len(), 2, "{samples:?}");
    for sample in samples {
        assert_eq!(sample.rtt_ns, None);
        assert_eq!(sample.error.unwrap().kind, "connection_refused");
    }
}

#[test]
fn a_full_bus_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = ScriptedHost::new();
    host.set_room(0);
    let options = format!(r#"{{"targets": ["http://127.0.0.1:{port}"], "probes": 2}}"#);
    let mut service = TestService::new::<NetworkLatency>(&options, &host).unwrap();
    service.init().unwrap();
    service.start().unwrap();
    assert_eq!(host.published().len(), 0);
    host.set_room(9);
    service.stop(STOP).unwrap();
    let batches = host.published_as::<NetworkLatencyBatch>().unwrap();
    assert_eq!(batches.iter().map(|batch| batch.samples.len()).sum::<usize>(), 4);
}

#[test]
fn a_target_that_is_no_server_is_an_error_of_the_options() {
    let host = ScriptedHost::new();
    let mut service = TestService::new::<NetworkLatency>(r#"{"targets": ["nowhere"]}"#, &host).unwrap();
    service.init().unwrap();
    let error = service.start().unwrap_err();
    assert_eq!(error.kind, ErrorKind::CONFIG);
}
