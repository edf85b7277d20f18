//! `benchmarks.json`: the main fields of what `guidellm benchmark run` writes, in the schema 2.
//!
//! There is one benchmark in it, of all measured phases together. Its `metrics` are distributions by status; those of failed requests
//! are empty, as they are in prony. What prony does not have in guidellm's sense is left out: `mode` of a distribution, its density and
//! intervals, distributions of rates (which have their mean alone), `scheduler_metrics`, and words, characters and media of requests. So
//! guidellm itself does not load the file; programs that read it by keys do.
//!
//! Source: `guidellm/benchmark/schemas` and `guidellm/schemas/base` of <https://github.com/vllm-project/guidellm>, version 0.8.1.

use std::{
    io::{self, Write},
    path::Path,
};

use prony_plugin_api::message::PhaseKind;
use serde_json::{Map, Value, json};

use super::{
    super::{artifacts::Files, file_names, model::Report, values::Exact},
    spool::Spool,
};
use crate::{
    metrics::{
        Distribution, Measured, PhaseSpan, Statistic, Stats,
        other_tools::{Seen, ToolAggregator, ToolResults},
    },
    plan::Compat,
    record::{Record, RunHeader, TextChannel, settings::LawName},
};

const NS_PER_S: f64 = 1e9;

/// The version of guidellm whose file this is like, and who wrote it.
const GUIDELLM_VERSION: &str = concat!("0.8.1+prony.", env!("CARGO_PKG_VERSION"));

/// Metrics of requests that stand with single ones alone.
const OF_REQUESTS: &str = "of_";

/// What records are looked at with.
#[derive(Clone, Debug)]
pub(super) struct Lens {
    aggregator: ToolAggregator,
    wall_start_ns: u64,
}

impl Lens {
    /// For a run with this header.
    pub(super) fn of(header: &RunHeader) -> Self {
        let aggregator = ToolAggregator::new(Compat::Guidellm, header);
        Self { aggregator, wall_start_ns: header.wall_start_ns }
    }

    /// Where records go that are next to each other.
    pub(super) fn part(&self) -> Part {
        Part {
            aggregator: self.aggregator.clone(),
            successful: Vec::new(),
            errored: Vec::new(),
            measured: Measured::new(),
        }
    }

    /// Seconds since 1970 of an instant of the run.
    fn unix_s(&self, run_ns: u64) -> f64 {
        self.wall_start_ns.saturating_add(run_ns) as f64 / NS_PER_S
    }
}

/// What some records next to each other come to.
#[derive(Debug)]
pub(super) struct Part {
    aggregator: ToolAggregator,
    /// Requests as items of a list.
    successful: Vec<u8>,
    errored: Vec<u8>,
    measured: Measured,
}

impl Part {
    /// Takes a record of a measured phase in.
    pub(super) fn take(&mut self, lens: &Lens, seen: &Seen) -> serde_json::Result<()> {
        self.aggregator.record(seen, PhaseKind::Profiling, &mut self.measured);
        let record = seen.record();
        let list = if record.outcome.is_ok() { &mut self.successful } else { &mut self.errored };
        serde_json::to_writer(&mut *list, &request(lens, record, &self.measured))?;
        list.push(b',');
        Ok(())
    }

    /// Gets what was taken in ready to be merged.
    pub(super) fn settle(&mut self) {
        self.aggregator.settle();
    }
}

