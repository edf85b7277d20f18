//! Reading answers whose shape nobody told: [`ReplyParser`].

use std::sync::Arc;

use prony_plugin_api::{
    EventSink, Parser, PluginError, Result,
    json::{self, Facts, Failure, Usage},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    found::{Found, Saying},
    guess, known,
    selection::Selection,
};

/// What an answer that is none is compared with.
const EXPECTED: &str = "JSON with text, embeddings or scores in one of the usual places";

/// Reads one response.
#[derive(Debug)]
pub(crate) struct ReplyParser {
    selection: Option<Arc<Selection>>,
    /// What the selection does not find is not looked for elsewhere.
    is_strict: bool,
    facts: Facts,
    heard: Heard,
    /// The end marker came.
    is_done: bool,
    types: Types,
}

/// What the types of a stream's events tell, where they have any.
#[derive(Debug, Default)]
struct Types {
    /// The type in which a text was found that nobody had pointed at.
    spoke: Option<String>,
    /// Something was found in the last event.
    has_spoken: bool,
    /// The first type in which nothing was found.
    silent: Option<String>,
}

/// What the events of a stream have said so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    /// Something that has no end of its own: the stream's end is the answer's.
    Something,
    /// Choices, whose end is a finish reason.
    Choices,
}

impl ReplyParser {
    pub(crate) fn new(selection: Option<Arc<Selection>>, is_strict: bool) -> Self {
        Self {
            selection,
            is_strict,
            facts: Facts::default(),
            heard: Heard::Nothing,
            is_done: false,
            types: Types::default(),
        }
    }

    /// Tells what an answer, or an event of one, says. Whether that was anything.
    fn tell(&mut self, reply: &Value, out: &mut EventSink<'_>) -> bool {
        self.tell_facts(reply, out);
        if let Some(selected) = self.selection.as_ref().and_then(|selection| selection.of(reply)) {
            // What was pointed at has no finish reason beside it.
            return self.note(false, guess::value(&selected), out);
        }
        // Where events have types, the one that the expression passes over is passed over for a reason.
        let is_typed = known::kind(reply).is_some();
        let may_guess = self.selection.is_none() || !(self.is_strict || is_typed);
        let guessed = if may_guess { guess::guess(reply) } else { None };
        self.note(reply.get("choices").is_some(), guessed, out)
    }

    /// Refuses a stream in which events of two types hold text: the one may repeat what the others said.
    fn note_type(&mut self, kind: &str) -> Result<()> {
        if !self.types.has_spoken {
            self.types.silent.get_or_insert_with(|| kind.to_owned());
            return Ok(());
        }
        if self.selection.is_some() {
            return Ok(());
        }
        match &self.types.spoke {
            Some(other) if other != kind => Err(PluginError::malformed(format_args!(
                "read the stream: events of the types `{other}` and `{kind}` hold text, and one may repeat the other"
            ))
            .hint(format_args!(
                "say which of them is the response: `--endpoint-option \"response_field=type == '{other}' && TEXT\"`, with \
                 the field of the text in the place of TEXT"
            ))),
            Some(_) => Ok(()),
            None => {
                self.types.spoke = Some(kind.to_owned());
                Ok(())
            }
        }
    }

    /// The error of a response that another endpoint reads.
    fn read_elsewhere(&self, endpoint: &str) -> PluginError {
        let (own, payloads) =
            if self.is_strict { ("template", "") } else { ("raw", " --custom-dataset-type raw-payload") };
        PluginError::malformed(format_args!(
            "read the response: it is one of the API format `{endpoint}`, which `{own}` cannot judge"
        ))
        .hint(format_args!("use `--endpoint-type {endpoint}{payloads}`, which reads such responses"))
    }

    fn note(&mut self, has_choices: bool, found: Option<Found<'_>>, out: &mut EventSink<'_>) -> bool {
        let Some(found) = found else { return false };
        if !matches!(&found, Found::Texts(texts) if texts.iter().all(Saying::is_empty)) {
            self.heard = if has_choices { Heard::Choices } else { Heard::Something };
            self.types.has_spoken = true;
        }
        found.tell(out);
        true
    }

