//! A run of a million requests: what it keeps of each of them, and how long it takes to report on them.

use std::fs;

use super::{
    process,
    program::{self, Programs},
    scenario::{ApiFormat, Kind, Scenario},
    server::Server,
};

/// For `--only`.
pub(crate) const NAME: &str = "million";

/// Bytes that a request may add to the peak of resident memory, report included.
const MOST_BYTES: f64 = 100.0;

/// Seconds that the report of all of them may take.
const MOST_SECONDS: f64 = 2.0;

/// The same run twice, short and long: what they need in any case is in both.
const RUNS: [Scenario; 2] = [of(100_000), of(1_000_000)];

const fn of(requests: u64) -> Scenario {
    Scenario {
        name: NAME,
        about: "1,000,000 streams of one token, 64 at a time, as fast as they go",
        server: Kind::Mock,
        busy_loops: 0,
        api_format: ApiFormat::Stream,
        concurrency: 64,
        requests,
        tokens: 1,
        ttft_ms: 0,
        itl_ms: 0,
        bounds: &[],
    }
}

/// Runs it and prints its table. Says whether the bounds were kept.
pub(crate) fn run(programs: &Programs) -> bool {
    let [short, long] = &RUNS;
    let (few, _) = measure(programs, short);
    let (many, report_s) = measure(programs, long);
    let bytes = (many.peak_kb - few.peak_kb) * 1024.0 / (long.requests - short.requests) as f64;
    println!("\n{}: {}", NAME, long.about);
    let rows = [
        ("wall time, s", many.wall_us / 1e6, None),
        ("peak memory, MB", many.peak_kb * 1024.0 / 1e6, None),
        ("memory a request, bytes", bytes, Some(MOST_BYTES)),
        ("report, s", report_s, Some(MOST_SECONDS)),
    ];
    let mut kept = true;
    for (label, value, most) in rows {
        let word = match most {
            None => String::new(),
            Some(most) => format!("{most:<9}{}", if value <= most { "ok" } else { "OVER" }),
        };
        kept &= most.is_none_or(|most| value <= most);
        println!("{label:<24}{value:>9.2}   {word}");
    }
    kept
}

/// A run, and the seconds that a report on it takes when nothing is there but its journal.
fn measure(programs: &Programs, scenario: &'static Scenario) -> (process::Spent, f64) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(programs, scenario);
    let (spent, _) = program::profile(programs, scenario, server.address, dir.path());
    server.first_tokens(scenario);
    drop(server);
    let artifacts = dir.path().join("artifacts");
    for entry in fs::read_dir(&artifacts).expect("the run's folder") {
        let path = entry.expect("the run's files").path();
        if path.extension().is_none_or(|extension| extension != "prony") {
            fs::remove_file(path).expect("a file of the report");
        }
    }
    let arguments = vec!["report".into(), artifacts.into_os_string()];
    let report = process::measure(&programs.prony, arguments, &dir.path().join("report"));
    (spent, report.wall_us / 1e6)
}
