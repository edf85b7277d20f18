//! `vllm_bench.json`: what `vllm bench serve --save-result --save-detailed` writes.
//!
//! Statistics are in milliseconds, lists in seconds with an item a request: in the order in which requests ended (with agents those of
//! each agent together, each in that order), where vLLM has that in which they began. `start_times` are seconds since the start of the run. What prony does not know is left out:
//! `max_output_tokens_per_s`, and the peak of concurrent requests of a run with failures, since vLLM does not count those.
//!
//! Source: `vllm/benchmarks/serve.py` of <https://github.com/vllm-project/vllm>, as of 2026.

use std::{
    io::{self, Write},
    path::Path,
};

use serde::Serialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::{
    super::{artifacts::Files, file_names, model::Report, values::Exact},
    spool::Spool,
};
use crate::{
    metrics::{
        Measured, MetricTable, PhaseSpan, Statistic, Stats,
        other_tools::{Seen, ToolAggregator, ToolResults},
    },
    plan::Compat,
    record::{
        Record, RunHeader, TextChannel,
        settings::{LawName, PhaseSettings},
    },
};
use prony_plugin_api::message::PhaseKind;

const NS_PER_S: f64 = 1e9;

/// The lists, in the order of the file.
const LISTS: [&str; 9] = [
    "input_lens",
    "output_lens",
    "ttfts",
    "itls",
    "latencies",
    "start_times",
    "queue_times",
    "generated_texts",
    "errors",
];

/// Metrics with many values, as this file and [`crate::metrics::other_tools::vllm`] call them.
const DISTRIBUTIONS: [&str; 5] = ["ttft", "tpot", "itl", "e2el", "client_queue_time"];

/// Percentiles that are written: vLLM writes p99 unless `--metric-percentiles` asks for others.
const PERCENTILES: [Statistic; 4] = [Statistic::P90, Statistic::P95, Statistic::P99, Statistic::P999];

/// What records are looked at with.
#[derive(Clone, Debug)]
pub(super) struct Lens {
    aggregator: ToolAggregator,
}

impl Lens {
    /// For a run with this header.
    pub(super) fn of(header: &RunHeader) -> Self {
        Self { aggregator: ToolAggregator::new(Compat::Vllm, header) }
    }

    /// Where records go that are next to each other.
    pub(super) fn part(&self) -> Part {
        Part {
            aggregator: self.aggregator.clone(),
            lists: [const { Vec::new() }; LISTS.len()],
            measured: Measured::new(),
        }
    }
}

/// What some records next to each other come to.
#[derive(Debug)]
pub(super) struct Part {
    aggregator: ToolAggregator,
    lists: [Vec<u8>; LISTS.len()],
    measured: Measured,
}

impl Part {
    /// Takes a record of a measured phase in.
    pub(super) fn take(&mut self, seen: &Seen) -> serde_json::Result<()> {
        self.aggregator.record(seen, PhaseKind::Profiling, &mut self.measured);
        let record = seen.record();
        let of = |tag: &str| {
            let found = self.measured.iter().find(|(metric, _)| metric.tag == tag);
            found.map_or(0.0, |(_, value)| *value)
        };
        let instants = &record.instants;
        let is_ok = record.outcome.is_ok();
        let gaps: Vec<f64> =
            record.chunk_gaps_ns.iter().filter(|_| is_ok).map(|gap| *gap as f64 / NS_PER_S).collect();
        let error = record.outcome.said().map_or("", |said| said.message.as_str());
        let input = record.counted.input.or(record.usage.and_then(|usage| usage.prompt)).unwrap_or(0);
        let lists = &mut self.lists;
        item(&mut lists[0], &input)?;
        item(&mut lists[1], &Exact(of("output_length")))?;
        item(&mut lists[2], &(of("ttft") / 1e3))?;
        item(&mut lists[3], &gaps)?;
        item(&mut lists[4], &(of("e2el") / 1e3))?;
        item(&mut lists[5], &(instants.started as f64 / NS_PER_S))?;
        item(&mut lists[6], &(instants.started.saturating_sub(instants.scheduled) as f64 / NS_PER_S))?;
        item(&mut lists[7], &generated_text(record))?;
        item(&mut lists[8], &error)
    }

    /// Gets what was taken in ready to be merged.
    pub(super) fn settle(&mut self) {
        self.aggregator.settle();
    }
}

fn item(list: &mut Vec<u8>, value: &impl Serialize) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *list, value)?;
    list.push(b',');
    Ok(())
}

/// The text of the first choice, if the run keeps texts.
fn generated_text(record: &Record) -> String {
    let outputs =
        record.outputs.iter().filter(|output| output.choice == 0 && output.channel == TextChannel::Content);
    outputs.map(|output| output.text.as_str()).collect()
}

/// What all records come to so far.
pub(super) struct Whole {
    aggregator: ToolAggregator,
    lists: [Spool; LISTS.len()],
}

impl Whole {
    /// Nothing yet.
    pub(super) fn new(lens: &Lens, dir: &Path) -> Self {
        Self { aggregator: lens.aggregator.clone(), lists: std::array::from_fn(|_| Spool::of(dir)) }
    }

