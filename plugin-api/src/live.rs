//! What services hear of a run while it goes on, and what they can say to the user: [`RunNow`] and [`Notice`].
//!
//! Appended in contract 1.3. An older host sends no [`RunNow`], and keeps a [`Notice`] like any other message.

use serde::{Deserialize, Serialize};

use crate::message::{Message, PhaseKind};

/// What is known of the run now. Sent twice a second while a phase goes on, and once when it is over.
///
/// Everything is of the current phase. A request counts when it is over: a response that takes a minute is seen after a
/// minute. Tokens count once they are counted, which may be a moment later.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunNow {
    /// Nanoseconds since the run's start, on the host's monotonic clock.
    pub at_ns: u64,
    /// The current phase.
    pub phase: PhaseNow,
    /// Its requests so far.
    pub requests: RequestsNow,
    /// The last seconds of it.
    pub recent: Recent,
    /// Its failures by kind, the most frequent first; at most [`RunNow::MOST_FAILURES`].
    pub failures: Vec<FailuresNow>,
    /// How the client itself fares.
    pub client: ClientNow,
    /// What the servers' metrics pages say, one entry a page that is scraped.
    pub servers: Vec<ServerNow>,
    /// The agents, in a run that has some. [`recent`](Self::recent) and [`failures`](Self::failures) are of all of them together then.
    pub agents: Vec<AgentNow>,
}

impl RunNow {
    /// Most kinds of failures that are counted apart.
    pub const MOST_FAILURES: usize = 20;
}

impl Message for RunNow {
    const TYPE: &'static str = "run_now";
}

/// How far a phase is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PhaseNow {
    /// Position in the run, from 0.
    pub index: u32,
    /// Phases of the run.
    pub phases: u32,
    /// What the plan calls the phase.
    pub name: String,
    /// Warm-up or profiling.
    pub kind: PhaseKind,
    /// Its load in words, such as `concurrency 64`.
    pub load: String,
    /// Seconds since its start.
    pub elapsed_s: f64,
    /// Requests after which it sends no more, if it counts them.
    pub most_requests: Option<u64>,
    /// Seconds after which it sends no more, if it has such a limit.
    pub most_seconds: Option<f64>,
    /// Its last request has ended.
    pub is_over: bool,
}

/// What became of the requests of a phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestsNow {
    /// Tried.
    pub begun: u64,
    /// Tried, and not over.
    pub in_flight: u64,
    /// Ended well.
    pub succeeded: u64,
    /// Failed, or their end was not waited for.
    pub failed: u64,
    /// Cancelled on purpose, to play users who leave.
    pub cancelled_on_purpose: u64,
    /// Refused by the server since their context was too long.
    pub overflowed: u64,
    /// Output tokens of those that ended well, as far as they are counted.
    pub output_tokens: u64,
}

impl RequestsNow {
    /// Requests that are over.
    pub fn ended(&self) -> u64 {
        self.succeeded + self.failed + self.cancelled_on_purpose + self.overflowed
    }
}

/// What ended in the last seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recent {
    /// How many seconds these are: ten, or fewer at the beginning of a phase. In a run with agents, the seconds of the agent of
    /// which most is known. With none, nothing is known yet, and the rates mean nothing.
    pub seconds: f64,
    /// Requests that ended well, a second.
    pub requests_per_s: f64,
    /// Requests that failed, a second.
    pub failed_per_s: f64,
    /// Output tokens of requests that ended well, a second.
    pub output_tokens_per_s: f64,
    /// From sent to the first generated token, in milliseconds.
    pub time_to_first_token_ms: Option<Spread>,
    /// (last token - first token) / later tokens of a request, in milliseconds.
    pub inter_token_latency_ms: Option<Spread>,
    /// From sent, in an open loop from the schedule, to the end of the response, in milliseconds.
    pub request_latency_ms: Option<Spread>,
}

/// How values are spread, each to within 1 %; to within 2 % in a run with agents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spread {
    /// How many values there are.
    pub count: u64,
    /// Their median.
    pub p50: f64,
    /// Their 90th percentile.
    pub p90: f64,
    /// Their 99th percentile. Of fewer than 100 values, the largest.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// Failures of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FailuresNow {
    /// Their kind, such as `http_status` or `timeout`.
    pub kind: String,
    /// HTTP status, or another number that the failing side gave.
    pub code: Option<u32>,
    /// What the first of them said.
    pub message: String,
    /// How many there are.
    pub count: u64,
}

/// How the client itself fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientNow {
    /// Processors that it may use.
    pub processors: u32,
    /// Processors that all threads of its process kept busy lately. Children, where plugins are isolated, are not in it.
    pub busy_processors: Option<f64>,
    /// The part of the machine's time, from 0 to 1, in which something ran lately, where the system tells.
    pub machine_busy: Option<f64>,
    /// Requests of the last seconds that were sent.
    pub sent: u64,
    /// Those of them that were sent more than a millisecond after their time, in an open loop.
    pub sent_late: u64,
    /// How late they were sent, in milliseconds, in an open loop.
    pub lateness_ms: Option<Spread>,
}

