//! The library of a run's endpoint, on agents: their own, or that of the controller where they take it, by its SHA-256, over a real NATS
//! server.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prony_tests::{MockPlugin, MockServer, NatsServer, Run, Running, Tool, mock_plugin};
use rstest::rstest;
use serde_json::Value;

/// An agent that waits for runs.
fn agent(nats: &NatsServer, name: &str, words: &[&str]) -> Running {
    let tool = Tool::new(["agent", "--nats", &nats.url(), "--name", name, "--dir", "kept", "--workers", "1"]);
    tool.args(words).spawn()
}

/// A plugin that only the controller has.
fn acme() -> MockPlugin {
    mock_plugin("acme", "endpoint_openai:ChatEndpoint", "endpoint-openai")
}

/// Another library for the same endpoint.
fn another() -> MockPlugin {
    let other = acme();
    let library = prony_tests::library("endpoint-openai");
    let file = other.dir().join(library.file_name().unwrap());
    let mut bytes = fs::read(&file).unwrap();
    bytes.extend(b"the same, and a little more");
    fs::write(&file, bytes).unwrap();
    other
}

fn run(nats: &NatsServer, server: &MockServer, plugin: &MockPlugin, agents: &str, words: &[&str]) -> Run {
    let load = ["--concurrency", "4", "--request-count", "20", "--osl", "2", "--no-server-metrics"];
    let tool = Tool::profile_in("acme", server.url()).arg("--plugins").arg(plugin.path());
    tool.args(["--nats", &nats.url(), "--agents", agents]).args(load).args(words).run()
}

/// The libraries that an agent has taken.
fn taken(agent: &Running) -> Vec<PathBuf> {
    let files = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let kept = files(&agent.dir().join("kept/libraries")).into_iter().flat_map(|folder| files(&folder));
    kept.filter(|file| file.extension().is_some_and(|extension| extension == "so")).collect()
}

