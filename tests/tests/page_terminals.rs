//! The pages whose commands are typed into several terminals: what stands there is typed as it is, but for addresses, ports and
//! numbers of requests.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{env, fs};

use prony_tests::{MockServer, NatsServer, Running, Tool, commands_of, finish, pages::page, shell};
use serde_json::Value;

/// The block of a page that has this in it.
fn block(path: &str, part: &str) -> String {
    let blocks = page(path).blocks();
    blocks.into_iter().map(|block| block.text).find(|text| text.contains(part)).unwrap()
}

/// The only command of ours in a text, under construction.
fn typed(text: &str) -> Tool {
    let commands = commands_of(text);
    assert_eq!(commands.len(), 1, "{text}");
    Tool::new(&commands[0])
}

/// A text in which something that must stand there is something else.
fn replaced(text: &str, shown: &str, here: &str) -> String {
    assert!(text.contains(shown), "`{shown}` does not stand in {text}");
    text.replace(shown, here)
}

/// What stands between two texts in what a program has said so far.
fn between(running: &Running, before: &str, behind: &str) -> String {
    running.until(before, || {
        let said = running.stderr();
        let (_, rest) = said.split_once(before)?;
        Some(rest.split_once(behind)?.0.to_owned())
    })
}

/// Ctrl-C in the terminal of an agent whose run is over.
fn end(agent: Running) {
    agent.until("the end of the run", || agent.said("the run is over").then_some(()));
    agent.signal("INT");
    agent.wait().ends_with(130);
}

