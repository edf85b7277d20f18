//! Runs: wires the stages together and owns the one select loop.
//!
//! [`lifecycle`] decides, as a pure state machine; [`conductor`] obeys it; [`setup`] builds what a run needs before
//! the first request, and [`end`] writes down how it went. A run ends in a journal: the report is made from that.

pub(crate) mod artifact_dir;
mod conductor;
pub(crate) mod lifecycle;
pub(crate) mod mock;
mod progress;
pub(crate) mod readiness;
pub(crate) mod setup;
mod wiring;

pub(crate) use conductor::{RunError, conduct};
