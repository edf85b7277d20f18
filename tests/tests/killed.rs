//! `kill -9`: what the server had answered 100 ms before is in the journal, and `prony report` counts its tokens.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "the moment of a kill, in the wall time of the mock server's truth"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prony_tests::{MockServer, Tool, eventually};
use rstest::rstest;
use serde_json::Value;

/// Kills of each kind of load; more of them where a busy machine leaves too few answers to look for.
const KILLS: u64 = 10;
const MOST_KILLS: u64 = 30;

/// Answers that ended so long before the kill must not be lost. To that comes the time for which the threads that they pass
/// through wanted to run and others had the processors.
const KEPT_AFTER_NS: u64 = 100_000_000;

/// So many answers must have been looked for after all kills of a kind of load.
const ENOUGH: usize = 100;

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
    let mut checked = 0;
    for kill_number in 0..MOST_KILLS {
        if kill_number >= KILLS && checked >= ENOUGH {
            break;
        }
        let after = Duration::from_millis(draws.below(700));
        let Killed { answered, recorded, summary } = kill(server, load, after);
        let lost: Vec<&String> = answered.difference(&recorded).collect();
        assert!(lost.is_empty(), "{after:?}: {} of {} are lost", lost.len(), answered.len());
        checked += answered.len();
        // The mock server's usage is not what is asked for here: this is the local count.
        let counted = summary["output_token_count"]["count"].as_u64();
        assert_eq!(counted.unwrap_or(0), recorded.len() as u64, "{after:?}: {summary:#}");
    }
    assert!(checked >= ENOUGH, "only {checked} answers ended long enough before a kill");
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
    // From the first request on: a thread that waited long before the kill may still be behind.
    let waited_before = waited(running.id());
    thread::sleep(after);
    let killed_ns = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    // From here on it does nothing more. A wait that goes on is only known when the thread has had a processor: for its stop.
    running.signal("STOP");
    eventually("the stop of all threads", || is_stopped(running.id()).then_some(()));
    let waited_ns = longest_wait_ns(&waited_before, &waited(running.id()));
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

/// How long an answer may have waited for a processor between two looks: in one worker, and in the recorder.
fn longest_wait_ns(before: &BTreeMap<PathBuf, Waited>, after: &BTreeMap<PathBuf, Waited>) -> u64 {
    let longest = |is_recorder: bool| {
        let threads = after.iter().filter(|(_, waited)| waited.is_recorder == is_recorder);
        let waits = threads.map(|(thread, waited)| {
            waited.ns.saturating_sub(before.get(thread).map_or(0, |before| before.ns))
        });
        waits.max().unwrap_or_default()
    };
    longest(false) + longest(true)
}

/// How long a thread has waited so far.
struct Waited {
    is_recorder: bool,
    ns: u64,
}

/// That of the threads that answers pass through (`/proc/PID/task/TID/schedstat`).
fn waited(process: u32) -> BTreeMap<PathBuf, Waited> {
    let waited = |thread: &PathBuf| {
        let name = fs::read_to_string(thread.join("comm")).ok()?;
        let is_recorder = name.starts_with("recorder");
        let stands_in_the_way = is_recorder || name.starts_with("worker");
        let schedule = fs::read_to_string(thread.join("schedstat")).ok().filter(|_| stands_in_the_way)?;
        Some(Waited { is_recorder, ns: schedule.split(' ').nth(1)?.parse().ok()? })
    };
    threads(process).into_iter().filter_map(|thread| waited(&thread).map(|waited| (thread, waited))).collect()
}

fn threads(process: u32) -> Vec<PathBuf> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    threads.flatten().map(|thread| thread.path()).collect()
}

/// Whether a signal has stopped every thread.
fn is_stopped(process: u32) -> bool {
    let is_stopped = |thread: &PathBuf| {
        let stat = fs::read_to_string(thread.join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, stat)| stat.starts_with('T'))
    };
    threads(process).iter().all(is_stopped)
}

/// Numbers that look random and are the same each time.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
