//! From what the user typed to the plan of a run.
//!
//! [`resolve`] fills in every default and checks every combination. What comes out is a [`Plan`](crate::plan::Plan), and
//! everything after the command line works from that.

mod agents;
mod arrival;
mod class;
mod classes;
pub(crate) mod content;
mod dialogues;
mod effect;
mod endpoint_options;
pub(crate) mod environment;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod flags;
pub(crate) mod goodput;
mod hook_error;
mod hooks;
pub(crate) mod keys;
pub(crate) mod lengths;
mod load;
mod media;
pub(crate) mod near;
mod objectives;
pub(crate) mod origins;
pub(crate) mod pairs;
pub(crate) mod phase_words;
mod phases;
pub(crate) mod place;
pub(crate) mod policy;
mod price;
mod problems;
pub(crate) mod proxy;
mod rankings;
pub(crate) mod rate_series;
pub(crate) mod redact;
pub(crate) mod reshaping;
pub(crate) mod resolve;
mod rules;
pub(crate) mod run_file;
mod services;
pub(crate) mod several;
mod size;
pub(crate) mod slo;
pub(crate) mod spec;
mod target;
mod telemetry;
mod telemetry_error;
mod together;
pub(crate) mod units;
pub(crate) mod url;
mod users;
pub(crate) mod variables;
mod videos;
pub(crate) mod words;
pub(crate) mod yaml;
