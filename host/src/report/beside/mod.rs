//! What was measured beside the load: the way to the servers, their GPUs, and what was handed on to a collector of telemetry.
//! Exports [`Beside`], which takes messages of services while the journal is read, and is a part of the report then.

mod energy;
mod gpu_lines;
mod gpus;
mod network;

use prony_plugin_api::{
    Message,
    telemetry::{GpuTelemetryBatch, NetworkLatencyBatch, TelemetryExport},
};
use serde_json::{Map, Value};

use self::{gpus::Gpus, network::Network};
pub(super) use self::{
    gpus::{Gpu, field, short},
    network::{Group, Way},
};
use super::server_metrics::Curve;
use crate::{clock::RunNs, metrics, screen::counted};

/// Types of messages that it takes.
pub(super) const TYPES: [&str; 3] =
    [NetworkLatencyBatch::TYPE, GpuTelemetryBatch::TYPE, TelemetryExport::TYPE];

/// Lines of files with one line for each thing that was measured.
#[derive(Debug, Default)]
pub(super) struct BesideLines {
    pub(super) network: Vec<u8>,
    pub(super) gpus: Vec<u8>,
}

/// What is known so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    network: Network,
    gpus: Gpus,
    exports: Vec<TelemetryExport>,
    /// Stretches of time that are measured, in nanoseconds since the run's start.
    measured: Vec<(RunNs, RunNs)>,
}

impl Beside {
    /// Takes in a message of one of [`TYPES`]. Gives the lines that stand for it in files.
    ///
    /// # Errors
    /// It cannot be read, in words.
    pub(super) fn take(
        &mut self,
        message_type: &str,
        payload: &[u8],
        wall_start_ns: u64,
    ) -> Result<BesideLines, String> {
        let mut lines = BesideLines::default();
        let unreadable = |error: prony_plugin_api::PluginError| error.message;
        match message_type {
            NetworkLatencyBatch::TYPE => {
                for sample in NetworkLatencyBatch::decode(payload).map_err(unreadable)?.samples {
                    network::append(&sample, wall_start_ns, &mut lines.network);
                    self.network.take(&sample);
                }
            }
            GpuTelemetryBatch::TYPE => {
                for sample in GpuTelemetryBatch::decode(payload).map_err(unreadable)?.samples {
                    gpu_lines::append(&sample, wall_start_ns, &mut lines.gpus);
                    self.gpus.take(sample);
                }
            }
            TelemetryExport::TYPE => {
                self.exports.push(TelemetryExport::decode(payload).map_err(unreadable)?);
            }
            _ => {}
        }
        Ok(lines)
    }

    /// Sets which stretches of time are measured.
    pub(super) fn set_measured(&mut self, measured: Vec<(RunNs, RunNs)>) {
        self.measured = measured;
    }

    /// Which stretches of time are measured.
    pub(super) fn measured(&self) -> &[(RunNs, RunNs)] {
        &self.measured
    }

    /// The ways to the servers, in the order in which they were first probed.
    pub(super) fn ways(&self) -> &[Way] {
        self.network.ways()
    }

    /// Each GPU once.
    pub(super) fn gpus(&self) -> impl Iterator<Item = &Gpu> {
        self.gpus.once()
    }

    /// What metrics are made of, over stretches of time.
    pub(super) fn over(&self, parts: &[(RunNs, RunNs)]) -> metrics::Beside {
        metrics::Beside {
            energy_j: self.gpus.energy_j(parts),
            power_w: self.gpus.power_w(parts),
            round_trip_ms: self.network.round_trip_ms(),
        }
    }

    /// What the user should know.
    pub(super) fn notes(&self) -> Vec<String> {
        let exports = self.exports.iter().filter_map(note_of_export);
        self.network.notes().chain(self.gpus.notes(&self.measured)).chain(exports).collect()
    }

    /// For the summary: a key and its value for each thing that was measured.
    pub(super) fn summary(&self) -> Map<String, Value> {
        let exports =
            (!self.exports.is_empty()).then(|| serde_json::to_value(&self.exports).unwrap_or_default());
        let parts = [
            ("network_latency", self.network.summary()),
            ("telemetry_data", self.gpus.summary(&self.measured)),
            ("telemetry_export", exports),
        ];
        parts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }

    /// What GPUs did over time, in the measured stretches.
    pub(super) fn curves(&self) -> Vec<Curve> {
        let from_ns = self.measured.first().map_or(0, |(from_ns, _)| *from_ns);
        let to_ns = self.measured.last().map_or(u64::MAX, |(_, to_ns)| *to_ns);
        self.gpus.curves(from_ns, to_ns)
    }
}

/// What is said of a collector that does not have everything.
fn note_of_export(export: &TelemetryExport) -> Option<String> {
    if export.failed == 0 && export.spans_dropped == 0 && export.is_complete {
        return None;
    }
    let why = export.error.as_ref().map(|error| format!(" ({})", error.message)).unwrap_or_default();
    let metrics =
        if export.is_complete { "it has all metrics" } else { "the last metrics are missing there" };
    let what = if export.failed == 0 {
        "does not have everything".to_owned()
    } else {
        format!("did not take {} of {}", export.failed, counted(export.failed + export.delivered, "request"))
    };
    Some(format!(
        "the collector at `{}` {what}{why}: {metrics}, {} of {} are lost. The run and its files lack nothing",
        export.url,
        export.spans_dropped,
        counted(export.spans_dropped + export.spans_sent, "span"),
    ))
}

#[cfg(test)]
mod tests;
