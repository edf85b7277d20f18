//! What a chat message says: [`Content`].

use std::fmt;

use prony_plugin_api::json::Text;
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor, value::SeqAccessDeserializer},
};

/// Content of a message: one text, or a list of typed parts.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    Whole(Text<'a>),
    /// In pieces, in order. Hardly a server streams them: a chunk need not have room for one.
    Parts(Vec<ContentPart<'a>>),
}

/// One part of a message's content. Parts of other types, such as images, have neither text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ContentPart<'a> {
    #[serde(borrow)]
    pub(crate) text: Text<'a>,
    /// A refusal in place of it.
    #[serde(borrow)]
    pub(crate) refusal: Text<'a>,
}

impl Default for Content<'_> {
    fn default() -> Self {
        Self::Whole(Text::default())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list of parts or null")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Content::Whole(text.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Content::Whole(text.to_owned().into()))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Content::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(parts)).map(Content::Parts)
    }
}
