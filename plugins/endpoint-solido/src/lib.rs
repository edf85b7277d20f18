//! The API format of Solido's answers from documents: `solido_rag`.
//!
//! `endpoint` writes what a turn says, and `parser` reads streams and whole answers.

mod endpoint;
mod parser;
#[cfg(test)]
mod tests;

use endpoint::SolidoEndpoint;

prony_plugin_api::export_plugin! { capabilities: [], endpoints: [SolidoEndpoint] }
