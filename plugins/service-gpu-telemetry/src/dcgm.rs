//! What the page of a DCGM exporter says of each GPU: exports [`readings`].
//!
//! Names and units of fields are DCGM's.
//! Source: <https://docs.nvidia.com/datacenter/dcgm/latest/dcgm-api/dcgm-api-field-ids.html>.

use prony_plugin_api::{
    message::{MetricFamily, MetricSample},
    telemetry::{GPU_ENERGY, GPU_POWER, GpuReading},
};

/// A field of DCGM's, ours, and by what its values are multiplied.
const FIELDS: [(&str, &str, f64); 16] = [
    ("DCGM_FI_DEV_POWER_USAGE", GPU_POWER, 1.0),
    // Millijoules.
    ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", GPU_ENERGY, 1e-9),
    ("DCGM_FI_DEV_GPU_UTIL", "nvidia_gpu_utilization", 1.0),
    // A part of one.
    ("DCGM_FI_PROF_SM_ACTIVE", "nvidia_sm_utilization", 100.0),
    ("DCGM_FI_DEV_MEM_COPY_UTIL", "nvidia_memory_utilization", 1.0),
    ("DCGM_FI_DEV_ENC_UTIL", "nvidia_encoder_utilization", 1.0),
    ("DCGM_FI_DEV_DEC_UTIL", "nvidia_decoder_utilization", 1.0),
    ("DCGM_FI_PROF_NVJPG0_ACTIVE", "nvidia_jpg_utilization", 100.0),
    // Mebibytes.
    ("DCGM_FI_DEV_FB_USED", "nvidia_memory_used", 1.048_576e-3),
    ("DCGM_FI_DEV_FB_FREE", "nvidia_fb_free", 1.048_576),
    ("DCGM_FI_DEV_GPU_TEMP", "nvidia_temperature", 1.0),
    ("DCGM_FI_DEV_MEMORY_TEMP", "nvidia_memory_temp", 1.0),
    ("DCGM_FI_DEV_SM_CLOCK", "nvidia_sm_clock", 1.0),
    ("DCGM_FI_DEV_MEM_CLOCK", "nvidia_mem_clock", 1.0),
    ("DCGM_FI_DEV_XID_ERRORS", "nvidia_xid_errors", 1.0),
    ("DCGM_FI_DEV_POWER_VIOLATION", "nvidia_power_violation", 1.0),
];

/// DCGM writes this and larger numbers for what it does not know.
/// Source: `DCGM_FP64_BLANK` in `dcgm_structs.h`.
const BLANK: f64 = 140_737_488_355_328.0;

/// The GPUs of a page, in its order. Of several lines about one field of a GPU, as those of its parts (MIG), the first counts.
pub(crate) fn readings(families: &[MetricFamily]) -> Vec<GpuReading> {
    let mut gpus: Vec<GpuReading> = Vec::new();
    for family in families {
        let Some((_, name, factor)) = FIELDS.iter().find(|(dcgm, _, _)| *dcgm == family.name) else {
            continue;
        };
        for sample in family.samples.iter().filter(|sample| is_known(sample.value)) {
            let Some(gpu) = gpu_of(&mut gpus, sample) else { continue };
            gpu.values.entry((*name).to_owned()).or_insert(sample.value * factor);
        }
    }
    gpus
}

fn is_known(value: f64) -> bool {
    value.is_finite() && value < BLANK
}

/// The GPU that a line is about.
fn gpu_of<'a>(gpus: &'a mut Vec<GpuReading>, sample: &MetricSample) -> Option<&'a mut GpuReading> {
    let label = |names: &[&str]| {
        let found = names.iter().find_map(|name| sample.labels.get(*name));
        found.cloned().unwrap_or_default()
    };
    let gpu_index = label(&["gpu"]).parse().ok()?;
    let (uuid, hostname) = (label(&["UUID", "uuid"]), label(&["Hostname", "hostname"]));
    let is_it = |gpu: &GpuReading| gpu.gpu_index == gpu_index && gpu.uuid == uuid && gpu.hostname == hostname;
    let known = gpus.iter().position(is_it);
    let at = known.unwrap_or_else(|| {
        gpus.push(GpuReading {
            gpu_index,
            uuid,
            hostname,
            model: label(&["modelName"]),
            platform: "nvidia".to_owned(),
            pci_bus_id: label(&["pci_bus_id"]),
            device: label(&["device"]),
            namespace: label(&["namespace", "exported_namespace"]),
            pod_name: label(&["pod", "exported_pod"]),
            ..GpuReading::default()
        });
        gpus.len() - 1
    });
    gpus.get_mut(at)
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::prometheus;

    use super::*;

    const PAGE: &str = r#"# HELP DCGM_FI_DEV_POWER_USAGE Power draw (in W).
# TYPE DCGM_FI_DEV_POWER_USAGE gauge
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a",pci_bus_id="00000000:07:00.0",device="nvidia0",modelName="NVIDIA H100",Hostname="n1"} 348.7
DCGM_FI_DEV_POWER_USAGE{gpu="1",UUID="GPU-b",device="nvidia1",modelName="NVIDIA H100",Hostname="n1"} 120
# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-a",Hostname="n1"} 240000000
# TYPE DCGM_FI_DEV_FB_USED gauge
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a",Hostname="n1"} 1000
DCGM_FI_PROF_SM_ACTIVE{gpu="0",UUID="GPU-a",Hostname="n1",GPU_I_ID="1"} 0.25
DCGM_FI_PROF_SM_ACTIVE{gpu="0",UUID="GPU-a",Hostname="n1",GPU_I_ID="2"} 0.75
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-a",Hostname="n1"} 9223372036854775794
DCGM_FI_DEV_VGPU_LICENSE_STATUS{gpu="0",UUID="GPU-a",Hostname="n1"} 0
up 1
"#;

    #[test]
    fn a_page_tells_of_each_gpu_in_our_units() {
        let gpus = readings(&prometheus::parse(PAGE).unwrap());
        let names: Vec<_> = gpus.iter().map(|gpu| (gpu.gpu_index, gpu.uuid.as_str())).collect();
        assert_eq!(names, [(0, "GPU-a"), (1, "GPU-b")]);
        assert_eq!((gpus[0].model.as_str(), gpus[0].hostname.as_str()), ("NVIDIA H100", "n1"));
        let value = |name: &str| gpus[0].values.get(name).copied().unwrap_or(f64::NAN);
        assert!((value(GPU_POWER) - 348.7).abs() < 1e-9);
        assert!((value(GPU_ENERGY) - 0.24).abs() < 1e-12, "240,000 J");
        assert!((value("nvidia_memory_used") - 1.048_576).abs() < 1e-12);
        assert!((value("nvidia_sm_utilization") - 25.0).abs() < 1e-12, "the first part");
        assert!(value("nvidia_temperature").is_nan(), "it is not known");
        assert_eq!(gpus[1].values.len(), 1);
    }

    #[test]
    fn other_pages_tell_of_none() {
        assert!(
            readings(&prometheus::parse("up 1\nDCGM_FI_DEV_GPU_UTIL{host=\"a\"} 1\n").unwrap()).is_empty()
        );
    }
}
