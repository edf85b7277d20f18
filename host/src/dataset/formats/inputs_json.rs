//! The `inputs-json` format: whole bodies by session, in one document, as AIPerf and Perf Analyzer write them.
//!
//! Bodies are sent as they are, those of a session one after the other. Perf Analyzer's entries have no id and a list `payload`
//! of one body. Source: AIPerf's `inputs.json`, Perf Analyzer's input data.
//!
//! ```json
//! {"data": [{"session_id": "a", "payloads": [{"model": "m", "messages": [{"role": "user", "content": "Oslo?"}]}]}]}
//! ```

use std::collections::HashSet;

use super::{FileError, RowError, contents::Head, input::Input, raw_payload, row::Row};
use crate::dataset::{Script, Step, script::session_id};

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    head.has_list("data")
}

/// Reads a file's sessions.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut ids = HashSet::new();
    let documents = input.whole().objects(|mut document| {
        let entries = document.list("data")?.into_iter().enumerate();
        let scripts = entries.map(|(place, entry)| {
            Row::of(entry)
                .and_then(|mut row| session(&mut row, place, &mut ids))
                .map_err(|error| RowError::Within { place: format!("data[{place}]"), error: Box::new(error) })
        });
        scripts.collect::<Result<Vec<_>, _>>()
    })?;
    Ok(documents.into_iter().flatten().take(input.most.unwrap_or(usize::MAX)).collect())
}

fn session(row: &mut Row, place: usize, ids: &mut HashSet<String>) -> Result<Script, RowError> {
    let id = row.text("session_id")?.unwrap_or_else(|| session_id(place as u64));
    if !ids.insert(id.clone()) {
        return Err(RowError::Contradiction { what: format!("the session `{id}` is there twice") });
    }
    let key = if row.has("payloads") { "payloads" } else { "payload" };
    let bodies = row.list(key)?;
    let step = |(place, body): (usize, serde_json::Value)| {
        let text = body.to_string();
        let body = Row::of(body)?.into_fields();
        let step = raw_payload::step(&text, &body);
        // What a body repeats of the one before it stands in it.
        let after = place.checked_sub(1).and_then(|before| u32::try_from(before).ok());
        Ok(Step { after: after.into_iter().collect(), ..step })
    };
    let steps: Vec<Step> = bodies.into_iter().enumerate().map(step).collect::<Result<_, RowError>>()?;
    if steps.is_empty() {
        return Err(RowError::NoContent);
    }
    Ok(Script { id, starts_ns: None, steps, category: None })
}
