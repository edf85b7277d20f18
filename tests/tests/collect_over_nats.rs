//! `prony collect --nats`: what agents keep of a run whose controller is gone, fetched from where they are.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use prony_tests::{MockServer, NatsServer, Run, Running, Tool, commands_of, pages::page};
use serde_json::Value;

fn agent(nats: &NatsServer, name: &str, dir: &str) -> Running {
    Tool::new(["agent", "--nats", &nats.url(), "--name", name, "--dir", dir, "--workers", "1"]).spawn()
}

fn collect(nats: &NatsServer, words: &[&str]) -> Run {
    Tool::new(["collect", "--nats", &nats.url()]).args(words).run()
}

/// The runs of which agents keep something.
fn listed(nats: &NatsServer) -> Vec<Value> {
    let run = collect(nats, &["--format", "json"]);
    serde_json::from_str(&run.succeeds().stdout).unwrap()
}

/// A run on these agents that was killed when the server had answered some requests. Returns when all agents have given it up.
fn killed_run(nats: &NatsServer, server: &MockServer, agents: &[&Running]) {
    let load = ["--concurrency", "4", "--benchmark-duration", "600", "--osl", "2", "--isl", "4"];
    let count = agents.len().to_string();
    let run = Tool::profile(server)
        .args(["--nats", &nats.url(), "--agents", &count, "--no-server-metrics"])
        .args(load)
        .spawn();
    run.until("answers", || (server.answered() >= 20).then_some(()));
    assert_eq!(listed(nats), [] as [Value; 0], "a run that goes on is its controller's");
    run.signal("KILL");
    for agent in agents {
        agent.until("the journal is kept", || agent.said("prony collect").then_some(()));
    }
}

#[test]
fn what_agents_keep_is_listed_and_fetched_and_stays_with_them() {
    let Some(nats) = NatsServer::if_here() else { return };
    let (one, other) = (agent(&nats, "a", "kept"), agent(&nats, "b", "kept"));
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    killed_run(&nats, &server, &[&one, &other]);
    let before = listed(&nats);
    assert_eq!(before.len(), 1);
    let names: Vec<&Value> =
        before[0]["agents"].as_array().unwrap().iter().map(|agent| &agent["name"]).collect();
    assert_eq!(names, ["a", "b"]);
    let id = before[0]["run_id"].as_str().unwrap();
    let table = collect(&nats, &[]);
    assert!(table.succeeds().stdout.contains("2 of 2"), "{}", table.stdout);

    let collected = collect(&nats, &["--run", &id[..8], "--into", "run"]);
    // Its controller was killed: the run has not come to its end.
    collected.ends_with(6);
    assert_eq!(collected.summary()["run_id"], id);
    let answered = server.answered();
    let good = collected.records().iter().filter(|record| record["error"].is_null()).count() as u64;
    // The server may have finished what an agent no longer waited for.
    assert!(good <= answered && answered - good <= 4, "{good} of {answered}");
    let mut entries = std::fs::read_dir(collected.artifact("")).unwrap().filter_map(Result::ok);
    assert!(entries.all(|entry| entry.file_type().unwrap().is_file()), "only the run is there");
    let [list, fetch] = commands_of_the_page(&nats, &id[..4]);
    Tool::new(list).run().succeeds();
    Tool::new(fetch).run().ends_with(6);
    assert_eq!(listed(&nats), before);
}

/// What `MANY_MACHINES.md` says to type, with this server and the beginning of this run's id.
fn commands_of_the_page(nats: &NatsServer, id: &str) -> [Vec<String>; 2] {
    let blocks = page("docs/MANY_MACHINES.md").blocks();
    let block = blocks.iter().find(|block| block.text.contains("prony collect --nats")).unwrap();
    let typed = block.text.replace("nats://127.0.0.1:4222", &nats.url()).replace("3f2a", id);
    commands_of(&typed).try_into().unwrap()
}

#[test]
fn an_agent_that_was_started_again_gives_what_it_kept_before() {
    let Some(nats) = NatsServer::if_here() else { return };
    let first = agent(&nats, "a", "kept");
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    killed_run(&nats, &server, &[&first]);
    first.signal("KILL");
    let dir = first.dir().join("kept");
    let again = agent(&nats, "another-name", dir.to_str().unwrap());
    again.until("it waits for runs", || again.said("waits for runs").then_some(()));
    let runs = listed(&nats);
    assert_eq!(runs.len(), 1, "{runs:?}");
    let collected = collect(&nats, &["--run", runs[0]["run_id"].as_str().unwrap(), "--into", "run"]);
    collected.ends_with(6);
    assert_eq!(collected.summary()["agents"][0]["name"], "a");
}

#[test]
fn what_cannot_be_collected_is_said() {
    let Some(nats) = NatsServer::if_here() else { return };
    let nobody = collect(&nats, &[]);
    nobody.ends_with(4);
    assert!(nobody.stderr.contains("none answered within 2 s"), "{}", nobody.stderr);

    let agent = agent(&nats, "a", "kept");
    agent.until("it waits for runs", || agent.said("waits for runs").then_some(()));
    let nothing = collect(&nats, &[]);
    assert!(nothing.succeeds().stdout.contains("keeps anything of a run"), "{}", nothing.stdout);
    let unknown = collect(&nats, &["--run", "abc", "--into", "run"]);
    unknown.ends_with(2);
    assert!(unknown.stderr.contains("find the run `abc`"), "{}", unknown.stderr);
    assert!(!unknown.artifact("").exists(), "nothing is written");
}

#[test]
fn what_is_missing_on_the_command_line_is_named() {
    for (words, says) in [
        (&["collect"][..], "where to collect from is missing"),
        (&["collect", "a"][..], "`--into` is missing"),
        (&["collect", "--into", "run"][..], "what becomes the run in `--into` is missing"),
        (&["collect", "a", "--nats", "h", "--into", "run"][..], "--nats"),
        (&["collect", "a", "--nats-token", "t", "--into", "run"][..], "--nats-token"),
    ] {
        let run = Tool::new(words).run();
        run.ends_with(2);
        assert!(run.stderr.contains(says), "{words:?}: {}", run.stderr);
    }
}
