//! What a controller and a NATS server need for many agents: 200 of them, which send nothing.
//!
//! `cargo bench -p prony --bench agents` builds the program if it is not there. It starts a `nats-server` and, in this process, agents that
//! do all that agents do but to send requests: they answer, are taken, take the plan, wait for the agreed instant, write a journal of
//! some records and give it away. One `prony profile --agents 200` is their controller. The bench prints how long each part took, as the agents saw it, the
//! peak memory of the controller, and the bytes on the bus, and ends with an error when a bound is exceeded. Agents of their own
//! machines are no slower: here all share this machine's processors with controller and server.
//!
//! `--agents N` makes it another number, `--records N` gives each so many records, `--program PATH` takes a program that is built.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints, and ends when it cannot run"
)]
#![expect(clippy::disallowed_methods, reason = "a bench measures by the clock")]

#[path = "../built/mod.rs"]
mod built;
mod nats;
#[path = "../load/process.rs"]
mod process;

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use prony::internals::{Seen, Stage, StandIns};

use self::{nats::Nats, process::Spent};

/// Agents without `--agents`.
const AGENTS: u32 = 200;

/// Records of each without `--records`.
const RECORDS: usize = 20;

/// Seconds from the first word that workers are to start to the last agent's first instant of the phase.
const MOST_BARRIER_S: f64 = 3.0;

/// Peak of resident memory of the controller, in MB.
const MOST_MB: f64 = 300.0;

/// What to run.
struct Plan {
    agents: u32,
    records: usize,
    program: Option<PathBuf>,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref().and_then(|argument| argument.to_str()) == Some(process::RUN) {
        process::run(arguments);
        return ExitCode::SUCCESS;
    }
    let plan = plan();
    allow_many_files();
    let prony = plan.program.clone().unwrap_or_else(|| {
        built::release(&["prony", "endpoint-openai", "service-server-metrics"]).join("prony")
    });
    let work = tempfile::tempdir().expect("a temporary folder");
    let target = Target::start(&prony);
    let known = work.path().join("known");
    know(&prony, &target, plan.records, &known);
    let nats = Nats::start();
    let agents = work.path().join("agents");
    let stand_ins = StandIns::start(&nats.url(), plan.agents, &known, plan.records, &agents);
    let stand_ins = stand_ins.expect("the agents are there");
    let before = nats.bytes();
    let spent = control(&prony, &target, &nats, &plan, work.path());
    let bytes = nats.bytes() - before;
    if print(&plan, &stand_ins, spent, bytes) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Each agent has a connection and a runtime of its own, which are some open files: more in all than most users have to begin with.
fn allow_many_files() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("the system has a limit");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("a process may go up to its own limit");
}

fn plan() -> Plan {
    let mut plan = Plan { agents: AGENTS, records: RECORDS, program: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("the flag has a value");
        match argument.as_str() {
            "--agents" => plan.agents = value().parse().expect("a number"),
            "--records" => plan.records = value().parse().expect("a number"),
            "--program" => plan.program = Some(PathBuf::from(value())),
            // What cargo says to all benches.
            "--bench" => {}
            other => panic!("`{other}` is no flag of this bench"),
        }
    }
    plan
}

/// A running mock server. It ends with its owner.
struct Target {
    process: Child,
    url: String,
}

impl Target {
    fn start(prony: &Path) -> Self {
        let mut command = Command::new(prony);
        command.args(["mock-server", "--port", "0", "--exit-with-parent"]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut said = String::new();
        let output = process.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut said).expect("the server says where it is");
        let url = said.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Self { process, url }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Whether it was still there or not: it is gone then.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What both runs are.
fn words(target: &Target, requests: usize, artifacts: &Path) -> Vec<OsString> {
    let mut words: Vec<OsString> =
        ["profile", "--model=bench", "--streaming", "--isl=10", "--osl=2", "--ui=none"]
            .map(OsString::from)
            .to_vec();
    words.extend(["--no-server-metrics", "--use-server-token-count", "--random-seed=42"].map(OsString::from));
    words.push(format!("--url={}", target.url).into());
    words.push(format!("--request-count={requests}").into());
    words.push(format!("--artifact-dir={}", artifacts.display()).into());
    words
}

/// Makes the run whose records the agents have.
fn know(prony: &Path, target: &Target, records: usize, artifacts: &Path) {
    let mut command = Command::new(prony);
    command.args(words(target, records, artifacts)).stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().expect("the program starts");
    assert!(status.success(), "the run ended with {status}");
}

/// Runs the controller: an open loop, in which each agent has as many requests.
fn control(prony: &Path, target: &Target, nats: &Nats, plan: &Plan, work: &Path) -> Spent {
    let requests = plan.records * usize::try_from(plan.agents).expect("a number of agents");
    let mut words = words(target, requests, &work.join("run"));
    words.push(format!("--request-rate={requests}").into());
    words.push(format!("--agents={}", plan.agents).into());
    words.push(format!("--nats={}", nats.url()).into());
    process::measure(prony, words, &work.join("said"))
}

/// Prints what came of it. Says whether the bounds were kept.
fn print(plan: &Plan, agents: &StandIns, spent: Spent, bytes: u64) -> bool {
    let seen = |stage: Stage| {
        let seen = agents.seen(stage).unwrap_or_else(|| panic!("no agent came to {stage:?}"));
        let is_all = stage == Stage::Asked || seen.count == u64::from(plan.agents);
        assert!(is_all, "{stage:?}: {} agents of {}", seen.count, plan.agents);
        seen
    };
    let seconds = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e9;
    let first = |stage: Stage| seen(stage).first_ns;
    let Seen { last_ns: taken, .. } = seen(Stage::Taken);
    let Seen { first_ns: started, .. } = seen(Stage::Started);
    let Seen { last_ns: begun, .. } = seen(Stage::Begun);
    let Seen { last_ns: released, .. } = seen(Stage::Released);
    let rows = [
        ("asked and taken, s", seconds(first(Stage::Asked), taken), None),
        ("clocks looked at, s", seconds(taken, first(Stage::Equipped)), None),
        ("plan, s", seconds(first(Stage::Equipped), started), None),
        ("barrier, s", seconds(started, begun), Some(MOST_BARRIER_S)),
        ("journals fetched, s", seconds(first(Stage::Ended), released), None),
        ("controller, wall s", spent.wall_us / 1e6, None),
        ("controller, CPU s", spent.cpu_us / 1e6, None),
        ("controller, peak MB", spent.peak_kb * 1024.0 / 1e6, Some(MOST_MB)),
        ("on the bus, MB", bytes as f64 / 1e6, None),
        ("an agent, kB", bytes as f64 / 1e3 / f64::from(plan.agents), None),
    ];
    println!("{} agents, {} records of each", plan.agents, plan.records);
    let mut kept = true;
    for (label, value, most) in rows {
        let is_kept = most.is_none_or(|most| value <= most);
        let verdict = if is_kept { "ok" } else { "OVER" };
        let word = most.map_or_else(String::new, |most| format!("{most:<9}{verdict}"));
        kept &= is_kept;
        println!("{label:<24}{value:>12.2}   {word}");
    }
    kept
}
