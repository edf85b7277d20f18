//! Messages about what surrounds the load: the network, the GPUs, and what is handed on to collectors of telemetry.
//!
//! They follow the rules of [`crate::message`]: named fields, each with a default, to which others may be added. Appended in
//! contract 1.3: an older host sends no [`RequestSpanBatch`], and keeps the others like any other message.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    error::ErrorDetails,
    message::{Message, PhaseKind},
};

/// When a round trip was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeTime {
    /// Before the first phase: nothing else was on the way.
    Before,
    /// After the last phase.
    After,
    /// While a phase went on. Also what an unknown time of a newer side reads as.
    #[default]
    #[serde(other)]
    During,
}

/// One connection that was opened to see how long that takes, and closed at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkLatencySample {
    /// The URL that was probed, without a login.
    pub target: String,
    /// Host name or address, as the URL has it.
    pub host: String,
    /// The port that was connected to.
    pub port: u16,
    /// When it was, as to the load.
    pub time: ProbeTime,
    /// Nanoseconds since the run's start at which the probe began.
    pub at_ns: u64,
    /// Nanoseconds from the first packet to an open connection: one round trip, and what both systems need for it. Looking up the
    /// name is no part of it. Nothing where the connection was not opened.
    pub rtt_ns: Option<u64>,
    /// Why it was not, if so.
    pub error: Option<ErrorDetails>,
}

/// Probes of the network, several at a time. prony's own `network_latency` publishes them before the first phase, every 5 s while a
/// phase goes on (`interval_ms`), and after the last one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkLatencyBatch {
    /// In order of time.
    pub samples: Vec<NetworkLatencySample>,
}

impl Message for NetworkLatencyBatch {
    const TYPE: &'static str = "network_latency_batch";
}

/// Something that is known of a GPU at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpuField {
    /// Its key in [`GpuReading::values`], as AIPerf calls it.
    pub name: &'static str,
    /// Its name for people.
    pub header: &'static str,
    /// Unit of its values.
    pub unit: &'static str,
    /// It only ever grows, but for restarts.
    pub is_counter: bool,
}

/// Key of a GPU's power, in watts.
pub const GPU_POWER: &str = "nvidia_power_usage";

/// Key of the energy that a GPU has used since its driver was loaded, in megajoules.
pub const GPU_ENERGY: &str = "nvidia_energy_consumption";

const fn gauge(name: &'static str, header: &'static str, unit: &'static str) -> GpuField {
    GpuField { name, header, unit, is_counter: false }
}

const fn counter(name: &'static str, header: &'static str, unit: &'static str) -> GpuField {
    GpuField { name, header, unit, is_counter: true }
}

/// Everything that may be known of a GPU, in the order of tables.
pub const GPU_FIELDS: [GpuField; 16] = [
    gauge(GPU_POWER, "Power", "W"),
    counter(GPU_ENERGY, "Energy", "MJ"),
    gauge("nvidia_gpu_utilization", "GPU utilization", "%"),
    gauge("nvidia_sm_utilization", "SM utilization", "%"),
    gauge("nvidia_memory_utilization", "Memory copy utilization", "%"),
    gauge("nvidia_encoder_utilization", "Encoder utilization", "%"),
    gauge("nvidia_decoder_utilization", "Decoder utilization", "%"),
    gauge("nvidia_jpg_utilization", "JPEG utilization", "%"),
    gauge("nvidia_memory_used", "Memory used", "GB"),
    gauge("nvidia_fb_free", "Memory free", "MB"),
    gauge("nvidia_temperature", "GPU temperature", "°C"),
    gauge("nvidia_memory_temp", "Memory temperature", "°C"),
    gauge("nvidia_sm_clock", "SM clock", "MHz"),
    gauge("nvidia_mem_clock", "Memory clock", "MHz"),
    gauge("nvidia_xid_errors", "Last XID error", "code"),
    counter("nvidia_power_violation", "Time below clock for power", "us"),
];

/// What was read of one GPU.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GpuReading {
    /// Its number on its machine, from 0.
    pub gpu_index: u32,
    /// Its name for life, `GPU-…`.
    pub uuid: String,
    /// What it is: `NVIDIA H100 80GB HBM3`.
    pub model: String,
    /// Who made it: `nvidia`.
    pub platform: String,
    /// The machine that it is in, if the source says so.
    pub hostname: String,
    /// Its address on the bus, if the source says so.
    pub pci_bus_id: String,
    /// The device of the system, if the source says so: `nvidia0`.
    pub device: String,
    /// The Kubernetes namespace of who uses it, if the source says so.
    pub namespace: String,
    /// The pod of who uses it, if the source says so.
    pub pod_name: String,
    /// Values by the names of [`GPU_FIELDS`], in the units there. What is not known is not there.
    pub values: BTreeMap<String, f64>,
}

/// What one source said of its GPUs at one instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GpuTelemetrySample {
    /// Who said it: the address of a page without its secrets, or `nvml`.
    pub source: String,
    /// Nanoseconds since the run's start, halfway between the question and the response.
    pub at_ns: u64,
    /// Nanoseconds that asking took.
    pub latency_ns: u64,
    /// The GPUs. Empty when asking failed.
    pub gpus: Vec<GpuReading>,
    /// Why it failed, if it did.
    pub error: Option<ErrorDetails>,
}

