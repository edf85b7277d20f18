//! What the API formats' streams and whole responses have in common: what they are made from, and how events are written.

use std::fmt::Debug;

use serde_json::Value;

use crate::mock_server::{fields::Delivery, job::Generation, reply::Identity, script::Channel, words};

/// What an answer with text says about itself.
#[derive(Clone, Copy, Debug)]
pub(in crate::mock_server) struct Speech<'a> {
    pub(in crate::mock_server) identity: &'a Identity,
    pub(in crate::mock_server) prompt_tokens: u64,
    pub(in crate::mock_server) generation: &'a Generation,
}

/// The events of one stream, as text.
pub(in crate::mock_server) trait Frames: Debug + Send {
    /// What leaves before the first token. No client may take any of it for a token.
    fn begin(&mut self) -> String;

    /// Tokens of a choice.
    fn text(&mut self, choice: u64, channel: Channel, words: &str) -> String;

    /// The end of a good stream, one event each.
    fn end(&mut self) -> Vec<String>;
}

impl Speech<'_> {
    /// The whole text of one channel of a choice.
    pub(super) fn text(&self, choice: u64, channel: Channel) -> String {
        let Generation { tokens, reasoning, .. } = *self.generation;
        words::text(
            choice,
            match channel {
                Channel::Reasoning => 0..reasoning,
                Channel::Content => reasoning..tokens,
            },
        )
    }

    /// The stream is to carry its usage.
    pub(super) fn tells_usage(&self) -> bool {
        matches!(self.generation.delivery, Delivery::Stream { usage: true })
    }
}

/// An event with data on one line.
pub(super) fn data(json: &Value) -> String {
    format!("data: {json}\n\n")
}

/// An event that is named as its data's `type`.
pub(super) fn named(json: &Value) -> String {
    let name = json["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {json}\n\n")
}
