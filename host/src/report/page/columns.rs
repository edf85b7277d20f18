//! The rows of the page in a form that takes little room: columns of whole numbers, deflated, in base64.
//!
//! # Format
//! A length as four bytes (little-endian), so many bytes of JSON ([`Head`]), a column after the other, the gaps of the rows with
//! details one after the other, and 16 bytes of each row's request id, zeros where it has none. A number of a column takes seven bits a
//! byte, the lowest first; a byte above 127 says that more follow. Numbers that may be less than zero are folded: 0, -1, 1, -2 are
//! written as 0, 1, 2, 3. [`COLUMNS`] says what each column is.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use base64::{engine::general_purpose::STANDARD, write::EncoderWriter};
use flate2::{Compression, write::DeflateEncoder};
use serde::Serialize;

use super::row::{Detail, END, Ended, NEVER, Row, SENT, STEPS};
use crate::record::RequestFailure;

/// The columns, in their order. `session` and `due` (in microseconds) are differences from the row before, folded. Behind `due` come
/// [`STEPS`]: 0 where there was no such instant, else one more than the folded difference from the instant before it. `latency` is the
/// folded difference from the time between sending and end, in microseconds. `ended` has the outcome in its lowest two bits
/// (succeeded, failed, cancelled, context too long), then 1 for a good request and 2 for one that is not. Those in [`MAY_LACK`] are one
/// more than the number, and 0 where there is none.
const COLUMNS: [&str; 14] = [
    "phase",
    "session",
    "turn",
    "class",
    "due",
    "status",
    "ended",
    "latency",
    "inter_token",
    "input",
    "output",
    "worst_gap",
    "reads",
    "conversation",
];

/// Columns of numbers that a request may lack. `inter_token` and `worst_gap` are in microseconds, `failure` is a place in the head.
const MAY_LACK: [&str; 5] = ["status", "inter_token", "input", "output", "failure"];

/// Bytes of texts about failures at most; what comes behind has its kind alone.
const MOST_FAILURE_BYTES: usize = 250_000;
/// Characters of a message at most.
const MOST_CHARS: usize = 1000;

/// What a reader has to know beside the numbers.
#[derive(Serialize)]
struct Head<'a> {
    rows: usize,
    columns: &'a [&'static str],
    steps: &'a [&'static str],
    may_lack: &'a [&'static str],
    phases: &'a [String],
    /// Which of the phases are measured.
    measured: &'a [bool],
    classes: &'a [String],
    conversations: Vec<&'a str>,
    failures: Vec<Said>,
    details: Vec<Details<'a>>,
}

/// What is said of requests that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
struct Said {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u32>,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    hint: String,
}

/// What is known of few rows.
#[derive(Serialize)]
struct Details<'a> {
    row: usize,
    /// Gaps that are here.
    kept: usize,
    /// Gaps that there were.
    gaps: usize,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    facts: &'a [(String, String)],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    finish_reasons: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
}

/// What numbers of rows stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) phases: Vec<String>,
    /// Which of the phases are measured.
    pub(super) measured: Vec<bool>,
    pub(super) classes: Vec<String>,
}

/// Writes rows, with the names of phases and classes.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write(rows: &[&Row], names: &Names, out: &mut dyn Write) -> io::Result<()> {
    let mut base64 = EncoderWriter::new(out, &STANDARD);
    let mut deflated = DeflateEncoder::new(&mut base64, Compression::new(4));
    deflated.write_all(&bytes(rows, names)?)?;
    deflated.finish()?;
    base64.finish()?;
    Ok(())
}

fn bytes(rows: &[&Row], names: &Names) -> io::Result<Vec<u8>> {
    let mut conversations = Places::default();
    let of_conversation: Vec<u64> = rows.iter().map(|row| conversations.place(&row.conversation)).collect();
    let mut failures = Failures::default();
    let of_failure: Vec<u64> = rows.iter().map(|row| failures.place(row.failure.as_deref())).collect();
    let columns: Vec<&'static str> = COLUMNS.into_iter().chain(["failure"]).collect();
    let head = Head {
        rows: rows.len(),
        columns: &columns,
        steps: &STEPS,
        may_lack: &MAY_LACK,
        phases: &names.phases,
        measured: &names.measured,
        classes: &names.classes,
        conversations: conversations.list,
        failures: failures.list,
        details: rows.iter().copied().enumerate().filter_map(detail).collect(),
    };
    let head = serde_json::to_vec(&head)?;
    let mut bytes = u32::try_from(head.len()).unwrap_or(0).to_le_bytes().to_vec();
    bytes.extend(head);
    numbers(rows, &of_conversation, &of_failure, &mut bytes);
    for detail in rows.iter().filter_map(|row| row.detail.as_deref()) {
        for gap in &detail.gaps_us {
            push(&mut bytes, u64::from(*gap));
        }
    }
    for row in rows {
        bytes.extend_from_slice(row.request_id.map(uuid::Uuid::into_bytes).unwrap_or_default().as_slice());
    }
    Ok(bytes)
}

fn detail((at, row): (usize, &Row)) -> Option<Details<'_>> {
    let Detail { gaps_us, gaps, facts, finish_reasons, model } = row.detail.as_deref()?;
    Some(Details {
        row: at,
        kept: gaps_us.len(),
        gaps: *gaps,
        facts,
        finish_reasons,
        model: model.as_deref(),
    })
}

