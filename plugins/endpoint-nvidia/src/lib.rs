//! The API format of NVIDIA NIM's models that find things in images: `image_retrieval`.
//!
//! `endpoint` writes what a turn shows, and `parser` counts what was found.

mod endpoint;
mod parser;
#[cfg(test)]
mod tests;

use endpoint::ImageRetrievalEndpoint;

prony_plugin_api::export_plugin! { capabilities: [], endpoints: [ImageRetrievalEndpoint] }
