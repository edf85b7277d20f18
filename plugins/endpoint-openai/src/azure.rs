//! Chat completions as Azure has them: [`AzureChatEndpoint`].

use prony_plugin_api::{Endpoint, RequestWriter, Result, TurnContext, json::path_segment};

use crate::{answer::AnswerParser, chat::ChatEndpoint, options::Options};

/// The newest version of the API that is no preview.
const API_VERSION: &str = "2024-10-21";

/// `POST /openai/deployments/DEPLOYMENT/chat/completions?api-version=VERSION`: the model's name is that of a deployment.
#[derive(Debug)]
pub(crate) struct AzureChatEndpoint {
    chat: ChatEndpoint,
    api_version: String,
}

impl Endpoint for AzureChatEndpoint {
    type Parser = AnswerParser;

    const OPTIONS: &'static str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "api_version": {
      "type": "string",
      "default": "2024-10-21",
      "description": "Version of the API, as the parameter `api-version` says it."
    },
    "use_legacy_max_tokens": {
      "type": "boolean",
      "default": false,
      "description": "Limit the output with `max_tokens` instead of `max_completion_tokens`.",
      "x-longer-output-hint": "if the server does not know `max_completion_tokens`, use `--use-legacy-max-tokens`"
    }
  }
}"#;

    fn new(options: &str) -> Result<Self> {
        let chat = ChatEndpoint::new(options)?;
        let options = Options::read(options)?;
        let api_version = path_segment(options.text("api_version")?.unwrap_or(API_VERSION));
        Ok(Self { chat, api_version })
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let (deployment, version) = (path_segment(turn.model()), &self.api_version);
        request.path(&format!("/openai/deployments/{deployment}/chat/completions?api-version={version}"));
        request.api_key_header("api-key", "");
        self.chat.format(turn, request)
    }

    fn parser(&self) -> AnswerParser {
        self.chat.parser()
    }
}

#[cfg(test)]
mod tests {
    use prony_plugin_api::testing::{TestEndpoint, Turn};
    use serde_json::Value;

    use super::*;

    /// They are written twice, because a library's schema is a constant.
    #[test]
    fn it_takes_the_options_of_a_chat_in_the_same_words() {
        let properties = |schema: &str| serde_json::from_str::<Value>(schema).unwrap()["properties"].clone();
        let (azure, chat) = (properties(AzureChatEndpoint::OPTIONS), properties(ChatEndpoint::OPTIONS));
        for (name, option) in chat.as_object().unwrap() {
            assert_eq!(azure[name], *option, "{name}");
        }
    }

    fn request(options: &str, model: &str) -> prony_plugin_api::testing::Request {
        let endpoint = TestEndpoint::new::<AzureChatEndpoint>(options).unwrap();
        endpoint.format(&Turn::user("Hi").model(model)).unwrap()
    }

    #[test]
    fn the_deployment_and_the_version_stand_in_the_path_and_the_key_in_its_own_header() {
        let azure = request("{}", "my gpt");
        assert_eq!(
            azure.path.as_deref(),
            Some("/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21")
        );
        assert_eq!(azure.api_key_header, Some(("api-key".to_owned(), String::new())));
        let chat = TestEndpoint::new::<ChatEndpoint>("{}").unwrap();
        assert_eq!(azure.body, chat.format(&Turn::user("Hi").model("my gpt")).unwrap().body);
    }

    #[test]
    fn a_version_can_be_chosen() {
        let path = request(r#"{"api_version": "2025-04-01-preview"}"#, "m").path.unwrap();
        assert!(path.ends_with("/m/chat/completions?api-version=2025-04-01-preview"), "{path}");
        assert!(AzureChatEndpoint::new(r#"{"api_version": 7}"#).is_err());
    }

    #[test]
    fn the_default_in_the_schema_is_the_default() {
        let schema: Value = serde_json::from_str(AzureChatEndpoint::OPTIONS).unwrap();
        assert_eq!(schema["properties"]["api_version"]["default"], API_VERSION);
    }
}
