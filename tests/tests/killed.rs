//! `kill -9`: what the server had answered 100 ms before is in the journal, and `prony report` counts its tokens.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "the moment of a kill, in the wall time of the mock server's truth"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prony_tests::{MockServer, Tool, eventually};
use rstest::rstest;
use serde_json::Value;

/// Kills of each kind of load.
const KILLS: u64 = 10;

/// Answers that ended so long before the kill must not be lost. To that comes the time for which prony's threads wanted to run
/// and others had the processors.
const KEPT_AFTER_NS: u64 = 100_000_000;

/// How long before a kill that time begins to be measured.
const WATCHED: Duration = Duration::from_millis(400);

#[rstest]
#[case::short_answers(&[], &["--concurrency", "8", "--osl", "2"], 1)]
#[case::streams(&["--ttft-ms", "20", "--itl-ms", "2"], &["--concurrency", "32", "--osl", "24"], 2)]
#[case::open_loop(&["--ttft-ms", "5"], &["--request-rate", "300", "--arrival-pattern", "poisson", "--osl", "4"], 3)]
fn a_kill_loses_a_tenth_of_a_second_at_most(
    #[case] server: &[&str],
    #[case] load: &[&str],
    #[case] seed: u64,
) {
    let mut draws = Draws(seed);
    for _ in 0..KILLS {
        let after = Duration::from_millis(draws.below(700));
        let Killed { answered, recorded, summary } = kill(server, load, after);
        let lost: Vec<&String> = answered.difference(&recorded).collect();
        assert!(lost.is_empty(), "{after:?}: {} of {} are lost", lost.len(), answered.len());
        // The mock server's usage is not what is asked for here: this is the local count.
        let counted = summary["output_token_count"]["count"].as_u64();
        assert_eq!(counted.unwrap_or(0), recorded.len() as u64, "{after:?}: {summary:#}");
    }
}

struct Killed {
    /// Requests that the server had answered long enough before the kill.
    answered: BTreeSet<String>,
    /// Successes in the report.
    recorded: BTreeSet<String>,
    summary: Value,
}

/// Kills a run so long after its first request has arrived.
fn kill(server: &[&str], load: &[&str], after: Duration) -> Killed {
    let server = MockServer::start(server.iter().copied());
    let running = Tool::profile(&server)
        .args(["--no-server-metrics", "--benchmark-duration", "3600", "--isl", "16"])
        .args(load)
        .spawn();
    eventually("a request", || (server.truth()["requests_total"].as_u64() > Some(0)).then_some(()));
    thread::sleep(after.saturating_sub(WATCHED));
    let waited_before = waited_ns(running.id());
    thread::sleep(after.min(WATCHED));
    let waited_ns = waited_ns(running.id()).saturating_sub(waited_before);
    let killed_ns = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    running.signal("KILL");
    let run = running.wait();
    run.ends_with(128 + 9);
    Tool::new(["report"]).arg(run.dir().join("run")).run().ends_with(6);
    let truth = server.truth();
    let start_ns = truth["wall_start_ns"].as_u64().unwrap();
    let is_kept = |request: &&Value| {
        let ended_ns = start_ns + request["ended_ns"].as_u64().unwrap();
        request["outcome"] == "ok" && ended_ns + KEPT_AFTER_NS + waited_ns < killed_ns
    };
    let requests = truth["requests"].as_array().unwrap();
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    let answered = requests.iter().filter(is_kept).map(|request| id(&request["request_id"])).collect();
    let records = run.records();
    let successes = records.iter().filter(|record| record["error"].is_null());
    let recorded = successes.map(|record| id(&record["metadata"]["x_request_id"])).collect();
    Killed { answered, recorded, summary: run.summary() }
}

/// How long the threads that an answer passes through have waited for a processor (`/proc/PID/task/TID/schedstat`).
fn waited_ns(process: u32) -> u64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return 0 };
    let waited = |thread: PathBuf| {
        let name = fs::read_to_string(thread.join("comm")).ok()?;
        let stands_in_the_way = name.starts_with("worker") || name.starts_with("recorder");
        let schedule = fs::read_to_string(thread.join("schedstat")).ok().filter(|_| stands_in_the_way)?;
        schedule.split(' ').nth(1)?.parse::<u64>().ok()
    };
    threads.flatten().filter_map(|thread| waited(thread.path())).sum()
}

/// Numbers that look random and are the same each time.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