/// What is known of an agent: another machine that sends a part of the load. It says once a second what has ended there.
///
/// What it has not said is `None`, and never zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentNow {
    /// What the agent is called: `prony agent --name`.
    pub name: String,
    /// It was lost: nobody waits for its part any more.
    pub is_lost: bool,
    /// Seconds since it said last how far the phase is. `None` before the first time.
    pub heard_s_ago: Option<f64>,
    /// Its requests that were not over then.
    pub in_flight: Option<u64>,
    /// How many of the last ten seconds the following is of. Zero where it has said nothing of them.
    pub seconds: f64,
    /// Requests that ended well, a second.
    pub requests_per_s: Option<f64>,
    /// Requests that failed, a second.
    pub failed_per_s: Option<f64>,
    /// Output tokens of requests that ended well, a second.
    pub output_tokens_per_s: Option<f64>,
    /// As in [`Recent`].
    pub time_to_first_token_ms: Option<Spread>,
    /// As in [`Recent`].
    pub request_latency_ms: Option<Spread>,
    /// How late its requests were sent, in milliseconds, in an open loop.
    pub lateness_ms: Option<Spread>,
}

impl AgentNow {
    /// One that has said nothing for so many seconds is late: it says something once a second.
    pub const LATE_S: f64 = 3.0;

    /// Whether it is late with what it says, is lost, or has said nothing yet.
    pub fn is_missing(&self) -> bool {
        self.is_lost || self.heard_s_ago.is_none_or(|seconds| seconds > Self::LATE_S)
    }
}

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerNow {
    /// The page.
    pub url: String,
    /// Nanoseconds since the run's start at which it was scraped.
    pub at_ns: u64,
    /// Requests that it works on.
    pub running: Option<f64>,
    /// Requests that wait in it.
    pub waiting: Option<f64>,
    /// The part of its cache of keys and values that is in use, from 0 to 1.
    pub cache_usage: Option<f64>,
    /// Why it could not be scraped the last time, if it could not.
    pub error: Option<String>,
}

/// A sentence for the user, shown on standard error while the run goes on, behind the service's name: the address at which
/// it answers, say. Without a final stop.
///
/// Of one service, the first [`Notice::MOST`] are shown, and of each the first [`Notice::LONGEST`] bytes. All are kept in
/// the journal. With `--quiet` none is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notice {
    /// The sentence.
    pub text: String,
}

impl Notice {
    /// Most notices of one service that are shown.
    pub const MOST: u32 = 10;
    /// Bytes of one that are shown.
    pub const LONGEST: usize = 1024;
}

impl Message for Notice {
    const TYPE: &'static str = "notice";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_is_known_crosses_as_a_whole() {
        let spread = Spread { count: 3, p50: 1.0, p90: 2.0, p99: 3.0, max: 3.0 };
        let now = RunNow {
            at_ns: 5,
            phase: PhaseNow { name: "profiling".into(), load: "concurrency 4".into(), ..PhaseNow::default() },
            requests: RequestsNow {
                begun: 9,
                in_flight: 4,
                succeeded: 4,
                failed: 1,
                ..RequestsNow::default()
            },
            recent: Recent { seconds: 2.0, request_latency_ms: Some(spread), ..Recent::default() },
            failures: vec![FailuresNow { kind: "timeout".into(), count: 1, ..FailuresNow::default() }],
            agents: vec![AgentNow { name: "a".into(), heard_s_ago: Some(0.5), ..AgentNow::default() }],
            ..RunNow::default()
        };
        assert_eq!(RunNow::decode(&now.encode().unwrap()).unwrap(), now);
        assert_eq!(now.requests.ended(), 5);
    }

    #[test]
    fn an_agent_is_missing_until_it_speaks_and_when_it_has_been_silent_for_long() {
        let heard = |heard_s_ago| AgentNow { heard_s_ago, ..AgentNow::default() };
        assert_eq!([None, Some(1.2), Some(3.5)].map(|ago| heard(ago).is_missing()), [true, false, true]);
        assert!(AgentNow { is_lost: true, ..heard(Some(0.1)) }.is_missing());
    }

    #[test]
    fn what_an_older_side_does_not_know_is_empty() {
        let bytes = rmp_serde::to_vec_named(&BTreeMap::from([("at_ns", 5)])).unwrap();
        assert_eq!(RunNow::decode(&bytes).unwrap(), RunNow { at_ns: 5, ..RunNow::default() });
        let bytes = rmp_serde::to_vec_named(&BTreeMap::from([("text", "hear")])).unwrap();
        assert_eq!(Notice::decode(&bytes).unwrap().text, "hear");
    }
}
