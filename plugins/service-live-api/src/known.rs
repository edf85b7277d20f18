//! What the service knows of the run: exports [`Known`].

use std::collections::BTreeMap;

use prony_plugin_api::{
    live::RunNow,
    message::{ServerMetricsBatch, ServerMetricsSample},
};
use serde_json::{Map, Value, json};

/// Most metrics pages that are kept.
const MOST_PAGES: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The run as the host describes it, without secrets; the configuration is apart.
    run: Map<String, Value>,
    config: Value,
    now: RunNow,
    /// The host has said something.
    has_begun: bool,
    /// The last good scrape of each metrics page.
    pages: BTreeMap<String, ServerMetricsSample>,
    /// Events that readers missed since they did not read.
    pub(crate) dropped_events: u64,
}

impl Known {
    /// What a run says of itself, the text of a JSON object.
    pub(crate) fn of_run(facts: &str) -> Self {
        let mut run = match serde_json::from_str(facts) {
            Ok(Value::Object(run)) => run,
            _ => Map::new(),
        };
        let config = run.remove("config").unwrap_or_default();
        Self { run, config, ..Self::default() }
    }

    /// What is known from now on, as readers of events get it.
    pub(crate) fn now(&mut self, now: RunNow) -> String {
        (self.now, self.has_begun) = (now, true);
        self.event()
    }

    /// The same of now.
    pub(crate) fn event(&self) -> String {
        json!(self.now).to_string()
    }

    /// Metrics pages were scraped.
    pub(crate) fn scraped(&mut self, batch: ServerMetricsBatch) {
        for sample in batch.samples.into_iter().filter(|sample| sample.error.is_none()) {
            if self.pages.len() < MOST_PAGES || self.pages.contains_key(&sample.url) {
                self.pages.insert(sample.url.clone(), sample);
            }
        }
    }

    /// What there is now.
    pub(crate) fn current(&self) -> &RunNow {
        &self.now
    }

    /// The run as the host describes it.
    pub(crate) fn facts(&self) -> &Map<String, Value> {
        &self.run
    }

    /// A word for where the run is.
    fn state(&self) -> &'static str {
        match (self.has_begun, self.now.phase.is_over) {
            (false, _) => "starting",
            (true, false) => "running",
            (true, true) => "between_phases",
        }
    }

    /// The run, without its configuration.
    pub(crate) fn run(&self) -> Value {
        let mut run = self.run.clone();
        run.insert("state".into(), self.state().into());
        run.insert("at_ns".into(), self.now.at_ns.into());
        Value::Object(run)
    }

    pub(crate) fn config(&self) -> Value {
        self.config.clone()
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Value {
        json!({ "state": self.state(), "at_ns": self.now.at_ns, "phase": self.now.phase, "requests": self.now.requests })
    }

    /// Rates and percentiles of the last seconds.
    pub(crate) fn metrics(&self) -> Value {
        json!({ "at_ns": self.now.at_ns, "phase": self.now.phase.name, "recent": self.now.recent, "requests": self.now.requests })
    }

    /// Failures by kind.
    pub(crate) fn errors(&self) -> Value {
        json!({ "at_ns": self.now.at_ns, "phase": self.now.phase.name, "failures": self.now.failures })
    }

    /// How the client fares.
    pub(crate) fn workers(&self) -> Value {
        json!({ "at_ns": self.now.at_ns, "client": self.now.client, "dropped_events": self.dropped_events })
    }

    /// What each agent has said of the last seconds; nothing in a run without agents.
    pub(crate) fn agents(&self) -> Value {
        json!({ "at_ns": self.now.at_ns, "phase": self.now.phase.name, "agents": self.now.agents })
    }

    /// What the servers say, as a whole.
    pub(crate) fn server_metrics(&self) -> Value {
        json!({ "servers": self.now.servers, "pages": self.pages.values().collect::<Vec<_>>() })
    }

    /// All of it but the configuration and the pages.
    pub(crate) fn all(&self) -> Value {
        json!({ "run": self.run(), "now": self.now, "dropped_events": self.dropped_events })
    }

    /// Where results will be.
    pub(crate) fn results(&self) -> Value {
        let folder = self.run.get("artifact_dir").cloned().unwrap_or_default();
        json!({ "state": self.state(), "artifact_dir": folder, "hint": "the files are written when the run is over" })
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::{ErrorDetails, live::PhaseNow};

    use super::*;

    #[test]
    fn the_configuration_is_apart_from_the_run() {
        let known = Known::of_run(r#"{"run_id": "r", "config": {"workers": 2}}"#);
        assert_eq!(known.run(), json!({"run_id": "r", "state": "starting", "at_ns": 0}));
        assert_eq!(known.config(), json!({"workers": 2}));
        assert_eq!(Known::of_run("nonsense").config(), Value::Null);
    }

    #[test]
    fn the_state_follows_the_phases() {
        let mut known = Known::of_run("{}");
        known.now(RunNow::default());
        assert_eq!(known.progress()["state"], "running");
        let over = PhaseNow { is_over: true, ..PhaseNow::default() };
        let event = known.now(RunNow { phase: over, ..RunNow::default() });
        assert_eq!(known.progress()["state"], "between_phases");
        assert_eq!(
            (&known.run()["state"], &known.results()["state"]),
            (&"between_phases".into(), &"between_phases".into())
        );
        assert_eq!(serde_json::from_str::<Value>(&event).unwrap()["phase"]["is_over"], true);
    }

    #[test]
    fn the_last_good_page_of_each_server_is_kept() {
        let page = |url: &str, at_ns, is_good: bool| ServerMetricsSample {
            url: url.into(),
            at_ns,
            error: (!is_good).then(ErrorDetails::default),
            ..ServerMetricsSample::default()
        };
        let mut known = Known::default();
        let samples = vec![page("a", 1, true), page("b", 2, true), page("a", 3, false), page("b", 4, true)];
        known.scraped(ServerMetricsBatch { samples });
        let pages = &known.server_metrics()["pages"];
        assert_eq!((&pages[0]["at_ns"], &pages[1]["at_ns"]), (&json!(1), &json!(4)));
    }
}
