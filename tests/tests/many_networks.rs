//! Agents on networks that are not as they should be: slow, away for a while, away for good. And an agent of another version. A relay
//! stands between such an agent and the NATS server; the controller and the other agents are connected directly.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    time::Duration,
};

use prony_tests::{MockServer, NatsServer, Relay, Run, Running, Tool};
use rstest::rstest;
use serde_json::Value;

fn agent(url: &str, name: &str) -> Running {
    Tool::new(["agent", "--nats", url, "--name", name, "--dir", "kept", "--workers", "1"]).spawn()
}

fn controller(nats: &NatsServer, server: &MockServer, agents: &str) -> Tool {
    let tool = Tool::profile(server).args(["--nats", &nats.url(), "--agents", agents]);
    tool.args(["--no-server-metrics", "--osl", "2", "--isl", "4"])
}

/// Folders in which an agent has kept runs.
fn kept(agent: &Running) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(agent.dir().join("kept/runs"));
    entries.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

fn good(run: &Run) -> u64 {
    run.records().iter().filter(|record| record["error"].is_null()).count() as u64
}

/// What the summary has of each agent.
fn rows(run: &Run) -> Vec<Value> {
    run.summary()["agents"].as_array().unwrap().clone()
}

/// Where the live API of a run answers, as it says itself.
fn address(run: &Running) -> String {
    run.until("the address", || {
        let said = run.stderr();
        let (_, rest) = said.split_once("live_api: the run can be looked at: http://")?;
        rest.split_once('\n').map(|(address, _)| address.trim().to_owned())
    })
}

/// How many seconds ago the controller has heard an agent last, by its place among them. Nothing before the first time.
fn heard_s_ago(address: &str, agent: usize) -> Option<f64> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "GET /api HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let all: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    all["now"]["agents"][agent]["heard_s_ago"].as_f64()
}

/// One of two agents is not heard for five seconds, as the controller itself says.
#[test]
fn an_agent_that_is_cut_off_for_five_seconds_goes_on_and_nothing_is_lost() {
    let Some(nats) = NatsServer::if_here() else { return };
    let relay = Relay::before(&nats.url());
    let (near, far) = (agent(&nats.url(), "a"), agent(&relay.url(), "b"));
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let load = ["--request-rate", "100", "--request-count", "1200", "--api-port", "0"];
    let run = controller(&nats, &server, "2").args(load).spawn();
    let address = address(&run);
    run.until("the agent is heard", || heard_s_ago(&address, 1).is_some().then_some(()));
    relay.stop();
    run.until("a silence", || (heard_s_ago(&address, 1) >= Some(5.0)).then_some(()));
    relay.resume();
    let run = run.wait();
    run.succeeds();
    let mut numbers: Vec<u64> =
        run.records().iter().map(|record| record["metadata"]["session_num"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..1200).collect::<Vec<_>>());
    assert!(rows(&run).iter().all(|row| row["lost"].is_null() && row["missing_bytes"].is_null()));
    for agent in [&near, &far] {
        agent.until("the controller has all of it", || kept(agent).is_empty().then_some(()));
    }
}

#[test]
fn an_agent_that_is_cut_off_for_good_is_named_and_its_journal_is_collected_later() {
    let Some(nats) = NatsServer::if_here() else { return };
    let relay = Relay::before(&nats.url());
    let (_near, far) = (agent(&nats.url(), "a"), agent(&relay.url(), "b"));
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let load = ["--request-rate", "100", "--benchmark-duration", "600"];
    let run = controller(&nats, &server, "2").args(load).spawn();
    run.await_answers(&server, 50);
    relay.stop();
    let run = run.wait();
    run.ends_with(1);
    // Who, when, and how much.
    let rows = rows(&run);
    assert!(rows[0]["lost"].is_null(), "{rows:#?}");
    assert_eq!(rows[1]["name"], "b");
    assert!(rows[1]["lost"]["at_ns"].is_u64(), "{rows:#?}");
    let findings = run.summary()["verdict"]["findings"].clone();
    let finding = findings.as_array().unwrap().iter().find(|finding| finding["name"] == "agent_lost");
    let says = finding.map_or("", |finding| finding["text"].as_str().unwrap()).to_owned();
    assert!(says.starts_with("agent b was lost at"), "{findings:#?}");
    assert!(says.contains("it has not been heard for 10 s"), "{says}");
    assert!(says.contains("1/2 of the load is missing"), "{says}");

    far.until("the journal is kept", || far.said("prony collect").then_some(()));
    let folders = [vec![run.artifact("agents/a")], kept(&far)].concat();
    assert_eq!(folders.len(), 2);
    let collected = collect(&folders);
    collected.ends_with(6);
    let (answered, good) = (server.answered(), good(&collected));
    // The server may have finished what an agent no longer waited for.
    assert!(good <= answered && answered - good <= 8, "{good} of {answered}");
}

