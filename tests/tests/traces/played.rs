//! Every sample is played as it was recorded: all of its requests, each at its instant and behind those that it waits for, and
//! forks side by side.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
};

use prony_tests::{MockServer, Run, Tool};
use rstest::rstest;
use serde_json::Value;

use super::{expected, sample, words};

/// The samples are dealt out to so many tests, which run at once.
const PARTS: usize = 4;

/// A sample is played as much faster as its recording needs to be over in this time, and at least twenty times as fast.
const PLAYED_NS: f64 = 250e6;
const LEAST_SPEED: f64 = 20.0;

/// Instants are divided by the speed, and kept as whole nanoseconds.
const ROUNDING_NS: f64 = 10.0;

/// How long the mock server takes for a first token where forks are to be in flight at once.
const FORKS_TTFT_MS: &str = "300";

/// A step: the session that it belongs to, and its position there.
type Place = (String, u64);

/// A step of a converted sample.
struct Step {
    after: Vec<u64>,
    /// When it goes, where the sample says that: since the first session of the file.
    at_ns: Option<u64>,
    /// When it goes, once those are over.
    pause: Pause,
}

/// The time before a step that waits for others.
#[derive(Clone, Copy)]
enum Pause {
    /// Since the last of them was over.
    After(u64),
    /// Since the session's start, or when they are over, if that is later.
    Until(u64),
}

/// What a sample says is to be played.
struct Plan {
    steps: BTreeMap<Place, Step>,
    /// All sessions have an instant.
    has_instants: bool,
    /// From the first session to the last step, without the time that responses took.
    span_ns: u64,
}

impl Plan {
    fn of(converted: &str) -> Self {
        let mut plan = Self { steps: BTreeMap::new(), has_instants: true, span_ns: 0 };
        for line in converted.lines().skip(1) {
            let session: Value = serde_json::from_str(line).unwrap();
            let (id, starts_ns) = (session["id"].as_str().unwrap(), session["starts_ns"].as_u64());
            plan.has_instants &= starts_ns.is_some();
            let mut lasts_ns = 0;
            for (step, number) in session["steps"].as_array().unwrap().iter().zip(0..) {
                let after: Vec<u64> = step["after"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|step| step.as_u64().unwrap())
                    .collect();
                let pause_of =
                    |at_ns: Option<u64>, delay_ns| at_ns.map_or(Pause::After(delay_ns), Pause::Until);
                let (at_ns, delay_ns) = (step["at_ns"].as_u64(), step["delay_ns"].as_u64().unwrap_or(0));
                let pause = pause_of(at_ns, delay_ns);
                lasts_ns = (lasts_ns + delay_ns).max(at_ns.unwrap_or(0));
                // The first step of a session without an instant of its own goes when the session starts.
                let since_start_ns = at_ns.or(after.is_empty().then_some(delay_ns));
                let at_ns = starts_ns.zip(since_start_ns).map(|(start, since)| start + since);
                plan.steps.insert((id.to_owned(), number), Step { after, at_ns, pause });
            }
            plan.span_ns = plan.span_ns.max(starts_ns.unwrap_or(0) + lasts_ns);
        }
        plan
    }

    fn speed(&self) -> f64 {
        (self.span_ns as f64 / PLAYED_NS).max(LEAST_SPEED)
    }

    fn sessions(&self) -> usize {
        self.steps.keys().filter(|(_, number)| *number == 0).count()
    }

    /// Between which instants a step was due that waits for others, by what was played before it.
    fn due_ns(&self, place: &Place, step: &Step, played: &HashMap<Place, Played>) -> [f64; 2] {
        let of = |number: &u64| &played[&(place.0.clone(), *number)];
        let speed = if self.has_instants { self.speed() } else { 1.0 };
        [0, 1].map(|end| {
            let ready_ns = step.after.iter().map(|before| of(before).over[end]).max().unwrap_or(0) as f64;
            match step.pause {
                // Without instants it is played without pauses.
                Pause::After(_) if !self.has_instants => ready_ns,
                Pause::After(delay_ns) => ready_ns + delay_ns as f64 / speed,
                Pause::Until(at_ns) => ready_ns.max(of(&0).scheduled as f64 + at_ns as f64 / speed),
            }
        })
    }

    /// Steps that wait for the same ones, and so may go on at once: two of each group.
    fn forks(&self) -> Vec<(Place, Place)> {
        let mut last: HashMap<(&str, &[u64]), &Place> = HashMap::new();
        let mut forks = Vec::new();
        for (place, step) in self.steps.iter().filter(|(_, step)| !step.after.is_empty()) {
            if let Some(before) = last.insert((&place.0, &step.after), place) {
                forks.push((before.clone(), place.clone()));
            }
        }
        forks
    }
}

/// What is known of a request that was played. Instants are in nanoseconds; those of the run count from its first request.
struct Played {
    scheduled: u64,
    /// When its response began to arrive, and when the run had read all of it: it was over between the two.
    over: [u64; 2],
    /// From the server's truth.
    arrived: u64,
    ended: u64,
}

