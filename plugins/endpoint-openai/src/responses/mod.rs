//! Responses: [`ResponsesEndpoint`].
//!
//! `input` writes what a turn says, `wire` is what an event and a whole response look like, and `parser` reads both.

mod input;
mod parser;
mod wire;

use prony_plugin_api::{Endpoint, NO_OPTIONS, RequestWriter, Result, TurnContext, json::Body};
use serde::Serialize;

use self::{
    input::{Input, InputItem},
    parser::ResponsesParser,
};

/// `POST /v1/responses`.
#[derive(Debug)]
pub(crate) struct ResponsesEndpoint;

/// The value of one field.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Field<'a> {
    Flag(bool),
    Count(u64),
    Text(&'a str),
    Input(Vec<InputItem<'a>>),
}

impl Endpoint for ResponsesEndpoint {
    type Parser = ResponsesParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let Input { instructions, items } = Input::of(*turn)?;
        let mut body = Body::default();
        body.set("input", Field::Input(items));
        body.set("model", Field::Text(turn.model()));
        body.set("stream", Field::Flag(turn.streaming()));
        if let Some(instructions) = instructions {
            body.set("instructions", Field::Text(instructions));
        }
        if let Some(limit) = turn.max_tokens() {
            body.set("max_output_tokens", Field::Count(limit));
        }
        // No `stream_options`: the usage comes with the last event, and the API format has no such field.
        body.merge_extras(*turn)?;
        body.write(request)
    }

    fn parser(&self) -> ResponsesParser {
        ResponsesParser::default()
    }
}
