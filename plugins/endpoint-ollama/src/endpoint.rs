//! [`ChatEndpoint`].

use prony_plugin_api::{
    Endpoint, NO_OPTIONS, RequestWriter, Result, TurnContext,
    json::{Body, Field},
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    message::{Message, OpenCalls},
    parser::ChatParser,
};

/// `POST /api/chat`.
#[derive(Debug)]
pub(crate) struct ChatEndpoint;

/// The value of one field.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Own<'a> {
    Text(&'a str),
    Messages(Vec<Message<'a>>),
    Flag(bool),
    Options(Options),
}

/// What the model is run with. The user may set more of it.
#[derive(Clone, Copy, Debug, Serialize)]
struct Options {
    num_predict: u64,
}

impl Endpoint for ChatEndpoint {
    type Parser = ChatParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let mut open = OpenCalls::default();
        let messages =
            turn.messages().map(|message| Message::of(message, &mut open)).collect::<Result<_>>()?;
        let mut body = Body::default();
        body.set("model", Own::Text(turn.model()));
        body.set("messages", Own::Messages(messages));
        // The server streams unless it is told not to.
        body.set("stream", Own::Flag(turn.streaming()));
        if let Some(num_predict) = turn.max_tokens() {
            body.set("options", Own::Options(Options { num_predict }));
        }
        body.merge_extras(*turn)?;
        if let (Some(limit), Some(Field::Users(Value::Object(options)))) =
            (turn.max_tokens(), body.get_mut("options"))
        {
            // Options of the user's own are no reason to forget the limit, unless they have one.
            options.entry("num_predict").or_insert(limit.into());
        }
        body.write(request)
    }

    fn parser(&self) -> ChatParser {
        ChatParser::default()
    }
}