/// The requests of a run by their places, as the run and the server know them.
fn played(run: &Run, server: &MockServer) -> HashMap<Place, Played> {
    let records = run.records();
    let instant = |record: &Value, key: &str| record["metadata"][key].as_u64().unwrap();
    // Counted from the first one, instants fit into a `f64` to the nanosecond.
    let first_ns = records.iter().map(|record| instant(record, "credit_issued_ns")).min().unwrap_or(0);
    let since_first = |record: &Value, key: &str| instant(record, key) - first_ns;
    let truth = server.truth();
    let by_id: HashMap<&str, &Value> = truth["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| (request["request_id"].as_str().unwrap(), request))
        .collect();
    let of = |record: &Value| {
        let metadata = &record["metadata"];
        let id = metadata["conversation_id"].as_str().unwrap().to_owned();
        let seen = by_id[metadata["x_request_id"].as_str().unwrap()];
        let played = Played {
            scheduled: since_first(record, "credit_issued_ns"),
            over: ["request_ack_ns", "request_end_ns"].map(|key| since_first(record, key)),
            arrived: seen["arrived_ns"].as_u64().unwrap(),
            ended: seen["ended_ns"].as_u64().unwrap(),
        };
        ((id, metadata["turn_index"].as_u64().unwrap()), played)
    };
    records.iter().map(of).collect()
}

/// Plays a sample once: at its instants if it has any, and else all sessions at once and without pauses. Responses come in one
/// piece, which takes the least time.
fn play(server: &MockServer, name: &str, plan: &Plan) -> Run {
    let (speed, sessions) = (plan.speed().to_string(), plan.sessions().to_string());
    let load = if plan.has_instants {
        vec!["--fixed-schedule", "--replay-speedup", &speed]
    } else {
        vec![
            "--num-conversations",
            &sessions,
            "--concurrency",
            &sessions,
            "--conversation-turn-delay-ratio",
            "0",
        ]
    };
    Tool::bare_profile().args(["--url", server.url(), "--input-file"]).args(words(name)).args(load).run()
}

/// Requests that were scheduled at another instant than the sample says, after another pause, or before their parents were over,
/// and forks that were not in flight at once.
fn deviations(plan: &Plan, played: &HashMap<Place, Played>) -> Vec<String> {
    let mut found = Vec::new();
    let starts = plan.steps.iter().filter(|(_, step)| step.after.is_empty());
    let starts: Vec<(&Place, u64)> =
        starts.filter_map(|(place, step)| step.at_ns.map(|at_ns| (place, at_ns))).collect();
    let first_at_ns = starts.iter().map(|(_, at_ns)| *at_ns).min().unwrap_or(0);
    for (place, at_ns) in starts.into_iter().filter(|_| plan.has_instants) {
        let due_ns = (at_ns - first_at_ns) as f64 / plan.speed();
        let off_ns = played[place].scheduled as f64 - due_ns;
        if off_ns.abs() > ROUNDING_NS {
            found.push(format!("{place:?} was scheduled {off_ns} ns from its instant"));
        }
    }
    for (place, step) in &plan.steps {
        for before in &step.after {
            if played[place].arrived < played[&(place.0.clone(), *before)].ended {
                found.push(format!("{place:?} arrived before step {before} was over"));
            }
        }
    }
    for (place, step) in plan.steps.iter().filter(|(_, step)| !step.after.is_empty()) {
        let [first_ns, last_ns] = plan.due_ns(place, step, played);
        let scheduled_ns = played[place].scheduled as f64;
        if scheduled_ns < first_ns - ROUNDING_NS || scheduled_ns > last_ns + ROUNDING_NS {
            found
                .push(format!("{place:?} was scheduled at {scheduled_ns}, not from {first_ns} to {last_ns}"));
        }
    }
    for (one, other) in plan.forks() {
        if played[&one].ended <= played[&other].arrived || played[&other].ended <= played[&one].arrived {
            found.push(format!("{one:?} and {other:?} did not go on side by side"));
        }
    }
    found
}

#[rstest]
fn a_sample_is_played_as_it_was_recorded(#[values(0, 1, 2, 3)] part: usize) {
    let mut found = Vec::new();
    for (number, (name, expected)) in expected().as_object().unwrap().iter().enumerate() {
        // Its requests are for several APIs, each of which is played apart.
        if number % PARTS != part || name == "openai-batch/input.jsonl" {
            continue;
        }
        let convert = Tool::new(["dataset", "convert"]).args(words(name)).run();
        let plan = Plan::of(&convert.succeeds().stdout);
        let ttft = if plan.forks().is_empty() { "0" } else { FORKS_TTFT_MS };
        let server = MockServer::start(["--tokens", "2", "--ttft-ms", ttft]);
        let run = play(&server, name, &plan);
        if run.code != 0 {
            found.push(format!("{name}: {}", run.stderr));
            continue;
        }
        let played = played(&run, &server);
        let counts = (played.len() as u64, server.truth()["requests_ok"].as_u64().unwrap());
        let requests = expected["requests"].as_u64().unwrap();
        if counts != (requests, requests) {
            found.push(format!("{name}: {counts:?} requests were played, not {requests}"));
            continue;
        }
        found.extend(deviations(&plan, &played).into_iter().map(|what| format!("{name}: {what}")));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[rstest]
#[case::chat("chat", "/v1/chat/completions", 8)]
#[case::completions("completions", "/v1/completions", 2)]
#[case::embeddings("embeddings", "/v1/embeddings", 2)]
#[case::responses("responses", "/v1/responses", 2)]
fn each_api_of_a_batch_file_is_played_apart(
    #[case] endpoint: &str,
    #[case] path: &str,
    #[case] requests: u64,
) {
    let server = MockServer::start(["--tokens", "2"]);
    let rows = fs::read_to_string(sample("openai-batch/input.jsonl")).unwrap();
    let rows: Vec<&str> = rows.lines().filter(|row| row.contains(&format!("\"url\": \"{path}\""))).collect();
    let tool = Tool::bare_profile().args(["--url", server.url(), "--endpoint-type", endpoint]);
    tool.file("rows.jsonl", rows.join("\n"));
    let count = requests.to_string();
    let tool = tool.args(["--input-file", "rows.jsonl", "--num-conversations", &count]);
    tool.run().succeeds();
    assert_eq!(server.truth()["requests_ok"], requests);
}
