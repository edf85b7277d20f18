//! Why a source of GPU telemetry, or what a collector is to know, is refused.

use super::spec::Origin;
use crate::explain::Explain;

/// Why a value is none of its setting's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    /// Something that AIPerf takes and prony does not have.
    #[error("watch GPUs by `{value}` of `{by}`: {reason}")]
    Source { by: Origin, value: String, reason: &'static str },
    /// Text that is no pair.
    #[error("read value {position} of `{by}`: it is not `KEY=VALUE`")]
    Attribute {
        by: Origin,
        /// Which value, from 1.
        position: usize,
    },
}

impl TelemetryError {
    /// The setting that it is about.
    pub(super) fn origin(&self) -> Origin {
        match self {
            Self::Source { by, .. } | Self::Attribute { by, .. } => *by,
        }
    }
}

impl Explain for TelemetryError {
    fn hint(&self) -> String {
        match self {
            Self::Source { .. } => {
                "give pages of DCGM exporters, as `http://localhost:9400/metrics`, or `nvml` for NVIDIA's GPUs of this machine".to_owned()
            }
            Self::Attribute { .. } => "write it as in `--otel-resource-attributes team=serving`".to_owned(),
        }
    }
}
