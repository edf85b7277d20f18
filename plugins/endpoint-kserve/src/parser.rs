//! Reading tensors: [`InferParser`].

use prony_plugin_api::{
    EventSink, Parser, Result, TextKind,
    json::{self, Facts, Few, Name, Text},
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

/// What an answer that is none is compared with.
const EXPECTED: &str = "an object with a tensor of texts in `outputs`";

/// Reads one response.
#[derive(Debug)]
pub(crate) struct InferParser {
    /// Name of the tensor with the answer.
    pub(crate) output: String,
}

/// A whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with `outputs`")]
struct Reply<'a> {
    #[serde(borrow)]
    id: Name<'a>,
    #[serde(borrow)]
    model_name: Name<'a>,
    #[serde(borrow)]
    outputs: Option<Vec<Tensor<'a>>>,
    /// Present and not `null`.
    error: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tensor<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    datatype: Text<'a>,
    /// Read once it is known to be texts.
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl Parser for InferParser {
    /// The API format does not stream; a server that does anyway sends whole answers as events.
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        match json::whole_event(name, data, out) {
            Some(answer) => self.body(200, answer, out),
            None => Ok(()),
        }
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let is_one = |reply: &Reply<'_>| reply.error.is_none() && reply.outputs.is_some();
        let Some(reply) = json::answer(status, body, EXPECTED, is_one, out)? else { return Ok(()) };
        let tensors = reply.outputs.as_deref().unwrap_or_default();
        let texts = || tensors.iter().filter(|tensor| &*tensor.datatype == "BYTES");
        let answer = texts().find(|tensor| *tensor.name == *self.output).or_else(|| texts().next());
        let data = answer.and_then(|tensor| tensor.data).ok_or_else(|| json::unexpected(body, EXPECTED))?;
        let texts: Few<Text<'_>> = match serde_json::from_str(data.get()) {
            Ok(texts) => texts,
            Err(error) => return json::unreadable(body, EXPECTED, &error, out),
        };
        Facts::default().tell(&reply.id, &reply.model_name, out);
        for (position, text) in texts.enumerate().filter(|(_, text)| !text.is_empty()) {
            out.text(TextKind::CONTENT, position, text);
        }
        out.done();
        Ok(())
    }
}
