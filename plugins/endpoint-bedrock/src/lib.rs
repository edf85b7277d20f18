//! The API format of Amazon Bedrock: `bedrock_converse_stream`.
//!
//! `endpoint` writes what a turn says, with `request` for the form of it, and signs it: `credentials` finds out as whom,
//! `signature` how. `parser` reads answers; a stream of them is made of binary `frames`.

mod credentials;
mod endpoint;
mod frames;
mod parser;
mod request;
mod signature;
#[cfg(test)]
mod tests;

use endpoint::ConverseEndpoint;

prony_plugin_api::export_plugin! { capabilities: [environment], endpoints: [ConverseEndpoint] }
