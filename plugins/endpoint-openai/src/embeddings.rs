//! Embeddings: [`EmbeddingsEndpoint`].

use std::fmt;

use prony_plugin_api::{
    Endpoint, EventSink, NO_OPTIONS, Parser, RequestWriter, Result, TurnContext,
    json::{self, Facts, Name, Usage},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, SeqAccess, Visitor},
};

use crate::{
    body::{Body, Field},
    prompt,
};

/// What an answer that is none is compared with.
const EXPECTED: &str = "an object with embeddings in `data`";

/// `POST /v1/embeddings`. Every text of a turn is an input.
#[derive(Debug)]
pub(crate) struct EmbeddingsEndpoint;

impl Endpoint for EmbeddingsEndpoint {
    type Parser = EmbeddingsParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let mut body = Body::default();
        body.set("model", Field::Text(turn.model()));
        body.set("input", Field::Items(prompt::items(*turn)?));
        body.merge_extras(*turn)?;
        body.write(request)
    }

    fn parser(&self) -> EmbeddingsParser {
        EmbeddingsParser
    }
}

/// Reads one response.
#[derive(Debug)]
pub(crate) struct EmbeddingsParser;

/// A whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with embeddings in `data`")]
struct Reply<'a> {
    #[serde(borrow)]
    id: Name<'a>,
    #[serde(borrow)]
    model: Name<'a>,
    data: Option<Vec<Embedding>>,
    usage: Option<Usage>,
    /// Present and not `null`; see [`json::Failure`].
    error: Option<IgnoredAny>,
}

/// One embedding, without its numbers.
#[derive(Debug, Deserialize)]
struct Embedding {
    /// Which input it belongs to; its position in the list when the server does not say.
    index: Option<u32>,
    embedding: Dimensions,
}

/// The number of dimensions of a vector, which is all that is kept of it.
#[derive(Debug, PartialEq, Eq)]
struct Dimensions(u32);

impl Parser for EmbeddingsParser {
    /// The API format does not stream; a server that does anyway sends the whole answer as one event.
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        match json::whole_event(name, data, out) {
            Some(answer) => self.body(200, answer, out),
            None => Ok(()),
        }
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let is_one = |reply: &Reply<'_>| reply.error.is_none() && reply.data.is_some();
        let Some(reply) = json::answer(status, body, EXPECTED, is_one, out)? else { return Ok(()) };
        Facts::default().tell(&reply.id, &reply.model, out);
        for (position, embedding) in (0..).zip(reply.data.iter().flatten()) {
            out.embedding(embedding.index.unwrap_or(position), embedding.embedding.0);
        }
        if let Some(counts) = reply.usage.as_ref().and_then(Usage::counts) {
            out.usage(counts);
        }
        out.done();
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Dimensions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DimensionsVisitor)
    }
}

struct DimensionsVisitor;

impl<'de> Visitor<'de> for DimensionsVisitor {
    type Value = Dimensions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of numbers or the base64 text of 32-bit floats")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Dimensions, A::Error> {
        let mut count = 0;
        while numbers.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Dimensions(count))
    }

    fn visit_str<E: Error>(self, base64: &str) -> Result<Dimensions, E> {
        // Four characters carry three bytes, padded or not; a 32-bit float is four bytes.
        let bytes = base64.trim_end_matches('=').len() * 3 / 4;
        u32::try_from(bytes / 4)
            .ok()
            .filter(|_| bytes.is_multiple_of(4))
            .map(Dimensions)
            .ok_or_else(|| E::custom(format_args!("{bytes} bytes of base64 are not a list of 32-bit floats")))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::numbers("[0.5, -1e-3, 3]", 3)]
    #[case::one_float_padded(r#""AACAPw==""#, 1)]
    #[case::two_floats_unpadded(r#""AACAPwAAgD8""#, 2)]
    #[case::three_floats_without_need_of_padding(r#""AACAPwAAgD8AAIA/""#, 3)]
    fn dimensions_are_counted_without_the_numbers(#[case] json: &str, #[case] expected: u32) {
        assert_eq!(serde_json::from_str::<Dimensions>(json).unwrap(), Dimensions(expected));
    }

    #[test]
    fn base64_of_half_a_float_is_refused() {
        let error = serde_json::from_str::<Dimensions>(r#""AAA=""#).unwrap_err().to_string();
        assert!(error.starts_with("2 bytes of base64"), "{error}");
    }
}
