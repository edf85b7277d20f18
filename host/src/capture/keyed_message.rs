//! What was said, as keys to compare: who repeats what.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::dataset::{Message, message_text, roles};

/// What a message says, and a key of it.
#[derive(Debug)]
pub(super) struct KeyedMessage {
    /// All of it that is counted in tokens.
    pub(super) text: String,
    /// A system prompt, which clients may change from request to request.
    pub(super) is_system: bool,
    /// The assistant says it.
    pub(super) is_reply: bool,
    key: u64,
}

impl KeyedMessage {
    pub(super) fn of(message: &Message) -> Self {
        let text = message_text(message);
        let mut hasher = DefaultHasher::new();
        message.role.hash(&mut hasher);
        // Clients write the JSON of tool calls in their own way, and cut white space off replies.
        for word in text.split_whitespace() {
            hasher.write(word.as_bytes());
        }
        // Pictures and other media.
        let media = message.parts.iter().filter(|part| part.name.is_empty() && !text.contains(&*part.data));
        media.for_each(|part| part.data.hash(&mut hasher));
        Self {
            is_system: matches!(&*message.role, roles::SYSTEM | roles::DEVELOPER),
            is_reply: message.role == roles::ASSISTANT,
            key: hasher.finish(),
            text,
        }
    }
}

/// The key of a conversation that goes on with a message.
pub(super) fn after(conversation: u64, message: &KeyedMessage) -> u64 {
    key_of(&(conversation, message.key))
}

/// A key of anything.
pub(super) fn key_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Part;

    fn said(role: &str, text: &str) -> u64 {
        let parts = vec![Part::text(text.to_owned())];
        KeyedMessage::of(&Message { role: role.to_owned(), parts }).key
    }

    #[test]
    fn the_same_is_the_same_whatever_its_white_space() {
        assert_eq!(said("assistant", "{\"a\": 1}\n"), said("assistant", "{\"a\":1}"));
        assert_ne!(said("assistant", "yes"), said("user", "yes"));
        assert_ne!(said("user", "yes"), said("user", "no"));
    }
}
