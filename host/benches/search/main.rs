//! Whether `prony search` finds what theory says: searches against a mock server that is an M/M/c queue.
//!
//! `cargo bench -p prony --bench search` builds the program if it is not there, and makes twenty searches, each with seeds of its own and a
//! server of its own, ten at a time: some 35 minutes. The rate at which the 99th percentile of the latency is at the bound is
//! known by formula. What the server's timer and the client add to a latency is measured first, against a server whose service
//! times are constant, and taken off the bound. The bench prints a table, and ends with an error when fewer than nine of ten intervals
//! have the rate in them.
//!
//! A run has some 10,000 requests. One begins on an empty server, whose p99 is lower than in the long run; the queue forgets its
//! beginning within some 100 requests.
//!
//! `--searches N` makes another number of them, `--at-once N` so many at a time, `--program PATH` takes a program that is built,
//! `--first N` begins with another seed.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints, and ends when it cannot run"
)]

#[path = "../built/mod.rs"]
mod built;
mod queue;

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    thread,
};

use serde_json::Value;

use self::queue::Queue;

/// The server.
const QUEUE: Queue = Queue { servers: 4, service_s: 0.02 };

/// Bound on the 99th percentile of the latency, in milliseconds.
const BOUND_MS: f64 = 144.0;

/// The part of the requests that is above it, where the load is as high as it may be.
const ABOVE: f64 = 0.01;

/// Searches without `--searches`.
const SEARCHES: u64 = 20;

/// How many of them go on at a time, without `--at-once`: some 1,600 requests/s.
const AT_ONCE: usize = 10;

/// How long each run is, in seconds.
const RUN_S: u64 = 60;

/// Of ten intervals, so many have the rate in them at least. They claim 95 %.
const LEAST_OF_TEN: usize = 9;

/// Exit code of a search whose runs do not tell.
const CANNOT_TELL: i32 = 6;

/// What to run.
struct Plan {
    searches: u64,
    at_once: usize,
    first: u64,
    prony: PathBuf,
}

