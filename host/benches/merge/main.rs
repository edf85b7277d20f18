//! How long it takes to make one journal of those of many agents, and how much memory.
//!
//! `cargo bench -p prony --bench merge` builds the program if it is not there, and makes a run of 10,000 requests. Of its records it makes
//! the journal of an agent, again and again, and has the journals of ten such agents, with 10 million records together, become that of a
//! run. The agents' journals are one file: reading is what a warm cache makes it, and the processor and the written journal are
//! what counts. The temporary folder needs some 7 GB. The bench prints a table, and ends with an error when a bound is exceeded.
//!
//! `--records N` merges another number of records, `--agents N` those of so many agents, `--program PATH` takes a program that is built,
//! `--dir DIR` works in another folder than the temporary one.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints, and ends when it cannot run"
)]
#![expect(clippy::disallowed_methods, reason = "a bench measures by the clock")]

#[path = "../built/mod.rs"]
mod built;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

use prony::internals::{AgentJournals, write_agent_facts, write_agent_journal};

/// Records without `--records`.
const RECORDS: usize = 10_000_000;

/// Agents without `--agents`.
const AGENTS: usize = 10;

/// Requests of the run whose records are taken.
const REQUESTS: usize = 10_000;

/// Seconds that 10 million records may take: another number has its part of it.
const MOST_SECONDS: f64 = 60.0;

/// Peak of resident memory, in MB, of any number of records.
const MOST_MB: f64 = 300.0;

/// What to do.
struct Plan {
    records: usize,
    agents: usize,
    program: Option<PathBuf>,
    dir: PathBuf,
}

fn main() -> ExitCode {
    let plan = plan();
    let prony = plan.program.clone().unwrap_or_else(|| {
        built::release(&["prony", "endpoint-openai", "service-server-metrics"]).join("prony")
    });
    let work = tempfile::Builder::new().prefix("prony-merge-bench-").tempdir_in(&plan.dir).expect("a folder");
    let run = work.path().join("run");
    measure(&prony, &run);
    let (folders, bytes) = agents(&plan, &run, work.path());
    let before = peak_mb();
    let start = Instant::now();
    let journals = AgentJournals::gather(&folders).expect("the journals are of one run");
    let gathered_s = start.elapsed().as_secs_f64();
    let into = work.path().join("merged");
    fs::create_dir(&into).expect("a folder");
    let start = Instant::now();
    journals.merge(&into).expect("the journals become one");
    let merged_s = start.elapsed().as_secs_f64();
    let merged_bytes = fs::metadata(into.join("journal.prony")).expect("the journal of the run").len();
    let records = plan.agents * (plan.records / plan.agents);
    println!("{records} records of {} agents", plan.agents);
    let most_s = MOST_SECONDS * records as f64 / RECORDS as f64;
    let rows = [
        ("journals of agents, GB", bytes as f64 / 1e9, None),
        ("read through, s", gathered_s, None),
        ("merged, s", merged_s, Some(most_s)),
        ("merged, records/s", records as f64 / merged_s, None),
        ("journal of the run, GB", merged_bytes as f64 / 1e9, None),
        ("peak memory before, MB", before, None),
        ("peak memory, MB", peak_mb(), Some(MOST_MB)),
    ];
    let mut kept = true;
    for (label, value, most) in rows {
        let is_kept = most.is_none_or(|most| value <= most);
        let verdict = most
            .map_or_else(String::new, |most| format!("{most:<9.1}{}", if is_kept { "ok" } else { "OVER" }));
        kept &= is_kept;
        println!("{label:<26}{value:>14.2}   {verdict}");
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plan() -> Plan {
    let mut plan = Plan { records: RECORDS, agents: AGENTS, program: None, dir: std::env::temp_dir() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().expect("the flag has a value");
        match argument.as_str() {
            "--records" => plan.records = value().parse().expect("a number"),
            "--agents" => plan.agents = value().parse::<usize>().expect("a number").max(1),
            "--program" => plan.program = Some(PathBuf::from(value())),
            "--dir" => plan.dir = PathBuf::from(value()),
            // What cargo says to all benches.
            "--bench" => {}
            other => panic!("`{other}` is no flag of this bench"),
        }
    }
    plan
}

/// Makes a run whose records have what records have: tokens that were counted, instants, a model.
fn measure(prony: &Path, run: &Path) {
    let mut command = Command::new(prony);
    command.args(["profile", "--mock", "--streaming", "--concurrency=64", "--isl=50", "--osl=8"]);
    command.args(["--no-server-metrics", "--ui=none", "--random-seed=42"]);
    command.arg(format!("--request-count={REQUESTS}")).arg(format!("--artifact-dir={}", run.display()));
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().expect("the program starts");
    assert!(status.success(), "the run ended with {status}");
}

/// The folders of the agents, and the bytes of all of their journals.
fn agents(plan: &Plan, run: &Path, work: &Path) -> (Vec<PathBuf>, u64) {
    let folders: Vec<PathBuf> = (0..plan.agents).map(|node| work.join(format!("agent-{node}"))).collect();
    let mut bytes = 0;
    let mut run_id = String::new();
    let nodes = u32::try_from(plan.agents).expect("a number of agents");
    for (node, folder) in (0..nodes).zip(&folders) {
        fs::create_dir(folder).expect("a folder");
        let journal = folder.join("journal.prony");
        if node == 0 {
            let records = plan.records / plan.agents;
            run_id = write_agent_journal(run, records, folder).expect("the journal of an agent");
            bytes = fs::metadata(&journal).expect("the journal of an agent").len();
        } else {
            fs::hard_link(folders[0].join("journal.prony"), &journal).expect("the same journal");
        }
        write_agent_facts(folder, &run_id, node, nodes).expect("what an agent keeps beside it");
    }
    (folders, bytes * u64::from(nodes))
}

/// The largest resident memory of this process so far, in MB.
fn peak_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("the kernel says it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel says it");
    let kb: f64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kb * 1024.0 / 1e6
}
