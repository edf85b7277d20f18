//! The Anthropic API format: messages.
//!
//! `messages` is the endpoint, `request` writes what a turn says, `wire` is what an event and a whole message look like,
//! `parser` reads both, and `tokens` adds up the counts that come in pieces.

mod messages;
mod parser;
mod request;
#[cfg(test)]
mod tests;
mod tokens;
mod wire;

use messages::MessagesEndpoint;

prony_plugin_api::export_plugin! { capabilities: [], endpoints: [MessagesEndpoint] }
