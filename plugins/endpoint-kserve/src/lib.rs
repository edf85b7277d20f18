//! The open inference protocol (version 2 of `KServe`'s) over HTTP, with text in and text out, as Triton's models of language have it.
//!
//! `endpoint` writes what a turn says, and `parser` reads the answer. The protocol does not stream over HTTP.

mod endpoint;
mod parser;
#[cfg(test)]
mod tests;

use endpoint::InferEndpoint;

prony_plugin_api::export_plugin! { capabilities: [], endpoints: [InferEndpoint] }
