//! Services: the whole life, lives that are cut short, and messages of every kind.

use std::time::Duration;

use serde::de::IgnoredAny;

use super::{
    bench::{Bench, Case},
    cases::{SERVICE_BUS, SERVICE_CUT, SERVICE_LIFE, SERVICE_MESSAGES, SERVICE_PUBLISHED, SERVICE_TWO},
    construct,
    piece::{self, Piece},
};
use crate::{
    abi::ServiceVt_Ref,
    error::{ErrorDetails, ErrorKind, Result},
    message::{
        Message, MetricFamily, MetricSample, PhaseEnded, PhaseKind, PhaseRecorded, PhaseStarted, RecordBatch,
        RecordSummary, ServerMetricsBatch, ServerMetricsSample,
    },
    testing::{ScriptedHost, TestService},
};

/// What a service is given for its end.
const STOP: Duration = Duration::from_secs(2);

/// What a host says about a run in which nobody listens: the discard port of the loopback interface.
const FACTS: &str =
    r#"{"urls": ["http://127.0.0.1:9"], "model": "test-model", "endpoint_type": "chat", "artifact_dir": ""}"#;

pub(super) fn check(table: ServiceVt_Ref, options: &str, bench: &mut Bench<'_>) {
    let create = |options: &str| TestService::from_table(table, options, &host());
    let Some(service) = construct::instance(&create, options, bench) else { return };
    let subscriptions = service.subscriptions();
    drop(service);
    let life = |host: &ScriptedHost| TestService::from_table(table, options, host);
    bench.check(SERVICE_LIFE, |case| whole_life(&life, case));
    bench.check(SERVICE_MESSAGES, |case| messages(&life, &subscriptions, case));
    bench.check(SERVICE_CUT, |case| short_lives(&life, case));
    bench.check(SERVICE_TWO, |case| two(&life, case));
    bench.check(SERVICE_BUS, |case| {
        let (full, closed) = (host(), host());
        full.set_room(0);
        live(&life, &full, "beside a full bus", case);
        closed.end_run();
        live(&life, &closed, "beside a closed bus", case);
    });
    bench.check(SERVICE_PUBLISHED, |case| published(&life, case));
}

fn host() -> ScriptedHost {
    let host = ScriptedHost::new();
    host.set_run_facts(FACTS);
    host
}

type Life<'a> = dyn Fn(&ScriptedHost) -> Result<TestService> + 'a;

/// Takes one step of a life; any error but a panic will do.
fn take(result: Result<()>, what: &str, case: &mut Case<'_>) {
    case.gets(|| piece::outcome(&result));
    if let Err(error) = result {
        case.judge(&error, what);
    }
}

/// Creates one, or tells why not.
fn born(life: &Life<'_>, host: &ScriptedHost, case: &mut Case<'_>) -> Option<TestService> {
    case.step("`new`");
    match life(host) {
        Ok(service) => Some(service),
        Err(error) => {
            case.fail(format!("`new` fails the second time: {error}"));
            None
        }
    }
}

/// Takes a service through all of its states. `how` fits after a call's name.
fn live(life: &Life<'_>, host: &ScriptedHost, how: &str, case: &mut Case<'_>) -> Option<TestService> {
    let mut service = born(life, host, case)?;
    case.step(&format!("`init` {how}"));
    take(service.init(), "`init`", case);
    case.step(&format!("`start` {how}"));
    take(service.start(), "`start`", case);
    let subscriptions = service.subscriptions();
    for (message_type, payload) in run_of_messages() {
        if subscriptions.iter().any(|name| name == message_type) {
            case.step(&format!("`on_message` with `{message_type}` {how}"));
            case.gives(|| message(message_type, &payload));
            take(service.send_raw(message_type, &payload), "`on_message`", case);
        }
    }
    case.step(&format!("`stop` {how}"));
    take(service.stop(STOP), "`stop`", case);
    Some(service)
}