/// `MANY_MACHINES.md`: the first terminal says what is typed into the other two, and has one report.
#[test]
fn three_terminals_make_one_report() {
    if !NatsServer::is_here() {
        eprintln!("not tested: nats-server is not installed");
        return;
    }
    let first = block("docs/MANY_MACHINES.md", "--agents 2");
    let controller = typed(&replaced(&first, "--request-count 2000", "--request-count 40")).spawn();
    let line = between(&controller, "start each agent with `prony agent --nats nats://127.0.0.1:", "`");
    let (port, token) = line.split_once(" --nats-token ").unwrap();
    let others = block("docs/MANY_MACHINES.md", "--nats-token TOKEN");
    let others = commands_of(&replaced(&replaced(&others, "PORT", port), "TOKEN", token));
    assert_eq!(others.len(), 2, "{others:?}");
    let agents: Vec<Running> = others.iter().map(|words| Tool::new(words).spawn()).collect();

    let run = controller.wait();
    run.succeeds();
    let summary = fs::read(run.dir().join("one-report/profile_export_prony.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(summary["request_count"]["avg"], 40);
    assert_eq!(summary["agents"].as_array().map(Vec::len), Some(2));
    agents.into_iter().for_each(end);
}

/// `MANY_MACHINES.md`: a server of NATS that stays, which a variable names to everybody.
#[test]
fn a_nats_server_that_stays_is_named_by_a_variable() {
    let Some(nats) = NatsServer::if_here() else { return };
    let at_the_server = |part: &str| {
        let text = block("docs/MANY_MACHINES.md", part);
        assert!(text.starts_with("export PRONY_NATS=nats://127.0.0.1:4222\n"), "{text}");
        text
    };
    let agent = typed(&at_the_server("prony agent --name a")).env("PRONY_NATS", nats.url()).spawn();
    let controller = replaced(&at_the_server("--agents 1"), "--request-count 2000", "--request-count 40");
    let run = typed(&controller).env("PRONY_NATS", nats.url()).run();
    run.succeeds();
    assert!(run.stdout.contains("Agents"), "{}", run.stdout);
    end(agent);
}

/// `MANY_MACHINES.md`: a server with a login and TLS, as its file of settings on the page has it, and a run of three machines.
#[test]
fn several_machines_meet_at_a_server_with_a_login_and_tls() {
    if !NatsServer::is_here() {
        eprintln!("not tested: nats-server is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().display().to_string();
    let own = rcgen::generate_simple_self_signed(["localhost", "127.0.0.1"].map(str::to_owned)).unwrap();
    fs::write(folder.path().join("server.pem"), own.cert.pem()).unwrap();
    fs::write(folder.path().join("server.key"), own.signing_key.serialize_pem()).unwrap();
    let text = &page("docs/MANY_MACHINES.md").text;
    let (_, settings) = text.split_once("   listen: 0.0.0.0:4222\n").unwrap();
    let (settings, _) = settings.split_once("```").unwrap();
    let settings = replaced(&replaced(settings, "/etc/nats", &files), "/var/lib/nats", &files);
    let nats = NatsServer::start_with(&settings);

    let at_the_server = |part: &str| {
        let block = block("docs/MANY_MACHINES.md", part);
        let (export, command) = block.trim_start().split_once('\n').unwrap();
        assert_eq!(
            export,
            "export PRONY_NATS=tls://nats.example.org:4222 PRONY_NATS_TOKEN='a long random text'"
        );
        let command = command.replace("http://llm.example.org:8000", "http://SERVER");
        // Nobody vouches for a certificate that was made a moment ago.
        let login = [
            ("PRONY_NATS", nats.url().replace("nats://", "tls://")),
            ("PRONY_NATS_TOKEN", "a long random text".to_owned()),
            ("PRONY_NATS_TLS_CA", format!("{files}/server.pem")),
        ];
        (command, login)
    };
    let (command, login) = at_the_server("--labels site-a");
    let machines = ["north", "south", "west"].map(|name| {
        let agent = typed(&command).env("PRONY_AGENT_NAME", name);
        login.iter().fold(agent, |agent, (name, value)| agent.env(name, value)).spawn()
    });
    let server = MockServer::start([]);
    let (command, login) = at_the_server("--agents 3");
    let command = replaced(&command, "http://SERVER", server.url());
    let command = replaced(&command, "--concurrency 300", "--concurrency 6");
    let command = replaced(&command, "--benchmark-duration 5m", "--benchmark-duration 1s");
    let run = login.iter().fold(typed(&command), |run, (name, value)| run.env(name, value)).run();
    run.succeeds();
    for (name, machine) in ["north", "south", "west"].iter().zip(machines) {
        assert!(run.stdout.contains(name), "{}", run.stdout);
        end(machine);
    }
}

/// `RECORD.md`: what a client asks by way of the proxy is in a file, which can be looked at.
#[test]
fn what_passes_through_the_proxy_is_recorded() {
    let server = MockServer::start([]);
    let text = block("docs/RECORD.md", "prony record");
    let text = replaced(&text, "127.0.0.1:9000", "127.0.0.1:0");
    let recording = typed(&replaced(&text, "http://localhost:8000", server.url())).spawn();
    let address = between(&recording, "recording: http://", " ");
    Tool::profile_at(&format!("http://{address}")).args(["--request-count", "3"]).run().succeeds();
    recording.signal("INT");
    let recorded = recording.wait();
    recorded.succeeds();
    let file = recorded.dir().join("day.jsonl");
    let shown = Tool::new(["dataset", "inspect"]).arg(&file).run();
    let is_count = |line: &str| line.split_whitespace().eq(["sessions", "3"]);
    assert!(shown.succeeds().stdout.lines().any(is_count), "{}", shown.stdout);
    assert_eq!(fs::read_to_string(file).unwrap().lines().count(), 4, "a head and three sessions");
}

/// Whether a program is on the path.
fn is_here(program: &str) -> bool {
    env::split_paths(&env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join(program).is_file())
}

/// `LIVE.md`: `curl` sees how the run goes on.
#[test]
fn a_run_that_goes_on_is_seen_in_another_terminal() {
    if !is_here("curl") {
        eprintln!("not tested: curl is not installed");
        return;
    }
    let text = block("docs/LIVE.md", "--api-port 9000");
    let (first, asked) = text.split_once("\ncurl ").unwrap();
    let first = replaced(first, "--api-port 9000", "--api-port 0");
    // It is ended below.
    let running = typed(&replaced(&first, "--benchmark-duration 60", "--benchmark-duration 3600")).spawn();
    let address = between(&running, "the run can be looked at: http://", "\n");
    let commands = replaced(&format!("curl {asked}"), "127.0.0.1:9000", &address);
    let answers: Vec<String> = commands
        .lines()
        .map(|line| {
            // Events go on as long as the run does.
            let here = running.dir();
            let output = finish(&mut shell(here, here, &format!("{line} | head -n 2")));
            String::from_utf8(output.stdout).unwrap()
        })
        .collect();
    assert_eq!(answers.len(), 2, "{commands}");
    let progress: Value = serde_json::from_str(&answers[0]).unwrap();
    assert!(progress["state"].is_string(), "{progress}");
    assert!(answers[1].starts_with("event: now\ndata: {"), "{}", answers[1]);
    running.signal("INT");
    running.wait().ends_with(130);
}
