//! What is known of a run with agents while it goes on: percentiles of all of them together, failures by kind, and a row for each.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use prony_tests::{MockServer, NatsServer, Running, Script, ScriptedServer, SeenRequest};
use serde_json::Value;

use super::{Agents, controller, long_load};

/// Where the live API of a run answers, as it says itself.
pub(crate) fn address(run: &Running) -> String {
    run.until("the address", || {
        let said = run.stderr();
        let (_, rest) = said.split_once("live_api: the run can be looked at: http://")?;
        rest.split_once('\n').map(|(address, _)| address.trim().to_owned())
    })
}

fn page(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// All that is known of the current phase.
pub(crate) fn now(address: &str) -> Value {
    let all: Value = serde_json::from_str(&page(address, "/api")).unwrap();
    all["now"].clone()
}

fn is_above_zero(value: &Value) -> bool {
    value.as_f64() > Some(0.0)
}

/// Whether so many agents have said that something ended there.
pub(crate) fn have_spoken(now: &Value, agents: usize) -> bool {
    let all = now["agents"].as_array().unwrap();
    all.iter().filter(|agent| is_above_zero(&agent["requests_per_s"])).count() == agents
}

fn end(run: Running) {
    run.signal("INT");
    run.wait().ends_with(130);
}

#[test]
fn percentiles_are_of_all_agents_and_each_has_a_row() {
    let Some(nats) = NatsServer::if_here() else { return };
    let _agents = Agents::start(&nats, &["north", "south"]);
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "20", "--itl-ms", "10"]);
    let run = long_load(&nats, &server, &["--api-port", "0"]);
    let address = address(&run);
    let now = run.until("both agents speak", || {
        let now = now(&address);
        (have_spoken(&now, 2) && is_above_zero(&now["recent"]["inter_token_latency_ms"]["count"]))
            .then_some(now)
    });
    let names = [&now["agents"][0]["name"], &now["agents"][1]["name"]];
    assert_eq!(names, ["north", "south"]);
    let recent = &now["recent"];
    let p50 = |name: &str| recent[name]["p50"].as_f64().unwrap();
    // What the server waits for is in them, to within the error of a percentile.
    assert!(p50("time_to_first_token_ms") >= 20.0 * 0.98, "{recent}");
    assert!(p50("inter_token_latency_ms") >= 9.0 * 0.98, "{recent}");
    assert!(p50("request_latency_ms") >= 30.0 * 0.98, "{recent}");
    let rates =
        now["agents"].as_array().unwrap().iter().map(|agent| agent["requests_per_s"].as_f64().unwrap());
    let all = recent["requests_per_s"].as_f64().unwrap();
    assert!((rates.sum::<f64>() / all - 1.0).abs() < 1e-6, "{now}");
    assert!(is_above_zero(&recent["output_tokens_per_s"]), "{recent}");
    let metrics = page(&address, "/metrics");
    for name in ["north", "south"] {
        let row = format!("prony_agent_up{{agent=\"{name}\"}} 1\n");
        assert!(metrics.contains(&row), "no `{row}` in\n{metrics}");
    }
    end(run);
}

#[test]
fn failures_of_all_agents_are_counted_by_kind() {
    let Some(nats) = NatsServer::if_here() else { return };
    let _agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5", "--error-every", "3"]);
    let run = long_load(&nats, &server, &["--api-port", "0"]);
    let address = address(&run);
    let failures = run.until("failures of both agents", || {
        let now = now(&address);
        let failing =
            now["agents"].as_array().unwrap().iter().filter(|agent| is_above_zero(&agent["failed_per_s"]));
        (failing.count() == 2).then(|| now["failures"].clone())
    });
    assert_eq!((&failures[0]["kind"], &failures[0]["code"]), (&"http_status".into(), &500.into()));
    assert!(failures[0]["count"].as_u64() > Some(1) && failures.as_array().unwrap().len() == 1, "{failures}");
    assert!(!failures[0]["message"].as_str().unwrap().is_empty(), "{failures}");
    end(run);
}

/// A load that is not known is none that has come to nothing.
#[test]
fn an_agent_that_says_nothing_is_missing_and_its_rate_is_no_zero() {
    let Some(nats) = NatsServer::if_here() else { return };
    let agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let run = long_load(&nats, &server, &["--api-port", "0", "--on-agent-loss", "continue"]);
    let address = address(&run);
    run.until("both agents speak", || have_spoken(&now(&address), 2).then_some(()));
    agents.0[1].signal("STOP");
    let silent = run.until("a silence", || {
        let agent = now(&address)["agents"][1].clone();
        (agent["heard_s_ago"].as_f64() > Some(3.0)).then_some(agent)
    });
    let rate = &silent["requests_per_s"];
    assert!(rate.is_null() || is_above_zero(rate), "{silent}");
    assert!(page(&address, "/metrics").contains("prony_agent_up{agent=\"b\"} 0\n"));
    let lost = run.until("the loss is shown", || {
        let agent = now(&address)["agents"][1].clone();
        (agent["is_lost"] == true).then_some(agent)
    });
    assert_eq!(lost["name"], "b");
    agents.0[1].signal("CONT");
    end(run);
}

/// Requests are dealt in turn: one agent has all those that take two seconds, and waits for places that the other one does not need. All
/// together are never more than the limit.
#[test]
fn an_agent_that_waits_gets_places_that_another_one_has_free() {
    let Some(nats) = NatsServer::if_here() else { return };
    let _agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--ttft-ms", "1", "--itl-ms", "10"]);
    let load = ["--request-rate", "40", "--arrival-pattern", "constant", "--concurrency", "8"];
    let tool = controller(&nats, server.url(), "2").args(load).args(["--benchmark-duration", "600"]);
    let lines =
        [200, 1].map(|tokens| format!("{{\"text\": \"Tell me more.\", \"output_length\": {tokens}}}"));
    let file = tool.file("questions.jsonl", lines.join("\n"));
    let run = tool.arg("--input-file").arg(file).args(["--api-port", "0"]).spawn();
    let address = address(&run);
    run.until("an agent with more places than its four", || {
        let now = now(&address);
        let mut agents = now["agents"].as_array().unwrap().iter();
        agents.any(|agent| agent["in_flight"].as_u64() > Some(4)).then_some(())
    });
    end(run);
    let most = server.truth()["max_in_flight"].as_u64().unwrap();
    assert!((5..=8).contains(&most), "{most} in flight");
}

#[test]
fn a_collector_of_telemetry_hears_of_each_agent_while_the_run_goes_on() {
    let Some(nats) = NatsServer::if_here() else { return };
    let _agents = Agents::start(&nats, &["north", "south"]);
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let collector = ScriptedServer::start([Script::whole("application/json", "{}")]);
    let run = long_load(&nats, &server, &["--otel-url", &collector.url()]);
    run.until("gauges of both agents", || {
        let bodies: Vec<String> = collector.requests().iter().map(SeenRequest::body).collect();
        let said = |name: &str| {
            bodies.iter().any(|body| body.contains("prony.agent.requests") && body.contains(name))
        };
        (said("\"north\"") && said("\"south\"")).then_some(())
    });
    end(run);
}
