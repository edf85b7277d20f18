//! The contract between [prony](https://crates.io/crates/prony) and its plugins.
//!
//! A plugin is one shared library. It exports *endpoints* (dialects: how a request is written and an answer is read)
//! and *services* (collectors and publishers that run beside the load). The host opens it on first use, over a
//! stable ABI: it may be built by another compiler, at another time, with another allocator.
//!
//! Read in this order: [`endpoint`], [`service`], [`message`], [`error`], [`metadata`], [`descriptor`], [`version`].
//! The [`abi`] module is the boundary itself; authors never need it.
//!
//! This crate does no I/O, takes no time and holds no state.
//!
//! # A whole plugin
//!
//! `Cargo.toml`: `crate-type = ["cdylib"]`, and this crate, `serde` and `serde_json` as dependencies.
//!
//! ```
//! use std::borrow::Cow;
//!
//! use prony_plugin_api::{
//!     Endpoint, EventSink, Parser, PluginError, RequestWriter, Result, TextKind, TokenUsage, TurnContext,
//! };
//! use serde::Deserialize;
//! use serde_json::json;
//!
//! pub struct AcmeChat;
//!
//! impl Endpoint for AcmeChat {
//!     type Parser = AcmeParser;
//!
//!     fn new(_options: &str) -> Result<Self> {
//!         Ok(Self)
//!     }
//!
//!     fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
//!         let prompt: Vec<&str> = turn.messages().flat_map(|message| message.texts()).collect();
//!         let body = json!({ "prompt": prompt.join("\n"), "limit": turn.max_tokens(), "stream": turn.streaming() });
//!         serde_json::to_writer(request, &body).map_err(PluginError::malformed)
//!     }
//!
//!     fn parser(&self) -> AcmeParser {
//!         AcmeParser
//!     }
//! }
//!
//! pub struct AcmeParser;
//!
//! #[derive(Deserialize)]
//! struct Chunk<'a> {
//!     #[serde(borrow)]
//!     text: Cow<'a, str>,
//!     tokens: Option<u64>,
//!     end: Option<Cow<'a, str>>,
//! }
//!
//! impl Parser for AcmeParser {
//!     fn event(&mut self, _name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
//!         let chunk: Chunk = serde_json::from_slice(data).map_err(PluginError::malformed)?;
//!         out.text(TextKind::CONTENT, 0, &chunk.text);
//!         if let Some(reason) = &chunk.end {
//!             out.usage(&TokenUsage { completion: chunk.tokens, ..TokenUsage::default() });
//!             out.finish(0, reason);
//!         }
//!         Ok(())
//!     }
//!
//!     fn body(&mut self, _status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
//!         self.event("", body, out)
//!     }
//! }
//!
//! prony_plugin_api::export_plugin! { endpoints: [AcmeChat] }
//! # fn main() {}
//! ```
//!
//! Beside the library stands a manifest, which tells the host that it exists without opening it:
//!
//! ```yaml
//! schema_version: "1.0"
//! endpoint:
//!   acme_chat:
//!     class: acme_chat:AcmeChat
//!     description: Chat with Acme servers.
//!     metadata: {endpoint_path: /v1/talk, supports_streaming: true, produces_tokens: true, tokenizes_input: true}
//! ```
#![deny(missing_docs)]

pub mod abi;
#[cfg(feature = "testing")]
pub mod conformance;
pub mod descriptor;
pub mod endpoint;
pub mod error;
mod export;
#[cfg(feature = "tracing")]
mod log_bridge;
pub mod message;
pub mod metadata;
pub mod service;
#[cfg(feature = "sse")]
pub mod sse;
#[cfg(feature = "testing")]
pub mod testing;
pub mod version;

pub use endpoint::{
    Endpoint, EventSink, Parser, Part, PartKind, RequestWriter, TextKind, TokenUsage, TurnContext,
    TurnMessage,
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
