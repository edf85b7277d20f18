//! What is handed on to an OpenTelemetry collector while a run goes on, and what becomes of a run whose collector is down.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, net::TcpListener};

use prony_tests::{MockServer, Run, Script, ScriptedServer, Tool};
use rstest::rstest;
use serde_json::Value;

/// A collector that takes everything.
fn collector() -> ScriptedServer {
    ScriptedServer::start([Script::whole("application/json", "{}")])
}

/// What a collector was sent to a path.
fn sent(collector: &ScriptedServer, path: &str) -> Vec<Value> {
    let begin = format!("POST {path} ");
    let requests =
        collector.requests().into_iter().filter(|request| request.bytes.starts_with(begin.as_bytes()));
    requests.map(|request| serde_json::from_slice(body(&request.bytes)).unwrap()).collect()
}

fn body(request: &[u8]) -> &[u8] {
    let end = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    &request[end + 4..]
}

fn spans(collector: &ScriptedServer) -> Vec<Value> {
    let requests = sent(collector, "/v1/traces");
    let scoped = requests.iter().map(|request| &request["resourceSpans"][0]["scopeSpans"][0]["spans"]);
    scoped.flat_map(|spans| spans.as_array().unwrap().clone()).collect()
}

/// The data points of a metric in the last report.
fn points(collector: &ScriptedServer, name: &str) -> Vec<Value> {
    let last = sent(collector, "/v1/metrics").pop().unwrap();
    let metrics = last["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap().clone();
    let metric = metrics.into_iter().find(|metric| metric["name"] == name);
    let metric = metric.unwrap_or_else(|| panic!("no `{name}` in {last}"));
    let data = if metric["sum"].is_object() { &metric["sum"] } else { &metric["histogram"] };
    data["dataPoints"].as_array().unwrap().clone()
}

fn attribute<'a>(of: &'a Value, name: &str) -> &'a Value {
    let found = of["attributes"].as_array().unwrap().iter().find(|attribute| attribute["key"] == name);
    found.map_or(&Value::Null, |attribute| {
        let value = &attribute["value"];
        value.get("stringValue").or(value.get("intValue")).unwrap_or(value)
    })
}

fn count(point: &Value) -> u64 {
    point["count"].as_str().unwrap().parse().unwrap()
}

fn exported(server: &MockServer, collector: &ScriptedServer) -> Tool {
    Tool::profile(server).args(["--request-count", "20", "--osl", "4", "--otel-url", &collector.url()])
}

#[rstest]
fn a_collector_has_what_the_report_has(#[values(&[], &["--isolate", "otel"])] more: &[&str]) {
    let (server, collector) = (MockServer::start(["--ttft-ms", "30"]), collector());
    let run =
        exported(&server, &collector).args(["--otel-resource-attributes", "team=serving"]).args(more).run();
    let summary = run.succeeds().summary();
    let duration = points(&collector, "gen_ai.client.operation.duration");
    assert_eq!((duration.len(), count(&duration[0])), (1, 20));
    let seconds = duration[0]["sum"].as_f64().unwrap();
    let latencies = summary["request_latency"]["sum"].as_f64().unwrap() / 1e3;
    assert!((seconds - latencies).abs() < 1e-6, "{seconds} and {latencies} s");
    assert_eq!(attribute(&duration[0], "gen_ai.request.model"), "m");
    assert_eq!(attribute(&duration[0], "gen_ai.operation.name"), "chat");
    let first = points(&collector, "gen_ai.client.operation.time_to_first_chunk");
    let sum = first[0]["sum"].as_f64().unwrap() * 1e3;
    assert!((sum - summary["time_to_first_token"]["sum"].as_f64().unwrap()).abs() < 1e-3);
    let tokens = points(&collector, "gen_ai.client.token.usage");
    let output = tokens.iter().find(|point| attribute(point, "gen_ai.token.type") == "output").unwrap();
    assert_eq!(output["sum"].as_f64(), summary["total_osl"]["avg"].as_f64());
    let resource = sent(&collector, "/v1/metrics").pop().unwrap()["resourceMetrics"][0]["resource"].clone();
    assert_eq!(
        (attribute(&resource, "service.name"), attribute(&resource, "team")),
        (&"prony".into(), &"serving".into())
    );
    assert_eq!(attribute(&resource, "service.instance.id"), &summary["run_id"]);
    let export = &summary["telemetry_export"][0];
    assert_eq!(
        (&export["is_complete"], &export["failed"], &export["requests"]),
        (&true.into(), &0.into(), &20.into())
    );
    assert!(!summary["notes"].to_string().contains("collector"), "{}", summary["notes"]);
}

