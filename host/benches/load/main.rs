//! What load costs: `prony profile` against a client that does nothing but send, read and count.
//!
//! `cargo bench -p prony --bench load` builds the program and its libraries if they are not there. Each run has a
//! server of its own, as a process, which also knows what it sent and when. Client, server and whatever else the machine
//! does share its cores: processor time is what can be compared, wall time only tells that a run was no slower.
//!
//! Floor and program take turns, and who comes first changes as well. Values are the medians of all rounds, ratios the
//! medians of the rounds' ratios. What the program spends on starting and on its report is not taken off. The bench ends
//! with an error when a bound is exceeded.
//!
//! `--only NAME` (may be repeated) runs some scenarios, `--rounds N` changes the number of rounds.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints, and ends when it cannot run"
)]
#![expect(clippy::disallowed_methods, reason = "a bench measures by the clock")]

#[path = "../built/mod.rs"]
mod built;
mod busy;
mod floor;
mod million;
mod process;
mod program;
mod reader;
mod scenario;
mod server;
mod table;

use std::{path::Path, process::ExitCode};

use self::{
    busy::BusyLoops,
    program::Programs,
    scenario::{SCENARIOS, Scenario},
    server::Server,
    table::Sample,
};

/// Rounds without `--rounds`.
const ROUNDS: usize = 3;

/// What to run.
struct Plan {
    scenarios: Vec<&'static Scenario>,
    /// A run of a million requests as well.
    million: bool,
    rounds: usize,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    match first.as_ref().and_then(|argument| argument.to_str()) {
        Some(process::RUN) => {
            process::run(arguments);
            return ExitCode::SUCCESS;
        }
        Some(reader::RUN) => {
            reader::run(arguments);
            return ExitCode::SUCCESS;
        }
        Some(floor::RUN) => {
            let mut text = arguments.map(|argument| argument.into_string().expect("text"));
            let server = text.next().and_then(|text| text.parse().ok()).expect("an address");
            let scenario = text.next().and_then(|name| Scenario::named(&name)).expect("a scenario");
            floor::run(server, scenario);
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let Some(plan) = plan(std::env::args().skip(1)) else {
        let mut names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        names.push(million::NAME);
        println!("usage: [--only NAME]... [--rounds N]; the names are {}", names.join(", "));
        return ExitCode::from(2);
    };
    if run(&plan) {
        return ExitCode::SUCCESS;
    }
    println!("\na bound is exceeded");
    ExitCode::FAILURE
}

/// Reads the arguments; nothing when they are wrong.
fn plan(mut arguments: impl Iterator<Item = String>) -> Option<Plan> {
    let mut plan = Plan { scenarios: Vec::new(), million: false, rounds: ROUNDS };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // What cargo adds.
            "--bench" => {}
            "--only" => match arguments.next()?.as_str() {
                million::NAME => plan.million = true,
                name => plan.scenarios.push(Scenario::named(name)?),
            },
            "--rounds" => plan.rounds = arguments.next()?.parse().ok().filter(|rounds| *rounds > 0)?,
            _ => return None,
        }
    }
    if plan.scenarios.is_empty() && !plan.million {
        plan.scenarios = SCENARIOS.iter().collect();
        plan.million = true;
    }
    Some(plan)
}

/// Runs the plan and prints its tables. Says whether all bounds were kept.
fn run(plan: &Plan) -> bool {
    let programs = program::build();
    println!("{}, rounds: {}", machine(), plan.rounds);
    let mut kept = true;
    for scenario in &plan.scenarios {
        let rounds: Vec<_> = (0..plan.rounds).map(|number| round(&programs, scenario, number)).collect();
        kept &= table::print(scenario, &rounds);
    }
    if plan.million {
        kept &= million::run(&programs);
    }
    kept
}

fn machine() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("kernel {}, cores: {cores}", kernel.trim())
}

/// Floor and program, one after the other.
fn round(programs: &Programs, scenario: &'static Scenario, number: usize) -> (Sample, Sample) {
    let floor =
        || on_a_server(programs, scenario, |server, dir| floor::profile(scenario, server.address, dir));
    let tool = || {
        on_a_server(programs, scenario, |server, dir| {
            program::profile(programs, scenario, server.address, dir)
        })
    };
    if number.is_multiple_of(2) {
        let floor = floor();
        (floor, tool())
    } else {
        let tool = tool();
        (floor(), tool)
    }
}

/// Runs a client on a server of its own, in a folder of its own.
fn on_a_server(
    programs: &Programs,
    scenario: &'static Scenario,
    client: impl FnOnce(&Server, &Path) -> (process::Spent, floor::FirstTokens),
) -> Sample {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(programs, scenario);
    let busy = BusyLoops::start(scenario.busy_loops);
    let (spent, arrived) = client(&server, dir.path());
    drop(busy);
    Sample::new(spent, &arrived, &server.first_tokens(scenario))
}
