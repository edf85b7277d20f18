//! Prompts of API formats that know no conversation: [`texts`].

use crate::{
    endpoint::{PartKind, TurnContext, TurnMessage},
    error::{PluginError, Result},
};

/// The texts of a turn that stands alone, in order; empty ones are left out.
///
/// # Errors
/// `unsupported` for a turn that follows others, or that brings anything but text.
pub fn texts(turn: TurnContext<'_>) -> Result<Vec<&str>> {
    let mut messages = turn.messages();
    if messages.len() > 1 {
        return Err(PluginError::unsupported(format_args!(
            "send a conversation of {} messages: this API format takes single prompts",
            messages.len()
        ))
        .hint("use the `chat` endpoint, or a dataset of single turns"));
    }
    let mut texts = Vec::new();
    for part in messages.next().iter().flat_map(TurnMessage::parts) {
        if part.kind() != PartKind::TEXT {
            return Err(PluginError::unsupported(
                "send a medium or raw JSON: this API format takes text only",
            )
            .hint("use the `chat` endpoint"));
        }
        if !part.data().is_empty() {
            texts.push(part.data());
        }
    }
    Ok(texts)
}
