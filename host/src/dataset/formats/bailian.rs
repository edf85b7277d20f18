//! The `bailian-trace` format: JSON Lines, one request a line, with lengths and ids of blocks of 16 tokens.
//!
//! `timestamp` is in **seconds**. `chat_id` names the request, `parent_chat_id` the one whose conversation it goes on with (-1:
//! none); `turn` counts from 1, `type` says what kind of request it was. A parent that is not in the file is as good as none. A
//! parent with two children is a fork: both belong to its session. Prompts are whole: history is in the blocks.
//! Source: alibaba-edu/qwen-bailian-usagetraces-anon.
//!
//! ```json
//! {"chat_id": 5, "parent_chat_id": -1, "timestamp": 1.5, "input_length": 40, "output_length": 12, "type": "text", "turn": 1, "hash_ids": [1, 2, 3]}
//! ```

use std::collections::HashMap;

use serde_json::Value;

use super::{FileError, contents::Head, input::Input, mooncake, row::NS_PER_S};
use crate::dataset::{Script, Start, Step, prompt::Prompt};

const BLOCK_SIZE: u32 = 16;

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    head.has(&["chat_id", "parent_chat_id", "hash_ids"])
}

struct Chat {
    id: i64,
    parent: Option<i64>,
    sent_ns: u64,
    step: Step,
}

/// Reads a file's sessions, in the order of their first requests.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut chats = input.whole().objects(|mut row| {
        let mut id = |key| row.take(key).as_ref().and_then(Value::as_i64);
        let (id, parent) = (id("chat_id"), id("parent_chat_id").filter(|parent| *parent >= 0));
        let sent_ns =
            row.time("timestamp", NS_PER_S)?.ok_or(super::RowError::Missing { key: "timestamp" })?;
        let output_tokens = row.positive("output_length")?;
        let mut step = mooncake::prompt(Prompt {
            tokens: row.must_count("input_length")?,
            block_size: input.block_size(BLOCK_SIZE),
            blocks: row.ids("hash_ids")?,
            scope: 0,
        })?;
        step.max_tokens = output_tokens;
        (step.recorded.sent_ns, step.recorded.output_tokens) = (Some(sent_ns), output_tokens);
        Ok(Chat { id: id.ok_or(super::RowError::Missing { key: "chat_id" })?, parent, sent_ns, step })
    })?;
    chats.sort_by_key(|chat| chat.sent_ns);
    Ok(sessions(chats).into_iter().take(input.most.unwrap_or(usize::MAX)).collect())
}

/// Chains of parents, in the order of time. A child that was sent before its parent begins a session of its own.
fn sessions(chats: Vec<Chat>) -> Vec<Script> {
    let mut scripts: Vec<Script> = Vec::new();
    let mut places = HashMap::new();
    for Chat { id, parent, sent_ns, step } in chats {
        let known = parent.and_then(|parent| places.get(&parent).copied());
        let place = if let Some((script, before)) = known {
            let Script { starts_ns, steps, .. } = &mut scripts[script];
            let start = Start::At(sent_ns - starts_ns.unwrap_or(sent_ns).min(sent_ns));
            steps.push(Step { after: vec![before], start, ..step });
            (script, u32::try_from(steps.len() - 1).unwrap_or(u32::MAX))
        } else {
            let script = Script::single(format!("chat_{id}"), step);
            scripts.push(Script { starts_ns: Some(sent_ns), ..script });
            (scripts.len() - 1, 0)
        };
        places.insert(id, place);
    }
    scripts
}
