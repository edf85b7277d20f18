//! Runs: wires the stages together and owns the one select loop.
//!
//! [`readiness`] and [`setup`] make what a run needs before its first request; [`lifecycle`] decides, as a pure state
//! machine, and [`conductor`] obeys it. A run ends in a journal, and the report is made from that.

pub(crate) mod artifact_dir;
mod conductor;
mod ears;
pub(crate) mod lifecycle;
pub(crate) mod mock;
mod progress;
pub(crate) mod readiness;
pub(crate) mod setup;
mod wiring;

use prony_plugin_api::{
    Message,
    message::{PhaseEnded, PhaseStarted, RecordBatch},
};

pub(crate) use conductor::{RunError, conduct};

/// Types of the messages that a run itself puts on the bus: the conductor's, and the recorder's.
pub(crate) const PUBLISHES: [&str; 3] = [PhaseStarted::TYPE, PhaseEnded::TYPE, RecordBatch::TYPE];
