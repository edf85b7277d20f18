//! A short run against a mock server, and what both say of it.

use std::path::Path;

use serde_json::Value;

use super::{
    outcome::{Fault, Outcome},
    program,
};
use crate::{
    calibrate::{
        compare,
        evidence::{json, lines, truth},
    },
    explain::Explain,
    plugin::chain,
    report::file_names,
    run::mock::{MockError, MockProcess},
};

/// Requests of a run. The words below have it as well.
const REQUESTS: u64 = 8;

/// How a server sends: 20 ms to the first of 20 tokens, 5 ms to each further one.
const SERVER: [&str; 4] = ["--ttft-ms", "20", "--itl-ms", "5"];

/// What all runs are made with. Tokens are the server's words, so that both count the same.
const RUN: [&str; 21] = [
    "profile",
    "--model",
    "mock-model",
    "--streaming",
    "--concurrency",
    "2",
    "--request-count",
    "8",
    "--isl",
    "20",
    "--osl",
    "20",
    "--random-seed",
    "42",
    "--use-server-token-count",
    "--export-http-trace",
    "--no-server-metrics",
    "--no-proxy",
    "--quiet",
    "--plugin-policy",
    "builtin",
];

/// How far client and server usually are apart at most, in milliseconds. Beyond it is a warning, since it says more about the
/// machine than about the installation: how exact numbers are on it, `prony calibrate` finds out.
const BOUND_MS: f64 = 10.0;

/// How often a run is made until its numbers are within the bound: another program may take the processor for a moment.
const ATTEMPTS: u32 = 3;

/// A run to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial<'a> {
    /// Of its folder.
    pub(super) name: &'a str,
    /// API format.
    pub(super) endpoint: &'a str,
    /// Other words than those of all runs.
    pub(super) words: &'a [&'a str],
    pub(super) variables: &'a [(&'a str, &'a str)],
    /// Where everything is written.
    pub(super) folder: &'a Path,
}

/// How far client and server are apart, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Distance {
    /// Arrival of first tokens against their sending, the 99th percentile.
    first_token: f64,
    /// Inter-token latency of a request, the 99th percentile.
    inter_token: f64,
    /// Mean time to first token.
    ttft: f64,
}

impl Distance {
    fn is_small(self) -> bool {
        [self.first_token, self.inter_token, self.ttft].into_iter().all(|ms| ms < BOUND_MS)
    }
}

/// Makes the run, and looks whether it reports what the server did.
pub(super) fn check(trial: Trial<'_>) -> Outcome {
    let mut apart = String::new();
    for attempt in 1..=ATTEMPTS {
        match measure(trial, attempt) {
            Err(fault) => return Outcome::Failed(fault),
            Ok(distance) => {
                let Distance { first_token, inter_token, ttft } = distance;
                let numbers = format!(
                    "first token off by {first_token:.3} ms, ITL by {inter_token:.3} ms, mean TTFT by {ttft:.3} ms"
                );
                if distance.is_small() {
                    return Outcome::Passed(format!("{REQUESTS} requests, {numbers}"));
                }
                apart = numbers;
            }
        }
    }
    let fix = "`prony doctor` says what may be wrong with this machine, `prony calibrate` how exact numbers are on it";
    let why = format!(
        "{REQUESTS} requests, {apart}, each time in {ATTEMPTS} runs; below {BOUND_MS} ms is usual: this machine was busy, or is slow"
    );
    Outcome::Doubtful(Fault::new(why, fix))
}

fn measure(trial: Trial<'_>, attempt: u32) -> Result<Distance, Fault> {
    let Trial { endpoint, words, variables, folder, .. } = trial;
    let no_server = |error: MockError| Fault::new(format!("failed to {}", chain(&error)), error.hint());
    let mut mock = MockProcess::start(&SERVER).map_err(no_server)?;
    let url = mock.url().map_err(no_server)?;
    let name = format!("{}-{attempt}", trial.name);
    let own = ["--url", &url, "--endpoint-type", endpoint, "--artifact-dir", &name];
    let all = [&RUN[..], &own, words].concat();
    // The program is started again and its files are read, in place of a call in this process: what is tried is the program as it is
    // installed, with its plugins, its exit code and its files.
    let failed = |error: std::io::Error| Fault::new(format!("failed to make a run: {error}"), ROOM);
    program::start(folder, &name, &all, variables).map_err(failed)?.wait()?;
    let unread = |error: std::io::Error| Fault::new(format!("failed to read its results: {error}"), ROOM);
    let dir = folder.join(&name);
    let summary = json(&dir.join(file_names::SUMMARY)).map_err(unread)?;
    let records = lines(&dir.join(file_names::REQUESTS)).map_err(unread)?;
    let truth = truth(&url).map_err(unread)?;
    judge(&summary, &records, &truth)
        .map_err(|why| Fault::new(why, "this is a fault of prony: please report it"))
}

const ROOM: &str =
    "see that the folder for temporary files (`TMPDIR`) has room, and that processes may be started";

