//! The API format of Example Vendor's servers. `CHANGE` marks what is theirs; the rest can stay.
use prony_plugin_api::{Endpoint, EventSink, Parser, PluginError, RequestWriter};
use prony_plugin_api::{Result, TextKind, TokenUsage, TurnContext};
use serde_json::{Map, Value, json};

/// Writes requests. One value serves a whole run, from several threads at once.
#[derive(Debug)]
pub struct ExampleVendor;

impl Endpoint for ExampleVendor {
    type Parser = AnswerParser;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        // CHANGE: the body that the server takes.
        let mut body = json!({"model": turn.model(), "stream": turn.streaming()});
        body["messages"] =
            turn.messages().map(|m| json!({"role": m.role(), "content": m.text()})).collect();
        if let Some(limit) = turn.max_tokens() {
            body["max_tokens"] = limit.into();
        }
        // The user's own fields come last, and win.
        let extra = serde_json::from_str::<Map<_, _>>(turn.extra_json());
        for (name, value) in extra.map_err(PluginError::config)? {
            body[name] = value;
        }
        serde_json::to_writer(request, &body).map_err(PluginError::malformed)
    }

    fn parser(&self) -> AnswerParser {
        AnswerParser
    }
}

/// Reads one answer. What it must remember from event to event goes in here.
#[derive(Debug)]
pub struct AnswerParser;

impl Parser for AnswerParser {
    fn event(&mut self, _name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if data == b"[DONE]" {
            out.done(); // CHANGE: how a stream ends
            return Ok(());
        }
        let reply: Value = serde_json::from_slice(data).map_err(PluginError::malformed)?;
        // CHANGE: where the text is.
        for choice in reply["choices"].as_array().into_iter().flatten() {
            let index = choice["index"].as_u64().and_then(|i| i.try_into().ok()).unwrap_or(0);
            let said = choice.get("delta").unwrap_or(&choice["message"]);
            out.text(TextKind::CONTENT, index, said["content"].as_str().unwrap_or_default());
            if let Some(reason) = choice["finish_reason"].as_str() {
                out.finish(index, reason);
            }
        }
        let tokens = |name| reply["usage"][name].as_u64(); // CHANGE: token counts
        if let completion @ Some(_) = tokens("completion_tokens") {
            let prompt = tokens("prompt_tokens");
            out.usage(&TokenUsage { prompt, completion, ..TokenUsage::default() });
        }
        if let Some(message) = reply["error"]["message"].as_str() {
            out.error(None, "", message); // CHANGE: how an error looks
        }
        Ok(())
    }

    fn body(&mut self, _status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        self.event("", body, out) // A whole answer is read like one large event.
    }
}

prony_plugin_api::export_plugin! { capabilities: [], endpoints: [ExampleVendor] }
