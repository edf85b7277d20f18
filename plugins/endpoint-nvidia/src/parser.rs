//! Reading what was found: [`ImageRetrievalParser`].

use std::collections::BTreeMap;

use prony_plugin_api::{EventSink, Parser, Result, json};
use serde::{Deserialize, de::IgnoredAny};

/// What an answer that is none is compared with.
const EXPECTED: &str = "an object with an entry for each image in `data`";

/// Reads one response.
#[derive(Debug)]
pub(crate) struct ImageRetrievalParser;

/// A whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with `data`")]
struct Reply {
    data: Option<Vec<Found>>,
    /// Present and not `null`.
    error: Option<IgnoredAny>,
}

/// What is in one image: boxes by the kind of thing in them.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object for each image")]
struct Found {
    bounding_boxes: BTreeMap<String, Vec<IgnoredAny>>,
}

impl Parser for ImageRetrievalParser {
    /// The API format does not stream; a server that does anyway sends the whole answer as one event.
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        match json::whole_event(name, data, out) {
            Some(answer) => self.body(200, answer, out),
            None => Ok(()),
        }
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let is_one = |reply: &Reply| {
            reply.error.is_none() && reply.data.as_ref().is_some_and(|images| !images.is_empty())
        };
        let Some(reply) = json::answer(status, body, EXPECTED, is_one, out)? else { return Ok(()) };
        let images = reply.data.iter().flatten();
        let boxes: usize = images.flat_map(|image| image.bounding_boxes.values()).map(Vec::len).sum();
        out.fact("detections", &boxes.to_string());
        out.done();
        Ok(())
    }
}
