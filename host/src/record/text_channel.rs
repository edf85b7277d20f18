//! The channel of a generated text, by the word that a journal has for it.

use prony_plugin_api::TextKind;
use serde::{Deserialize, Serialize};

use super::stored_word::stored_words;

/// What a generated text is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) enum TextChannel {
    /// The answer itself.
    Content,
    /// Reasoning before it.
    Reasoning,
    /// A call of a tool.
    Tool,
    /// Why the model does not answer.
    Refusal,
    /// `other` for a channel of a newer contract, or the word of a newer version.
    Other(String),
}

stored_words! {
    TextChannel {
        Content => "content",
        Reasoning => "reasoning",
        Tool => "tool",
        Refusal => "refusal",
    }
}

impl From<TextKind> for TextChannel {
    fn from(kind: TextKind) -> Self {
        match kind {
            TextKind::CONTENT => Self::Content,
            TextKind::REASONING => Self::Reasoning,
            TextKind::TOOL => Self::Tool,
            TextKind::REFUSAL => Self::Refusal,
            _ => Self::Other("other".to_owned()),
        }
    }
}
