//! Chat completions: [`ChatEndpoint`].

use prony_plugin_api::{Endpoint, PluginError, RequestWriter, Result, TurnContext};
use serde_json::{Map, Value};

use crate::{
    answer::AnswerParser,
    body::{Body, Field, ask_for_usage},
    content::ChatMessage,
};

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
      "description": "Limit the output with `max_tokens` instead of `max_completion_tokens`."
    }
  }
}"#;

    fn new(options: &str) -> Result<Self> {
        let limit_field =
            if flag(options, "use_legacy_max_tokens")? { "max_tokens" } else { "max_completion_tokens" };
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

/// A boolean option; off when it is absent or `null`.
fn flag(options: &str, name: &str) -> Result<bool> {
    let options: Map<String, Value> = serde_json::from_str(options)
        .map_err(|error| PluginError::config(format_args!("read the options `{options}`: {error}")))?;
    match options.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => {
            Err(PluginError::config(format_args!("read the option `{name}`: `{other}` is not a boolean"))
                .hint(format_args!("set `{name}` to true or false")))
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::absent("{}", false)]
    #[case::among_others(r#"{"colour": "red", "use_legacy_max_tokens": true}"#, true)]
    #[case::null(r#"{"use_legacy_max_tokens": null}"#, false)]
    fn options_are_read_and_unknown_ones_ignored(#[case] options: &str, #[case] expected: bool) {
        assert_eq!(flag(options, "use_legacy_max_tokens"), Ok(expected));
    }

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
