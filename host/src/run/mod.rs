//! Runs: connects the stages and owns the one select loop.
//!
//! [`setup`] makes what a run needs before its first request; [`crate::node`] holds the workers; [`lifecycle`] decides, as a pure state machine, and [`conductor`] obeys it. A run ends in a journal, and
//! the report is made from that.

pub(crate) mod artifact_dir;
mod bar;
mod channels;
mod conductor;
mod event_source;
pub(crate) mod folder_error;
mod interrupts;
pub(crate) mod lifecycle;
pub(crate) mod lock;
pub(crate) mod mock;
pub(crate) mod models;
pub(crate) mod progress;
mod refusals;
mod scrape;
pub(crate) mod services;
pub(crate) mod setup;
mod usage;

use prony_plugin_api::{
    Message,
    message::{PhaseEnded, PhaseRecorded, PhaseStarted, RecordBatch},
};

pub(crate) use conductor::{RunError, conduct};
pub(crate) use interrupts::{Interrupt, survive_size_limit, until_interrupted};
pub(crate) use lock::Lock;

/// Types of the messages that a run itself puts on the bus: the conductor's, and the recorder's.
pub(crate) const PUBLISHES: [&str; 4] =
    [PhaseStarted::TYPE, PhaseEnded::TYPE, RecordBatch::TYPE, PhaseRecorded::TYPE];