fn numbers(rows: &[&Row], of_conversation: &[u64], of_failure: &[u64], out: &mut Vec<u8>) {
    let before =
        |at: usize, number: fn(&Row) -> u64| at.checked_sub(1).map_or(0, |before| number(rows[before]));
    let session: fn(&Row) -> u64 = |row| row.session;
    let due: fn(&Row) -> u64 = |row| row.due_ns / 1000;
    let mut column = |number: &dyn Fn(usize, &Row) -> u64| {
        for (at, row) in rows.iter().copied().enumerate() {
            push(out, number(at, row));
        }
    };
    column(&|_, row| row.phase.into());
    column(&|at, row| folded(session(row), before(at, session)));
    column(&|_, row| row.turn.into());
    column(&|_, row| row.class.into());
    column(&|at, row| folded(due(row), before(at, due)));
    for step in 0..STEPS.len() {
        column(&|_, row| step_of(row, step));
    }
    column(&|_, row| may_lack(row.status.map(u64::from)));
    column(&|_, row| ended(row));
    column(&|_, row| folded(microseconds(row.latency_ms), served_us(row)));
    column(&|_, row| may_lack(row.inter_token_ms.is_finite().then(|| microseconds(row.inter_token_ms))));
    column(&|_, row| may_lack(row.input_tokens.map(u64::from)));
    column(&|_, row| may_lack(row.output_tokens.map(u64::from)));
    column(&|_, row| row.worst_gap_us.into());
    column(&|_, row| row.reads.into());
    column(&|at, _| of_conversation[at]);
    column(&|at, _| of_failure[at]);
}

fn step_of(row: &Row, step: usize) -> u64 {
    let own = row.steps_us[step];
    let before = row.steps_us[..step].iter().rev().find(|us| **us != NEVER).copied().unwrap_or(0);
    if own == NEVER { 0 } else { folded(own.into(), before.into()) + 1 }
}

/// From sending to the end, in microseconds.
fn served_us(row: &Row) -> u64 {
    let end = row.steps_us[END];
    let sent = [SENT, 0].map(|step| row.steps_us[step]).into_iter().find(|us| *us != NEVER);
    u64::from(end.saturating_sub(sent.unwrap_or(0)))
}

fn ended(row: &Row) -> u64 {
    let outcome = match row.ended {
        Ended::Ok => 0,
        Ended::Failed => 1,
        Ended::Cancelled => 2,
        Ended::Overflowed => 3,
    };
    let is_good = row.is_good.map_or(0, |is_good| if is_good { 1 } else { 2 });
    outcome | is_good << 2
}

fn may_lack(number: Option<u64>) -> u64 {
    number.map_or(0, |number| number.saturating_add(1))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float is made a whole number by saturation"
)]
fn microseconds(ms: f64) -> u64 {
    (ms * 1e3).round() as u64
}

/// A difference, folded.
fn folded(number: u64, before: u64) -> u64 {
    if number >= before { (number - before) << 1 } else { ((before - number) << 1) - 1 }
}

/// Appends a number, seven bits a byte.
fn push(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Texts, each once.
#[derive(Default)]
struct Places<'a> {
    list: Vec<&'a str>,
    by_text: HashMap<&'a str, u64>,
}

impl<'a> Places<'a> {
    fn place(&mut self, text: &'a str) -> u64 {
        *self.by_text.entry(text).or_insert_with(|| {
            self.list.push(text);
            self.list.len() as u64 - 1
        })
    }
}

/// What is said of failures, each once, and up to a size.
#[derive(Default)]
struct Failures {
    list: Vec<Said>,
    by_said: HashMap<Said, u64>,
    bytes: usize,
}

impl Failures {
    fn place(&mut self, failure: Option<&RequestFailure>) -> u64 {
        let Some(failure) = failure else { return 0 };
        let mut said = Said::of(failure);
        if !self.by_said.contains_key(&said) && self.bytes > MOST_FAILURE_BYTES {
            said = Said { message: String::new(), causes: Vec::new(), hint: String::new(), ..said };
        }
        if let Some(place) = self.by_said.get(&said) {
            return *place;
        }
        self.bytes +=
            said.message.len() + said.hint.len() + said.causes.iter().map(String::len).sum::<usize>();
        self.list.push(said.clone());
        // The first one has place 1: 0 is none.
        let place = self.list.len() as u64;
        self.by_said.insert(said, place);
        place
    }
}

impl Said {
    fn of(failure: &RequestFailure) -> Self {
        let RequestFailure { code, kind, message, cause_chain, hint } = failure;
        Self {
            kind: kind.to_string(),
            code: *code,
            message: cut(message),
            causes: cause_chain.iter().map(|cause| cut(cause)).collect(),
            hint: cut(hint),
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, 0, 0)]
    #[case(0, 1, 1)]
    #[case(1, 0, 2)]
    #[case(5, 7, 3)]
    fn differences_are_folded(#[case] number: u64, #[case] before: u64, #[case] written: u64) {
        assert_eq!(folded(number, before), written);
    }

    #[test]
    fn a_number_takes_seven_bits_a_byte() {
        let mut bytes = Vec::new();
        for number in [0, 127, 128, 300] {
            push(&mut bytes, number);
        }
        assert_eq!(bytes, [0, 127, 128, 1, 172, 2]);
    }

    #[test]
    fn texts_of_failures_have_a_bound() {
        let mut failures = Failures::default();
        for number in 0..2000 {
            let message = format!("{number} {}", "x".repeat(2000));
            failures.place(Some(&RequestFailure { message, ..RequestFailure::default() }));
        }
        let texts: usize = failures.list.iter().map(|said| said.message.len()).sum();
        assert!((MOST_FAILURE_BYTES..MOST_FAILURE_BYTES + 2 * MOST_CHARS).contains(&texts), "{texts}");
        assert_eq!(failures.place(None), 0);
    }
}