/// A message, for a trace.
fn message(message_type: &str, payload: &[u8]) -> Vec<Piece> {
    vec![Piece::new("type", message_type.as_bytes()), Piece::new("payload", payload)]
}

fn whole_life(life: &Life<'_>, case: &mut Case<'_>) {
    let host = host();
    let service = live(life, &host, "in order", case);
    case.step("the destructor after `stop`");
    drop(service);
    for reason in host.stop_requests() {
        case.warn(format!("it asks the host to end the run: {reason}"));
    }
}

fn short_lives(life: &Life<'_>, case: &mut Case<'_>) {
    let steps: [(&str, &[&str]); 5] = [
        ("the destructor right after `new`", &[]),
        ("`stop` without `init`", &["stop"]),
        ("`stop` without `start`", &["init", "stop"]),
        ("the destructor without `stop`", &["init", "start"]),
        ("`stop` twice", &["init", "start", "stop", "stop"]),
    ];
    for (what, calls) in steps {
        let Some(mut service) = born(life, &host(), case) else { return };
        for call in calls {
            case.step(&format!("`{call}`, to try {what}"));
            let result = match *call {
                "init" => service.init(),
                "start" => service.start(),
                _ => service.stop(STOP),
            };
            take(result, what, case);
        }
        case.step(&format!("the destructor, to try {what}"));
        drop(service);
    }
}

fn two(life: &Life<'_>, case: &mut Case<'_>) {
    let (first, second) = (host(), host());
    let Some(mut one) = born(life, &first, case) else { return };
    let Some(mut other) = born(life, &second, case) else { return };
    for (what, call) in
        [("`init`", TestService::init as fn(&mut TestService) -> Result<()>), ("`start`", TestService::start)]
    {
        case.step(&format!("{what} of two instances"));
        take(call(&mut one), what, case);
        take(call(&mut other), what, case);
    }
    case.step("`stop` of two instances");
    take(other.stop(STOP), "`stop`", case);
    take(one.stop(STOP), "`stop`", case);
}

fn messages(life: &Life<'_>, subscriptions: &[String], case: &mut Case<'_>) {
    for name in subscriptions {
        let valid = run_of_messages().into_iter().find(|(message_type, _)| message_type == name);
        let valid = valid.map_or_else(|| b"\x80".to_vec(), |(_, payload)| payload);
        let huge = if name == RecordBatch::TYPE { encoded(&records(20_000)).1 } else { vec![0x80; 1 << 20] };
        let payloads = [
            ("of a newer host", newer(&valid)),
            ("without fields", b"\x80".to_vec()),
            ("without anything", Vec::new()),
            ("that is no MessagePack", b"\xc1".to_vec()),
            ("of another type", b"\x93\x01\x02\x03".to_vec()),
            ("that is cut off", valid[..valid.len() / 2].to_vec()),
            ("that lies about its length", b"\xdf\xff\xff\xff\xff".to_vec()),
            ("of a huge size", huge),
        ];
        for (how, payload) in payloads {
            let Some(mut service) = born(life, &host(), case) else { return };
            case.step("`init` and `start`");
            take(service.init().and_then(|()| service.start()), "`init` or `start`", case);
            let what = format!("`on_message` with a `{name}` {how}");
            case.step(&what);
            case.gives(|| message(name, &payload));
            take(service.send_raw(name, &payload), &what, case);
            case.step(&format!("`stop` after {what}"));
            take(service.stop(STOP), "`stop`", case);
        }
    }
    stranger(life, case);
}

/// A host never sends what nobody asked for; a newer one may.
fn stranger(life: &Life<'_>, case: &mut Case<'_>) {
    let Some(mut service) = born(life, &host(), case) else { return };
    case.step("`init` and `start`");
    take(service.init().and_then(|()| service.start()), "`init` or `start`", case);
    case.step("`on_message` with a type that it did not subscribe to");
    if let Err(error) = service.send_raw("prony_conformance_unknown", b"\x80") {
        if error.kind == ErrorKind::PANIC {
            case.warn(format!(
                "`on_message` panics at a type that it did not subscribe to: {}",
                error.message
            ));
        }
    }
    take(service.stop(STOP), "`stop`", case);
}

