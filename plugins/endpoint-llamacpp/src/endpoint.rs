//! [`CompletionEndpoint`].

use prony_plugin_api::{
    Endpoint, RequestWriter, Result, TurnContext,
    json::{Body, texts},
};
use serde::Serialize;

use crate::{media::MediaPrompt, parser::CompletionParser};

/// `POST /completion`. A turn of several texts is a batch: each is a prompt of its own. With media, it is one prompt.
#[derive(Debug)]
pub(crate) struct CompletionEndpoint;

/// The value of one field.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Field<'a> {
    Flag(bool),
    Count(u64),
    Text(&'a str),
    Texts(Vec<&'a str>),
    Media(MediaPrompt<'a>),
}

fn texts_only(texts: Vec<&str>) -> Field<'_> {
    match texts.as_slice() {
        [] => Field::Text(""),
        [only] => Field::Text(only),
        _ => Field::Texts(texts),
    }
}

impl Endpoint for CompletionEndpoint {
    type Parser = CompletionParser;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let prompt = match MediaPrompt::of(*turn)? {
            Some(prompt) => Field::Media(prompt),
            None => texts_only(texts(*turn)?),
        };
        let mut body = Body::default();
        body.set("prompt", prompt);
        body.set("stream", Field::Flag(turn.streaming()));
        if let Some(limit) = turn.max_tokens() {
            body.set("n_predict", Field::Count(limit));
        }
        body.merge_extras(*turn)?;
        body.write(request)
    }

    fn parser(&self) -> CompletionParser {
        CompletionParser::default()
    }
}