/// One request.
fn request(lens: &Lens, record: &Record, measured: &Measured) -> Value {
    let of = |tag: &str| measured.iter().find(|(metric, _)| metric.tag == tag).map(|(_, value)| *value);
    let count = |tag: &str| of(tag).map(|value| json!(Exact(value)));
    let instants = &record.instants;
    let unix_s = |run_ns: Option<u64>| run_ns.map(|run_ns| lens.unix_s(run_ns));
    let status = if record.outcome.is_ok() { "completed" } else { "errored" };
    let text: String = record
        .outputs
        .iter()
        .filter(|output| output.choice == 0 && output.channel == TextChannel::Content)
        .map(|output| output.text.as_str())
        .collect();
    let (prompt, output) = (count("prompt_token_count"), count("output_token_count"));
    json!({
        "type_": "generative_request_stats",
        "request_id": record.request_id,
        "output": Some(text).filter(|_| !record.outputs.is_empty()),
        "info": {
            "request_id": record.request_id,
            "conversation_id": record.conversation_id,
            "turn_index": record.turn_index,
            "status": status,
            "error": record.outcome.said().map(|said| &said.message),
            "timings": {
                "targeted_start": lens.unix_s(instants.scheduled),
                "request_start": lens.unix_s(instants.started),
                "first_token_iteration": unix_s(instants.first_token),
                "first_output_token_iteration": unix_s(instants.first_output_token),
                "last_token_iteration": unix_s(instants.last_token),
                "token_iterations": record.token_events,
                "request_end": lens.unix_s(instants.end),
            },
        },
        "input_metrics": { "text_tokens": prompt },
        "output_metrics": { "text_tokens": output },
        "request_start_time": lens.unix_s(instants.started),
        "request_end_time": lens.unix_s(instants.end),
        "request_latency": of("request_latency"),
        "prompt_tokens": prompt,
        "output_tokens": output,
        "total_tokens": count("total_token_count"),
        "time_to_first_token_ms": of("time_to_first_token_ms"),
        "time_to_first_output_token_ms": of("time_to_first_output_token_ms"),
        "time_per_output_token_ms": of("time_per_output_token_ms"),
        "inter_token_latency_ms": of("inter_token_latency_ms"),
        "output_tokens_per_second": of("of_output_tokens_per_second"),
        "tokens_per_second": of("of_tokens_per_second"),
    })
}

/// What all records come to so far.
pub(super) struct Whole {
    aggregator: ToolAggregator,
    successful: Spool,
    errored: Spool,
}

impl Whole {
    /// Nothing yet.
    pub(super) fn new(lens: &Lens, dir: &Path) -> Self {
        let aggregator = lens.aggregator.clone();
        Self { aggregator, successful: Spool::of(dir), errored: Spool::of(dir) }
    }

    /// Takes in what comes next.
    pub(super) fn take(&mut self, part: Part) {
        self.aggregator.merge(part.aggregator);
        self.successful.add(&part.successful);
        self.errored.add(&part.errored);
    }

    /// Computes the numbers.
    pub(super) fn finish(self, phases: &[PhaseSpan]) -> Findings {
        let results = self.aggregator.results(phases);
        Findings { results, successful: self.successful, errored: self.errored }
    }
}

/// What a run comes to.
#[derive(Debug)]
pub(super) struct Findings {
    results: ToolResults,
    successful: Spool,
    errored: Spool,
}

/// Writes the file.
pub(super) fn write(findings: Findings, report: &Report, files: &mut Files<'_>) {
    let name = files.name(file_names::GUIDELLM);
    files.write_whole(&name, |out| document(findings, report, out));
}

/// The document, whose lists of requests are written as they come out of their files.
fn document(findings: Findings, report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let Findings { results, successful, errored } = findings;
    let metadata =
        json!({ "version": 2, "guidellm_version": GUIDELLM_VERSION, "platform": std::env::consts::OS });
    write!(out, "{{\"metadata\":{metadata},\"config\":{},\"benchmarks\":[", config(report))?;
    let text = benchmark(&results, report).to_string();
    // An object, which has other keys.
    out.write_all(text.strip_suffix('}').unwrap_or(&text).as_bytes())?;
    out.write_all(b",\"requests\":{\"successful\":")?;
    successful.write(out)?;
    out.write_all(b",\"errored\":")?;
    errored.write(out)?;
    out.write_all(b",\"incomplete\":[],\"total\":null}}]}\n")
}

