//! The API format of Ollama's own chat: `ollama_chat`.
//!
//! `endpoint` writes what a turn says, with `message` for one message of it, and `parser` reads streams of lines and whole
//! answers.

mod endpoint;
mod message;
mod parser;
#[cfg(test)]
mod tests;

use endpoint::ChatEndpoint;

prony_plugin_api::export_plugin! { capabilities: [], endpoints: [ChatEndpoint] }