    /// Takes in what comes next.
    pub(super) fn take(&mut self, part: Part) {
        self.aggregator.merge(part.aggregator);
        self.lists.iter_mut().zip(&part.lists).for_each(|(spool, items)| spool.add(items));
    }

    /// Computes the numbers.
    pub(super) fn finish(self, phases: &[PhaseSpan]) -> Findings {
        Findings { results: self.aggregator.results(phases), lists: self.lists }
    }
}

/// What a run comes to.
#[derive(Debug)]
pub(super) struct Findings {
    results: ToolResults,
    lists: [Spool; LISTS.len()],
}

/// Writes the file.
pub(super) fn write(findings: Findings, report: &Report, files: &mut Files<'_>) {
    let name = files.name(file_names::VLLM);
    files.write_whole(&name, |out| document(findings, report, out));
}

/// One object: what is known of the run, then the lists.
fn document(findings: Findings, report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let text = serde_json::to_string(&facts(report, findings.results.table()))?;
    // An object, which has other keys.
    out.write_all(text.strip_suffix('}').unwrap_or(&text).as_bytes())?;
    for (name, list) in LISTS.into_iter().zip(findings.lists) {
        write!(out, ",\"{name}\":")?;
        list.write(out)?;
    }
    out.write_all(b"}\n")
}

fn facts(report: &Report, table: &MetricTable) -> Value {
    let settings = &report.header.settings;
    let phase = settings.phases.iter().find(|phase| phase.kind == PhaseKind::Profiling);
    let backend = backend(&settings.endpoint_type);
    let tokenizer = report.header.tokenizer.as_deref().and_then(|name| name.split(' ').next());
    let number = |tag: &str| table.avg(tag).map(|value| json!(value)).unwrap_or(json!(0.0));
    let count = |tag: &str| table.avg(tag).map(|value| json!(Exact(value))).unwrap_or(json!(0));
    let mut facts = Map::new();
    let mut set = |key: &str, value: Value| facts.insert(key.to_owned(), value);
    set("date", date(report).into());
    set("endpoint_type", backend.into());
    set("backend", backend.into());
    set("label", Value::Null);
    set("model_id", settings.model.as_str().into());
    set("tokenizer_id", tokenizer.into());
    set("num_prompts", asked(report, table));
    set("request_rate", phase.and_then(|phase| phase.rate).map_or_else(|| json!("inf"), |rate| json!(rate)));
    set("burstiness", phase.map(burstiness).unwrap_or(json!(1.0)));
    set("max_concurrency", json!(phase.and_then(|phase| phase.concurrency)));
    set("duration", number("duration"));
    for key in ["completed", "failed", "total_input_tokens", "total_output_tokens"] {
        set(key, count(key));
    }
    set("request_throughput", number("request_throughput"));
    set("request_goodput", json!(table.avg("request_goodput")));
    for key in ["output_throughput", "total_token_throughput", "rtfx"] {
        set(key, number(key));
    }
    if let (Some(Stats::OverTime(curve)), true) =
        (table.get("concurrent_requests"), table.avg("failed").is_none_or(|failed| failed <= 0.0))
    {
        set("max_concurrent_requests", json!(Exact(curve.max)));
    }
    for tag in DISTRIBUTIONS {
        let Some(Stats::Distribution(values)) = table.get(tag) else { continue };
        set(&format!("mean_{tag}_ms"), json!(values.avg));
        set(&format!("median_{tag}_ms"), json!(values.statistic(Statistic::P50)));
        set(&format!("std_{tag}_ms"), json!(values.std));
        for percentile in PERCENTILES {
            set(&format!("{}_{tag}_ms", percentile.key()), json!(values.statistic(percentile)));
        }
    }
    Value::Object(facts)
}

/// Requests that were to be sent, as far as that is known.
fn asked(report: &Report, table: &MetricTable) -> Value {
    let tried = || table.avg("completed").unwrap_or(0.0) + table.avg("failed").unwrap_or(0.0);
    report.counts().map_or_else(|| json!(Exact(tried())), |counts| json!(counts.scheduled))
}

/// What vLLM calls an API format; one that it does not have keeps its name.
fn backend(endpoint_type: &str) -> &str {
    match endpoint_type {
        "chat" => "openai-chat",
        "completions" => "openai",
        "embeddings" => "openai-embeddings",
        "audio_transcription" => "openai-audio",
        other => other,
    }
}

/// The shape of the gaps between arrivals. 1 is vLLM's default, with which it has a closed loop as well; equal gaps have none.
fn burstiness(phase: &PhaseSettings) -> Value {
    match phase.law {
        LawName::Gamma => json!(phase.smoothness),
        LawName::Constant => Value::Null,
        LawName::Poisson | LawName::ClosedLoop | LawName::Replay | LawName::Users | LawName::Other(_) => {
            json!(1.0)
        }
    }
}

/// When the run began, as vLLM writes it; in UTC.
fn date(report: &Report) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(report.wall_ns(0).into()).ok()?;
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = time.to_hms();
    Some(format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}"))
}
