//! The `tracelab` format: rounds of coding agents, as JSON Lines (`round_trace`) or as a table of lengths.
//!
//! A row is a round of a session: `input_tokens_total` is the whole prompt, of which the server had `prefix_tokens` in its
//! cache. No ids of blocks are recorded: the prompt begins with as many tokens of the round before. A round was sent at its last
//! input event (`user_message`, `tool_result`) before the response, whose last event is its end.
//!
//! In the table `input_len` are the new tokens behind `prefix_len` kept ones, `tool_wait_after_ms` passes after the row's
//! response, and `arrival_time` (ms) is when the session began. Source: uw-syfi/TraceLab.
//!
//! ```csv
//! session_id,arrival_time,round_idx,prefix_len,input_len,output_len,tool_wait_after_ms
//! 0,0,0,0,512,64,100
//! ```

use std::collections::HashMap;

use serde_json::Value;

use super::{
    FileError, RowError,
    contents::{Columns, Head},
    input::Input,
    instant::unix_ns,
    mooncake,
    row::{NS_PER_MS, Row, nanoseconds},
};
use crate::dataset::{Script, Start, Step, prompt::Prompt};

/// Prompts are written in blocks of this many tokens: what two rounds share is cut to whole ones.
const BLOCK_SIZE: u32 = 16;

const COLUMNS: [&str; 4] = ["prefix_len", "input_len", "output_len", "tool_wait_after_ms"];

/// Events that are the input of a round.
const INPUTS: [&str; 2] = ["user_message", "tool_result"];

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    head.has(&["input_tokens_total", "prefix_tokens", "timing_events"]) || head.has_columns(&COLUMNS)
}

/// Reads a file's sessions, in the order of their first rounds.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let rounds = if Head::of(input)?.has_columns(&COLUMNS) {
        input.whole().table(|row| of_table(row).map(Some))?
    } else {
        input.whole().objects(|mut row| of_row(&mut row))?
    };
    let mut sessions: Vec<(String, Vec<Round>)> = Vec::new();
    let mut places = HashMap::new();
    for (session, round) in rounds {
        let place = *places.entry(session.clone()).or_insert(sessions.len());
        if place == sessions.len() {
            sessions.push((session, Vec::new()));
        }
        sessions[place].1.push(round);
    }
    let scripts =
        (input.first_number() + 1..).zip(sessions).map(|(number, (id, rounds))| script(number, id, rounds));
    Ok(scripts.take(input.most.unwrap_or(usize::MAX)).collect())
}

/// One call of a model.
struct Round {
    /// Tokens of the whole prompt, and how many of them are those of the round before.
    tokens: u64,
    kept: u64,
    output_tokens: u64,
    tools: Option<u32>,
    sent_ns: Option<u64>,
    took_ns: Option<u64>,
    /// Passes after its response.
    gap_ns: Option<u64>,
    starts_ns: Option<u64>,
}

fn of_table(row: Columns<'_>) -> Result<(String, Round), RowError> {
    let (kept, new) = (row.count("prefix_len")?, row.count("input_len")?);
    let starts_ms = match row.get("arrival_time") {
        None => 0.0,
        Some(_) => row.non_negative("arrival_time")?,
    };
    let round = Round {
        tokens: kept.saturating_add(new).max(1),
        kept,
        output_tokens: row.count("output_len")?,
        tools: None,
        sent_ns: None,
        took_ns: None,
        gap_ns: Some(nanoseconds(row.non_negative("tool_wait_after_ms")?, NS_PER_MS)),
        starts_ns: Some(nanoseconds(starts_ms, NS_PER_MS)),
    };
    Ok((row.get("session_id").unwrap_or("session").to_owned(), round))
}

fn of_row(row: &mut Row) -> Result<(String, Round), RowError> {
    let events = row.list("timing_events")?;
    let text = |event: &Value, key: &str| event.get(key).and_then(Value::as_str).map(str::to_owned);
    let stamped = events.iter().filter_map(|event| {
        Some((unix_ns(&text(event, "timestamp")?)?, INPUTS.contains(&text(event, "event_type")?.as_str())))
    });
    let (inputs, outputs): (Vec<_>, Vec<_>) = stamped.partition(|(_, is_input)| *is_input);
    let sent_ns = inputs.iter().map(|(ns, _)| *ns).max().or_else(|| outputs.first().map(|(ns, _)| *ns));
    let end_ns = outputs.iter().map(|(ns, _)| *ns).max();
    let tools = row.list("tools")?.len();
    let round = Round {
        tokens: row.must_count("input_tokens_total")?.max(1),
        kept: row.must_count("prefix_tokens")?,
        output_tokens: row.must_count("output_tokens")?,
        tools: Some(u32::try_from(tools).unwrap_or(u32::MAX)),
        sent_ns,
        took_ns: sent_ns.zip(end_ns).map(|(sent, end)| end.saturating_sub(sent)),
        gap_ns: None,
        starts_ns: sent_ns,
    };
    Ok((row.must_text("session_id")?, round))
}

/// `number` counts from 1.
fn script(number: u64, id: String, rounds: Vec<Round>) -> Script {
    let starts_ns = rounds.first().and_then(|round| round.starts_ns);
    let (mut blocks, mut next_block, mut steps) = (Vec::new(), 0, Vec::<Step>::new());
    let mut gap_ns = None;
    for round in rounds {
        let size = u64::from(BLOCK_SIZE);
        blocks.truncate(usize::try_from(round.kept / size).unwrap_or(usize::MAX));
        while (blocks.len() as u64) < round.tokens.div_ceil(size) {
            blocks.push(next_block);
            next_block += 1;
        }
        blocks.truncate(usize::try_from(round.tokens.div_ceil(size)).unwrap_or(usize::MAX));
        let prompt = Prompt {
            tokens: round.tokens,
            block_size: BLOCK_SIZE,
            blocks: blocks.clone().into(),
            scope: number,
        };
        // A block that ends with the prompt is not whole, and what follows it in the next one is new.
        if round.tokens % size > 0 {
            blocks.pop();
        }
        // There are as many blocks as the prompt has room for.
        let Ok(mut step) = mooncake::prompt(prompt) else { continue };
        let before = steps.last().map(|before| before.recorded);
        let end_ns = before.and_then(|before| Some(before.sent_ns? + before.took_ns.unwrap_or(0)));
        let recorded_gap = end_ns.zip(round.sent_ns).map(|(end, sent)| sent.saturating_sub(end));
        step.after = u32::try_from(steps.len()).unwrap_or(0).checked_sub(1).into_iter().collect();
        step.start = Start::After(gap_ns.or(recorded_gap).unwrap_or(0));
        step.max_tokens = Some(round.output_tokens.max(1));
        step.recorded.output_tokens = Some(round.output_tokens);
        step.recorded.tool_calls = round.tools;
        step.recorded.sent_ns = round.sent_ns;
        step.recorded.took_ns = round.took_ns;
        gap_ns = round.gap_ns;
        steps.push(step);
    }
    Script { id, starts_ns, steps, category: None }
}
