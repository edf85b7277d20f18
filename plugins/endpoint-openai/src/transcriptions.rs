//! Text from speech: [`TranscriptionsEndpoint`].

use prony_plugin_api::{
    Endpoint, EventSink, NO_OPTIONS, Parser, Part, PartKind, PluginError, RequestWriter, Result, TextKind,
    TurnContext, TurnMessage,
    json::{self, Text, Usage},
};
use serde::{Deserialize, de::IgnoredAny};

use crate::{answer::AnswerParser, file::File, form::Form};

/// What an answer that is none is compared with.
const EXPECTED: &str = "an object with `text`, or a text";

/// `POST /v1/audio/transcriptions`.
#[derive(Debug)]
pub(crate) struct TranscriptionsEndpoint;

impl Endpoint for TranscriptionsEndpoint {
    type Parser = TranscriptionParser;

    const OPTIONS: &'static str = NO_OPTIONS;

    fn new(_options: &str) -> Result<Self> {
        Ok(Self)
    }

    fn format(&self, turn: &TurnContext<'_>, request: &mut RequestWriter<'_>) -> Result<()> {
        let (audio, prompt) = audio_and_prompt(*turn)?;
        let mut form = Form::default();
        form.field("model", turn.model());
        if !prompt.is_empty() {
            form.field("prompt", prompt);
        }
        if turn.streaming() {
            form.field("stream", "true");
        }
        form.file("file", File::audio(audio)?);
        form.merge_extras(*turn)?;
        form.write(request);
        Ok(())
    }

    fn parser(&self) -> TranscriptionParser {
        TranscriptionParser::default()
    }
}

/// The one piece of audio of a turn, and the text that may lead to it.
fn audio_and_prompt(turn: TurnContext<'_>) -> Result<(&str, &str)> {
    let mut messages = turn.messages();
    let (mut audio, mut prompt) = (None, "");
    let mut odd = messages.len() > 1;
    let parts = messages.next();
    for part in parts.iter().flat_map(TurnMessage::parts).filter(|part| !Part::data(part).is_empty()) {
        match part.kind() {
            PartKind::AUDIO if audio.is_none() => audio = Some(part.data()),
            PartKind::TEXT if prompt.is_empty() => prompt = part.data(),
            _ => odd = true,
        }
    }
    audio.filter(|_| !odd).map(|audio| (audio, prompt)).ok_or_else(|| {
        PluginError::unsupported("transcribe anything but one piece of audio a turn")
            .hint("give one piece of audio a turn, and at most one text to lead to it")
    })
}

/// Reads one response.
#[derive(Debug, Default)]
pub(crate) struct TranscriptionParser {
    /// For servers that stream a transcription as they stream a chat.
    chat: AnswerParser,
    /// Some text came: that of the last event, which is all of it, is no news.
    spoke: bool,
}

/// A whole answer, or an event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with `text`")]
struct Reply<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    delta: Text<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    usage: Option<Usage>,
    /// Present and not `null`.
    error: Option<IgnoredAny>,
}

impl Parser for TranscriptionParser {
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let is_own = name.starts_with("transcript.") || has(data, b"\"transcript.");
        if !is_own {
            return self.chat.event(name, data, out);
        }
        let Some(event) = json::event::<Reply<'_>>(name, data, EXPECTED, out)? else { return Ok(()) };
        match if event.kind.is_empty() { name } else { &*event.kind } {
            "transcript.text.delta" => {
                self.spoke |= !event.delta.is_empty();
                say(&event.delta, out);
            }
            "transcript.text.done" => {
                if !self.spoke {
                    say(event.text.as_deref().unwrap_or_default(), out);
                }
                tell_usage(&event, out);
                out.done();
            }
            // A speaker's segment repeats what the deltas said.
            _ => {}
        }
        Ok(())
    }

    /// Texts, subtitles and the like are no JSON, and are taken as they are.
    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let body = body.trim_ascii();
        let is_text = (200..300).contains(&status)
            && body != b"null"
            && !matches!(body.first(), None | Some(b'{' | b'[' | b'<'));
        if is_text {
            let text = std::str::from_utf8(body).map_err(|_| json::unexpected(body, EXPECTED))?;
            say(text, out);
            out.done();
            return Ok(());
        }
        let is_one = |reply: &Reply<'_>| reply.error.is_none() && reply.text.is_some();
        let Some(reply) = json::answer::<Reply<'_>>(status, body, EXPECTED, is_one, out)? else {
            return Ok(());
        };
        say(reply.text.as_deref().unwrap_or_default(), out);
        tell_usage(&reply, out);
        out.done();
        Ok(())
    }
}

/// Silence is no token.
fn say(text: &str, out: &mut EventSink<'_>) {
    if !text.is_empty() {
        out.text(TextKind::CONTENT, 0, text);
    }
}

fn has(data: &[u8], word: &[u8]) -> bool {
    data.windows(word.len()).any(|window| window == word)
}

fn tell_usage(reply: &Reply<'_>, out: &mut EventSink<'_>) {
    if let Some(counts) = reply.usage.as_ref().and_then(Usage::counts) {
        out.usage(counts);
    }
}
