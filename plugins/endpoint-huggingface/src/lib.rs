//! The API format of Hugging Face's text-generation-inference: `generate`.
//!
//! `endpoint` writes what a turn says, and `parser` reads streams and whole answers.

mod endpoint;
mod parser;
#[cfg(test)]
mod tests;

use endpoint::GenerateEndpoint;

prony_plugin_api::export_plugin! { capabilities: [], endpoints: [GenerateEndpoint] }
