//! [`CompletionEndpoint`].

use prony_plugin_api::{
    Endpoint, PluginError, RequestWriter, Result, TurnContext,
    json::{Body, texts},
};
use serde::{Deserialize, Serialize};

use crate::{media::MediaPrompt, parser::CompletionParser};

/// `POST /completion`. A turn of several texts is a batch: each is a prompt of its own. With media, it is one prompt.
#[derive(Debug)]
pub(crate) struct CompletionEndpoint {
    options: Options,
}

/// What the user may say of a server.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Options {
    /// Stands for a medium in a prompt.
    media_marker: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { media_marker: "<__media__>".to_owned() }
    }
}

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

    const OPTIONS: &'static str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "media_marker": {
      "type": "string", "default": "<__media__>",
      "description": "What stands for an image or a clip in a prompt: the server's `LLAMA_MEDIA_MARKER`, or `media_marker` of its `/props`."
    }
  }
}"#;

    fn new(options: &str) -> Result<Self> {
        let refused = |why: &dyn std::fmt::Display| {
            PluginError::config(format_args!("read the options `{options}`: {why}"))
                .hint("`media_marker` is the text that stands for a medium, such as `<__media__>`")
        };
        let options: Options = serde_json::from_str(options).map_err(|error| refused(&error))?;
        if options.media_marker.is_empty() {
            return Err(refused(&"`media_marker` is empty"));
        }
        Ok(Self { options })
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let prompt = match MediaPrompt::of(*turn, &self.options.media_marker)? {
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
