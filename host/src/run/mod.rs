//! Runs: connects the stages and owns the one select loop.
//!
//! [`execute()`] is the one way to run. [`setup`] helps it before the first request, and [`crate::node`] has the workers;
//! an [`observer`] hears how far the run is. [`lifecycle`] decides, as a pure state machine, and [`conductor`] obeys it. A run ends in a journal, and
//! the report is made from that.

pub(crate) mod agent;
mod agents_seen;
pub(crate) mod artifact_dir;
mod channels;
mod collecting;
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
mod inputs;
mod interrupts;
pub(crate) mod lifecycle;
pub(crate) mod lock;
mod look;
pub(crate) mod mock;
pub(crate) mod models;
mod notices;
mod now;
mod observer;
mod plain_request;
mod recording;
mod refusals;
mod running_phase;
mod saturation;
mod scrape;
mod service_reports;
pub(crate) mod services;
pub(crate) mod setup;
mod stop_reason;
mod telemetry;
pub(crate) mod usage;
mod watch;
mod with_timeout;

use prony_plugin_api::{
    Message,
    live::{Notice, RunNow},
    message::{PhaseEnded, PhaseRecorded, PhaseStarted, RecordBatch, ServerMetricsBatch},
    telemetry::RequestSpanBatch,
};

pub(crate) use conductor::RunError;
pub(crate) use dry_run::dry_run;
pub(crate) use execute::{ExecuteError, Execution, Folder, RunOutcome, execute};
pub(crate) use interrupts::{Interrupt, Interrupts, survive_size_limit, until, until_interrupted};
pub(crate) use lock::Lock;
pub(crate) use look::{Subject, look_at};
pub(crate) use observer::{Observer, Snapshot};

/// Types of the messages that a run itself puts on the bus: the conductor's, and the recorder's.
pub(crate) const PUBLISHES: [&str; 6] = [
    PhaseStarted::TYPE,
    RunNow::TYPE,
    PhaseEnded::TYPE,
    RecordBatch::TYPE,
    RequestSpanBatch::TYPE,
    PhaseRecorded::TYPE,
];

/// Types of the messages that a run itself hears: what services say to the user, and what servers say of themselves.
pub(crate) const HEARS: [&str; 2] = [Notice::TYPE, ServerMetricsBatch::TYPE];