/// Readings of GPUs, several at a time. prony's own `gpu_telemetry` publishes them when a phase begins, every 333 ms while it goes on
/// (`interval_ms`), and when it has ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GpuTelemetryBatch {
    /// In order of time.
    pub samples: Vec<GpuTelemetrySample>,
}

impl Message for GpuTelemetryBatch {
    const TYPE: &'static str = "gpu_telemetry_batch";
}

/// What one finished request was, for tracing: more than a [`crate::message::RecordSummary`] says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestSpan {
    /// The `X-Request-ID` that was sent.
    pub request_id: String,
    /// The W3C trace that it is in, 32 hexadecimal digits.
    pub trace_id: String,
    /// Its span there, 16 hexadecimal digits.
    pub span_id: String,
    /// Warm-up or profiling.
    pub phase: PhaseKind,
    /// The conversation that it belongs to.
    pub conversation_id: String,
    /// Which turn of it, from 0.
    pub turn_index: u32,
    /// The base URL that it was sent to, without a login.
    pub url: String,
    /// The model that was asked for.
    pub requested_model: String,
    /// The model that the server said it ran, if it did.
    pub model: Option<String>,
    /// Nanoseconds since the run's start at which work on it began.
    pub started_ns: u64,
    /// Nanoseconds since the run's start at which it was sent: the system had taken its last byte.
    pub sent_ns: u64,
    /// Nanoseconds since the run's start at which the first generated token arrived, where there was one.
    pub first_token_ns: Option<u64>,
    /// Nanoseconds since the run's start at which it ended.
    pub end_ns: u64,
    /// Nanoseconds between reads that brought generated tokens of one choice.
    pub chunk_gaps_ns: Vec<u64>,
    /// Input tokens, from the server's usage or counted here, where they are known.
    pub input_tokens: Option<u64>,
    /// Output tokens, likewise.
    pub output_tokens: Option<u64>,
    /// Why the server stopped, for each choice.
    pub finish_reasons: Vec<String>,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// The kind of its failure, if it failed.
    pub error: Option<String>,
    /// It was ended by the client, which is no failure of the server's.
    pub was_cancelled: bool,
}

/// Finished requests for tracing, several at a time, as soon as their tokens are counted. All are sent before `stop`. In a run with
/// agents, those of all phases are sent at the end of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestSpanBatch {
    /// In the order in which they were counted.
    pub spans: Vec<RequestSpan>,
}

impl Message for RequestSpanBatch {
    const TYPE: &'static str = "request_span_batch";
}

/// What became of everything that was to be handed on to a collector. Published once, at the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TelemetryExport {
    /// The collector's address, without its secrets.
    pub url: String,
    /// Requests to the collector that it took.
    pub delivered: u64,
    /// Requests to the collector that it did not take.
    pub failed: u64,
    /// Whether the collector has the metrics of the whole run.
    pub is_complete: bool,
    /// Finished requests that are in the metrics.
    pub requests: u64,
    /// Spans that the collector has.
    pub spans_sent: u64,
    /// Spans that were to be sent and are lost.
    pub spans_dropped: u64,
    /// Why a request to the collector failed, the last one.
    pub error: Option<ErrorDetails>,
}

impl Message for TelemetryExport {
    const TYPE: &'static str = "telemetry_export";
}

/// The W3C trace and span of a request: both are made of its `X-Request-ID`, a random UUID, so that they stand in a record that
/// has the id, and differ from run to run. Nothing where the id is no UUID.
///
/// Source: <https://www.w3.org/TR/trace-context/>.
pub fn trace_of(request_id: &str) -> Option<(String, String)> {
    let trace: String = request_id.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
    let is_id = trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit());
    let span = trace.get(16..).filter(|span| is_id && span.bytes().any(|byte| byte != b'0'))?.to_owned();
    Some((trace, span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_made_of_the_request_id() {
        let (trace, span) = trace_of("0AF76519-16cd-43dd-8448-eb211c80319c").unwrap();
        assert_eq!(trace, "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(span, "8448eb211c80319c");
    }

    #[test]
    fn what_is_no_uuid_has_no_trace() {
        for id in ["", "r-1", "0af76519-16cd-43dd-8448-eb211c80319x", "0af76519-16cd-43dd-0000-000000000000"]
        {
            assert_eq!(trace_of(id), None, "{id}");
        }
    }

    #[test]
    fn a_newer_time_of_a_probe_is_understood() {
        let newer = BTreeMap::from([("time", "between"), ("host", "h")]);
        let batch = BTreeMap::from([("samples", vec![newer])]);
        let read = NetworkLatencyBatch::decode(&rmp_serde::to_vec_named(&batch).unwrap()).unwrap();
        assert_eq!((read.samples[0].time, read.samples[0].host.as_str()), (ProbeTime::During, "h"));
    }

    #[test]
    fn fields_of_gpus_have_names_of_their_own() {
        let names: std::collections::BTreeSet<&str> = GPU_FIELDS.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), GPU_FIELDS.len());
        assert!(names.contains(GPU_POWER) && names.contains(GPU_ENERGY));
    }
}
