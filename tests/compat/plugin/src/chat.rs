//! The endpoint.

use std::borrow::Cow;

use prony_plugin_api::{
    Endpoint, EventSink, Parser, PluginError, RequestWriter, Result, TextKind, TokenUsage, TurnContext,
};
use serde::Deserialize;
use serde_json::json;

/// Chat completions, streamed.
#[derive(Debug)]
pub struct CompatChat;

impl Endpoint for CompatChat {
    type Parser = ChatParser;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let messages: Vec<_> = turn
            .messages()
            .map(|message| json!({ "role": message.role(), "content": message.texts().collect::<String>() }))
            .collect();
        request.header("X-Compat", turn.conversation_id());
        let body = json!({
            "model": turn.model(), "messages": messages, "stream": turn.streaming(),
            "max_completion_tokens": turn.max_tokens(), "stream_options": { "include_usage": true },
        });
        serde_json::to_writer(request, &body).map_err(PluginError::malformed)
    }

    fn parser(&self) -> ChatParser {
        ChatParser::default()
    }
}

/// Reads one answer.
#[derive(Debug, Default)]
pub struct ChatParser {
    model: Option<String>,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(default)]
    choices: Vec<Choice<'a>>,
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Counts {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

impl Parser for ChatParser {
    fn event(&mut self, _name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if data == b"[DONE]" {
            out.done();
            return Ok(());
        }
        let chunk: Chunk<'_> = serde_json::from_slice(data).map_err(PluginError::malformed)?;
        if let (None, Some(model)) = (&self.model, chunk.model) {
            out.fact("model", &model);
            self.model = Some(model.into_owned());
        }
        for choice in chunk.choices {
            let text = choice.delta.and_then(|delta| delta.content).filter(|text| !text.is_empty());
            if let Some(text) = text {
                out.text(TextKind::CONTENT, 0, &text);
            }
            if let Some(reason) = choice.finish_reason {
                out.finish(0, &reason);
            }
        }
        if let Some(Counts { prompt_tokens, completion_tokens }) = chunk.usage {
            let counts =
                TokenUsage { prompt: prompt_tokens, completion: completion_tokens, ..TokenUsage::default() };
            out.usage(&counts);
        }
        Ok(())
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        out.error(Some(status), "unexpected", &String::from_utf8_lossy(body));
        Ok(())
    }
}