/// Compares what the run reports with what the server did. Counts have to be the same, and times are shown.
fn judge(summary: &Value, records: &[Value], truth: &Value) -> Result<Distance, String> {
    let counts = [
        ("requests of the report", summary["request_count"]["avg"].as_f64()),
        ("requests that the server has answered", truth["requests_ok"].as_f64()),
        ("lines of requests", Some(records.len() as f64)),
    ];
    for (what, count) in counts {
        same(what, REQUESTS as f64, count)?;
    }
    if summary["is_complete"] != true {
        return Err(format!("the run is not complete: {}", summary["incomplete_reason"]));
    }
    let sent = truth["tokens_sent_total"].as_f64().unwrap_or(0.0);
    same("tokens of the report", sent, summary["total_osl"]["avg"].as_f64())?;
    let errors = compare(records, truth, 0.0).ok_or("run and server have no request in common")?;
    if errors.failed > 0 {
        return Err(format!(
            "requests that the server does not know, or that have no latencies: {}",
            errors.failed
        ));
    }
    let ttft = summary["time_to_first_token"]["avg"].as_f64().zip(true_ttft_ms(truth));
    let (reported, real) = ttft.ok_or("there is no time to first token")?;
    Ok(Distance {
        first_token: errors.first_token_ms,
        inter_token: errors.inter_token_ms,
        ttft: (reported - real).abs(),
    })
}

fn same(what: &str, expected: f64, found: Option<f64>) -> Result<(), String> {
    match found {
        Some(found) if (found - expected).abs() < 0.5 => Ok(()),
        Some(found) => Err(format!("{what}: {found}, and not {expected}")),
        None => Err(format!("{what}: not told")),
    }
}

/// The mean time from the arrival of a request to its first token, by the server's own clock.
fn true_ttft_ms(truth: &Value) -> Option<f64> {
    let requests = truth["requests"].as_array().filter(|requests| !requests.is_empty())?;
    let of_one =
        |request: &Value| Some(request["first_token_sent_ns"].as_f64()? - request["arrived_ns"].as_f64()?);
    let sum: f64 = requests.iter().map(of_one).sum::<Option<f64>>()?;
    Some(sum / requests.len() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(number: u64) -> String {
        format!("request-{number}")
    }

    /// A server that has sent two tokens to each request, the first one 20 ms after its arrival, the second one 5 ms later.
    fn truth() -> Value {
        let request = |number| {
            json!({ "request_id": id(number), "arrived_ns": 1_000_000, "first_token_sent_ns": 21_000_000,
                    "token_sent_ns": [21_000_000, 26_000_000] })
        };
        let requests: Vec<Value> = (0..REQUESTS).map(request).collect();
        json!({ "wall_start_ns": 0, "usage_tokens_per_word": 1.0, "requests": requests, "requests_ok": REQUESTS,
                "tokens_sent_total": 2 * REQUESTS })
    }

    fn records() -> Vec<Value> {
        let record = |number| {
            json!({ "metadata": { "x_request_id": id(number) },
                    "trace_data": { "response_first_token_ns": 22_000_000 },
                    "metrics": { "inter_token_latency": { "value": 5.5 } } })
        };
        (0..REQUESTS).map(record).collect()
    }

    fn summary() -> Value {
        json!({ "request_count": { "avg": REQUESTS }, "total_osl": { "avg": 2 * REQUESTS }, "is_complete": true,
                "time_to_first_token": { "avg": 20.25 } })
    }

    #[test]
    fn a_run_that_reports_what_the_server_did_is_as_far_from_it_as_its_times() {
        let distance = judge(&summary(), &records(), &truth()).unwrap();
        let Distance { first_token, inter_token, ttft } = distance;
        assert!((first_token - 1.0).abs() < 0.01 && (inter_token - 0.5).abs() < 0.01, "{distance:?}");
        assert!((ttft - 0.25).abs() < 1e-9 && distance.is_small(), "{distance:?}");
        let late = json!({ "avg": 35.0 });
        let mut summary = summary();
        summary["time_to_first_token"] = late;
        assert!(!judge(&summary, &records(), &truth()).unwrap().is_small());
    }

    #[test]
    fn counts_have_to_be_the_same() {
        let wrong = |key: &str, value: Value| {
            let mut summary = summary();
            summary[key] = value;
            judge(&summary, &records(), &truth()).unwrap_err()
        };
        assert_eq!(wrong("request_count", json!({ "avg": 7 })), "requests of the report: 7, and not 8");
        assert_eq!(wrong("total_osl", json!({ "avg": 15 })), "tokens of the report: 15, and not 16");
        assert_eq!(wrong("total_osl", Value::Null), "tokens of the report: not told");
        assert_eq!(wrong("time_to_first_token", Value::Null), "there is no time to first token");
        assert!(wrong("is_complete", json!(false)).starts_with("the run is not complete"));
        assert_eq!(
            judge(&summary(), &records()[1..], &truth()).unwrap_err(),
            "lines of requests: 7, and not 8"
        );
        let mut truth = truth();
        truth["requests"][0]["request_id"] = json!("another");
        let why = judge(&summary(), &records(), &truth).unwrap_err();
        assert_eq!(why, "requests that the server does not know, or that have no latencies: 1");
    }

    #[test]
    fn the_words_ask_for_as_many_requests_as_are_looked_for() {
        let at = RUN.iter().position(|word| *word == "--request-count").unwrap();
        assert_eq!(RUN[at + 1].parse(), Ok(REQUESTS));
    }
}