fn config(report: &Report) -> Value {
    let settings = &report.header.settings;
    json!({
        "backend": { "target": settings.urls.first(), "model": settings.model },
        "random_seed": settings.random_seed,
    })
}

fn benchmark(results: &ToolResults, report: &Report) -> Value {
    let settings = &report.header.settings;
    let measured = || report.phases.iter().filter(|span| span.kind == PhaseKind::Profiling);
    let seconds = |run_ns: u64| report.wall_ns(run_ns) as f64 / NS_PER_S;
    let start = measured().map(|span| span.start_ns).min().map(seconds);
    let end = measured().filter_map(PhaseSpan::window_end_ns).max().map(seconds);
    let phase = settings.phases.iter().find(|phase| phase.kind == PhaseKind::Profiling);
    let strategy = phase.map(|phase| match phase.law {
        LawName::ClosedLoop => json!({ "type_": "concurrent", "streams": phase.concurrency }),
        LawName::Constant
        | LawName::Poisson
        | LawName::Gamma
        | LawName::Replay
        | LawName::Users
        | LawName::Other(_) => {
            let law = phase.law.as_str();
            json!({ "type_": law, "rate": phase.rate, "max_concurrency": phase.concurrency })
        }
    });
    json!({
        "type_": "generative_benchmark",
        "config": {
            "id_": report.header.run_id,
            "run_id": report.header.run_id,
            "run_index": 0,
            "strategy": strategy,
        },
        "metrics": metrics(results),
        "start_time": start,
        "end_time": end,
        "duration": start.zip(end).map(|(start, end)| end - start),
        "warmup_duration": 0.0,
        "cooldown_duration": 0.0,
        "warnings": [],
    })
}

fn metrics(results: &ToolResults) -> Value {
    let outcomes = results.measured.outcomes;
    let mut metrics = Map::new();
    metrics.insert(
        "request_totals".to_owned(),
        json!({
            "successful": outcomes.succeeded,
            "errored": outcomes.failed,
            "incomplete": 0,
            "total": outcomes.completed(),
        }),
    );
    for (metric, stats) in results.table().rows().filter(|(metric, _)| !metric.tag.starts_with(OF_REQUESTS)) {
        let of_all = match stats {
            Stats::Scalar(rate) => json!({ "mean": rate }),
            Stats::OverTime(curve) => json!({
                "mean": curve.avg,
                "median": curve.statistic(Statistic::P50),
                "std_dev": curve.std,
                "min": curve.min,
                "max": curve.max,
                "percentiles": percentiles(&|percentile| curve.statistic(percentile)),
            }),
            Stats::Distribution(values) => distribution(&values),
        };
        let by_status = json!({ "successful": of_all, "errored": null, "incomplete": null, "total": of_all });
        metrics.insert(metric.tag.to_owned(), by_status);
    }
    Value::Object(metrics)
}

fn distribution(values: &Distribution) -> Value {
    json!({
        "mean": values.avg,
        "median": values.statistic(Statistic::P50),
        "variance": values.std * values.std,
        "std_dev": values.std,
        "min": values.min,
        "max": values.max,
        "count": values.count,
        "total_sum": values.sum,
        "percentiles": percentiles(&|percentile| values.statistic(percentile)),
    })
}

/// By guidellm's keys; its lowest one is not among prony's.
fn percentiles(of: &dyn Fn(Statistic) -> f64) -> Value {
    let keys = [
        ("p01", Statistic::P1),
        ("p05", Statistic::P5),
        ("p10", Statistic::P10),
        ("p25", Statistic::P25),
        ("p50", Statistic::P50),
        ("p75", Statistic::P75),
        ("p90", Statistic::P90),
        ("p95", Statistic::P95),
        ("p99", Statistic::P99),
        ("p999", Statistic::P999),
    ];
    keys.into_iter().map(|(theirs, ours)| (theirs.to_owned(), json!(of(ours)))).collect::<Map<_, _>>().into()
}
