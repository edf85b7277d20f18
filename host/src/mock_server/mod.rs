//! A server of every API format that knows its own truth: the embedded default target, and the tests' referee.
//!
//! It paces every answer on absolute deadlines, breaks answers on demand (see [`FaultPlan`]), and writes down what it
//! really did: `GET /truth` gives every request's arrival and the instant after each token's write returned. A number
//! that prony reports can thus be held against what was on the wire.
//!
//! HTTP is spoken by hand here, on the bare socket. A server library would hide what this one exists for: the instant
//! a write was handed to the kernel, heads that come in two parts, connections that drop in mid-answer.
//!
//! The module knows nothing of the rest of prony but its clock. In reading order: [`Options`] and [`MockServer`] are
//! what callers use; `connection` serves one socket, `exchange` one API request; `wire` and `http` move bytes; `route`,
//! `api_format`, `job`, `fields`, `form` and `api_error` decide what was asked; `pace`, `script`, `speech`, `tools`, `reply`, `jobs` and
//! `words` make the answer, `canned` is one that was recorded; `prefix_cache` says what of a prompt it had; `queue` says when its turn comes; `fault` breaks it; `truth`
//! and `metrics_page` tell about it, and `gpus` what it would have cost.

mod api_error;
mod api_format;
mod canned;
mod connection;
mod exchange;
mod fault;
mod fields;
mod form;
mod gpus;
mod http;
mod job;
mod jobs;
mod metrics_page;
mod options;
mod pace;
mod prefix_cache;
mod queue;
mod reply;
mod route;
mod script;
mod server;
mod speech;
#[cfg(test)]
mod tests;
mod tools;
mod truth;
mod wire;
mod words;

pub(crate) use canned::{Canned, CannedBody};
pub(crate) use fault::{FaultPlan, Stall, StreamErrorStyle};
pub(crate) use jobs::JobPlan;
pub(crate) use options::{Capacity, Drift, Framing, Options, Pacing, ServiceTime, Splits, UsageRatio};
pub(crate) use server::{ListenError, MockServer};

/// What all connections share.
#[derive(Debug)]
struct Mock {
    options: Options,
    truth: truth::Truth,
    jobs: jobs::Jobs,
    prefix_cache: prefix_cache::PrefixCache,
    queue: queue::Queue,
}
