//! The `burst-gpt-trace` format: a table of lengths with a head, `Timestamp,Model,Request tokens,Response tokens,…`.
//!
//! `Timestamp` is in seconds, from a clock of the recording. Rows whose call failed (0 response tokens) are left out. The newer
//! files have a `Session ID`, whose rows are a session, and an `Elapsed time` in seconds: the next request goes so long after
//! the response as it did then. Prompts are taken as whole, with what was said before. Columns are found by name; others are
//! not read. Source: HPMLL/BurstGPT.
//!
//! ```csv
//! Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type
//! 19440110.0,a11a,21,ChatGPT,153,323,476,Conversation log
//! ```

use std::collections::HashMap;

use super::{
    FileError,
    contents::Head,
    input::Input,
    mooncake,
    row::{NS_PER_S, nanoseconds},
};
use crate::dataset::{Script, Start, Step, prompt::Prompt, script::session_id};

const COLUMNS: [&str; 3] = ["Timestamp", "Request tokens", "Response tokens"];

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    head.has_columns(&COLUMNS)
}

/// Reads a file's sessions, in the order of their first requests.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut calls = input.whole().table(|row| {
        let output_tokens = row.count("Response tokens")?;
        if output_tokens == 0 {
            return Ok(None);
        }
        let tokens = row.count("Request tokens")?.max(1);
        let mut step = mooncake::prompt(Prompt { tokens, ..Prompt::default() })?;
        step.max_tokens = Some(output_tokens);
        step.recorded.sent_ns = Some(nanoseconds(row.non_negative("Timestamp")?, NS_PER_S));
        step.recorded.output_tokens = Some(output_tokens);
        if row.get("Elapsed time").is_some() {
            step.recorded.took_ns = Some(nanoseconds(row.non_negative("Elapsed time")?, NS_PER_S));
        }
        Ok(Some((row.get("Session ID").map(str::to_owned), step)))
    })?;
    calls.sort_by_key(|(_, step)| step.recorded.sent_ns);
    let mut scripts: Vec<Script> = Vec::new();
    let mut places = HashMap::new();
    for (session, step) in calls {
        let number = scripts.len();
        let starts_ns = step.recorded.sent_ns;
        if let Some(session) = session {
            let place = *places.entry(session.clone()).or_insert(number);
            if place == number {
                scripts.push(Script { id: session, starts_ns, steps: Vec::new(), category: None });
            }
            add(&mut scripts[place].steps, step);
        } else {
            scripts.push(Script {
                starts_ns,
                ..Script::single(session_id(input.first_number() + number as u64), step)
            });
        }
    }
    scripts.truncate(input.most.unwrap_or(usize::MAX));
    Ok(scripts)
}

/// Adds a request to its session: it goes so long after the response before it as it did when it was recorded.
fn add(steps: &mut Vec<Step>, step: Step) {
    let previous = steps.last().map(|before| {
        let end = before.recorded.sent_ns.unwrap_or(0) + before.recorded.took_ns.unwrap_or(0);
        step.recorded.sent_ns.unwrap_or(0).saturating_sub(end)
    });
    let before = u32::try_from(steps.len()).unwrap_or(u32::MAX).checked_sub(1);
    steps.push(Step {
        after: before.into_iter().collect(),
        start: Start::After(previous.unwrap_or(0)),
        ..step
    });
}
