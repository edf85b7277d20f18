//! What a file of AIPerf's says of what surrounds the load: metrics pages, GPUs, the way to the servers, a collector.
//!
//! The names and defaults of its keys are those of AIPerf 0.13. A block that says `enabled: false` says nothing else.

use super::super::node::{Content, Entry, Kind, Node, Scalar, is_text, made};
use crate::config::keys::flag_name;

/// What one of the keys comes to.
#[derive(Debug)]
pub(super) enum Part {
    /// The value of a setting of ours.
    Setting(&'static str, Entry),
    /// Nothing that is ours, and what to do instead.
    Foreign(Entry, &'static str),
}

/// What to do with a key that nobody knows here.
const LEAVE_OUT: &str = "leave it out; `prony config explain` lists the settings that there are";

/// Metrics pages of the servers: their addresses, `false` for none, or a block.
pub(super) fn server_metrics(entry: Entry) -> Vec<Part> {
    let Content::Map(parts) = entry.value.content else {
        return match switch(&entry.value) {
            Some(true) => Vec::new(),
            Some(false) => vec![on("no_server_metrics", &entry)],
            None => vec![Part::Setting("server_metrics", entry)],
        };
    };
    if let Some(off) = parts.iter().find(|part| is_disabled(part)) {
        return vec![on("no_server_metrics", off)];
    }
    let part = |part: Entry| match flag_name(&part.key).as_str() {
        "enabled" if switch(&part.value).is_some() => None,
        "urls" if is_empty(&part.value) => None,
        "urls" => Some(Part::Setting("server_metrics", part)),
        "formats" => Some(Part::Setting("server_metrics_formats", part)),
        "discovery" => Some(Part::Foreign(
            part,
            "leave it out: without `urls`, the page of each server is looked for at its own address",
        )),
        _ => Some(Part::Foreign(part, LEAVE_OUT)),
    };
    parts.into_iter().filter_map(part).collect()
}

/// Where GPUs are read. A block without sources asks for those that are near the servers.
pub(super) fn gpu_telemetry(entry: Entry) -> Vec<Part> {
    let (key, spot) = (entry.key.clone(), entry.spot);
    let Content::Map(parts) = entry.value.content else {
        let is_off = switch(&entry.value) == Some(false);
        return vec![if is_off {
            on("no_gpu_telemetry", &entry)
        } else {
            Part::Setting("gpu_telemetry", entry)
        }];
    };
    if let Some(off) = parts.iter().find(|part| is_disabled(part)) {
        return vec![on("no_gpu_telemetry", off)];
    }
    let (mut sources, mut said) = (Vec::new(), Vec::new());
    for part in parts {
        match flag_name(&part.key).as_str() {
            "enabled" if switch(&part.value).is_some() => {}
            "mode" if is_text(&part.value, "summary") => {}
            "collector" if is_text(&part.value, "dcgm") => {}
            "collector" => sources.push(part.value),
            "urls" => match part.value.content {
                Content::List(urls) => sources.extend(urls),
                content => sources.push(Node { spot: part.value.spot, content }),
            },
            "mode" => {
                said.push(Part::Foreign(part, "leave it out; `ui: dashboard` shows a run as it goes on"));
            }
            "metrics-file" => {
                said.push(Part::Foreign(part, "leave it out: prony takes all that it knows of a page"));
            }
            _ => said.push(Part::Foreign(part, LEAVE_OUT)),
        }
    }
    let asked = if sources.is_empty() {
        made(&key, spot, "true", Kind::Switch(true))
    } else {
        Entry { key, spot, value: Node { spot, content: Content::List(sources) } }
    };
    said.push(Part::Setting("gpu_telemetry", asked));
    said
}

/// Round trips to the servers, which a block has to ask for: what else stands in it means nothing without.
pub(super) fn network_latency(entry: Entry) -> Vec<Part> {
    let Content::Map(parts) = entry.value.content else {
        return vec![Part::Setting("network_latency", entry)];
    };
    let is_enabled = |part: &Entry| flag_name(&part.key) == "enabled" && switch(&part.value) == Some(true);
    let is_asked_for = parts.iter().any(is_enabled);
    let part = |part: Entry| match flag_name(&part.key).as_str() {
        "enabled" => Some(Part::Setting("network_latency", part)),
        "ping-interval" => is_asked_for.then_some(Part::Setting("network_latency_ping_interval", part)),
        "mean-ms" => Some(Part::Foreign(
            part,
            "leave it out: the time that the network takes stands beside latencies, and is not subtracted from them",
        )),
        _ => Some(Part::Foreign(part, LEAVE_OUT)),
    };
    parts.into_iter().filter_map(part).collect()
}

/// The collector that is told of a run.
pub(super) fn otel(entry: Entry) -> Vec<Part> {
    let Content::Map(parts) = entry.value.content else {
        return vec![Part::Foreign(entry, "write its keys below it, `metricsUrl` first")];
    };
    let part = |part: Entry| match flag_name(&part.key).as_str() {
        "metrics-url" => Some(Part::Setting("otel_url", part)),
        "custom-resource-attributes" if is_empty(&part.value) => None,
        "custom-resource-attributes" => Some(Part::Setting("otel_resource_attributes", part)),
        "gen-ai-provider" => Some(Part::Setting("gen_ai_provider", part)),
        "stream-metrics-enabled" | "stream-timing-enabled" => {
            (switch(&part.value) != Some(true)).then_some(Part::Foreign(
                part,
                "leave it out: metrics and times are sent; `otel_spans: none` sends no spans",
            ))
        }
        _ => Some(Part::Foreign(part, LEAVE_OUT)),
    };
    parts.into_iter().filter_map(part).collect()
}

/// A switch of ours that is on, where something of AIPerf's says so.
fn on(key: &'static str, by: &Entry) -> Part {
    let value = made("", by.value.spot, "true", Kind::Switch(true)).value;
    Part::Setting(key, Entry { key: by.key.clone(), spot: by.spot, value })
}

fn switch(node: &Node) -> Option<bool> {
    match node.content {
        Content::Scalar(Scalar { kind: Kind::Switch(is_on), .. }) => Some(is_on),
        _ => None,
    }
}

fn is_disabled(part: &Entry) -> bool {
    flag_name(&part.key) == "enabled" && switch(&part.value) == Some(false)
}

fn is_empty(node: &Node) -> bool {
    match &node.content {
        Content::List(items) => items.is_empty(),
        Content::Map(entries) => entries.is_empty(),
        Content::Nothing | Content::Scalar(_) => false,
    }
}
