//! Agents that a run starts by ssh, over a real `sshd` of the test's own, whose machines `north` and `south` are this one: the copy of the
//! program that they get, the way to NATS, and that nothing stays behind.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![expect(clippy::print_stderr, reason = "a test that cannot be made says why")]

use std::{fs, path::PathBuf};

use prony_tests::{MockServer, NatsServer, Run, SshServer, Tool, eventually};
use rstest::rstest;

/// A server of ssh, where one is installed, and one of NATS as well.
fn machines(start: fn() -> SshServer) -> Option<SshServer> {
    if !NatsServer::is_here() {
        eprintln!("not tested: nats-server is not installed");
        return None;
    }
    if !SshServer::is_here() {
        eprintln!("not tested: openssh-server and openssh-client are not installed");
        return None;
    }
    Some(start())
}

fn controller(machines: &SshServer, server: &MockServer, agents: &str) -> Tool {
    let words = ["--agents", agents, "--ssh", &machines.ssh(), "--no-server-metrics"];
    Tool::profile_at(server.url()).args(words)
}

const LOAD: [&str; 6] = ["--concurrency", "4", "--request-count", "40", "--osl", "2"];

/// A load that lasts until somebody ends it.
const LONG_LOAD: [&str; 6] = ["--concurrency", "4", "--benchmark-duration", "600", "--osl", "2"];

fn names(run: &Run) -> Vec<String> {
    let summary = run.summary();
    let agents = summary["agents"].as_array().unwrap().iter();
    agents.map(|agent| agent["name"].as_str().unwrap().to_owned()).collect()
}

fn entries(folder: PathBuf) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The names of what a machine has copies of, and of what is left of others.
fn copies(machines: &SshServer, name: &str) -> Vec<String> {
    entries(machines.machine(name).join("cache/prony"))
}

/// Journals that a machine keeps.
fn kept(machines: &SshServer, name: &str) -> Vec<String> {
    entries(machines.machine(name).join("state/prony/agent/runs"))
}

fn await_no_agent(machines: &SshServer) {
    eventually("no agent is there any more", || machines.agents().is_empty().then_some(()));
}

#[test]
fn a_machine_gets_one_copy_and_its_agent_a_row_of_the_report() {
    let Some(machines) = machines(SshServer::start_empty) else { return };
    let server = MockServer::start(["--tokens", "2"]);
    let first = controller(&machines, &server, "ssh:north,south").args(LOAD).run();
    first.succeeds();
    assert_eq!(names(&first), ["north", "south"]);
    assert_eq!(server.truth()["requests_ok"], 40);
    for name in ["north", "south"] {
        assert!(first.stderr.contains(&format!("prony is copied to `{name}`")), "{}", first.stderr);
        assert!(first.stderr.contains(&format!("{name}: ")), "{}", first.stderr);
        assert_eq!(copies(&machines, name).len(), 1, "{:?}", copies(&machines, name));
        assert_eq!(kept(&machines, name), [] as [String; 0], "what the controller has is not kept");
    }
    await_no_agent(&machines);

    let second = controller(&machines, &server, "ssh:north,south").args(LOAD).run();
    second.succeeds();
    assert!(!second.stderr.contains("is copied"), "{}", second.stderr);
    assert_eq!(copies(&machines, "north").len(), 1);
}

#[test]
fn a_copy_that_was_cut_is_not_used() {
    let Some(machines) = machines(SshServer::start_empty) else { return };
    let server = MockServer::start(["--tokens", "2"]);
    let cut = machines.folder().join("cut.sh");
    let script = "for last; do :; done\n\
                  case \"$last\" in *copying*) head -c 1000000 | ssh \"$@\" ;; *) exec ssh \"$@\" ;; esac\n";
    fs::write(&cut, script).unwrap();
    let ssh = machines.ssh().replacen("ssh", &format!("sh {}", cut.display()), 1);
    let words = ["--agents", "ssh:north", "--ssh", &ssh, "--no-server-metrics"];
    let run = Tool::profile_at(server.url()).args(words).args(LOAD).run();
    run.ends_with(4);
    assert!(run.stderr.contains("copy prony to `north`"), "{}", run.stderr);
    assert_eq!(copies(&machines, "north"), [] as [String; 0]);
    assert_eq!(server.truth()["requests_ok"], 0);

    let whole = controller(&machines, &server, "ssh:north").args(LOAD).run();
    whole.succeeds();
    assert!(whole.stderr.contains("prony is copied to `north`"), "{}", whole.stderr);
}

#[test]
fn a_copy_that_is_not_what_it_was_is_replaced() {
    let Some(machines) = machines(SshServer::start_empty) else { return };
    let server = MockServer::start(["--tokens", "2"]);
    controller(&machines, &server, "ssh:north").args(LOAD).run().succeeds();
    await_no_agent(&machines);
    let copy = machines.machine("north").join("cache/prony").join(&copies(&machines, "north")[0]);
    fs::write(copy.join("bin/prony"), "something else").unwrap();
    let run = controller(&machines, &server, "ssh:north").args(LOAD).run();
    run.succeeds();
    assert!(run.stderr.contains("prony is copied to `north`"), "{}", run.stderr);
}

#[test]
fn agents_that_are_there_and_agents_by_ssh_share_a_run() {
    let Some(machines) = machines(SshServer::start) else { return };
    let nats = NatsServer::start();
    let server = MockServer::start(["--tokens", "2"]);
    let _there = Tool::new(["agent", "--nats", &nats.url(), "--name", "there", "--dir", "kept"]).spawn();
    let run = controller(&machines, &server, "1,ssh:north").args(["--nats", &nats.url()]).args(LOAD).run();
    run.succeeds();
    assert_eq!(names(&run), ["north", "there"]);
    await_no_agent(&machines);
}

