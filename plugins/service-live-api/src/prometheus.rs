//! The page for Prometheus, in its text format:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>. Units are seconds and parts of one, as is the custom there.

use std::{fmt::Write as _, slice};

use prony_plugin_api::live::{AgentNow, RunNow, Spread};
use serde_json::Value;

use crate::known::Known;

pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) fn page(known: &Known) -> String {
    let mut page = Page(String::new());
    let now = known.current();
    let fact = |name: &str| match known.facts().get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let of_run = ["run_id", "model", "endpoint_type", "version"].map(|name| (name, fact(name)));
    page.family("prony_run_info", "gauge", "The run that goes on.");
    page.sample("prony_run_info", &of_run, 1.0);
    requests(&mut page, now);
    recent(&mut page, now);
    client(&mut page, now);
    agents(&mut page, now);
    page.family(
        "prony_live_api_dropped_events_total",
        "counter",
        "Events that slow readers of /api/events missed.",
    );
    page.sample("prony_live_api_dropped_events_total", &[], known.dropped_events as f64);
    page.0
}

fn requests(page: &mut Page, now: &RunNow) {
    let phase = ("phase", now.phase.name.clone());
    page.family("prony_phase_elapsed_seconds", "gauge", "Time since the start of the phase.");
    page.sample("prony_phase_elapsed_seconds", slice::from_ref(&phase), now.phase.elapsed_s);
    page.family("prony_requests_total", "counter", "Requests of the phase that are over, by outcome.");
    for (outcome, count) in [
        ("succeeded", now.requests.succeeded),
        ("failed", now.requests.failed),
        ("cancelled_on_purpose", now.requests.cancelled_on_purpose),
        ("context_overflow", now.requests.overflowed),
    ] {
        page.sample("prony_requests_total", &[phase.clone(), ("outcome", outcome.into())], count as f64);
    }
    page.family("prony_requests_in_flight", "gauge", "Requests that are not over.");
    page.sample("prony_requests_in_flight", &[], now.requests.in_flight as f64);
    page.family(
        "prony_output_tokens_total",
        "counter",
        "Output tokens of the phase, as far as they are counted.",
    );
    page.sample("prony_output_tokens_total", slice::from_ref(&phase), now.requests.output_tokens as f64);
    page.family("prony_failures_total", "counter", "Failures of the phase by kind.");
    for failures in &now.failures {
        let code = failures.code.map(|code| code.to_string()).unwrap_or_default();
        let labels = [phase.clone(), ("kind", failures.kind.clone()), ("code", code)];
        page.sample("prony_failures_total", &labels, failures.count as f64);
    }
}

fn recent(page: &mut Page, now: &RunNow) {
    let recent = &now.recent;
    // What no agent has said yet is no rate.
    let is_known = now.agents.is_empty() || recent.seconds > 0.0;
    for (name, help, value) in [
        ("prony_recent_requests_per_second", "Good requests a second, lately.", recent.requests_per_s),
        ("prony_recent_failures_per_second", "Failures a second, lately.", recent.failed_per_s),
        (
            "prony_recent_output_tokens_per_second",
            "Output tokens a second, lately.",
            recent.output_tokens_per_s,
        ),
    ]
    .into_iter()
    .filter(|_| is_known)
    {
        page.family(name, "gauge", help);
        page.sample(name, &[], value);
    }
    for (name, help, spread) in [
        (
            "prony_recent_time_to_first_token_seconds",
            "Time to first token, lately.",
            recent.time_to_first_token_ms,
        ),
        (
            "prony_recent_inter_token_latency_seconds",
            "Inter-token latency, lately.",
            recent.inter_token_latency_ms,
        ),
        ("prony_recent_request_latency_seconds", "Request latency, lately.", recent.request_latency_ms),
        (
            "prony_recent_send_lateness_seconds",
            "How late requests were sent, lately.",
            now.client.lateness_ms,
        ),
    ] {
        page.spread(name, help, spread);
    }
}

fn client(page: &mut Page, now: &RunNow) {
    let client = &now.client;
    if let Some(busy) = client.busy_processors {
        page.family("prony_client_busy_processors", "gauge", "Processors that prony keeps busy.");
        page.sample("prony_client_busy_processors", &[], busy);
    }
    if let Some(busy) = client.machine_busy {
        page.family(
            "prony_client_machine_busy_ratio",
            "gauge",
            "Part of the machine's time in which something ran.",
        );
        page.sample("prony_client_machine_busy_ratio", &[], busy);
    }
}

/// What one agent has said, if it has said it.
type Said = fn(&AgentNow) -> Option<f64>;

