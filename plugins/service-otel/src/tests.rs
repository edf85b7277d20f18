//! The service behind the real boundary tables, against collectors on loopback.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    thread,
};

use prony_plugin_api::{
    telemetry::RequestSpan,
    testing::{ScriptedHost, TestService},
};
use rstest::rstest;
use serde_json::Value;

use crate::*;

/// What a test gives a service to end.
const STOP: Duration = Duration::from_secs(20);

/// An interval that never ends within a test: only the end is told.
const NEVER_MS: u64 = 3_600_000;

/// What a collector has got: paths and bodies.
type Seen = Arc<Mutex<Vec<(String, Value)>>>;

/// A collector that answers with this status.
fn collector(status: &'static str) -> (String, Seen) {
    answering(move |_| (status, "{}"))
}

/// A collector that answers to a path with a status and a body.
fn answering(answer: impl Fn(&str) -> (&'static str, &'static str) + Send + 'static) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(std::result::Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() == 0 || line.trim().is_empty() {
                    break;
                }
                head.push(line.to_ascii_lowercase());
            }
            let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)).map(str::to_owned) else {
                continue;
            };
            let length = head.iter().find_map(|line| line.strip_prefix("content-length:"));
            let mut body = vec![0; length.unwrap().trim().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            let (status, said) = answer(&path);
            kept.lock().unwrap().push((path, serde_json::from_slice(&body).unwrap()));
            let length = said.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{said}"
            )
            .unwrap();
        }
    });
    (url, seen)
}

/// An address at which nobody listens.
fn nowhere() -> String {
    format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

fn span(number: u64) -> RequestSpan {
    RequestSpan {
        trace_id: format!("{number:032x}"),
        span_id: format!("{number:016x}"),
        end_ns: number,
        ..RequestSpan::default()
    }
}

/// What it says of itself at the end of a run of so many requests.
fn export(url: &str, spans: &str, requests: u64) -> TelemetryExport {
    let host = ScriptedHost::new();
    host.set_run_facts(r#"{"run_id": "r", "wall_start_ns": 1000, "endpoint_type": "chat"}"#);
    let options =
        format!(r#"{{"url": "{url}", "spans": "{spans}", "most_spans": 5, "interval_ms": {NEVER_MS}}}"#);
    let mut service = TestService::new::<Otel>(&options, &host).unwrap();
    service.init().unwrap();
    service.start().unwrap();
    service.send(&RequestSpanBatch { spans: (1..=requests).map(span).collect() }).unwrap();
    service.stop(STOP).unwrap();
    let exports = host.published_as::<TelemetryExport>().unwrap();
    assert_eq!(exports.len(), 1);
    exports[0].clone()
}

#[test]
fn a_collector_gets_metrics_and_the_slowest_spans() {
    let (url, seen) = collector("200 OK");
    let export = export(&url, "slow", 20);
    assert_eq!((export.delivered, export.failed, export.is_complete), (2, 0, true), "{export:?}");
    assert_eq!((export.requests, export.spans_sent, export.spans_dropped), (20, 5, 0));
    let seen = seen.lock().unwrap();
    let paths: Vec<&str> = seen.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/v1/metrics", "/v1/traces"]);
    let spans = seen[1].1["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    assert_eq!(spans[0]["endTimeUnixNano"], "1020");
}

#[test]
fn many_spans_are_several_requests() {
    let (url, seen) = collector("200 OK");
    let export = export(&url, "all", 1200);
    assert_eq!((export.spans_sent, export.delivered), (1200, 4));
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[test]
fn a_collector_that_is_not_there_costs_what_was_for_it() {
    let export = export(&nowhere(), "all", 20);
    assert_eq!((export.delivered, export.failed, export.is_complete), (0, 1, false), "{export:?}");
    assert_eq!((export.requests, export.spans_sent, export.spans_dropped), (20, 0, 20));
    assert_eq!(export.error.unwrap().kind, "connection_refused");
}

#[test]
fn a_collector_that_refuses_is_said_with_what_to_do() {
    let (url, _) = collector("401 Unauthorized");
    let error = export(&url, "none", 1).error.unwrap();
    assert_eq!(error.code, Some(401));
    assert!(error.hint.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{error:?}");
}

#[test]
fn a_receiver_of_traces_only_gets_all_spans() {
    let (url, _) =
        answering(|path| if path == "/v1/traces" { ("200 OK", "{}") } else { ("404 Not Found", "") });
    let export = export(&url, "all", 20);
    assert_eq!((export.delivered, export.failed, export.is_complete), (1, 1, false), "{export:?}");
    assert_eq!((export.spans_sent, export.spans_dropped), (20, 0));
    assert!(export.error.unwrap().hint.contains("spans only"));
}

/// What is refused is lost and not sent again.
#[rstest]
#[case::a_part("200 OK", r#"{"partialSuccess":{"rejectedSpans":"3"}}"#, 17, 0)]
#[case::for_good("400 Bad Request", "{}", 0, 1)]
#[case::for_now("503 Service Unavailable", "{}", 0, 1)]
fn spans_that_are_refused_are_counted_and_the_metrics_are_there(
    #[case] status: &'static str,
    #[case] said: &'static str,
    #[case] sent: u64,
    #[case] failed: u64,
) {
    let (url, seen) =
        answering(move |path| if path == "/v1/traces" { (status, said) } else { ("200 OK", "{}") });
    let export = export(&url, "all", 20);
    assert_eq!((export.spans_sent, export.spans_dropped), (sent, 20 - sent), "{export:?}");
    assert_eq!((export.failed, export.is_complete), (failed, true), "{export:?}");
    assert!(export.error.is_some());
    assert_eq!(seen.lock().unwrap().iter().filter(|(path, _)| path == "/v1/traces").count(), 1);
}

#[test]
fn without_an_address_nothing_is_sent_or_said() {
    let host = ScriptedHost::new();
    let mut service = TestService::new::<Otel>("{}", &host).unwrap();
    service.init().unwrap();
    service.start().unwrap();
    service.send(&RequestSpanBatch { spans: vec![span(1)] }).unwrap();
    service.stop(STOP).unwrap();
    assert!(host.published().is_empty());
}
