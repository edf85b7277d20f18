//! The `prony-sessions` format: what every other format becomes, JSON Lines, versioned. `docs/SESSIONS.md` describes it.
//!
//! The first line names the version; each line after it is a session, the graph of its steps. Keys that are not known are
//! errors: a newer version is not read in part.
//!
//! ```json
//! {"prony_sessions": 1}
//! {"id": "a", "steps": [{"messages": [{"role": "user", "parts": [{"kind": "text", "data": "Oslo?"}]}], "max_tokens": 40}]}
//! ```

use std::{
    borrow::Borrow,
    io::{self, Write},
};

use prony_plugin_api::PartKind;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    FileError, RowError,
    contents::Head,
    input::Input,
    lines,
    row::{Row, reason},
};
use crate::{
    config::pairs,
    dataset::{Message, Part, Script, Start, Step, prompt::Prompt, script::Recorded},
};

/// The version that is written, and the only one that is read.
const VERSION: u64 = 1;

/// The key of the first line.
const HEADER: &str = "prony_sessions";

const KINDS: [(&str, PartKind); 5] = [
    ("text", PartKind::TEXT),
    ("image", PartKind::IMAGE),
    ("audio", PartKind::AUDIO),
    ("video", PartKind::VIDEO),
    ("json", PartKind::RAW),
];

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    head.has(&[HEADER])
}

/// Reads a file's sessions.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut is_first = input.part().is_none();
    // The header is a row.
    let input = input.with_most(input.most.map(|most| most.saturating_add(1)));
    let scripts = lines::read(&input, |line| {
        if std::mem::take(&mut is_first) {
            return header(line).map(|()| None);
        }
        let session: Session = serde_json::from_str(line).map_err(|error| {
            if error.is_data() {
                return RowError::Contradiction { what: reason(&error) };
            }
            RowError::NotJson { column: error.column(), reason: reason(&error) }
        })?;
        session.script().map(Some)
    })?;
    let scripts: Vec<Script> = scripts.into_iter().flatten().collect();
    if scripts.is_empty() {
        input.wrong(FileError::Empty { path: input.path.into() })?;
    }
    Ok(scripts)
}

fn header(line: &str) -> Result<(), RowError> {
    let mut row = Row::parse(line)?;
    match row.take(HEADER) {
        Some(version) if version == VERSION => row.only(&[]),
        Some(version) => Err(RowError::Value {
            key: HEADER,
            value: version.to_string(),
            expected: "1, the version that is known",
        }),
        None => Err(RowError::Missing { key: HEADER }),
    }
}

/// Writes sessions, the header before them.
///
/// # Errors
/// The writer fails.
pub(in crate::dataset) fn write<S: Borrow<Script>>(
    scripts: impl IntoIterator<Item = S>,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "{{\"{HEADER}\": {VERSION}}}")?;
    for script in scripts {
        serde_json::to_writer(&mut *out, &Session::of(script.borrow()))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Session {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    starts_ns: Option<u64>,
    steps: Vec<Entry>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    after: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<Said>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<Said>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<Prompt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    extra: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "is_nothing")]
    recorded: Recorded,
}

