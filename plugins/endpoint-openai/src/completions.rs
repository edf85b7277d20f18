//! Text completions: [`CompletionsEndpoint`].

use prony_plugin_api::{Endpoint, NO_OPTIONS, RequestWriter, Result, TurnContext};

use crate::{
    answer::AnswerParser,
    body::{Body, Field, ask_for_usage},
    prompt::{self, Item},
};

/// `POST /v1/completions`. A turn of several texts is a batch: each is a prompt with choices of its own.
#[derive(Debug)]
pub(crate) struct CompletionsEndpoint;

impl Endpoint for CompletionsEndpoint {
    type Parser = AnswerParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let mut items = prompt::items(*turn)?;
        let prompt = match items.len() {
            0 | 1 => Field::Item(items.pop().unwrap_or(Item::Text(""))),
            _ => Field::Items(items),
        };
        let mut body = Body::default();
        body.set("prompt", prompt);
        body.set("model", Field::Text(turn.model()));
        body.set("stream", Field::Flag(turn.streaming()));
        if let Some(limit) = turn.max_tokens() {
            body.set("max_tokens", Field::Count(limit));
        }
        body.merge_extras(*turn)?;
        ask_for_usage(&mut body);
        body.write(request)
    }

    fn parser(&self) -> AnswerParser {
        AnswerParser::default()
    }
}
