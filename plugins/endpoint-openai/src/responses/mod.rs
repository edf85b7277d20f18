//! Responses: [`ResponsesEndpoint`].
//!
//! `input` writes what a turn says, `wire` is what an event and a whole response look like, and `parser` reads both.

mod input;
mod parser;
mod wire;

use prony_plugin_api::{Endpoint, PluginError, RequestWriter, Result, TurnContext, json::Body};
use serde::{Deserialize, Serialize};

use self::{
    input::{Input, InputItem},
    parser::ResponsesParser,
};
use crate::options::Options;

const OPTIONS: &str = r#"{
    "type": "object",
    "properties": {
        "previous_response_id": {
            "type": "boolean",
            "default": false,
            "description": "Send only what is new, with the id of the response before it; the server has to store responses."
        }
    }
}"#;

/// `POST /v1/responses`.
#[derive(Debug)]
pub(crate) struct ResponsesEndpoint {
    /// A request refers to the response before it, and does not repeat what the server keeps.
    refers_back: bool,
}

/// What the host says of the conversation that a request goes on with. A host that is older says nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Facts {
    /// The server's name for the response that the conversation so far ends with.
    previous_response_id: Option<String>,
    /// How many messages, from the first one on, the server has with it.
    previous_messages: usize,
}

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

    const OPTIONS: &'static str = OPTIONS;

    fn new(options: &str) -> Result<Self> {
        Ok(Self { refers_back: Options::read(options)?.flag("previous_response_id")? })
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let facts = self.facts(*turn)?;
        let Input { instructions, items } = Input::of(*turn, facts.previous_messages)?;
        let mut body = Body::default();
        body.set("input", Field::Input(items));
        body.set("model", Field::Text(turn.model()));
        body.set("stream", Field::Flag(turn.streaming()));
        if let Some(instructions) = instructions {
            body.set("instructions", Field::Text(instructions));
        }
        if let Some(id) = &facts.previous_response_id {
            body.set("previous_response_id", Field::Text(id));
        }
        if self.refers_back {
            body.set("store", Field::Flag(true));
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

impl ResponsesEndpoint {
    /// What the request can refer to: nothing, unless that is asked for.
    fn facts(&self, turn: TurnContext<'_>) -> Result<Facts> {
        if !self.refers_back {
            return Ok(Facts::default());
        }
        serde_json::from_str(turn.facts_json())
            .map_err(|error| PluginError::malformed(format_args!("read the facts of a request: {error}")))
    }
}