fn is_nothing(recorded: &Recorded) -> bool {
    *recorded == Recorded::default()
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Said {
    role: String,
    parts: Vec<Piece>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Piece {
    kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    data: String,
}

impl Session {
    fn of(script: &Script) -> Self {
        let steps = script.steps.iter().map(Entry::of).collect();
        Self { id: script.id.clone(), starts_ns: script.starts_ns, steps }
    }

    fn script(self) -> Result<Script, RowError> {
        if self.steps.is_empty() {
            return Err(RowError::NoTurns);
        }
        let step = |(place, entry): (usize, Entry)| {
            entry.step(place).map_err(|error| RowError::Within {
                place: format!("steps[{place}]"),
                error: Box::new(error),
            })
        };
        let steps = self.steps.into_iter().enumerate().map(step).collect::<Result<_, _>>()?;
        Ok(Script { id: self.id, starts_ns: self.starts_ns, steps, category: None })
    }
}

impl Entry {
    fn of(step: &Step) -> Self {
        let (delay_ns, at_ns) = match step.start {
            Start::After(0) => (None, None),
            Start::After(delay_ns) => (Some(delay_ns), None),
            Start::At(at_ns) => (None, Some(at_ns)),
        };
        Self {
            after: step.after.clone(),
            delay_ns,
            at_ns,
            context: step.context,
            messages: step.messages.iter().map(Said::of).collect(),
            reply: step.reply.as_ref().map(Said::of),
            prompt: step.prompt.clone(),
            max_tokens: step.max_tokens,
            extra: serde_json::from_str(&step.extra_json).unwrap_or_default(),
            headers: step.headers.clone(),
            path: step.path.clone(),
            recorded: step.recorded,
        }
    }

    fn step(self, place: usize) -> Result<Step, RowError> {
        let wrong = |what: &str| Err(RowError::Contradiction { what: what.to_owned() });
        let is_before = |step: &u32| (*step as usize) < place;
        if !self.after.iter().chain(&self.context).all(is_before) {
            return wrong("`after` and `context` name steps that stand before it, by their places from 0");
        }
        if place == 0 && (self.delay_ns.is_some() || self.at_ns.is_some_and(|at_ns| at_ns > 0)) {
            return wrong("the first step goes when the session starts");
        }
        if self.context.is_some_and(|context| !self.after.contains(&context)) {
            return wrong("`context` names a step that `after` does not name");
        }
        if self.messages.iter().chain(&self.reply).any(|said| said.parts.is_empty()) {
            return wrong("a message has no part");
        }
        if self.messages.is_empty() && self.prompt.is_none() {
            return Err(RowError::NoContent);
        }
        if self.prompt.as_ref().is_some_and(|prompt| prompt.block_size == 0 && !prompt.blocks.is_empty()) {
            return wrong("`prompt` has blocks of 0 tokens");
        }
        let start = match (self.delay_ns, self.at_ns) {
            (Some(_), Some(_)) => return wrong("it has a `delay_ns` and an `at_ns`"),
            (None, Some(at_ns)) => Start::At(at_ns),
            (delay_ns, None) => Start::After(delay_ns.unwrap_or(0)),
        };
        if let Some((name, _)) =
            self.headers.iter().find(|(name, value)| pairs::check_header(name, value).is_err())
        {
            return Err(RowError::Header { key: "headers", name: name.escape_debug().to_string() });
        }
        Ok(Step {
            after: self.after,
            start,
            context: self.context,
            messages: self.messages.into_iter().map(Said::message).collect::<Result<_, _>>()?,
            reply: self.reply.map(Said::message).transpose()?,
            prompt: self.prompt,
            max_tokens: self.max_tokens,
            extra_json: if self.extra.is_empty() {
                String::new()
            } else {
                Value::Object(self.extra).to_string()
            },
            headers: self.headers,
            path: self.path,
            recorded: self.recorded,
            ..Step::default()
        })
    }
}

impl Said {
    fn of(message: &Message) -> Self {
        let piece = |part: &Part| Piece {
            kind: KINDS
                .iter()
                .find(|(_, kind)| *kind == part.kind)
                .map_or("json", |(name, _)| *name)
                .to_owned(),
            name: part.name.clone(),
            data: part.data.to_string(),
        };
        Self { role: message.role.clone(), parts: message.parts.iter().map(piece).collect() }
    }

    fn message(self) -> Result<Message, RowError> {
        let part = |piece: Piece| {
            let kind = KINDS.iter().find(|(name, _)| *name == piece.kind).map(|(_, kind)| *kind);
            let kind = kind.ok_or_else(|| RowError::Value {
                key: "kind",
                value: format!("\"{}\"", piece.kind.escape_debug()),
                expected: "text, image, audio, video or json",
            })?;
            Ok(Part { kind, name: piece.name, data: piece.data.into() })
        };
        let parts = self.parts.into_iter().map(part).collect::<Result<_, RowError>>()?;
        Ok(Message { role: self.role, parts })
    }
}