    fn tell_facts(&mut self, reply: &Value, out: &mut EventSink<'_>) {
        let text = |name: &str| reply.get(name).and_then(Value::as_str).unwrap_or_default();
        self.facts.tell(text("id"), text("model"), out);
        // Of another type, it is another server's word for something else.
        let usage = reply.get("usage").and_then(|usage| Usage::deserialize(usage).ok());
        if let Some(counts) = usage.as_ref().and_then(Usage::counts) {
            out.usage(counts);
        }
    }

    fn nothing_found(&self, data: &[u8]) -> PluginError {
        match &self.selection {
            Some(selection) if self.is_strict => {
                PluginError::malformed(format_args!("find `{}` in the answer", selection.text())).hint(
                    "`--endpoint-option response_field=…` is a JMESPath expression for what the server says",
                )
            }
            _ => json::unexpected(data, EXPECTED)
                .hint("say where it stands: `--endpoint-option response_field=…` with a JMESPath expression"),
        }
    }
}

impl Parser for ReplyParser {
    fn event(&mut self, name: &str, data: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        if data.trim_ascii() == b"[DONE]" {
            self.is_done = true;
            out.done();
            return Ok(());
        }
        let Some(reply) = json::event::<Value>(name, data, EXPECTED, out)? else { return Ok(()) };
        if let Some(failure) = failure(&reply) {
            failure.report(None, out);
            return Ok(());
        }
        if let Some(endpoint) = known::reader_of_event(&reply) {
            return Err(self.read_elsewhere(endpoint));
        }
        // An event without anything in it may be a ping, or have other news.
        self.types.has_spoken = false;
        self.tell(&reply, out);
        if let Some(failure) = given_up(&reply) {
            failure.report(None, out);
        }
        known::kind(&reply).map_or(Ok(()), |kind| self.note_type(kind))
    }

    fn body(&mut self, status: u32, body: &[u8], out: &mut EventSink<'_>) -> Result<()> {
        let Some(reply) = json::answer::<Value>(status, body, EXPECTED, |_| true, out)? else {
            return Ok(());
        };
        if let Some(failure) = failure(&reply) {
            failure.report(None, out);
            return Ok(());
        }
        let is_pointed_at = self.selection.as_ref().is_some_and(|selection| selection.of(&reply).is_some());
        if let Some(endpoint) = known::reader_of_body(&reply).filter(|_| !is_pointed_at) {
            return Err(self.read_elsewhere(endpoint));
        }
        let is_known = self.tell(&reply, out);
        if let Some(failure) = given_up(&reply) {
            failure.report(None, out);
        } else if is_known {
            out.done();
        } else {
            return Err(self.nothing_found(body));
        }
        Ok(())
    }

    fn end(&mut self, out: &mut EventSink<'_>) -> Result<()> {
        match (self.heard, &self.types.silent) {
            (Heard::Nothing, Some(kind)) if !self.is_done => Err(PluginError::malformed(format_args!(
                "read the stream: no event of it, such as those of the type `{kind}`, has text in one of the usual places"
            ))
            .hint("say where it stands: `--endpoint-option response_field=…` with a JMESPath expression")),
            (Heard::Nothing, _) if self.is_done => Err(self.nothing_found(b"[DONE]")),
            (Heard::Something, _) => {
                out.done();
                Ok(())
            }
            (Heard::Nothing | Heard::Choices, _) => Ok(()),
        }
    }
}

/// A failure in an answer that has the status of a good one.
fn failure(reply: &Value) -> Option<Failure> {
    let may_be_one = reply.get("error").is_some() || reply.get("success") == Some(&Value::Bool(false));
    if may_be_one { Failure::of(reply) } else { None }
}

/// Why the server gave up a choice, if it did: what it says beside it, or else its word for that.
fn given_up(reply: &Value) -> Option<Failure> {
    let choices = reply.get("choices")?.as_array()?;
    let failed = choices.iter().filter(|choice| choice.get("error").is_some()).find_map(Failure::of);
    failed.or_else(|| {
        let reason = |choice: &Value| {
            let reason = choice.get("finish_reason")?.as_str()?;
            matches!(reason, "error" | "abort").then(|| reason.to_owned())
        };
        let (choice, reason) =
            choices.iter().enumerate().find_map(|(at, choice)| Some((at, reason(choice)?)))?;
        Some(Failure::of_text(&format!("the server ended choice {choice} with finish_reason `{reason}`")))
    })
}
