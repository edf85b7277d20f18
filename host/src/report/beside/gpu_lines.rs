//! Readings of GPUs, one a line.

use prony_plugin_api::telemetry::{GpuReading, GpuTelemetrySample};
use serde_json::{Map, Value, json};

/// Appends a line for each GPU of a sample; none where the source failed.
pub(super) fn append(sample: &GpuTelemetrySample, wall_start_ns: u64, lines: &mut Vec<u8>) {
    for gpu in &sample.gpus {
        lines.extend_from_slice(line(sample, gpu, wall_start_ns).to_string().as_bytes());
        lines.push(b'\n');
    }
}

fn line(sample: &GpuTelemetrySample, gpu: &GpuReading, wall_start_ns: u64) -> Value {
    let mut line = json!({
        "timestamp_ns": wall_start_ns.saturating_add(sample.at_ns),
        "telemetry_source_url": sample.source,
        "gpu_index": gpu.gpu_index,
        "gpu_uuid": gpu.uuid,
        "gpu_model_name": gpu.model,
        "platform": gpu.platform,
    });
    let said = [
        ("hostname", &gpu.hostname),
        ("pci_bus_id", &gpu.pci_bus_id),
        ("device", &gpu.device),
        ("namespace", &gpu.namespace),
        ("pod_name", &gpu.pod_name),
    ];
    for (key, text) in said.into_iter().filter(|(_, text)| !text.is_empty()) {
        line[key] = text.as_str().into();
    }
    let values: Map<String, Value> =
        gpu.values.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    line["telemetry_data"] = Value::Object(values);
    line
}
