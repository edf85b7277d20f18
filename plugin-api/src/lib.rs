//! The contract between prony and its plugins.
//!
//! A plugin is one shared library. It exports *endpoints* (API formats: how a request is written and an answer is read)
//! and *services* (collectors and publishers that run beside the load). The host opens it on first use, over a
//! stable ABI: it may be built by another compiler, at another time, with another allocator.
//!
//! Read in this order: [`endpoint`], [`service`], [`message`], [`live`], [`telemetry`], [`error`], [`metadata`], [`descriptor`],
//! [`version`]. The [`abi`] module is the boundary itself; authors never need it.
//!
//! This crate does no I/O, takes no time and holds no state; only the feature `collector` has threads, those that a service starts.
//!
//! `README.md` beside this crate is the guide for vendors: from nothing to a shipped library, with every rule. The
//! features `json` (what API formats of JSON share), `collector` (what services that collect share), `prometheus` (a reader of
//! metrics pages), `testing` (drivers, fakes and the conformance suite, for tests only) and `tracing` (a plugin's own `tracing`
//! events in the host's log) change nothing that crosses the boundary.
#![deny(missing_docs)]

/// The guide, so that its code is compiled.
#[cfg(all(doctest, feature = "testing", feature = "json"))]
#[doc = include_str!("../README.md")]
pub struct Guide;

pub mod abi;
#[cfg(feature = "collector")]
pub mod collector;
#[cfg(feature = "testing")]
pub mod conformance;
pub mod descriptor;
pub mod endpoint;
pub mod error;
mod export;
#[cfg(feature = "sse")]
pub mod framing;
#[cfg(feature = "json")]
pub mod json;
pub mod live;
#[cfg(feature = "tracing")]
mod log_bridge;
pub mod message;
pub mod metadata;
#[cfg(feature = "prometheus")]
pub mod prometheus;
pub mod service;
#[cfg(feature = "sse")]
pub mod sse;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod version;

pub use endpoint::{
    Endpoint, EventSink, Parser, Part, PartKind, RequestWriter, TextKind, TokenUsage, ToolCall, TurnContext,
    TurnMessage, NO_OPTIONS,
};
pub use error::{ErrorDetails, ErrorKind, PluginError, Result};
pub use message::Message;
pub use service::{HostHandle, LogLevel, PublishError, RawMessage, Service};

/// What [`export_plugin!`] expands to needs. Not part of the contract.
#[doc(hidden)]
pub mod __private {
    pub use abi_stable::library::{LibHeader, RootModuleResult};

    pub use crate::{
        abi::{
            author::{endpoint_table, lib_header, root_module, root_module_result, service_table, text},
            PluginModule_Ref,
        },
        descriptor::{
            concat, length, list, list_length, quoted, quoted_length, EPOCH_DIGITS, MINOR_DIGITS,
            SCHEMA_DIGITS,
        },
    };
}
