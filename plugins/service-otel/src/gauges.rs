//! The last seconds of a run with agents, as gauges.
//!
//! The records of its requests come at the end, and with them the sums of [`metrics`](crate::metrics). Until then this is what is known.
//! What an agent has not said is left out, and is no zero.

use prony_plugin_api::{
    live::{AgentNow, RunNow, Spread},
    message::PhaseKind,
};
use serde_json::{Value, json};

use crate::{attributes::Attributes, run::Run};

/// What is said of an agent: its name, its unit and what it is.
type OfAgent = (&'static str, &'static str, &'static str, fn(&AgentNow) -> Option<f64>);

const OF_AGENTS: [OfAgent; 5] = [
    (
        "prony.agent.requests",
        "{request}/s",
        "Requests that ended well, a second, in the last seconds.",
        |agent| agent.requests_per_s,
    ),
    (
        "prony.agent.failures",
        "{request}/s",
        "Requests that failed, a second, in the last seconds.",
        |agent| agent.failed_per_s,
    ),
    ("prony.agent.output_tokens", "{token}/s", "Output tokens a second, in the last seconds.", |agent| {
        agent.output_tokens_per_s
    }),
    ("prony.agent.in_flight", "{request}", "Requests that are not over.", |agent| {
        agent.in_flight.map(|count| count as f64)
    }),
    ("prony.agent.silence", "s", "Time since the agent said how things are.", |agent| agent.heard_s_ago),
];

/// The gauges of now; none in a run without agents.
pub(crate) fn json(now: &RunNow, run: &Run) -> Vec<Value> {
    if now.agents.is_empty() {
        return Vec::new();
    }
    let phase = match now.phase.kind {
        PhaseKind::Warmup => "warmup",
        PhaseKind::Profiling => "profiling",
    };
    let at = run.wall(now.at_ns);
    let point = |name: &'static str, of: &str, value: f64| {
        let attributes = Attributes::default().with("prony.phase", phase).with(name, of);
        json!({ "attributes": attributes.json(), "timeUnixNano": at, "asDouble": value })
    };
    let of_agents = OF_AGENTS.iter().map(|(name, unit, what, said)| {
        let values = now.agents.iter().filter_map(|agent| Some((&agent.name, said(agent)?)));
        let points: Vec<Value> =
            values.map(|(agent, value)| point("prony.agent.name", agent, value)).collect();
        (*name, *unit, *what, points)
    });
    let of_all = [
        (
            "prony.recent.time_to_first_token",
            "Time to the first token, in the last seconds.",
            now.recent.time_to_first_token_ms,
        ),
        (
            "prony.recent.inter_token_latency",
            "Time from token to token, in the last seconds.",
            now.recent.inter_token_latency_ms,
        ),
        (
            "prony.recent.request_latency",
            "Latency of requests, in the last seconds.",
            now.recent.request_latency_ms,
        ),
    ];
    let of_all = of_all.into_iter().map(|(name, what, spread)| {
        let values = spread.into_iter().flat_map(quantiles);
        let points: Vec<Value> =
            values.map(|(quantile, seconds)| point("quantile", quantile, seconds)).collect();
        (name, "s", what, points)
    });
    let gauges = of_agents.chain(of_all).filter(|(_, _, _, points)| !points.is_empty());
    let gauges = gauges.map(|(name, unit, what, points)| {
        json!({ "name": name, "unit": unit, "description": what, "gauge": { "dataPoints": points } })
    });
    gauges.collect()
}

/// In seconds.
fn quantiles(Spread { p50, p90, p99, .. }: Spread) -> [(&'static str, f64); 3] {
    [("0.5", p50 / 1000.0), ("0.9", p90 / 1000.0), ("0.99", p99 / 1000.0)]
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::live::Recent;

    use super::*;

    #[test]
    fn there_is_a_point_for_each_agent_that_said_something() {
        let spread = Spread { count: 9, p50: 20.0, p90: 30.0, p99: 40.0, max: 50.0 };
        let now = RunNow {
            at_ns: 500,
            recent: Recent { request_latency_ms: Some(spread), ..Recent::default() },
            agents: vec![
                AgentNow { name: "a".into(), requests_per_s: Some(12.0), ..AgentNow::default() },
                AgentNow { name: "b".into(), ..AgentNow::default() },
            ],
            ..RunNow::default()
        };
        let run = Run { wall_start_ns: 1000, ..Run::default() };
        let gauges = json(&now, &run);
        let names: Vec<&str> = gauges.iter().map(|gauge| gauge["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["prony.agent.requests", "prony.recent.request_latency"]);
        let points = gauges[0]["gauge"]["dataPoints"].as_array().unwrap();
        assert_eq!(points.len(), 1, "of `b` nothing is known: {points:?}");
        assert_eq!((&points[0]["asDouble"], &points[0]["timeUnixNano"]), (&json!(12.0), &json!("1500")));
        assert!(points[0]["attributes"].to_string().contains(r#""prony.agent.name""#), "{points:?}");
        let latency = gauges[1]["gauge"]["dataPoints"].as_array().unwrap();
        assert_eq!((latency.len(), &latency[1]["asDouble"]), (3, &json!(0.03)));
    }

    #[test]
    fn a_run_on_one_machine_has_its_sums_and_no_gauges() {
        assert!(json(&RunNow::default(), &Run::default()).is_empty());
    }
}
