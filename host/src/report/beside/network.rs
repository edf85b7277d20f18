//! The way to the servers: exports [`Network`], made of probes.

use prony_plugin_api::telemetry::{NetworkLatencySample, ProbeTime};
use serde_json::{Map, Value, json};

use crate::metrics::{Distribution, Statistic, samples};

/// When probes were made, as files say it.
const TIMES: [(ProbeTime, &str); 3] =
    [(ProbeTime::Before, "before"), (ProbeTime::During, "during"), (ProbeTime::After, "after")];

/// All probes of a run. There are few.
#[derive(Clone, Debug, Default)]
pub(super) struct Network {
    ways: Vec<Way>,
}

/// The way to one server.
#[derive(Clone, Debug)]
pub(in crate::report) struct Way {
    pub(in crate::report) target: String,
    /// When each probe was made, and the milliseconds that it took, if the connection was opened.
    probes: Vec<(ProbeTime, Option<f64>)>,
    /// Why the first one that failed did.
    error: Option<String>,
}

/// Probes that are reported together.
#[derive(Clone, Debug)]
pub(in crate::report) struct Group {
    pub(in crate::report) probes: usize,
    pub(in crate::report) failed: usize,
    /// Milliseconds of those that did not fail.
    pub(in crate::report) times: Option<Distribution>,
}

impl Group {
    fn of<'a>(probes: impl Iterator<Item = &'a (ProbeTime, Option<f64>)>) -> Self {
        let all: Vec<Option<f64>> = probes.map(|(_, ms)| *ms).collect();
        let mut times: Vec<f64> = all.iter().copied().flatten().collect();
        Self { probes: all.len(), failed: all.len() - times.len(), times: Distribution::of(&mut times) }
    }

    /// Whether there are enough probes for a p99.
    pub(in crate::report) fn carries_p99(&self) -> bool {
        let least = u64::try_from(samples::least(0.99)).unwrap_or(u64::MAX);
        self.times.is_some_and(|times| times.count >= least)
    }

    fn summary(&self) -> Value {
        let mut object = Map::new();
        object.insert("count".to_owned(), self.probes.into());
        object.insert("failed".to_owned(), self.failed.into());
        object.insert("unit".to_owned(), "ms".into());
        let shown = [Statistic::Min, Statistic::Avg, Statistic::P50, Statistic::P99, Statistic::Max];
        for statistic in shown {
            let value = self.times.map(|times| times.statistic(statistic));
            object.insert(statistic.key().to_owned(), json!(value));
        }
        object.insert("p99_is_carried".to_owned(), self.carries_p99().into());
        Value::Object(object)
    }
}

impl Way {
    /// All probes together, and those of each time that there are any of.
    pub(in crate::report) fn groups(&self) -> Vec<(&'static str, Group)> {
        let of_time = |(time, name): (ProbeTime, &'static str)| {
            let group = Group::of(self.probes.iter().filter(|(of, _)| *of == time));
            (group.probes > 0).then_some((name, group))
        };
        TIMES.into_iter().filter_map(of_time).chain([("all", Group::of(self.probes.iter()))]).collect()
    }
}

impl Network {
    /// Takes in a probe.
    pub(super) fn take(&mut self, sample: &NetworkLatencySample) {
        let known = self.ways.iter().position(|way| way.target == sample.target);
        let at = known.unwrap_or_else(|| {
            self.ways.push(Way { target: sample.target.clone(), probes: Vec::new(), error: None });
            self.ways.len() - 1
        });
        let Some(way) = self.ways.get_mut(at) else { return };
        way.probes.push((sample.time, sample.rtt_ns.map(|ns| ns as f64 / 1e6)));
        if let Some(error) = &sample.error {
            way.error.get_or_insert_with(|| error.message.clone());
        }
    }

    /// The ways, in the order in which they were first probed.
    pub(super) fn ways(&self) -> &[Way] {
        &self.ways
    }

    /// The median of all probes, in milliseconds.
    pub(super) fn round_trip_ms(&self) -> Option<f64> {
        let probes = self.ways.iter().flat_map(|way| &way.probes);
        Group::of(probes).times.map(|times| times.statistic(Statistic::P50))
    }

    /// What is to be said of probes that failed.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        self.ways.iter().filter_map(|way| {
            let Group { probes, failed, .. } = Group::of(way.probes.iter());
            let why = way.error.as_deref().unwrap_or("no reason given");
            (failed > 0).then(|| {
                format!(
                    "{failed} of {probes} connections to measure the way to `{}` failed: {why}",
                    way.target
                )
            })
        })
    }

    pub(super) fn summary(&self) -> Option<Value> {
        let way = |way: &Way| {
            let groups: Map<String, Value> =
                way.groups().into_iter().map(|(name, group)| (name.to_owned(), group.summary())).collect();
            (way.target.clone(), Value::Object(groups))
        };
        (!self.ways.is_empty()).then(|| {
            json!({
                "probe_type": "tcp_connect",
                "targets": self.ways.iter().map(way).collect::<Map<String, Value>>(),
            })
        })
    }
}

/// Appends the line of a probe, in the shape that AIPerf gives it.
pub(super) fn append(sample: &NetworkLatencySample, wall_start_ns: u64, lines: &mut Vec<u8>) {
    let mut line = json!({
        "timestamp_ns": wall_start_ns.saturating_add(sample.at_ns),
        "target_url": sample.target,
        "target_host": sample.host,
        "target_port": sample.port,
        "probe_type": "tcp_connect",
        "rtt_ns": sample.rtt_ns,
        "success": sample.error.is_none(),
        "time": sample.time,
    });
    if let Some(error) = &sample.error {
        line["error"] = json!(error);
    }
    lines.extend_from_slice(line.to_string().as_bytes());
    lines.push(b'\n');
}
