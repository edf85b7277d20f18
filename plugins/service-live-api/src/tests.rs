//! The service as a whole, asked over the network of this machine.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use prony_plugin_api::{
    conformance::Suite,
    live::RequestsNow,
    testing::{ScriptedHost, TestService},
};

use super::*;

const TIMEOUT: Duration = Duration::from_secs(20);

/// A service that answers, and where.
fn started() -> (TestService, String) {
    let host = ScriptedHost::new();
    host.set_run_facts(r#"{"run_id": "r-1", "config": {"workers": 2}}"#);
    let mut service = TestService::new::<LiveApi>("{}", &host).unwrap();
    service.init().unwrap();
    service.start().unwrap();
    let notices: Vec<Notice> = host.published_as().unwrap();
    let address = notices[0].text.split("http://").nth(1).unwrap().to_owned();
    (service, address)
}

fn connected(address: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

fn get(address: &str, path: &str) -> String {
    let mut answer = String::new();
    connected(address, path).read_to_string(&mut answer).unwrap();
    answer
}

/// Reads until this has come.
fn until(stream: &mut TcpStream, heard: &mut String, wanted: &str) {
    let (mut buffer, mut looked_at) = (vec![0; 1 << 16], 0);
    // What was looked at is not looked at again: an event may be long.
    while !heard.get(looked_at..).unwrap_or(heard).contains(wanted) {
        looked_at = heard.len().saturating_sub(wanted.len());
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the stream ended before `{wanted}`: {heard}");
        heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}

fn now(succeeded: u64) -> RunNow {
    RunNow { requests: RequestsNow { succeeded, ..RequestsNow::default() }, ..RunNow::default() }
}

#[test]
fn it_answers_with_what_it_was_sent() {
    let (mut service, address) = started();
    service.send(&now(7)).unwrap();
    let answer = get(&address, "/api/progress");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("\"succeeded\":7") && answer.contains("no-store"), "{answer}");
    assert!(get(&address, "/api/config").ends_with("{\"workers\":2}\n"));
    assert!(get(&address, "/").contains(POLICY_HEADER));
    service.stop(TIMEOUT).unwrap();
    assert!(TcpStream::connect(&address).is_err(), "it is over with the run");
}

const POLICY_HEADER: &str = "content-security-policy: default-src 'none'";

#[test]
fn events_come_as_they_happen_and_end_with_the_run() {
    let (mut service, address) = started();
    let mut stream = connected(&address, "/api/events");
    let mut heard = String::new();
    until(&mut stream, &mut heard, "event: now");
    for count in 1..=3 {
        service.send(&now(count)).unwrap();
        until(&mut stream, &mut heard, &format!("\"succeeded\":{count}"));
    }
    service.stop(TIMEOUT).unwrap();
    until(&mut stream, &mut heard, "event: end");
}

/// It sends more than a connection and its buffers hold, to a reader that does not read.
#[test]
fn a_reader_that_does_not_read_holds_up_nobody_and_what_it_misses_is_counted() {
    let (mut service, address) = started();
    let stalled = connected(&address, "/api/events");
    let mut other = connected(&address, "/api/events");
    let mut heard = String::new();
    until(&mut other, &mut heard, "event: now");
    let large = RunNow {
        phase: prony_plugin_api::live::PhaseNow { load: "x".repeat(1 << 20), ..Default::default() },
        ..RunNow::default()
    };
    for count in 0..64 {
        service.send(&RunNow { at_ns: count, ..large.clone() }).unwrap();
        // Others hear it all the while, and so it is known to have been taken.
        heard.clear();
        until(&mut other, &mut heard, &format!("\"at_ns\":{count},"));
    }
    let dropped = |page: &str| {
        let line = page.lines().find(|line| line.starts_with("prony_live_api_dropped_events_total "));
        line.and_then(|line| line.rsplit(' ').next()).and_then(|count| count.parse::<u64>().ok()).unwrap()
    };
    drop(stalled);
    let has_counted = (0..10_000).any(|_| dropped(&get(&address, "/metrics")) > 0);
    assert!(has_counted, "what the reader missed is not counted");
    service.stop(TIMEOUT).unwrap();
}

#[test]
fn a_port_that_is_taken_is_refused_as_an_option() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = format!("{{\"port\": {}}}", taken.local_addr().unwrap().port());
    let mut service = TestService::new::<LiveApi>(&options, &ScriptedHost::new()).unwrap();
    let error = service.init().unwrap_err();
    assert_eq!(error.kind.name(), "config");
    assert!(error.hint.contains("--api-port"), "{error}");
}

#[test]
fn all_addresses_are_called_by_that_of_this_machine() {
    for (listening, called) in
        [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("127.0.0.2:80", "127.0.0.2:80")]
    {
        assert_eq!(reachable(listening.parse().unwrap()).to_string(), called);
    }
}

#[test]
fn it_conforms() {
    let report = Suite::new().service::<LiveApi>();
    assert!(report.conforms(), "{report}");
}