fn collect(folders: &[PathBuf]) -> Run {
    Tool::new(["collect"]).args(folders).args(["--into", "run"]).run()
}

/// From when the quickest request of an agent was sent, by the run's clock, to when it arrived, by the server's clock: nanoseconds. The two
/// clocks differ by the same amount for all agents, and all are on one machine: what is left between agents is the error of their clocks.
fn quickest(run: &Run, server: &MockServer, node: u64) -> i64 {
    let truth = server.truth();
    let requests = truth["requests"].as_array().unwrap();
    let transit = |record: &Value| {
        let metadata = &record["metadata"];
        let id = &metadata["x_request_id"];
        let seen = requests.iter().find(|request| request["request_id"] == *id).unwrap();
        seen["arrived_ns"].as_i64().unwrap() - metadata["request_sent_ns"].as_i64().unwrap()
    };
    let records = run.records();
    let own = records.iter().filter(|record| record["metadata"]["node"].as_u64().unwrap_or(0) == node);
    own.map(transit).min().unwrap()
}

/// What a machine with a lot to do adds to the quickest request of an agent, at most.
const BUSY_NS: i64 = 30_000_000;

/// The round trips are the same in both cases, and so are the bounds. Where the ways differ, the error is as large as the bound.
#[rstest]
#[case::as_long_there_as_back((5, 5), (50, 50))]
#[case::all_of_it_on_the_way_back((0, 10), (0, 100))]
#[case::all_of_it_on_the_way_there((10, 0), (100, 0))]
fn bounds_of_clocks_hold_on_slow_networks(#[case] slow: (u64, u64), #[case] slower: (u64, u64)) {
    let Some(nats) = NatsServer::if_here() else { return };
    let relay =
        |(there, back)| Relay::slow(&nats.url(), Duration::from_millis(there), Duration::from_millis(back));
    let relays = [slow, slower].map(relay);
    let _near = agent(&nats.url(), "a");
    let _far = [("b", &relays[0]), ("c", &relays[1])].map(|(name, relay)| agent(&relay.url(), name));
    let server = MockServer::start(["--tokens", "1"]);
    let load = ["--request-rate", "100", "--request-count", "300"];
    let run = controller(&nats, &server, "3").args(load).run();
    run.succeeds();
    let bounds: Vec<i64> = rows(&run).iter().map(|row| row["clock_bound_ns"].as_i64().unwrap()).collect();
    assert!(bounds[1] >= 5_000_000 && bounds[2] >= 50_000_000, "{bounds:?}");
    let near = quickest(&run, &server, 0);
    for (node, bound) in [(1, bounds[1]), (2, bounds[2])] {
        let error = (quickest(&run, &server, node) - near).abs();
        assert!(error <= bound + bounds[0] + BUSY_NS, "{node}: {error} ns, and the bounds are {bounds:?}");
    }
}

#[test]
fn an_agent_of_another_version_is_refused_by_name_and_nothing_is_sent() {
    let Some(nats) = NatsServer::if_here() else { return };
    let ours = env!("CARGO_PKG_VERSION");
    let theirs = ours.replace(|letter: char| letter.is_ascii_digit(), "9");
    let relay = Relay::changing(&nats.url(), ours, &theirs);
    let _agents = (agent(&nats.url(), "a"), agent(&relay.url(), "b"));
    let server = MockServer::start([]);
    let run = controller(&nats, &server, "2").args(["--request-count", "4"]).run();
    run.ends_with(2);
    let says = format!("use the agent `b`: it is prony {theirs}, and this is prony {ours}");
    assert!(run.stderr.contains(&says), "{}", run.stderr);
    assert!(run.stderr.contains("use the same version everywhere"), "{}", run.stderr);
    assert_eq!(server.answered(), 0);
}
