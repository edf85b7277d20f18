//! Prompts of the API formats that know no conversation: completions and embeddings.

use prony_plugin_api::{PartKind, PluginError, Result, TurnContext, TurnMessage, json::raw};
use serde::Serialize;
use serde_json::Value;

/// One input: a text, or what the dataset wrote in the API format's own form, such as a list of token ids.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Item<'a> {
    Text(&'a str),
    Raw(Value),
}

/// The inputs of a turn, in order; empty texts are left out.
///
/// # Errors
/// `unsupported` for a turn that follows others, or that brings media.
pub(crate) fn items(turn: TurnContext<'_>) -> Result<Vec<Item<'_>>> {
    let mut messages = turn.messages();
    if messages.len() > 1 {
        return Err(PluginError::unsupported(format_args!(
            "send a conversation of {} messages: this API format takes single prompts",
            messages.len()
        ))
        .hint("use the `chat` endpoint, or a dataset of single turns"));
    }
    let mut items = Vec::new();
    for part in messages.next().iter().flat_map(TurnMessage::parts) {
        match part.kind() {
            PartKind::TEXT if part.data().is_empty() => {}
            PartKind::TEXT => items.push(Item::Text(part.data())),
            PartKind::RAW => items.push(Item::Raw(raw(part.data())?)),
            _ => {
                return Err(PluginError::unsupported("send a medium: this API format takes text only")
                    .hint("use the `chat` endpoint"));
            }
        }
    }
    Ok(items)
}
