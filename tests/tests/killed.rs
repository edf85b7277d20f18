//! `kill -9`: what the server had answered 100 ms before is in the journal, and `prony report` counts its tokens.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "the moment of a kill, in the wall time of the mock server's truth"
)]

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prony_tests::{MockServer, Tool, eventually};
use rstest::rstest;
use serde_json::Value;

/// Kills of each kind of load.
const KILLS: u64 = 10;

/// Answers that ended so long before the kill must not be lost.
const KEPT_AFTER_NS: u64 = 100_000_000;

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
    thread::sleep(after);
    let killed_ns = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    running.signal("KILL");
    let run = running.wait();
    run.ends_with(128 + 9);
    Tool::new(["report"]).arg(run.dir().join("run")).run().ends_with(6);
    let truth = server.truth();
    let start_ns = truth["wall_start_ns"].as_u64().unwrap();
    let is_kept = |request: &&Value| {
        let ended_ns = start_ns + request["ended_ns"].as_u64().unwrap();
        request["outcome"] == "ok" && ended_ns + KEPT_AFTER_NS < killed_ns
    };
    let requests = truth["requests"].as_array().unwrap();
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    let answered = requests.iter().filter(is_kept).map(|request| id(&request["request_id"])).collect();
    let records = run.records();
    let successes = records.iter().filter(|record| record["error"].is_null());
    let recorded = successes.map(|record| id(&record["metadata"]["x_request_id"])).collect();
    Killed { answered, recorded, summary: run.summary() }
}

/// Numbers that look random and are the same each time.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
