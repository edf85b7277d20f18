//! The API format of llama.cpp's own server: `completion`.
//!
//! `endpoint` writes what a turn says, and `parser` reads streams and whole answers, with the server's own timings.

mod endpoint;
mod media;
mod parser;
#[cfg(test)]
mod tests;

use endpoint::CompletionEndpoint;

prony_plugin_api::export_plugin! { capabilities: [], endpoints: [CompletionEndpoint] }
