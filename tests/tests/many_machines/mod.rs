//! One run on several machines: a controller and its agents, over a real NATS server. What they do together is what one machine
//! does; who is lost is named, and nothing is lost that somebody's disk has.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod bodies;
mod live;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use prony_tests::{MockServer, NatsServer, Run, Running, Script, ScriptedServer, SeenRequest, Tool, finish};
use rstest::rstest;
use serde_json::Value;

/// Agents that wait for runs. They end with this value.
struct Agents(Vec<Running>);

impl Agents {
    fn start(nats: &NatsServer, names: &[&str]) -> Self {
        // Machines are not alike: the parts of a run do not depend on the number of workers.
        Self((1..).zip(names).map(|(workers, name)| agent(nats, name, workers).spawn()).collect())
    }

    /// All folders in which one of them has kept a run.
    fn kept(&self) -> Vec<PathBuf> {
        self.0.iter().flat_map(|agent| folders(&agent.dir().join("kept/runs"))).collect()
    }
}

fn agent(nats: &NatsServer, name: &str, workers: u32) -> Tool {
    let words = ["agent", "--nats", &nats.url(), "--name", name, "--dir", "kept"];
    Tool::new(words).args(["--workers", &workers.to_string()])
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(of).map(|entries| entries.map(|entry| entry.unwrap().path()));
    let mut folders: Vec<PathBuf> = entries.into_iter().flatten().collect();
    folders.sort();
    folders
}

fn controller(nats: &NatsServer, url: &str, agents: &str) -> Tool {
    with_agents(Tool::profile_at(url), nats, agents)
}

fn with_agents(profile: Tool, nats: &NatsServer, agents: &str) -> Tool {
    profile.args(["--nats", &nats.url(), "--agents", agents, "--no-server-metrics"])
}

/// Bodies that a server has seen, in the order of their texts.
fn bodies(server: &ScriptedServer) -> Vec<String> {
    let mut bodies: Vec<String> = server.requests().iter().map(SeenRequest::body).collect();
    bodies.sort_unstable();
    bodies
}

fn scripted() -> ScriptedServer {
    let finish = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#;
    ScriptedServer::start([Script::events().event(finish).event("[DONE]").last_chunk()])
}

/// When the schedule wanted the requests, in nanoseconds since the first one.
fn wanted(run: &Run) -> Vec<u64> {
    let at = |record: &Value| record["metadata"]["credit_issued_ns"].as_u64().unwrap();
    let mut due: Vec<u64> = run.records().iter().map(at).collect();
    due.sort_unstable();
    due.iter().map(|at| at - due[0]).collect()
}

