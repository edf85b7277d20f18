//! A run of a million requests: what it keeps of each of them, and how long it takes to report on them, beside how long it takes to read
//! the lines of that report.

use std::{fs, path::Path};

use super::{
    process,
    program::{self, Programs},
    reader,
    scenario::{ApiFormat, Kind, Scenario},
    server::Server,
};

/// For `--only`.
pub(crate) const NAME: &str = "million";

/// Bytes that a request may add to the peak of resident memory, report included.
const MOST_BYTES: f64 = 100.0;

/// So many times as long as reading its lines again may the report of all of them take. It is two seconds where this bound was first set,
/// and the program of that time took a third longer than today's.
const MOST_READINGS: f64 = 4.0;

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

/// What a run and its report took.
struct Taken {
    run: process::Spent,
    /// A report on what is there when nothing but its journal is.
    report_s: f64,
    /// Reading the report's lines again.
    reading_s: f64,
}

/// Runs it and prints its table. Says whether the bounds were kept.
pub(crate) fn run(programs: &Programs) -> bool {
    let [short, long] = &RUNS;
    let few = measure(programs, short);
    let many = measure(programs, long);
    let bytes = (many.run.peak_kb - few.run.peak_kb) * 1024.0 / (long.requests - short.requests) as f64;
    println!("\n{}: {}", NAME, long.about);
    let rows = [
        ("wall time, s", many.run.wall_us / 1e6, None),
        ("peak memory, MB", many.run.peak_kb * 1024.0 / 1e6, None),
        ("memory a request, bytes", bytes, Some(MOST_BYTES)),
        ("report, s", many.report_s, None),
        ("reading its lines, s", many.reading_s, None),
        ("report / reading", many.report_s / many.reading_s, Some(MOST_READINGS)),
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

fn measure(programs: &Programs, scenario: &'static Scenario) -> Taken {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(programs, scenario);
    let (run, _) = program::profile(programs, scenario, server.address, dir.path());
    server.first_tokens(scenario);
    drop(server);
    let artifacts = dir.path().join("artifacts");
    leave_the_journal(&artifacts);
    let arguments = vec!["report".into(), artifacts.clone().into_os_string()];
    let report = process::measure(&programs.prony, arguments, &dir.path().join("report"));
    let (reading, lines) = reader::spent(&program::lines(&artifacts), &dir.path().join("lines"));
    assert_eq!(lines, scenario.requests, "lines of the report");
    Taken { run, report_s: report.wall_us / 1e6, reading_s: reading.wall_us / 1e6 }
}

/// Removes what a report has made.
fn leave_the_journal(artifacts: &Path) {
    for entry in fs::read_dir(artifacts).expect("the run's folder") {
        let path = entry.expect("the run's files").path();
        if path.extension().is_none_or(|extension| extension != "prony") {
            fs::remove_file(path).expect("a file of the report");
        }
    }
}
