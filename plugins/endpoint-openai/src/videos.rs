//! Videos from a prompt: [`VideosEndpoint`]. They take their time: a request is answered with a job, which is asked
//! after until it is over.

use prony_plugin_api::{
    Endpoint, EventSink, Parser, PartKind, PluginError, RequestWriter, Result, TurnContext,
    json::{self, Facts, Failure, Name, Text},
};
use serde::Deserialize;

use crate::{form::Form, images::prompt};

/// What an answer that is none is compared with.
const EXPECTED: &str = "an object with the `id` and `status` of a video";

/// `POST /v1/videos`, then `GET /v1/videos/{id}`.
#[derive(Debug)]
pub(crate) struct VideosEndpoint {
    options: Options,
}

/// How a job is followed.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default)]
struct Options {
    poll_interval_ms: u64,
    download: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { poll_interval_ms: 100, download: false }
    }
}

impl Endpoint for VideosEndpoint {
    type Parser = VideosParser;

    const OPTIONS: &'static str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "poll_interval_ms": {
      "type": "integer", "minimum": 1, "maximum": 3600000, "default": 100,
      "description": "Milliseconds between two looks at a job that is not over."
    },
    "download": {
      "type": "boolean", "default": false, "description": "Fetch the video when it is made."
    }
  }
}"#;

    fn new(options: &str) -> Result<Self> {
        let read: Options = serde_json::from_str(options).map_err(|error| wrong(options, &error))?;
        if read.poll_interval_ms == 0 {
            return Err(wrong(options, &"no time lies between two polls"));
        }
        Ok(Self { options: read })
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let mut form = Form::default();
        form.field("prompt", prompt(*turn, "make a video")?);
        form.field("model", turn.model());
        form.merge_extras(*turn)?;
        form.write(request);
        Ok(())
    }

    fn parser(&self) -> VideosParser {
        VideosParser { options: self.options, facts: Facts::default(), fetches: false }
    }
}

fn wrong(options: &str, problem: &dyn std::fmt::Display) -> PluginError {
    PluginError::config(format_args!("read the options `{options}`: {problem}"))
        .hint("`poll_interval_ms` is a number of milliseconds from 1 on, and `download` is true or false")
}

/// Reads the answer to one request, and those that tell how its job goes.
#[derive(Debug)]
pub(crate) struct VideosParser {
    options: Options,
    facts: Facts,
    /// The video itself comes next.
    fetches: bool,
}

/// What is said of a job.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with the `id` and `status` of a video")]
struct Job<'a> {
    #[serde(borrow)]
    id: Name<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    model: Name<'a>,
    #[serde(borrow)]
    url: Text<'a>,
}

impl Parser for VideosParser {
    /// The API format does not stream; a server that does anyway sends a whole answer as one event.
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        match json::whole_event(name, data, out) {
            Some(answer) => self.body(200, answer, out),
            None => Ok(()),
        }
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if self.fetches {
            return video(status, body, out);
        }
        let is_one = |job: &Job<'_>| !job.id.is_empty() && !job.status.is_empty();
        let Some(job) = json::answer::<Job<'_>>(status, body, EXPECTED, is_one, out)? else { return Ok(()) };
        if !is_segment(&job.id) {
            return Err(json::unexpected(body, "an `id` that can stand in a path"));
        }
        self.facts.tell(&job.id, &job.model, out);
        match &*job.status {
            "completed" if self.options.download => {
                self.fetches = true;
                out.follow_up(&format!("{}/content", &*job.id), 0);
            }
            "completed" => {
                out.media(PartKind::VIDEO, "video/mp4", 0, &job.url);
                out.done();
            }
            status @ ("failed" | "cancelled" | "error" | "expired") => {
                let failure = Failure::find(body);
                failure
                    .unwrap_or_else(|| Failure::of_text(&format!("the server says the video is `{status}`")))
                    .report(None, out);
            }
            _ => out.follow_up(&job.id, self.options.poll_interval_ms),
        }
        Ok(())
    }
}

/// A server's word that can be one segment of a path as it is.
fn is_segment(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@!$&'()*+,;=".contains(&byte);
    id.bytes().all(is_plain) && !matches!(id, "." | "..")
}

/// The video itself.
fn video(status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
    if !(200..300).contains(&status) {
        Failure::read(body).report(Some(status), out);
        return Ok(());
    }
    // No format of videos begins like a page or like JSON.
    let content_type = match (body.get(4..8), body) {
        (Some(b"ftyp"), _) => "video/mp4",
        (_, [0x1a, 0x45, 0xdf, 0xa3, ..]) => "video/webm",
        _ if matches!(body.trim_ascii_start().first(), None | Some(b'<' | b'{' | b'[')) => {
            return match Failure::find(body) {
                Some(failure) => {
                    failure.report(None, out);
                    Ok(())
                }
                None => Err(json::unexpected(body, "a video")),
            };
        }
        _ => "application/octet-stream",
    };
    out.media(PartKind::VIDEO, content_type, body.len() as u64, "");
    out.done();
    Ok(())
}
