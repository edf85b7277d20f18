//! Runs: connects the stages and owns the one select loop.
//!
//! [`execute()`] is the one way to run. [`setup`] helps it before the first request, and [`crate::node`] has the workers;
//! an [`observer`] hears how far the run is. [`lifecycle`] decides, as a pure state machine, and [`conductor`] obeys it. A run ends in a journal, and
//! the report is made from that.

pub(crate) mod artifact_dir;
mod channels;
mod conductor;
mod dry_run;
pub(crate) mod ending;
mod event_source;
mod execute;
mod explain;
mod failed_share;
pub(crate) mod folder_error;
pub(crate) mod hooks;
mod host;
mod in_time;
mod interrupts;
pub(crate) mod lifecycle;
pub(crate) mod lock;
mod look;
pub(crate) mod mock;
pub(crate) mod models;
mod observer;
mod plain_request;
mod refusals;
mod saturation;
mod scrape;
pub(crate) mod services;
pub(crate) mod setup;
mod stop_reason;
pub(crate) mod usage;

use prony_plugin_api::{
    Message,
    message::{PhaseEnded, PhaseRecorded, PhaseStarted, RecordBatch},
};

pub(crate) use conductor::RunError;
pub(crate) use dry_run::dry_run;
pub(crate) use execute::{ExecuteError, Execution, Folder, RunOutcome, execute};
pub(crate) use interrupts::{Interrupt, Interrupts, survive_size_limit, until, until_interrupted};
pub(crate) use lock::Lock;
pub(crate) use look::{Subject, look_at};
pub(crate) use observer::{Observer, Snapshot};

/// Types of the messages that a run itself puts on the bus: the conductor's, and the recorder's.
pub(crate) const PUBLISHES: [&str; 4] =
    [PhaseStarted::TYPE, PhaseEnded::TYPE, RecordBatch::TYPE, PhaseRecorded::TYPE];
