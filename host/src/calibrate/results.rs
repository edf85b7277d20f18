//! What a calibration found: a [`Rung`] for each load, and the [`Limits`] that follow.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::compare::Errors;
use crate::screen::counted;

/// Largest error that is believed, in milliseconds, at the 99th percentile.
pub(crate) const BOUND_MS: f64 = 1.0;

/// What a rung asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Load {
    /// This number of streams at a time, a token every 10 ms.
    Streams(u64),
    /// This number of streams from a server whose usage counts other tokens than the client's tokenizer, and whose first event
    /// brings several.
    OtherTokens(u64),
    /// This number of requests of one token a second.
    Rate(u64),
}

/// What one load showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rung {
    pub(crate) load: Load,
    /// How far client and server were apart, at the 99th percentile.
    pub(crate) errors: Errors,
    /// Tokens a second over the whole run.
    pub(crate) tokens_per_s: f64,
    /// Processor time of the client's workers, in microseconds, where the system tells.
    pub(crate) cpu_us_per_token: Option<f64>,
    /// Most memory of the client, in bytes, where the system tells.
    pub(crate) peak_memory_bytes: Option<u64>,
    /// What the run said of its client.
    pub(crate) verdict: String,
}

/// Loads up to which every error stayed below the bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Streams at a time.
    pub(crate) streams: Option<u64>,
    /// Tokens a second.
    pub(crate) tokens_per_s: Option<f64>,
    /// Requests a second.
    pub(crate) rate: Option<u64>,
}

/// What is known of this program on this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Calibration {
    /// Version of the program.
    pub(crate) version: String,
    /// The API format that was spoken.
    pub(crate) endpoint_type: String,
    /// Cores that it may use.
    pub(crate) cores: usize,
    /// Every load that was tried.
    pub(crate) rungs: Vec<Rung>,
    /// What follows from them.
    pub(crate) limits: Limits,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Streams(streams) => f.write_str(&counted(streams, "stream")),
            Self::OtherTokens(streams) => {
                write!(f, "{}, tokens counted otherwise", counted(streams, "stream"))
            }
            Self::Rate(rate) => write!(f, "{rate} requests/s"),
        }
    }
}

impl Rung {
    /// Whether its numbers can be believed.
    pub(crate) fn holds(&self) -> bool {
        self.errors.failed == 0 && self.errors.worst_ms() < BOUND_MS
    }
}

impl Limits {
    /// The highest rung of each ladder below the first that does not hold.
    pub(super) fn of(rungs: &[Rung]) -> Self {
        let mut limits = Self::default();
        for rung in rungs.iter().filter(|rung| rung.holds()) {
            match rung.load {
                Load::Streams(streams) => {
                    limits.streams = Some(streams);
                    limits.tokens_per_s = Some(rung.tokens_per_s);
                }
                // It shows whether a metric is right, not how much load there may be.
                Load::OtherTokens(_) => {}
                Load::Rate(rate) => limits.rate = Some(rate),
            }
        }
        limits
    }
}