#[test]
fn each_run_of_an_experiment_starts_its_own() {
    let Some(machines) = machines(SshServer::start) else { return };
    let server = MockServer::start(["--tokens", "2"]);
    let load = ["--concurrency", "2,4", "--request-count", "20", "--osl", "2"];
    controller(&machines, &server, "ssh:north").args(load).run().succeeds();
    assert_eq!(server.truth()["requests_ok"], 40);
    await_no_agent(&machines);
}

#[test]
fn an_interrupted_run_has_what_was_measured_and_leaves_no_agent_behind() {
    let Some(machines) = machines(SshServer::start) else { return };
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let run = controller(&machines, &server, "ssh:north,south").args(LONG_LOAD).spawn();
    run.await_answers(&server, 20);
    let agents = machines.agents();
    assert_eq!(agents.len(), 2, "{agents:?}");
    assert!(agents.iter().all(|(_, line)| !line.contains("nats")), "a login may stand there: {agents:?}");
    run.signal("INT");
    let run = run.wait();
    run.ends_with(130);
    assert_eq!(names(&run), ["north", "south"]);
    await_no_agent(&machines);
    for name in ["north", "south"] {
        assert_eq!(kept(&machines, name), [] as [String; 0]);
    }
}

#[test]
fn the_agents_of_a_controller_that_is_killed_end_and_keep_their_journals() {
    let Some(machines) = machines(SshServer::start) else { return };
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let run = controller(&machines, &server, "ssh:north,south").args(LONG_LOAD).spawn();
    run.await_answers(&server, 20);
    run.signal("KILL");
    await_no_agent(&machines);
    let runs = |name| machines.machine(name).join("state/prony/agent/runs");
    let folders = ["north", "south"].map(|name| runs(name).join(&kept(&machines, name)[0]));
    let collected = Tool::new(["collect"]).args(&folders).args(["--into", "run"]).run();
    collected.ends_with(6);
    assert!(collected.records().len() >= 20, "{}", collected.stderr);
}

#[test]
fn an_agent_that_is_killed_is_named_with_the_way_to_its_journal() {
    let Some(machines) = machines(SshServer::start) else { return };
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let run = controller(&machines, &server, "ssh:north,south").args(LONG_LOAD).spawn();
    run.await_answers(&server, 20);
    let (south, _) = machines.agents().into_iter().find(|(_, line)| line.contains("--name south")).unwrap();
    prony_tests::kill("KILL", south);
    let run = run.wait();
    run.ends_with(1);
    assert!(run.stderr.contains("the agent `south` was lost"), "{}", run.stderr);
    assert!(run.stderr.contains("scp -r south:"), "{}", run.stderr);
    assert_eq!(kept(&machines, "south").len(), 1);
    await_no_agent(&machines);
}

#[test]
fn machines_that_refuse_or_are_not_known_are_named_all_at_once() {
    let Some(machines) = machines(SshServer::start) else { return };
    let server = MockServer::start(["--tokens", "2"]);
    let run = controller(&machines, &server, "ssh:north,stranger,nowhere.invalid").args(LOAD).run();
    run.ends_with(4);
    for said in ["`stranger`: it refuses the login", "`nowhere.invalid`: its name is not known"] {
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
    assert_eq!(server.truth()["requests_ok"], 0);
    await_no_agent(&machines);
}

#[rstest]
#[case::no_program("/nowhere/ssh", "there is no program for `/nowhere/ssh`")]
#[case::an_error(
    "sh -c 'echo Connection refused >&2; exit 255' --",
    "`north`: it cannot be reached: Connection refused"
)]
#[case::another_kind_of_machine(
    "sh -c 'echo prony-system Plan9 mips; echo prony-missing' --",
    "it is a machine of another kind (Plan9 mips"
)]
fn a_machine_without_an_agent_ends_the_run_before_it_begins(#[case] ssh: &str, #[case] text: &str) {
    if !NatsServer::is_here() {
        eprintln!("not tested: nats-server is not installed");
        return;
    }
    let server = MockServer::start(["--tokens", "2"]);
    let run = Tool::profile_at(server.url()).args(["--agents", "ssh:north", "--ssh", ssh]).args(LOAD).run();
    run.ends_with(4);
    assert!(run.stderr.contains(text), "{}", run.stderr);
    assert_eq!(server.truth()["requests_ok"], 0);
}

/// It has no folder for what it measures.
#[test]
fn an_agent_that_ends_at_once_ends_the_wait_for_it() {
    let Some(machines) = machines(SshServer::start) else { return };
    let server = MockServer::start(["--tokens", "2"]);
    fs::create_dir_all(machines.machine("north")).unwrap();
    fs::write(machines.machine("north").join("state"), "no folder").unwrap();
    let run = controller(&machines, &server, "ssh:north").args(["--agents-timeout", "10m"]).args(LOAD).run();
    run.ends_with(4);
    assert!(run.stderr.contains("run an agent on `north`: it ended with code 1"), "{}", run.stderr);
    assert_eq!(server.truth()["requests_ok"], 0);
}

#[test]
fn an_agent_ends_with_its_standard_input() {
    if !NatsServer::is_here() {
        eprintln!("not tested: nats-server is not installed");
        return;
    }
    let nats = NatsServer::start();
    let id = "0123456789abcdef0123456789abcdef";
    let words = ["agent", "--nats", &nats.url(), "--name", "a", "--dir", "kept", "--started-by-ssh", id];
    // It is empty from the beginning.
    Tool::new(words).run().ends_with(143);
}