/// A server finds the trace in the request, the record has it, and the collector has its span.
#[test]
fn a_trace_is_the_same_on_the_wire_in_the_record_and_at_the_collector() {
    let (server, collector) = (MockServer::start([]), collector());
    let run = exported(&server, &collector).args(["--otel-spans", "all"]).run();
    let of_records: BTreeSet<(String, String)> = pairs(&run.succeeds().records());
    assert_eq!(of_records.len(), 20);
    let of_spans: BTreeSet<(String, String)> = spans(&collector)
        .iter()
        .map(|span| {
            (span["traceId"].as_str().unwrap().to_owned(), span["spanId"].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(of_spans, of_records);
    let again = exported(&server, &collector).run();
    assert!(pairs(&again.succeeds().records()).is_disjoint(&of_records), "two runs share a trace");
}

fn pairs(records: &[Value]) -> BTreeSet<(String, String)> {
    let text = |record: &Value, name: &str| record["metadata"][name].as_str().unwrap().to_owned();
    records.iter().map(|record| (text(record, "trace_id"), text(record, "span_id"))).collect()
}

#[rstest]
fn each_request_names_its_trace(#[values(&[], &["--isolate", "chat"])] more: &[&str]) {
    let body = r#"{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let server = ScriptedServer::start([Script::whole("application/json", body)]);
    let run = Tool::bare_profile()
        .args(["--url", &server.url(), "--endpoint-type", "chat", "--request-count", "3", "--traceparent"])
        .args(more)
        .run();
    let of_records = pairs(&run.succeeds().records());
    let requests = server.requests();
    let heads = requests.iter().map(|request| String::from_utf8_lossy(&request.bytes).into_owned());
    let seen: Vec<String> = heads.filter_map(|head| header(&head, "traceparent")).collect();
    assert_eq!(seen.len(), 3, "{seen:?}");
    for (trace, span) in &of_records {
        assert!(seen.contains(&format!("00-{trace}-{span}-01")), "{trace} in {seen:?}");
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[test]
fn no_request_names_a_trace_unless_that_is_asked_for() {
    let server = MockServer::start([]);
    let run = Tool::profile(&server).args(["--request-count", "2"]).run();
    assert!(run.succeeds().records().iter().all(|record| record["metadata"]["trace_id"].is_null()));
}

/// Those that failed, and the slowest of the others.
#[test]
fn slow_requests_and_failures_have_spans() {
    let (server, collector) = (MockServer::start(["--error-every", "10"]), collector());
    let run = exported(&server, &collector).args(["--service-option", "otel.most_spans=3"]).run();
    run.succeeds();
    let spans = spans(&collector);
    let failed: Vec<&Value> = spans.iter().filter(|span| span["status"]["code"] == 2).collect();
    assert_eq!((spans.len(), failed.len()), (5, 2), "{spans:?}");
    assert!(failed.iter().all(|span| attribute(span, "error.type") == "http_status"), "{failed:?}");
    let taken = |span: &Value| {
        let at = |name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
        at("endTimeUnixNano") - at("startTimeUnixNano")
    };
    let least = spans.iter().filter(|span| span["status"].is_null()).map(taken).min().unwrap();
    let all = run.records();
    let ended = all.iter().filter(|record| record["error"].is_null()).map(|record| {
        let at = |name: &str| record["metadata"][name].as_u64().unwrap();
        at("request_end_ns") - at("request_start_ns")
    });
    assert!(ended.filter(|ns| *ns > least + 5_000_000).count() <= 3, "a slower one has no span");
}

#[test]
fn failures_are_counted_by_their_kind() {
    let (server, collector) = (MockServer::start(["--error-every", "4"]), collector());
    exported(&server, &collector).args(["--otel-spans", "none"]).run().succeeds();
    let ended = points(&collector, "prony.client.requests");
    let of = |outcome: &str| {
        let point = ended.iter().find(|point| attribute(point, "prony.outcome") == outcome).unwrap();
        point["asInt"].as_str().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!((of("ok"), of("error")), (15, 5));
    assert!(spans(&collector).is_empty());
}

/// Refused, silent, and one that says no.
#[rstest]
#[case::nobody(None, "connection refused")]
#[case::silent(Some(Script::silent().hold()), "no response in time")]
#[case::refuses(Some(Script::status("401 Unauthorized", &["Content-Length: 0"])), "401")]
fn a_collector_that_is_down_costs_the_run_nothing(#[case] script: Option<Script>, #[case] why: &str) {
    let server = MockServer::start([]);
    let down = script.map(|script| ScriptedServer::start([script]));
    let nowhere = || format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let url = down.as_ref().map_or_else(nowhere, ScriptedServer::url);
    let run = Tool::profile(&server)
        .args(["--request-count", "20", "--osl", "4", "--otel-url", &url, "--otel-spans", "all"])
        .run();
    let summary = run.succeeds().summary();
    assert_eq!(summary["request_count"]["avg"], 20.0);
    let export = &summary["telemetry_export"][0];
    assert_eq!((&export["is_complete"], &export["spans_dropped"]), (&false.into(), &20.into()), "{export}");
    let notes = summary["notes"].to_string();
    assert!(notes.contains("the collector at") && notes.contains(why), "{notes}");
}

/// Keys of the collector are sent to it, and stand nowhere else.
#[test]
fn keys_of_the_collector_are_shown_nowhere() {
    let (server, collector) = (MockServer::start([]), collector());
    let address = collector.url().replace("http://", "http://me:topsecretlogin@");
    let run = Tool::profile(&server)
        .args(["--request-count", "2", "--otel-url", &address])
        .env("OTEL_EXPORTER_OTLP_HEADERS", "X-Api-Key=topsecretkey")
        .run();
    run.succeeds().keeps(&["topsecretlogin", "topsecretkey"]);
    let head = String::from_utf8_lossy(&collector.requests()[0].bytes).into_owned();
    assert_eq!(header(&head, "x-api-key").as_deref(), Some("topsecretkey"));
    assert!(header(&head, "authorization").is_some_and(|login| login.starts_with("Basic ")), "{head}");
}

#[rstest]
#[case("--otel-spans all", "`--otel-spans` requires `--otel-url`")]
#[case("--otel-url h --otel-resource-attributes team", "it is not `KEY=VALUE`")]
#[case("--otel-url h --otel-spans some", "--otel-spans")]
#[case("--traceparent -H traceparent:00-a-b-01", "its `traceparent` would go out")]
#[case("--otel-url http://h:4318/?tenant=a", "it has a query")]
#[case("--otel-url unix:///run/c.sock", "it is sent over TCP only")]
fn what_makes_no_sense_is_refused(#[case] flags: &str, #[case] says: &str) {
    let run = Tool::profile_at("http://127.0.0.1:9").args(flags.split(' ')).run();
    run.ends_with(2);
    assert!(run.stderr.contains(says), "{}", run.stderr);
}

/// The files that a run leaves behind are the same with a collector and without.
#[test]
fn a_run_leaves_the_same_files() {
    let server = MockServer::start([]);
    let names = |run: &Run| -> BTreeSet<String> {
        let entries = std::fs::read_dir(run.dir().join("run")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let plain = Tool::profile(&server).args(["--request-count", "2"]).run();
    let traced = exported(&server, &collector()).run();
    assert_eq!(names(plain.succeeds()), names(traced.succeeds()));
}
