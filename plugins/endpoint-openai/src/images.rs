//! Pictures from a prompt: [`ImagesEndpoint`].

use prony_plugin_api::{
    Endpoint, EventSink, NO_OPTIONS, Parser, PartKind, PluginError, RequestWriter, Result, TurnContext,
    TurnMessage,
    json::{self, Facts, Failure, Name, Text, Usage},
};
use serde::{Deserialize, de::IgnoredAny};

use crate::body::{Body, Field};

/// What an answer that is none is compared with.
const EXPECTED: &str = "an object with pictures in `data`";
/// What an event that is none is compared with.
const EVENT: &str = "an event with a `type`";

/// `POST /v1/images/generations`.
#[derive(Debug)]
pub(crate) struct ImagesEndpoint;

impl Endpoint for ImagesEndpoint {
    type Parser = ImagesParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let prompt = prompt(*turn, "make a picture")?;
        let mut body = Body::default();
        body.set("prompt", Field::Text(prompt));
        body.set("model", Field::Text(turn.model()));
        body.set("response_format", Field::Text("b64_json"));
        body.set("n", Field::Count(1));
        if turn.streaming() {
            body.set("stream", Field::Flag(true));
        }
        body.merge_extras(*turn)?;
        body.write(request)
    }

    fn parser(&self) -> ImagesParser {
        ImagesParser::default()
    }
}

/// The one text of a turn. `doing` says what it is needed for.
pub(crate) fn prompt<'a>(turn: TurnContext<'a>, doing: &str) -> Result<&'a str> {
    let mut messages = turn.messages();
    let (first, others) = (messages.next(), messages.len());
    let mut parts = first.iter().flat_map(TurnMessage::parts).filter(|part| !part.data().is_empty());
    match (parts.next(), parts.next()) {
        (None, _) if others == 0 => Ok(""),
        (Some(only), None) if others == 0 && only.kind() == PartKind::TEXT => Ok(only.data()),
        _ => Err(PluginError::unsupported(format_args!("{doing} of more than one text"))
            .hint("give one prompt a turn, without media")),
    }
}

/// Reads one response.
#[derive(Debug, Default)]
pub(crate) struct ImagesParser {
    facts: Facts,
}

/// A whole answer, or an event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with pictures")]
struct Reply<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    id: Name<'a>,
    #[serde(borrow)]
    model: Name<'a>,
    /// Of a whole answer.
    #[serde(borrow)]
    data: Option<Vec<Picture<'a>>>,
    /// Of an event.
    #[serde(borrow)]
    b64_json: Text<'a>,
    #[serde(borrow)]
    output_format: Text<'a>,
    usage: Option<Usage>,
    /// Present and not `null`.
    error: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Picture<'a> {
    #[serde(borrow)]
    b64_json: Text<'a>,
    #[serde(borrow)]
    url: Text<'a>,
}

impl Parser for ImagesParser {
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let Some(event) = json::event::<Reply<'_>>(name, data, EVENT, out)? else { return Ok(()) };
        let kind = if event.kind.is_empty() { name } else { &event.kind };
        // A partial image is a worse one of the same picture: it is none of its own.
        if kind.ends_with(".completed") {
            if event.b64_json.is_empty() {
                return Err(json::unexpected(data, "a picture in `b64_json`"));
            }
            picture(&event.b64_json, "", &event.output_format, out);
            self.tell(&event, out);
            out.done();
        } else if let Some(failure) = Failure::find(data) {
            failure.report(None, out);
        } else if kind.is_empty() {
            return Err(json::unexpected(data, EVENT));
        }
        Ok(())
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let is_one = |reply: &Reply<'_>| {
            reply.error.is_none() && reply.data.as_ref().is_some_and(|data| !data.is_empty())
        };
        let Some(reply) = json::answer::<Reply<'_>>(status, body, EXPECTED, is_one, out)? else {
            return Ok(());
        };
        for entry in reply.data.iter().flatten() {
            if entry.b64_json.is_empty() && entry.url.is_empty() {
                return Err(json::unexpected(body, "pictures with `b64_json` or `url` in `data`"));
            }
            picture(&entry.b64_json, &entry.url, &reply.output_format, out);
        }
        self.tell(&reply, out);
        out.done();
        Ok(())
    }
}

impl ImagesParser {
    fn tell(&mut self, reply: &Reply<'_>, out: &mut EventSink<'_>) {
        self.facts.tell(&reply.id, &reply.model, out);
        if let Some(counts) = reply.usage.as_ref().and_then(Usage::counts) {
            out.usage(counts);
        }
    }
}

fn picture(base64: &str, url: &str, format: &str, out: &mut EventSink<'_>) {
    // Four characters carry three bytes, padded or not.
    let bytes = base64.trim_end_matches('=').len() as u64 * 3 / 4;
    let content_type = match format {
        "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        _ => "image/png",
    };
    out.media(PartKind::IMAGE, content_type, bytes, url);
}
