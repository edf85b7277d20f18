//! The `mooncake-trace` format: JSON Lines, one request a line, with lengths and ids of blocks of 512 tokens.
//!
//! `timestamp` is in milliseconds, `input_length` the tokens of the whole prompt, `output_length` those of the response, and
//! `hash_ids` the prompt's blocks from the beginning on, the last one in part: equal ids are equal texts. Instead of an
//! `input_length` a row may hold what is sent: `text_input`, `messages` (with `tools`), or a whole body as `payload`. Rows with a
//! `session_id` are a session, in their order: a row's `delay` (ms) passes before it, after the response before it. Where the
//! first row of a session has a `delay`, as GenAI-Perf writes them, a delay passes after the row it stands in.
//! `extra` and `priority` go into the body. Sources: kvcache-ai/Mooncake FAST25-release; AIPerf; Perf Analyzer's GenAI-Perf.
//!
//! ```json
//! {"timestamp": 0, "input_length": 1100, "output_length": 64, "hash_ids": [7, 8, 9]}
//! {"timestamp": 150, "session_id": "s", "text_input": "begin", "output_length": 16}
//! {"delay": 200, "session_id": "s", "text_input": "go on", "output_length": 16}
//! ```

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    FileError, RowError, codex,
    contents::Head,
    input::Input,
    openai, raw_payload,
    row::{NS_PER_MS, Row},
};
use crate::dataset::{Message, Part, Script, Start, Step, prompt::Prompt, script::session_id};

const BLOCK_SIZE: u32 = 512;

/// What a row may say.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "timestamp", "input_length", "output_length", "hash_ids", "text_input", "messages", "tools", "payload",
    "session_id", "delay", "extra", "priority", "type",
];

/// Keys of which a row has exactly one.
const CONTENTS: [&str; 4] = ["input_length", "text_input", "messages", "payload"];

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    let is_timed = ["timestamp", "delay", "session_id", "output_length"].iter().any(|key| head.has(&[key]));
    CONTENTS.iter().any(|key| head.has(&[key]))
        && is_timed
        && !head.has(&["chat_id"])
        && !head.has(&["model"])
        && !codex::fits(head)
}

/// Reads a file's sessions, in the order of their first rows.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let (mut sessions, block_size) = (Sessions::default(), input.block_size(BLOCK_SIZE));
    input.whole().objects(|mut row| {
        row.only(KEYS)?;
        let session = row.text("session_id")?;
        let turn = turn(&mut row, block_size)?;
        sessions.add(session, turn);
        Ok(())
    })?;
    let scripts =
        sessions.list.into_iter().zip(input.first_number()..).map(|(session, number)| session.script(number));
    Ok(scripts.take(input.most.unwrap_or(usize::MAX)).collect())
}

#[derive(Default)]
struct Sessions {
    list: Vec<Session>,
    by_id: HashMap<String, usize>,
}

struct Session {
    id: Option<String>,
    turns: Vec<Turn>,
}

struct Turn {
    sent_ns: Option<u64>,
    delay_ns: Option<u64>,
    /// It repeats what was said before it, as the session is played.
    goes_on: bool,
    step: Step,
}

impl Sessions {
    fn add(&mut self, id: Option<String>, turn: Turn) {
        if let Some(place) = id.as_ref().and_then(|id| self.by_id.get(id)) {
            return self.list[*place].turns.push(turn);
        }
        if let Some(id) = &id {
            self.by_id.insert(id.clone(), self.list.len());
        }
        self.list.push(Session { id, turns: vec![turn] });
    }
}

impl Session {
    fn script(self, number: u64) -> Script {
        let starts_ns = self.turns.first().and_then(|turn| turn.sent_ns);
        let is_behind = self.turns.first().is_some_and(|turn| turn.delay_ns.is_some());
        let mut before = None;
        let steps = (0..).zip(self.turns).map(|(position, turn): (u32, Turn)| {
            let delay_ns = if is_behind { before } else { turn.delay_ns };
            before = turn.delay_ns;
            let previous = position.checked_sub(1);
            let start = match (delay_ns, turn.sent_ns.zip(starts_ns)) {
                (None, Some((sent, first))) => Start::At(sent.saturating_sub(first)),
                (delay, _) => Start::After(delay.unwrap_or(0)),
            };
            let context = previous.filter(|_| turn.goes_on);
            Step { after: previous.into_iter().collect(), context, start, ..turn.step }
        });
        let steps = steps.collect();
        Script { id: self.id.unwrap_or_else(|| session_id(number)), starts_ns, steps, category: None }
    }
}

fn turn(row: &mut Row, block_size: u32) -> Result<Turn, RowError> {
    let given: Vec<&str> = CONTENTS.into_iter().filter(|key| row.has(key)).collect();
    if given.len() > 1 {
        return Err(RowError::Contradiction {
            what: format!("it has a `{}` and a `{}`", given[0], given[1]),
        });
    }
    let sent_ns = row.time("timestamp", NS_PER_MS)?;
    let output_tokens = row.positive("output_length")?;
    let mut step = match given.first() {
        None => return Err(RowError::Missing { key: "input_length" }),
        Some(&"input_length") => lengths(row, block_size)?,
        Some(&"text_input") => {
            let text = row.must_text("text_input")?;
            Step::first(Message::user(vec![Part::text(text)]))
        }
        Some(&"messages") => {
            let fields =
                ["messages", "tools"].into_iter().filter_map(|key| Some((key.to_owned(), row.take(key)?)));
            openai::request(fields.collect())?
        }
        Some(_) => {
            let body = row.object("payload")?.unwrap_or_default();
            raw_payload::step(&Value::Object(body.clone()).to_string(), &body)
        }
    };
    step.extra_json = extra(row, &step.extra_json)?;
    step.max_tokens = output_tokens.or(step.max_tokens);
    step.recorded.sent_ns = sent_ns;
    step.recorded.output_tokens = output_tokens;
    let goes_on = given == ["text_input"];
    Ok(Turn { sent_ns, delay_ns: row.time("delay", NS_PER_MS)?, goes_on, step })
}

fn lengths(row: &mut Row, block_size: u32) -> Result<Step, RowError> {
    let tokens = row.positive("input_length")?.ok_or(RowError::Missing { key: "input_length" })?;
    prompt(Prompt { tokens, block_size, blocks: row.ids("hash_ids")?, scope: 0 })
}

/// A step with this prompt, which is the whole of what is asked. One block more than the prompt fills is let pass: some files
/// name the one that begins behind it.
pub(super) fn prompt(prompt: Prompt) -> Result<Step, RowError> {
    let (size, count) = (u64::from(prompt.block_size), prompt.blocks.len() as u64);
    if count > prompt.tokens.div_ceil(size.max(1)).saturating_add(1) {
        let tokens = prompt.tokens;
        let what = format!("it has {count} blocks of {size} tokens, which are more than its {tokens} tokens");
        return Err(RowError::Contradiction { what });
    }
    let mut step = Step::default();
    step.recorded.input_tokens = Some(prompt.tokens);
    step.prompt = Some(prompt);
    Ok(step)
}

/// What goes into the body beside the prompt: members that are there already, `extra`, and `priority`.
fn extra(row: &mut Row, already: &str) -> Result<String, RowError> {
    let mut extra: Map<String, Value> = serde_json::from_str(already).unwrap_or_default();
    extra.extend(row.object("extra")?.unwrap_or_default());
    extra.extend(row.take("priority").map(|priority| ("priority".to_owned(), priority)));
    Ok(if extra.is_empty() { String::new() } else { Value::Object(extra).to_string() })
}