fn session_numbers(run: &Run) -> Vec<u64> {
    let mut numbers: Vec<u64> =
        run.records().iter().map(|record| record["metadata"]["session_num"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

const LENGTHS: [&str; 4] = ["--isl", "9", "--isl-stddev", "3"];

#[rstest]
#[case::closed(&["--concurrency", "6"], false)]
#[case::closed_and_rising(&["--concurrency", "6", "--concurrency-ramp-duration", "500ms"], false)]
#[case::poisson(&["--request-rate", "300", "--arrival-pattern", "poisson"], true)]
#[case::constant(&["--request-rate", "300", "--arrival-pattern", "constant"], true)]
#[case::limited(&["--request-rate", "300", "--concurrency", "6"], true)]
fn agents_send_together_what_one_machine_sends(#[case] load: &[&str], #[case] is_open: bool) {
    let Some(nats) = NatsServer::if_here() else { return };
    let count = ["--request-count", "60"];
    let alone = scripted();
    let one = Tool::profile_at(&alone.url())
        .args(LENGTHS)
        .args(load)
        .args(count)
        .args(["--no-server-metrics", "--workers", "1"])
        .run();
    one.succeeds();
    for agents in [&["a"][..], &["a", "b"], &["a", "b", "c"]] {
        let running = Agents::start(&nats, agents);
        let server = scripted();
        let number = agents.len().to_string();
        let run = controller(&nats, &server.url(), &number).args(LENGTHS).args(load).args(count).run();
        run.succeeds();
        assert_eq!(bodies(&server), bodies(&alone));
        assert_eq!(session_numbers(&run), (0..60).collect::<Vec<_>>());
        if is_open {
            let (together, alone) = (wanted(&run), wanted(&one));
            assert!(together.iter().zip(&alone).all(|(one, two)| one.abs_diff(*two) <= 1), "{together:?}");
        }
        assert_eq!(run.summary()["agents"].as_array().map(Vec::len), Some(agents.len()));
        assert!(!run.artifact("agents").exists(), "what came is in the journal");
        drop(running);
    }
}

#[test]
fn conversations_with_live_replies_are_divided_whole() {
    let Some(nats) = NatsServer::if_here() else { return };
    let _agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--tokens", "3"]);
    let load =
        ["--num-conversations", "8", "--conversation-turn-mean", "3", "--concurrency", "4", "--osl", "3"];
    let run = controller(&nats, server.url(), "2").args(load).run();
    run.succeeds();
    let records = run.records();
    assert_eq!(records.len(), 24);
    let conversations: BTreeSet<String> = records
        .iter()
        .map(|record| record["metadata"]["conversation_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(conversations.len(), 8);
}

#[test]
fn one_report_has_a_row_for_each_agent_and_its_agents_serve_the_next_run_as_well() {
    let Some(nats) = NatsServer::if_here() else { return };
    let agents = Agents::start(&nats, &["north", "south"]);
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    for _ in 0..2 {
        let load = ["--concurrency", "4", "--request-count", "40", "--osl", "2"];
        let run = controller(&nats, server.url(), "2").args(load).run();
        run.succeeds();
        let summary = run.summary();
        let names: Vec<&str> = summary["agents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|agent| agent["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["north", "south"]);
        assert!(run.stdout.contains("north") && run.stdout.contains("south"), "{}", run.stdout);
    }
    assert_eq!(agents.kept(), [] as [PathBuf; 0], "what the controller has is not kept");
}

#[test]
fn the_runs_of_an_experiment_have_the_same_agents() {
    let Some(nats) = NatsServer::if_here() else { return };
    let agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--tokens", "2"]);
    let load = ["--concurrency", "2,4", "--request-count", "20", "--osl", "2"];
    let run = controller(&nats, server.url(), "2").args(load).run();
    run.succeeds();
    assert_eq!(server.truth()["requests_ok"], 40);
    assert_eq!(agents.kept(), [] as [PathBuf; 0]);
}

#[test]
fn files_of_a_plan_come_along() {
    let Some(nats) = NatsServer::if_here() else { return };
    let _agents = Agents::start(&nats, &["a", "b"]);
    let server = scripted();
    let tool = controller(&nats, &server.url(), "2").args(["--concurrency", "2", "--request-count", "4"]);
    let lines: Vec<String> = (0..4).map(|number| format!("{{\"text\": \"question {number}\"}}")).collect();
    let file = tool.file("questions.jsonl", lines.join("\n"));
    let system = tool.file("system.txt", "Answer in verse.");
    let words = ["--input-file", file.to_str().unwrap(), "--system-prompt-file", system.to_str().unwrap()];
    let run = tool.args(words).run();
    run.succeeds();
    for number in 0..4 {
        let question = format!("question {number}");
        assert_eq!(bodies(&server).iter().filter(|body| body.contains(&question)).count(), 1);
    }
    assert!(bodies(&server).iter().all(|body| body.contains("Answer in verse.")));
}

/// A load that lasts until somebody ends it, on two agents.
fn long_load(nats: &NatsServer, server: &MockServer, more: &[&str]) -> Running {
    let load = ["--concurrency", "4", "--benchmark-duration", "600", "--osl", "2", "--isl", "4"];
    controller(nats, server.url(), "2").args(load).args(more.iter().copied()).spawn()
}

#[test]
fn an_agent_that_is_killed_ends_the_run_and_is_named() {
    let Some(nats) = NatsServer::if_here() else { return };
    let agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let run = long_load(&nats, &server, &[]);
    run.await_answers(&server, 20);
    agents.0[1].signal("KILL");
    let run = run.wait();
    run.ends_with(1);
    assert!(run.stderr.contains("the agent `b` was lost"), "{}", run.stderr);
    let summary = run.summary();
    let rows = summary["agents"].as_array().unwrap();
    assert!(rows[0]["lost"].is_null() && rows[1]["lost"].is_object(), "{rows:#?}");
    assert!(run.records().len() >= 10);
    assert_eq!(agents.kept().len(), 1, "the journal of the one that was killed");
}

#[test]
fn a_run_may_go_on_without_an_agent_and_says_what_is_missing() {
    let Some(nats) = NatsServer::if_here() else { return };
    let agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let run = long_load(&nats, &server, &["--on-agent-loss", "continue"]);
    run.await_answers(&server, 20);
    agents.0[1].signal("KILL");
    run.until("the loss is told", || run.said("the agent `b` was lost").then_some(()));
    run.await_answers(&server, 20);
    run.signal("INT");
    let run = run.wait();
    run.ends_with(130);
    let summary = run.summary();
    let rows = summary["agents"].as_array().unwrap();
    assert!(rows[0]["lost"].is_null() && rows[1]["lost"].is_object(), "{rows:#?}");
}

/// Its part of the numbers is lost with it; nobody waits for its workers in the phases that begin later.
#[test]
fn a_run_that_loses_an_agent_in_its_warm_up_comes_to_its_end() {
    let Some(nats) = NatsServer::if_here() else { return };
    let agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "20"]);
    let load = ["--concurrency", "4", "--warmup-request-count", "600", "--request-count", "40", "--osl", "2"];
    let tool = controller(&nats, server.url(), "2").args(load).args(["--on-agent-loss", "continue"]);
    let run = tool.spawn();
    run.await_answers(&server, 20);
    agents.0[1].signal("KILL");
    let run = run.wait();
    run.ends_with(6);
    assert!(run.stderr.contains("the agent `b` was lost"), "{}", run.stderr);
    assert!(!run.records().is_empty());
}

#[test]
fn an_agent_that_is_frozen_is_lost() {
    let Some(nats) = NatsServer::if_here() else { return };
    let agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let load = ["--concurrency", "4", "--benchmark-duration", "600", "--osl", "2", "--isl", "4"];
    let run = with_agents(Tool::profile_shown("simple", server.url()), &nats, "2").args(load).spawn();
    run.await_answers(&server, 20);
    agents.0[1].signal("STOP");
    let run = run.wait();
    agents.0[1].signal("CONT");
    run.ends_with(1);
    assert!(run.stderr.contains("2 agents take part: `a`, `b`"), "{}", run.stderr);
    assert!(run.stderr.contains("the agent `b` has said nothing for"), "{}", run.stderr);
    assert!(run.stderr.contains("the agent `b` was lost: it has not been heard for"), "{}", run.stderr);
}

#[test]
fn an_agent_that_is_asked_to_end_gives_what_it_has() {
    let Some(nats) = NatsServer::if_here() else { return };
    let agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let run = long_load(&nats, &server, &[]);
    run.await_answers(&server, 20);
    agents.0[1].signal("TERM");
    let run = run.wait();
    run.ends_with(1);
    let answered = server.truth()["requests_ok"].as_u64().unwrap();
    let good = run.records().iter().filter(|record| record["error"].is_null()).count() as u64;
    assert_eq!(good, answered, "{}", run.stderr);
    // It has said what became of its part.
    assert!(run.stderr.contains("the agent `b` was ended by SIGTERM"), "{}", run.stderr);
    let summary = run.summary();
    let count = |key: &str| summary[key].as_u64().unwrap();
    assert!(count("lost") == 0 && count("sent") <= count("scheduled"), "{summary:#}");
    let findings = summary["verdict"]["findings"].as_array().unwrap();
    let names: Vec<&str> = findings.iter().map(|finding| finding["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"agent_ended") && !names.contains(&"agent_lost"), "{names:?}");
}

#[test]
fn a_controller_that_is_killed_leaves_journals_that_can_be_collected() {
    let Some(nats) = NatsServer::if_here() else { return };
    let agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let run = long_load(&nats, &server, &[]);
    run.await_answers(&server, 20);
    run.signal("KILL");
    for agent in &agents.0 {
        agent.until("the journal is kept", || agent.said("prony collect").then_some(()));
    }
    let kept = agents.kept();
    assert_eq!(kept.len(), 2);
    let collected = Tool::new(["collect"]).args(&kept).args(["--into", "run"]).run();
    collected.ends_with(6);
    let answered = server.truth()["requests_ok"].as_u64().unwrap();
    let good = collected.records().iter().filter(|record| record["error"].is_null()).count() as u64;
    // The server may have finished what an agent no longer waited for.
    assert!(good <= answered && answered - good <= 4, "{good} of {answered}");
}

#[test]
fn a_network_that_is_away_for_a_while_costs_nothing() {
    let Some(mut nats) = NatsServer::if_here() else { return };
    let _agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let load = ["--request-rate", "100", "--request-count", "400", "--osl", "2", "--isl", "4"];
    let run = controller(&nats, server.url(), "2").args(load).spawn();
    run.await_answers(&server, 20);
    nats.restart();
    let run = run.wait();
    run.succeeds();
    assert_eq!(session_numbers(&run), (0..400).collect::<Vec<_>>());
}

/// How long after it was sent each request of an agent arrived, by the server's clock, in nanoseconds: the median. The two clocks differ by
/// the same amount for all agents.
fn transit(run: &Run, server: &MockServer, node: u64) -> i64 {
    let truth = server.truth();
    let arrived = |id: &str| {
        let requests = truth["requests"].as_array().unwrap();
        let request = requests.iter().find(|request| request["request_id"] == id).unwrap();
        request["arrived_ns"].as_i64().unwrap()
    };
    let records = run.records();
    let of_node = records.iter().map(|record| &record["metadata"]).filter(|metadata| {
        let is_measured = metadata["benchmark_phase"] == "profiling";
        is_measured && metadata["node"].as_u64().unwrap_or(0) == node
    });
    let mut transits: Vec<i64> = of_node
        .map(|metadata| {
            let id = metadata["x_request_id"].as_str().unwrap();
            arrived(id) - metadata["request_sent_ns"].as_i64().unwrap()
        })
        .collect();
    transits.sort_unstable();
    transits[transits.len() / 2]
}

/// A machine that was started a hundred seconds later: a namespace of time, where the system lets us have one.
const ANOTHER_CLOCK: [&str; 4] = ["unshare", "--time", "--monotonic", "100"];

#[test]
fn instants_of_a_machine_with_another_clock_are_on_the_runs_clock() {
    let Some(nats) = NatsServer::if_here() else { return };
    let can = finish(Command::new("sh").args(["-c", "unshare --time --monotonic 100 true"]));
    if !can.status.success() {
        eprintln!("not tested: there are no namespaces of time");
        return;
    }
    let _here = agent(&nats, "a", 1).spawn();
    let _elsewhere = agent(&nats, "b", 1).under(&ANOTHER_CLOCK).spawn();
    let server = MockServer::start(["--tokens", "1"]);
    let load = ["--request-rate", "100", "--request-count", "200", "--osl", "1", "--isl", "4"];
    let run = controller(&nats, server.url(), "2").args(load).run();
    run.succeeds();
    let bounds: i64 = run.summary()["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| agent["clock_bound_ns"].as_i64().unwrap())
        .sum();
    let differ = (transit(&run, &server, 0) - transit(&run, &server, 1)).abs();
    // What a busy machine takes to read a request is a part of it.
    assert!(differ <= bounds + 20_000_000, "{differ} ns, and the bounds are {bounds} ns");
}

/// Heartbeats, counts, and what has ended: of a schedule of 100 requests a second, 500 requests are five seconds.
#[test]
fn the_bus_is_nearly_silent_while_a_phase_is_measured() {
    let Some(nats) = NatsServer::if_here() else { return };
    let _agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--tokens", "2"]);
    let load = ["--request-rate", "100", "--request-count", "1000", "--osl", "2", "--isl", "4"];
    let run = controller(&nats, server.url(), "2").args(load).args(["--api-port", "0"]).spawn();
    let address = live::address(&run);
    run.until("both agents speak", || live::have_spoken(&live::now(&address), 2).then_some(()));
    run.await_answers(&server, 10);
    let before = nats.bytes();
    run.await_answers(&server, 500);
    let a_second_and_agent = (nats.bytes() - before) / (5 * 2);
    run.wait().succeeds();
    assert!(a_second_and_agent < 20_000, "{a_second_and_agent} bytes");
}

/// It says so, and goes on with no load of which nothing is kept.
#[test]
fn an_agent_whose_disk_is_full_ends_its_part() {
    let Some(nats) = NatsServer::if_here() else { return };
    let _good = agent(&nats, "a", 1).spawn();
    let _full = agent(&nats, "b", 1).under(&["sh", "-c", "ulimit -f 64; exec \"$@\"", "sh"]).spawn();
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "1"]);
    let run = long_load(&nats, &server, &[]).wait();
    run.ends_with(1);
    assert!(run.stderr.contains("the agent `b` was lost: it cannot write its journal"), "{}", run.stderr);
    assert!(!run.records().is_empty(), "what the other one measured");
}

#[test]
fn who_cannot_have_its_agents_hears_why() {
    let Some(nats) = NatsServer::if_here() else { return };
    let server = MockServer::start([]);
    let short = ["--agents-timeout", "0.5"];
    let none = controller(&nats, server.url(), "2").args(short).run();
    none.ends_with(4);
    assert!(none.stderr.contains("none answered"), "{}", none.stderr);

    let same = Agents::start(&nats, &["a", "a"]);
    let run = controller(&nats, server.url(), "2").run();
    run.ends_with(2);
    assert!(run.stderr.contains("two of them are named `a`"), "{}", run.stderr);
    drop(same);

    let _one = Agents::start(&nats, &["a"]);
    let labelled = controller(&nats, server.url(), "label=gpu:1").args(short).run();
    labelled.ends_with(4);
    assert!(labelled.stderr.contains("with the label `gpu`"), "{}", labelled.stderr);
}

#[test]
fn an_agent_works_for_one_run_at_a_time() {
    let Some(nats) = NatsServer::if_here() else { return };
    let _agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let first = long_load(&nats, &server, &[]);
    first.await_answers(&server, 20);
    let second = controller(&nats, server.url(), "2").args(["--agents-timeout", "0.5"]).run();
    second.ends_with(4);
    assert!(second.stderr.contains("2 of them work for another run"), "{}", second.stderr);
    first.signal("INT");
    first.wait().ends_with(130);
}

#[test]
fn without_a_server_the_controller_starts_one_and_says_how_agents_find_it() {
    if NatsServer::if_here().is_none() {
        return;
    }
    let server = MockServer::start(["--tokens", "2"]);
    let load = ["--agents", "1", "--concurrency", "2", "--request-count", "10", "--osl", "2"];
    let run = Tool::profile(&server).args(load).spawn();
    let line = run.until("the way to start an agent", || {
        let said = run.stderr();
        let (_, rest) = said.split_once("`prony agent ")?;
        Some(rest.split_once('`')?.0.to_owned())
    });
    let _agent = Tool::new(["agent"]).args(line.split(' ')).args(["--dir", "kept"]).spawn();
    run.wait().succeeds();
}
