//! Chat completions: [`ChatEndpoint`].

use prony_plugin_api::{Endpoint, RequestWriter, Result, TurnContext};

use crate::{
    answer::AnswerParser,
    body::{Body, Field, ask_for_usage},
    content::ChatMessage,
    options::Options,
};

/// The option that names the field that limits the output.
const LEGACY_LIMIT: &str = "use_legacy_max_tokens";

/// `POST /v1/chat/completions`.
#[derive(Debug)]
pub(crate) struct ChatEndpoint {
    /// Name of the field that limits the output.
    limit_field: &'static str,
}

impl Endpoint for ChatEndpoint {
    type Parser = AnswerParser;

    const OPTIONS: &'static str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "use_legacy_max_tokens": {
      "type": "boolean",
      "default": false,
      "description": "Limit the output with `max_tokens` instead of `max_completion_tokens`.",
      "x-longer-output-hint": "if the server does not know `max_completion_tokens`, use `--use-legacy-max-tokens`"
    }
  }
}"#;

    fn new(options: &str) -> Result<Self> {
        let limit_field =
            if Options::read(options)?.flag(LEGACY_LIMIT)? { "max_tokens" } else { "max_completion_tokens" };
        Ok(Self { limit_field })
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let messages = turn.messages().map(ChatMessage::of).collect::<Result<_>>()?;
        let mut body = Body::default();
        body.set("messages", Field::Messages(messages));
        body.set("model", Field::Text(turn.model()));
        body.set("stream", Field::Flag(turn.streaming()));
        if let Some(limit) = turn.max_tokens() {
            body.set(self.limit_field, Field::Count(limit));
        }
        body.merge_extras(*turn)?;
        ask_for_usage(&mut body);
        body.write(request)
    }

    fn parser(&self) -> AnswerParser {
        AnswerParser::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn an_option_of_the_wrong_type_is_named() {
        let error = ChatEndpoint::new(r#"{"use_legacy_max_tokens": "yes"}"#).unwrap_err();
        assert_eq!(error.message, r#"read the option `use_legacy_max_tokens`: `"yes"` is not a boolean"#);
        assert_eq!(error.hint, "set `use_legacy_max_tokens` to true or false");
    }

    #[test]
    fn the_options_schema_is_json_and_names_the_option() {
        let schema: Value = serde_json::from_str(ChatEndpoint::OPTIONS).unwrap();
        assert_eq!(schema["properties"]["use_legacy_max_tokens"]["type"], "boolean");
    }
}
