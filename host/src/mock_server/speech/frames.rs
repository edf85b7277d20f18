//! What the API formats' streams and whole responses have in common: what they are made from, and how events are written.

use std::fmt::Debug;

use serde_json::Value;

use crate::mock_server::{
    fields::Delivery,
    job::Generation,
    reply::Identity,
    script::{Bundle, Channel},
    tools::{self, Call},
    words,
};

/// What an answer with text says about itself.
#[derive(Clone, Copy, Debug)]
pub(in crate::mock_server) struct Speech<'a> {
    pub(in crate::mock_server) identity: &'a Identity,
    pub(in crate::mock_server) prompt_tokens: u64,
    /// Those of them that were in the prefix cache, if there is one.
    pub(in crate::mock_server) cached_tokens: Option<u64>,
    pub(in crate::mock_server) generation: &'a Generation,
}

/// The events of one stream, as text.
pub(in crate::mock_server) trait Frames: Debug + Send {
    /// What leaves before the first token. No client may take any of it for a token.
    fn begin(&mut self) -> String;

    /// Tokens of a choice.
    fn text(&mut self, choice: u64, channel: Channel, words: &str) -> String;

    /// A piece of a call of a tool, in an API format that has such.
    fn call(&mut self, _choice: u64, _piece: &CallPiece) -> String {
        String::new()
    }

    /// The end of a good stream, one event each.
    fn end(&mut self) -> Vec<String>;
}

/// A piece of a call of a tool.
#[derive(Debug)]
pub(in crate::mock_server) struct CallPiece {
    /// Number of the call in its choice, from 0.
    pub(super) number: usize,
    /// The whole call.
    pub(super) call: Call,
    /// The arguments in this piece.
    pub(super) arguments: String,
    /// It is the first and the last piece of its call.
    pub(super) begins: bool,
    pub(super) ends: bool,
}

impl Speech<'_> {
    /// The calls of tools of a choice.
    pub(in crate::mock_server) fn calls(&self, choice: u64) -> impl Iterator<Item = Call> {
        (0..self.generation.tools.len()).map(move |number| self.call(choice, number))
    }

    fn call(&self, choice: u64, number: usize) -> Call {
        let tokens = self.generation.call_tokens(number);
        Call::of(self.identity.number, choice, number, &self.generation.tools[number], tokens)
    }

    /// The piece of a call that a bundle of its tokens is.
    pub(in crate::mock_server) fn piece(&self, choice: u64, number: usize, bundle: &Bundle) -> CallPiece {
        let Bundle { begins, ends, .. } = *bundle;
        let arguments = tools::piece(choice, bundle.tokens.clone(), begins, ends);
        CallPiece { number, call: self.call(choice, number), arguments, begins, ends }
    }

    /// The whole text of one channel of a choice.
    pub(in crate::mock_server) fn text(&self, choice: u64, channel: Channel) -> String {
        let generation = self.generation;
        let tokens = match channel {
            Channel::Reasoning => 0..generation.reasoning,
            Channel::Content => generation.reasoning..generation.content_end(),
            Channel::Call(number) => generation.call_tokens(number),
        };
        words::text(choice, tokens)
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
