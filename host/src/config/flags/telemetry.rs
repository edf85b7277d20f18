//! The flags about what surrounds the load: the way to the servers, their GPUs, and collectors of telemetry.

use clap::Args;

use super::choice::{ChoiceParser, SERVICES};
use crate::{
    config::units::{self, Choice},
    plan::OtelSpans,
};

/// What surrounds the load.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TelemetryFlags {
    /// Measure the round trip to each server, by TCP connections that are opened before the run, now and then while it goes on,
    /// and after it.
    ///
    /// The report has a table of them, and `profile_export_network_latency.jsonl` has each one: so the network can be told from the
    /// server.
    #[arg(long, alias = "network-latency-automatic", help_heading = SERVICES)]
    pub(crate) network_latency: bool,

    /// Time from one of these connections to the next while a phase runs, in seconds [default: 5].
    #[arg(long, value_name = "SECONDS", value_parser = units::positive_seconds, help_heading = SERVICES)]
    pub(crate) network_latency_ping_interval: Option<f64>,

    /// Watch GPUs: pages of DCGM exporters, or `nvml` for those of this machine; may be repeated [default: ports 9400 and 9401 of
    /// the servers, and `nvml` where they are on this machine].
    ///
    /// The report has power, energy and what they did for each GPU, and what a token and a request cost in energy.
    /// `gpu_telemetry_export.jsonl` has each reading.
    #[arg(long, value_name = "URL", num_args = 0.., value_delimiter = ',', default_missing_value = "auto")]
    #[arg(help_heading = SERVICES)]
    pub(crate) gpu_telemetry: Vec<String>,

    /// Watch no GPUs, which is so anyway; for command lines over a file that asks for them.
    #[arg(long, help_heading = SERVICES)]
    pub(crate) no_gpu_telemetry: bool,

    /// Send a `traceparent` with each request, as W3C Trace Context has it, so that a server's traces can be found.
    ///
    /// Trace and span stand in the line of each request. --otel-url does it, too.
    #[arg(long, help_heading = SERVICES)]
    pub(crate) traceparent: bool,

    /// Send metrics and spans to this OpenTelemetry collector while the run goes on, by OTLP over HTTP.
    ///
    /// Its base URL, as in `http://localhost:4318`. A collector that does not answer costs the run nothing: what is lost is counted.
    /// Headers such as a key are read from `OTEL_EXPORTER_OTLP_HEADERS`.
    #[arg(long, value_name = "URL", help_heading = SERVICES)]
    pub(crate) otel_url: Option<String>,

    /// Requests that have a span there: `slow` (the slowest 100, and up to 100 that failed), `all` or `none` [default: slow].
    #[arg(long, value_name = "WHICH", value_parser = ChoiceParser::<OtelSpans>::new(), help_heading = SERVICES)]
    pub(crate) otel_spans: Option<OtelSpans>,

    /// What else the collector is told of this run, as KEY=VALUE; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", num_args = 1.., value_delimiter = ',', help_heading = SERVICES)]
    pub(crate) otel_resource_attributes: Vec<String>,

    /// Who provides the model, for the collector: `openai`, `vllm` [default: by the endpoint].
    #[arg(long, value_name = "NAME", help_heading = SERVICES)]
    pub(crate) gen_ai_provider: Option<String>,
}

impl Choice for OtelSpans {
    const NAMES: &'static [(&'static str, Self)] =
        &[("slow", Self::Slow), ("all", Self::All), ("none", Self::None)];
}
