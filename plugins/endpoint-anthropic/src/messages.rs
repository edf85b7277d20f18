//! Messages: [`MessagesEndpoint`].

use prony_plugin_api::{Endpoint, NO_OPTIONS, RequestWriter, Result, TurnContext, json::Body};
use serde::Serialize;

use crate::{
    parser::MessagesParser,
    request::{Block, Conversation, Message},
};

/// The version of the API that this is written for.
const VERSION: &str = "2023-06-01";

/// The API format wants a limit; this is what it gets when the run sets none.
const DEFAULT_LIMIT: u64 = 1024;

/// `POST /v1/messages`.
#[derive(Debug)]
pub(crate) struct MessagesEndpoint;

/// The value of one field.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Field<'a> {
    Flag(bool),
    Count(u64),
    Text(&'a str),
    Blocks(Vec<Block<'a>>),
    Messages(Vec<Message<'a>>),
}

impl Endpoint for MessagesEndpoint {
    type Parser = MessagesParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        request.header("anthropic-version", VERSION);
        request.api_key_header("x-api-key", "");
        let Conversation { mut system, messages } = Conversation::of(*turn)?;
        let mut body = Body::default();
        body.set("model", Field::Text(turn.model()));
        body.set("messages", Field::Messages(messages));
        body.set("max_tokens", Field::Count(turn.max_tokens().unwrap_or(DEFAULT_LIMIT)));
        match (system.pop(), system.is_empty()) {
            (None, _) => {}
            // Every server takes a bare string.
            (Some(Block::Text { text }), true) => body.set("system", Field::Text(text)),
            (Some(last), _) => {
                system.push(last);
                body.set("system", Field::Blocks(system));
            }
        }
        if turn.streaming() {
            body.set("stream", Field::Flag(true));
        }
        body.merge_extras(*turn)?;
        body.write(request)
    }

    fn parser(&self) -> MessagesParser {
        MessagesParser::default()
    }
}