fn main() -> ExitCode {
    let plan = plan();
    let dir = std::env::temp_dir().join(format!("prony-search-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder for the runs");
    let added_ms = added_ms(&plan.prony, &dir);
    let rate = QUEUE.rate_at((BOUND_MS - added_ms) / 1000.0, ABOVE);
    println!("{QUEUE:?}, p99 of the latency < {BOUND_MS} ms, of which timer and client add {added_ms:.2} ms");
    println!("by formula: {rate:.1} requests/s, {:.0} % of the capacity\n", 100.0 * rate / QUEUE.capacity());
    println!("| seed | found | interval | runs | has it |\n|---|---|---|---|---|");
    let mut within = 0;
    for (seed, Found { answer, runs }) in searches(&plan, &dir) {
        let has_it = answer.is_some_and(|answer| answer.low <= rate && rate <= answer.high);
        within += usize::from(has_it);
        let sign = if has_it { "yes" } else { "no" };
        match answer {
            Some(Interval { estimate, low, high }) => {
                println!("| {seed} | {estimate:.1} | {low:.1} to {high:.1} | {runs} | {sign} |");
            }
            None => println!("| {seed} | cannot tell | - | {runs} | {sign} |"),
        }
    }
    std::fs::remove_dir_all(&dir).expect("the folder of the runs goes");
    println!("\n{within} of {} intervals have {rate:.1} in them", plan.searches);
    let is_enough = within as u64 * 10 >= plan.searches * LEAST_OF_TEN as u64;
    if is_enough { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What each search found, by its seed.
fn searches(plan: &Plan, dir: &Path) -> Vec<(u64, Found)> {
    let seeds: Vec<u64> = (plan.first..plan.first + plan.searches).collect();
    let one = |seed: u64| (seed, search(&plan.prony, seed, &dir.join(format!("search_{seed}"))));
    let together = |seeds: &[u64]| {
        thread::scope(|scope| {
            let threads: Vec<_> = seeds.iter().map(|seed| scope.spawn(move || one(*seed))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a search ends")).collect::<Vec<_>>()
        })
    };
    seeds.chunks(plan.at_once.max(1)).flat_map(together).collect()
}

fn plan() -> Plan {
    let mut plan = Plan { searches: SEARCHES, at_once: AT_ONCE, first: 1, prony: PathBuf::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("the flag has a value");
        match argument.as_str() {
            "--searches" => plan.searches = value().parse().expect("a number"),
            "--at-once" => plan.at_once = value().parse().expect("a number"),
            "--first" => plan.first = value().parse().expect("a number"),
            "--program" => plan.prony = PathBuf::from(value()),
            // What cargo says to all benches.
            "--bench" => {}
            other => panic!("`{other}` is no flag of this bench"),
        }
    }
    if plan.prony.as_os_str().is_empty() {
        plan.prony = built::release(&["prony", "endpoint-openai", "service-server-metrics"]).join("prony");
    }
    plan
}

/// A running mock server. It ends with its owner.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(prony: &Path, law: &str, seed: u64) -> Self {
        let mut command = Command::new(prony);
        command.args(["mock-server", "--exit-with-parent", "--service-law", law]);
        command.arg(format!("--slots={}", QUEUE.servers));
        command.arg(format!("--service-ms={}", 1000.0 * QUEUE.service_s));
        command.arg(format!("--seed={seed}")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the server starts");
        let mut said = String::new();
        let output = process.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut said).expect("the server says where it is");
        let url = said.trim().strip_prefix("listening on ").expect("an address").to_owned();
        Self { process, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whether it was still there or not: it is gone then.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs the program against a server, and says what stands in a file of its folder.
fn run(prony: &Path, server: &Server, words: &[String], dir: &Path, file: &str) -> Value {
    let mut command = Command::new(prony);
    command.args(words).args(["--url", &server.url, "--model=bench", "--isl=10", "--osl=1"]);
    command.args(["--no-server-metrics", "--use-server-token-count", "--ui=none"]);
    command.arg(format!("--artifact-dir={}", dir.display())).stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().expect("the program starts");
    assert!(matches!(status.code(), Some(0 | CANNOT_TELL)), "{words:?} ended with {status}");
    let text = std::fs::read(dir.join(file)).expect("the program writes its results");
    serde_json::from_slice(&text).expect("the results are JSON")
}

/// Milliseconds that a latency has beside the time of the service.
fn added_ms(prony: &Path, dir: &Path) -> f64 {
    let server = Server::start(prony, "constant", 1);
    let words = ["profile", "--request-rate=50", "--benchmark-duration=5"].map(str::to_owned);
    let results = run(prony, &server, &words, &dir.join("added"), "profile_export_prony.json");
    let mean = results["request_latency"]["p50"].as_f64().expect("a latency");
    mean - 1000.0 * QUEUE.service_s
}

/// What a search found.
struct Found {
    /// Nothing where the runs do not tell.
    answer: Option<Interval>,
    runs: usize,
}

#[derive(Clone, Copy)]
struct Interval {
    estimate: f64,
    low: f64,
    high: f64,
}

fn search(prony: &Path, seed: u64, dir: &Path) -> Found {
    let server = Server::start(prony, "exponential", seed);
    let words = [
        "search".to_owned(),
        "--over=rate".to_owned(),
        "--range=25..400".to_owned(),
        format!("--slo=request_latency p99 < {BOUND_MS}ms"),
        format!("--benchmark-duration={RUN_S}"),
        "--max-runs=16".to_owned(),
        format!("--random-seed={}", 1000 * seed),
    ];
    let results = run(prony, &server, &words, dir, "search.json");
    let answer = &results["answer"];
    let number = |name: &str| answer[name].as_f64();
    let interval =
        || Some(Interval { estimate: number("estimate")?, low: number("kept")?, high: number("broken")? });
    let probes = results["probes"].as_array().expect("probes");
    let runs = probes.iter().map(|probe| probe["runs"].as_array().expect("runs").len()).sum();
    Found { answer: interval(), runs }
}
