//! [`RawEndpoint`] and [`TemplateEndpoint`].

use std::{io::Write, sync::Arc};

use prony_plugin_api::{Endpoint, PartKind, PluginError, RequestWriter, Result, TurnContext, TurnMessage};

use crate::{options::Options, parser::ReplyParser, selection::Selection, template::Template};

/// Sends the payloads that a dataset holds, byte for byte. Where it holds texts, the smallest chat request around
/// them stands for a payload.
#[derive(Debug)]
pub(crate) struct RawEndpoint {
    chat: Template,
    selection: Option<Arc<Selection>>,
}

impl Endpoint for RawEndpoint {
    type Parser = ReplyParser;

    const OPTIONS: &'static str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "response_field": {
      "type": "string",
      "x-extra-input": true,
      "description": "JMESPath expression for the text, embeddings or scores of an answer or an event; without a match, the usual places are tried."
    }
  }
}"#;

    fn new(options: &str) -> Result<Self> {
        let options = Options::read(options)?;
        Ok(Self { chat: Template::chat(), selection: options.selection()?.map(Arc::new) })
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let last = turn.messages().last();
        let payload = last.iter().flat_map(TurnMessage::parts).find(|part| part.kind() == PartKind::RAW);
        let Some(payload) = payload else { return self.chat.write(*turn, request) };
        if !matches!(turn.extra_json(), "" | "{}") {
            return Err(PluginError::unsupported("add extra inputs to a payload that is sent as it is")
                .hint("leave out `--extra-inputs`, or put them into the payloads"));
        }
        request.write_all(payload.data().as_bytes()).map_err(PluginError::io)
    }

    fn parser(&self) -> ReplyParser {
        ReplyParser::new(self.selection.clone(), false)
    }
}

/// Makes bodies from the user's Jinja template.
#[derive(Debug)]
pub(crate) struct TemplateEndpoint {
    template: Template,
    selection: Option<Arc<Selection>>,
}

impl Endpoint for TemplateEndpoint {
    type Parser = ReplyParser;

    const OPTIONS: &'static str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "template": {
      "type": "string",
      "description": "Jinja template of the body, such as {\"prompt\": {{ text|tojson }}}; without one it is a chat request."
    },
    "template_file": {"type": "string", "description": "File with the template."},
    "payload_template": {
      "type": "string",
      "x-extra-input": true,
      "description": "The template as AIPerf takes it: text, file, or the name nv-embedqa. Also as --extra-inputs payload_template:..."
    },
    "response_field": {
      "type": "string",
      "x-extra-input": true,
      "description": "JMESPath expression for the text, embeddings or scores of an answer or an event; without it, the usual places are tried."
    }
  }
}"#;

    fn new(options: &str) -> Result<Self> {
        let options = Options::read(options)?;
        Ok(Self { template: options.template()?, selection: options.selection()?.map(Arc::new) })
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        self.template.write(*turn, request)
    }

    fn parser(&self) -> ReplyParser {
        ReplyParser::new(self.selection.clone(), true)
    }
}