/// The one library that an agent has taken.
fn library(agent: &Running) -> PathBuf {
    let mut all = taken(agent);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// The plugins of a run that came from its controller.
fn from_the_controller(run: &Run) -> Vec<Value> {
    let plugins = run.summary()["plugins"].as_array().unwrap().clone();
    plugins.into_iter().filter(|plugin| plugin["tier"] == "controller").collect()
}

#[rstest]
#[case::among_the_workers(&[])]
#[case::in_a_process_of_its_own(&["--isolate", "acme"])]
fn a_library_that_agents_lack_is_fetched_once_and_used_twice(#[case] words: &[&str]) {
    let Some(nats) = NatsServer::if_here() else { return };
    let agents = ["a", "b"].map(|name| agent(&nats, name, &["--accept-plugins"]));
    let (server, plugin) = (MockServer::start(["--tokens", "2"]), acme());

    let first = run(&nats, &server, &plugin, "2", words);
    first.succeeds();
    let fetched = agents.each_ref().map(library);
    let inodes = fetched.each_ref().map(|file| file.metadata().unwrap().ino());
    for file in &fetched {
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o077;
        assert_eq!((mode(file), mode(file.parent().unwrap())), (0, 0), "nobody else reads or writes it");
    }
    let used = from_the_controller(&first);
    assert_eq!(used.len(), 2, "one of each agent: {used:?}");
    for (plugin, file) in used.iter().zip(&fetched) {
        let folder = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
        assert_eq!(plugin["sha256"], format!("sha256-{folder}"));
        assert_eq!(plugin["name"], "acme");
    }

    run(&nats, &server, &plugin, "2", words).succeeds();
    assert_eq!(agents.each_ref().map(|agent| library(agent).metadata().unwrap().ino()), inodes);
    assert_eq!(server.truth()["requests_ok"], 40);
}

#[test]
fn a_library_that_an_agent_has_is_its_own() {
    let Some(nats) = NatsServer::if_here() else { return };
    let (server, plugin, same) = (MockServer::start(["--tokens", "2"]), acme(), acme());
    let has_it = agent(&nats, "a", &["--plugins", same.path().to_str().unwrap(), "--accept-plugins"]);
    let measured = run(&nats, &server, &plugin, "1", &[]);
    measured.succeeds();
    assert_eq!(taken(&has_it), [] as [PathBuf; 0]);
    assert_eq!(from_the_controller(&measured), [] as [Value; 0]);
}

#[test]
fn an_agent_whose_own_library_is_another_one_says_so() {
    let Some(nats) = NatsServer::if_here() else { return };
    let (server, plugin, other) = (MockServer::start(["--tokens", "2"]), acme(), another());
    let manifest = other.path();
    let words = ["--plugins", manifest.to_str().unwrap()];

    let keeps_its_own = agent(&nats, "a", &words);
    let measured = run(&nats, &server, &plugin, "1", &[]);
    measured.succeeds();
    let said = "the agent `a` used its own library for the endpoint `acme`, and not the controller's";
    assert!(measured.read("profile_export_prony.json").contains(said), "{}", measured.stdout);
    drop(keeps_its_own);

    let takes = agent(&nats, "b", &[&words[..], &["--accept-plugins"]].concat());
    let measured = run(&nats, &server, &plugin, "1", &[]);
    measured.succeeds();
    assert_eq!(taken(&takes).len(), 1);
    assert_eq!(from_the_controller(&measured).len(), 1);
}

#[test]
fn the_lock_of_a_run_holds_on_its_agents() {
    let Some(nats) = NatsServer::if_here() else { return };
    let (server, plugin) = (MockServer::start(["--tokens", "2"]), acme());
    let lock = plugin.dir().join("prony.lock");
    let locks = Tool::new(["lock", "--output"]).arg(&lock).arg("--plugins").arg(plugin.path());
    locks.run().succeeds();
    let locked = ["--lock", lock.to_str().unwrap()];

    let same = acme();
    let has_it = agent(&nats, "a", &["--plugins", same.path().to_str().unwrap()]);
    run(&nats, &server, &plugin, "1", &locked).succeeds();
    drop(has_it);

    // With a lock of its own, too, what is in that is not enough; nor is it in a process of its own.
    let other = another();
    let own = other.dir().join("prony.lock");
    let locks = Tool::new(["lock", "--output"]).arg(&own).arg("--plugins").arg(other.path());
    locks.run().succeeds();
    let other_manifest = other.path();
    let has_another = ["--plugins", other_manifest.to_str().unwrap()];
    let and_locks_it = [has_another, ["--lock", own.to_str().unwrap()]].concat();
    let isolated = [locked, ["--isolate", "acme"]].concat();
    let all = [
        (&has_another[..], &locked[..]),
        (&and_locks_it[..], &locked[..]),
        (&and_locks_it[..], &isolated[..]),
    ];
    for (words, of_run) in all {
        let agent = agent(&nats, "b", words);
        let refused = run(&nats, &server, &plugin, "1", of_run);
        refused.ends_with(3);
        let demands = "the lock of the controller demands sha256-";
        for text in ["use the agent `b`", "the endpoint `acme`", demands, "`endpoint_openai`"] {
            assert!(refused.stderr.contains(text), "{text} in {}", refused.stderr);
        }
        drop(agent);
    }
}

#[test]
fn a_library_is_not_taken_without_being_asked_for() {
    let Some(nats) = NatsServer::if_here() else { return };
    let (server, plugin) = (MockServer::start([]), acme());
    let careful = agent(&nats, "a", &[]);
    let refused = run(&nats, &server, &plugin, "1", &[]);
    refused.ends_with(3);
    for text in ["use the agent `a`", "the endpoint `acme` (endpoint-openai ", "`--accept-plugins`"] {
        assert!(refused.stderr.contains(text), "{text} in {}", refused.stderr);
    }
    assert_eq!(taken(&careful), [] as [PathBuf; 0]);
}

#[rstest]
#[case("pinned")]
#[case("builtin")]
fn a_policy_that_forbids_it_ends_the_run_and_is_named(#[case] policy: &str) {
    let Some(nats) = NatsServer::if_here() else { return };
    let (server, plugin) = (MockServer::start([]), acme());
    let strict = agent(&nats, "a", &["--accept-plugins", "--plugin-policy", policy]);
    let refused = run(&nats, &server, &plugin, "1", &[]);
    refused.ends_with(3);
    let policy = format!("the policy `{policy}` of `--plugin-policy` forbids libraries from elsewhere");
    for text in ["use the agent `a`", "the endpoint `acme` (endpoint-openai ", &policy] {
        assert!(refused.stderr.contains(text), "{text} in {}", refused.stderr);
    }
    assert_eq!(taken(&strict), [] as [PathBuf; 0]);
}

#[test]
fn a_kept_library_that_was_damaged_is_fetched_again() {
    let Some(nats) = NatsServer::if_here() else { return };
    let (server, plugin) = (MockServer::start(["--tokens", "2"]), acme());
    let takes = agent(&nats, "a", &["--accept-plugins"]);
    run(&nats, &server, &plugin, "1", &[]).succeeds();
    let file = library(&takes);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    run(&nats, &server, &plugin, "1", &[]).succeeds();
    assert!(fs::read(&file).unwrap() == whole, "it is whole again");
}

#[test]
fn a_wrong_byte_in_the_store_is_refused() {
    let Some(nats) = NatsServer::if_here() else { return };
    let (server, plugin) = (MockServer::start(["--tokens", "2"]), acme());
    let first = agent(&nats, "a", &["--accept-plugins"]);
    run(&nats, &server, &plugin, "1", &[]).succeeds();
    drop(first);

    append_to_the_first_object(&nats, b"x");
    let second = agent(&nats, "b", &["--accept-plugins"]);
    let refused = run(&nats, &server, &plugin, "1", &[]);
    refused.ends_with(1);
    assert!(refused.stderr.contains("use the agent `b`"), "{}", refused.stderr);
    assert!(refused.stderr.contains("fetch a file of the run"), "{}", refused.stderr);
    assert_eq!(taken(&second), [] as [PathBuf; 0]);
}

/// Somebody who is on the bus writes behind the bytes of the first object in the bucket of runs, and leaves what describes it as it is.
/// How objects are stored: NATS ADR-20, <https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-20.md>.
fn append_to_the_first_object(nats: &NatsServer, bytes: &[u8]) {
    let mut line = Line::to(nats);
    let question = br#"{"seq": 1, "next_by_subj": "$O.prony.M.>"}"#;
    let answer: Value =
        serde_json::from_slice(&line.ask("$JS.API.STREAM.MSG.GET.OBJ_prony", question)).unwrap();
    let described = STANDARD.decode(answer["message"]["data"].as_str().unwrap()).unwrap();
    let described: Value = serde_json::from_slice(&described).unwrap();
    let pieces = format!("$O.prony.C.{}", described["nuid"].as_str().unwrap());
    let stored: Value = serde_json::from_slice(&line.ask(&pieces, bytes)).unwrap();
    assert!(stored["seq"].is_u64(), "{stored}");
}

/// A connection to a NATS server, as its protocol is written down: <https://docs.nats.io/reference/reference-protocols/nats-protocol>.
struct Line(BufReader<TcpStream>);

impl Line {
    fn to(nats: &NatsServer) -> Self {
        let stream = TcpStream::connect(nats.url().trim_start_matches("nats://")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut line = Self(BufReader::new(stream));
        line.say(b"CONNECT {\"verbose\": false, \"pedantic\": false}\r\nSUB answers 1\r\n");
        line
    }

    fn say(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// Sends a message, and waits for the answer.
    fn ask(&mut self, subject: &str, bytes: &[u8]) -> Vec<u8> {
        self.say(format!("PUB {subject} answers {}\r\n", bytes.len()).as_bytes());
        self.say(bytes);
        self.say(b"\r\n");
        loop {
            let mut head = String::new();
            assert!(self.0.read_line(&mut head).unwrap() > 0, "the NATS server closes the connection");
            if let Some(words) = head.strip_prefix("MSG ") {
                let length = words.split_whitespace().next_back().unwrap().parse().unwrap();
                let mut answer = vec![0; length];
                self.0.read_exact(&mut answer).unwrap();
                return answer;
            }
            if head.starts_with("PING") {
                self.say(b"PONG\r\n");
            }
        }
    }
}