/// One value for each agent. What an agent has not said is left out, and is no zero.
fn agents(page: &mut Page, now: &RunNow) {
    let families: [(&str, &str, Said); 6] = [
        (
            "prony_agent_up",
            "Whether the agent is there: 0 when it is lost, late or has said nothing.",
            |agent| Some(if agent.is_missing() { 0.0 } else { 1.0 }),
        ),
        ("prony_agent_heard_seconds_ago", "Time since the agent said how things are.", |agent| {
            agent.heard_s_ago
        }),
        ("prony_agent_requests_in_flight", "Requests of the agent that are not over.", |agent| {
            agent.in_flight.map(|count| count as f64)
        }),
        ("prony_agent_recent_requests_per_second", "Good requests of the agent a second, lately.", |agent| {
            agent.requests_per_s
        }),
        ("prony_agent_recent_failures_per_second", "Failures of the agent a second, lately.", |agent| {
            agent.failed_per_s
        }),
        (
            "prony_agent_recent_output_tokens_per_second",
            "Output tokens of the agent a second, lately.",
            |agent| agent.output_tokens_per_s,
        ),
    ];
    for (name, help, said) in families {
        let values = now.agents.iter().filter_map(|agent| Some((agent.name.clone(), said(agent)?)));
        let values: Vec<(String, f64)> = values.collect();
        if !values.is_empty() {
            page.family(name, "gauge", help);
            for (agent, value) in values {
                page.sample(name, &[("agent", agent)], value);
            }
        }
    }
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // A `String` takes everything.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, String)], value: f64) {
        self.0.push_str(name);
        for (position, (label, text)) in labels.iter().enumerate() {
            let before = if position == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", escaped(text));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{after} {value}");
    }

    fn spread(&mut self, name: &str, help: &str, spread: Option<Spread>) {
        let Some(Spread { p50, p90, p99, max, .. }) = spread else { return };
        self.family(name, "gauge", help);
        for (quantile, ms) in [("0.5", p50), ("0.9", p90), ("0.99", p99), ("1", max)] {
            self.sample(name, &[("quantile", quantile.into())], ms / 1000.0);
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::live::{FailuresNow, PhaseNow, Recent, RequestsNow};

    use super::*;

    #[test]
    fn every_sample_stands_below_its_family() {
        let spread = Spread { count: 2, p50: 10.0, p90: 20.0, p99: 30.0, max: 40.0 };
        let mut known = Known::of_run(r#"{"run_id": "r", "model": "say \"hi\"\n"}"#);
        known.now(RunNow {
            phase: PhaseNow { name: "profiling".into(), ..PhaseNow::default() },
            requests: RequestsNow { succeeded: 7, failed: 1, ..RequestsNow::default() },
            recent: Recent { time_to_first_token_ms: Some(spread), ..Recent::default() },
            failures: vec![FailuresNow {
                kind: "http_status".into(),
                code: Some(500),
                count: 1,
                ..Default::default()
            }],
            agents: vec![
                AgentNow {
                    name: "a".into(),
                    heard_s_ago: Some(0.5),
                    requests_per_s: Some(12.0),
                    ..AgentNow::default()
                },
                AgentNow { name: "b".into(), ..AgentNow::default() },
            ],
            ..RunNow::default()
        });
        let page = page(&known);
        let mut family = "";
        for line in page.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(rest) => family = rest.split(' ').next().unwrap(),
                None if line.starts_with('#') => {}
                None => assert_eq!(line.split(['{', ' ']).next().unwrap(), family, "{page}"),
            }
        }
        for line in [
            r#"prony_run_info{run_id="r",model="say \"hi\"\n",endpoint_type="",version=""} 1"#,
            r#"prony_requests_total{phase="profiling",outcome="succeeded"} 7"#,
            r#"prony_failures_total{phase="profiling",kind="http_status",code="500"} 1"#,
            r#"prony_recent_time_to_first_token_seconds{quantile="0.99"} 0.03"#,
            "prony_requests_in_flight 0",
            r#"prony_agent_up{agent="a"} 1"#,
            r#"prony_agent_up{agent="b"} 0"#,
            r#"prony_agent_recent_requests_per_second{agent="a"} 12"#,
        ] {
            assert!(page.lines().any(|it| it == line), "no `{line}` in\n{page}");
        }
        for unknown in [
            "inter_token",
            "prony_recent_requests_per_second",
            r#"prony_agent_recent_requests_per_second{agent="b"}"#,
        ] {
            assert!(!page.contains(unknown), "what is not known is no 0:\n{page}");
        }
    }
}