/// Every payload must be MessagePack with named fields, and ours must be what their type says.
fn published(life: &Life<'_>, case: &mut Case<'_>) {
    let host = host();
    live(life, &host, "with an open ear", case);
    case.gets(|| {
        let published = host.published();
        published.iter().flat_map(|sent| message(&sent.message_type, &sent.payload)).collect()
    });
    for published in host.published() {
        let (name, payload) = (published.message_type.as_str(), published.payload.as_slice());
        let is_map = matches!(payload.first(), Some(0x80..=0x8f | 0xde | 0xdf));
        if name.is_empty() {
            case.fail("it publishes a message without a type");
        }
        if !is_map || rmp_serde::from_slice::<IgnoredAny>(payload).is_err() {
            case.fail(format!("its `{name}` message is not MessagePack with named fields"));
            continue;
        }
        let read = match name {
            PhaseStarted::TYPE => PhaseStarted::decode(payload).err(),
            PhaseEnded::TYPE => PhaseEnded::decode(payload).err(),
            PhaseRecorded::TYPE => PhaseRecorded::decode(payload).err(),
            RecordBatch::TYPE => RecordBatch::decode(payload).err(),
            ServerMetricsBatch::TYPE => ServerMetricsBatch::decode(payload).err(),
            _ => None,
        };
        if let Some(error) = read {
            case.fail(format!("its `{name}` message cannot be read: {error}"));
        }
    }
}

/// The messages of a short run, in order.
fn run_of_messages() -> Vec<(&'static str, Vec<u8>)> {
    let family = MetricFamily {
        name: "requests".to_owned(),
        samples: vec![MetricSample {
            suffix: "_total".to_owned(),
            value: f64::INFINITY,
            ..MetricSample::default()
        }],
        ..MetricFamily::default()
    };
    let failed =
        ServerMetricsSample { error: Some(ErrorDetails::default()), ..ServerMetricsSample::default() };
    let sample = ServerMetricsSample {
        url: "http://127.0.0.1:9/metrics".to_owned(),
        families: vec![family],
        ..ServerMetricsSample::default()
    };
    vec![
        encoded(&PhaseStarted { index: 0, kind: PhaseKind::Warmup, at_ns: 1 }),
        encoded(&PhaseEnded { index: 0, kind: PhaseKind::Warmup, at_ns: 2 }),
        encoded(&PhaseStarted { index: 1, kind: PhaseKind::Profiling, at_ns: 3 }),
        encoded(&records(3)),
        encoded(&RecordBatch::default()),
        encoded(&ServerMetricsBatch { samples: vec![sample, failed] }),
        encoded(&PhaseEnded { index: 1, kind: PhaseKind::Profiling, at_ns: u64::MAX }),
        encoded(&PhaseRecorded { index: 1, kind: PhaseKind::Profiling }),
    ]
}

fn records(count: u64) -> RecordBatch {
    let record = |number| RecordSummary {
        request_id: format!("request-{number}"),
        phase: PhaseKind::Profiling,
        sent_ns: number,
        time_to_first_token_ns: (number % 2 == 0).then_some(number),
        request_latency_ns: number,
        output_tokens: number,
        error: (number % 3 == 0).then(ErrorDetails::default),
    };
    RecordBatch { records: (0..count).map(record).collect() }
}

fn encoded<M: Message>(message: &M) -> (&'static str, Vec<u8>) {
    (M::TYPE, message.encode().unwrap_or_default())
}

/// The same map with one field more. Small maps carry their number of fields in their first byte.
fn newer(valid: &[u8]) -> Vec<u8> {
    match valid {
        [first @ 0x80..=0x8e, rest @ ..] => {
            let mut newer = vec![first + 1];
            newer.extend(b"\xa5later\x01");
            newer.extend(rest);
            newer
        }
        other => other.to_vec(),
    }
}
