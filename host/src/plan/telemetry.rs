//! What surrounds the load: the way to the servers, their GPUs, and what is handed on to collectors of telemetry.

use serde::{Deserialize, Serialize};

/// Everything of it that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TelemetryConfig {
    /// Measures the round trip to each server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_latency: Option<NetworkLatencyConfig>,
    /// Watches GPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gpus: Option<GpuConfig>,
    /// Hands metrics and spans on to a collector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) otel: Option<OtelConfig>,
    /// Each request has a `traceparent`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) traceparent: bool,
}

impl TelemetryConfig {
    /// Nothing is asked for.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// How the round trip is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NetworkLatencyConfig {
    /// Seconds from one probe of a server to the next while a phase runs.
    pub(crate) interval_s: f64,
}

/// Which GPUs are watched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct GpuConfig {
    /// Pages of DCGM exporters.
    pub(crate) pages: Vec<String>,
    /// Those of this machine are read by NVIDIA's library.
    pub(crate) nvml: bool,
    /// They are looked for where the servers are.
    pub(crate) looks_around: bool,
}

/// Where metrics and spans go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OtelConfig {
    /// The collector's base URL, without a login.
    pub(crate) url: String,
    /// What the collector is told of who sends, beside the usual.
    #[serde(default)]
    pub(crate) resource: Vec<(String, String)>,
    /// Who provides the model, if the user says so.
    #[serde(default)]
    pub(crate) provider: Option<String>,
    /// Which requests have spans.
    #[serde(default)]
    pub(crate) spans: OtelSpans,
    /// Headers of what is sent. Their values are not journalled.
    #[serde(skip)]
    pub(crate) headers: Vec<(String, String)>,
}

/// Which requests have spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OtelSpans {
    /// The slowest ones, and those that failed.
    #[default]
    Slow,
    All,
    None,
}
