//! prony measures LLM inference servers under load.
//!
//! Data flows one way, and so do the modules' dependencies; read them in this order:
//!
//! `config` → `plan` → `dataset` → `schedule` → `session` → `request` → `record` → `metrics` → `report`. Beside them stand
//! `plugin` (the registry and the only place that opens libraries) and `service` (the bus and its supervisor). `nats` is the
//! bus between machines, `node` is where workers run, `run` executes a plan, `experiment` several of them, `cli` is the way in,
//! `mock_server` is a target that knows its own truth, `capture` a proxy that records what passes, and `doctor` looks at what would
//! spoil a measurement on this machine.
//! `ARCHITECTURE.md` has the reasons.

mod bounded;
mod calibrate;
mod capture;
mod chart;
mod child;
pub mod cli;
mod clock;
mod config;
mod dataset;
mod doctor;
mod experiment;
mod explain;
mod fingerprint;
#[doc(hidden)]
pub mod internals;
mod lockfile;
mod metrics;
mod mock_server;
mod nats;
mod node;
mod page;
mod plan;
mod plugin;
mod record;
mod report;
mod request;
mod run;
mod schedule;
mod schemas;
mod screen;
mod seed;
mod service;
mod session;
mod stderr;
