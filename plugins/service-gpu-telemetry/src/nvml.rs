//! The GPUs of this machine, by NVIDIA's own library: exports [`Library`]. It is loaded when it is asked for; who has no such
//! driver has a sentence about it, and nothing else changes.
//!
//! Source: <https://docs.nvidia.com/deploy/nvml-api/>.

use std::{collections::BTreeMap, ffi::OsStr, fs};

use nvml_wrapper::{
    Device, Nvml,
    enum_wrappers::device::{Clock, PerformancePolicy, TemperatureSensor},
    error::NvmlError,
};
use prony_plugin_api::{
    ErrorDetails,
    telemetry::{GPU_ENERGY, GPU_POWER, GpuReading},
};

/// NVIDIA's library, loaded.
#[derive(Debug)]
pub(crate) struct Library {
    nvml: Nvml,
    hostname: String,
}

impl Library {
    /// Loads the library in this file, or that of the system.
    ///
    /// # Errors
    /// There is none, or its driver does not run.
    pub(crate) fn load(file: &str) -> Result<Self, ErrorDetails> {
        let loaded =
            if file.is_empty() { Nvml::init() } else { Nvml::builder().lib_path(OsStr::new(file)).init() };
        let nvml = loaded.map_err(|error| failure(&error))?;
        // Only for people: without it, the source says where the GPUs are.
        let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Ok(Self { nvml, hostname: hostname.trim().to_owned() })
    }

    /// What every GPU says now. What one of them does not know is left out.
    ///
    /// # Errors
    /// The driver does not answer, or there is no GPU that can be read.
    pub(crate) fn read(&self) -> Result<Vec<GpuReading>, ErrorDetails> {
        let count = self.nvml.device_count().map_err(|error| failure(&error))?;
        let mut readings = Vec::new();
        let mut refused = None;
        for index in 0..count {
            match self.nvml.device_by_index(index) {
                Ok(device) => readings.push(self.reading(index, &device)),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        if readings.is_empty() { Err(no_gpus(refused.as_ref())) } else { Ok(readings) }
    }

    fn reading(&self, index: u32, device: &Device<'_>) -> GpuReading {
        GpuReading {
            gpu_index: index,
            uuid: device.uuid().unwrap_or_default(),
            model: device.name().unwrap_or_default(),
            platform: "nvidia".to_owned(),
            hostname: self.hostname.clone(),
            pci_bus_id: device.pci_info().map(|pci| pci.bus_id).unwrap_or_default(),
            device: format!("nvidia{index}"),
            values: values(device),
            ..GpuReading::default()
        }
    }
}

fn values(device: &Device<'_>) -> BTreeMap<String, f64> {
    let (rates, memory) = (device.utilization_rates().ok(), device.memory_info().ok());
    let violation = device.violation_status(PerformancePolicy::Power).ok();
    let known = [
        // Milliwatts.
        (GPU_POWER, device.power_usage().ok().map(|milliwatts| f64::from(milliwatts) / 1e3)),
        // Millijoules.
        (GPU_ENERGY, device.total_energy_consumption().ok().map(|millijoules| millijoules as f64 / 1e9)),
        ("nvidia_gpu_utilization", rates.as_ref().map(|rates| rates.gpu.into())),
        ("nvidia_memory_utilization", rates.as_ref().map(|rates| rates.memory.into())),
        ("nvidia_encoder_utilization", device.encoder_utilization().ok().map(|it| it.utilization.into())),
        ("nvidia_decoder_utilization", device.decoder_utilization().ok().map(|it| it.utilization.into())),
        ("nvidia_memory_used", memory.as_ref().map(|memory| memory.used as f64 / 1e9)),
        ("nvidia_fb_free", memory.as_ref().map(|memory| memory.free as f64 / 1e6)),
        ("nvidia_temperature", device.temperature(TemperatureSensor::Gpu).ok().map(f64::from)),
        ("nvidia_sm_clock", device.clock_info(Clock::SM).ok().map(f64::from)),
        ("nvidia_mem_clock", device.clock_info(Clock::Memory).ok().map(f64::from)),
        // Nanoseconds.
        ("nvidia_power_violation", violation.map(|violation| violation.violation_time as f64 / 1e3)),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn failure(error: &NvmlError) -> ErrorDetails {
    let (kind, message, hint) = match error {
        NvmlError::LibloadingError(_) => (
            "no_library",
            "NVIDIA's library (`libnvidia-ml.so.1`) is not on this machine".to_owned(),
            NO_LIBRARY,
        ),
        NvmlError::DriverNotLoaded => ("no_driver", "NVIDIA's driver does not run".to_owned(), ""),
        error => ("nvml", error.to_string(), ""),
    };
    ErrorDetails { kind: kind.to_owned(), message, hint: hint.to_owned(), ..ErrorDetails::default() }
}

/// The library runs, and has no GPU to show; why, as its first GPU says.
fn no_gpus(refused: Option<&NvmlError>) -> ErrorDetails {
    let message = match refused {
        Some(error) => format!("NVIDIA's library shows no GPU: {error}"),
        None => "NVIDIA's library knows of no GPU".to_owned(),
    };
    ErrorDetails { kind: "no_gpus".to_owned(), message, ..ErrorDetails::default() }
}

const NO_LIBRARY: &str = "it comes with NVIDIA's driver; the GPUs of another machine are read from its DCGM exporter: \
                          `--gpu-telemetry http://HOST:9400/metrics`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_there_is_said_to_be_missing() {
        let error = Library::load("/nowhere/libnvidia-ml.so.1").unwrap_err();
        assert_eq!(error.kind, "no_library");
        assert!(error.hint.contains("--gpu-telemetry"), "{error:?}");
    }

    #[test]
    fn no_gpu_is_an_error_with_what_the_first_one_says() {
        let error = no_gpus(Some(&NvmlError::NoPermission));
        assert_eq!(error.kind, "no_gpus");
        assert!(error.message.contains(&NvmlError::NoPermission.to_string()), "{error:?}");
        assert!(no_gpus(None).message.contains("no GPU"));
    }
}
