//! The `sharegpt` format: conversations with recorded answers, one list of them or JSON Lines.
//!
//! An entry is `{id, conversations: [{from, value}]}`; `role` and `content` may stand for `from` and `value`, and
//! `conversation` for the list (WildChat). `human` and `user` ask; `gpt`, `chatgpt`, `bard`, `bing`, `assistant` and `model`
//! answer; `system` stands before the first question. A conversation without a question is left out, as other tools do.
//! Source: the ShareGPT dumps that vLLM's benchmark reads, and `allenai/WildChat`.
//!
//! ```json
//! [{"id": "x_0", "conversations": [{"from": "human", "value": "Oslo?"}, {"from": "gpt", "value": "In Norway."}]}]
//! ```

use serde_json::Value;

use super::{
    FileError, RowError,
    contents::Head,
    input::Input,
    openai,
    row::{Row, wrong_type},
};
use crate::dataset::{Message, Part, Script, roles, script::session_id};

const LISTS: [&str; 2] = ["conversations", "conversation"];

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    LISTS.iter().any(|list| head.has_list(list))
}

/// Reads a file's conversations.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut number = input.first_number();
    let scripts = input.objects(|mut row| {
        let key = if row.has(LISTS[0]) { LISTS[0] } else { LISTS[1] };
        let said: Vec<Message> = row.list(key)?.into_iter().map(message).collect::<Result<_, _>>()?;
        let steps = openai::dialogue(said.into_iter().filter(|message| !message.parts.is_empty()));
        let id = row.name("id")?.or(row.name("conversation_hash")?).unwrap_or_else(|| session_id(number));
        number += 1;
        Ok((!steps.is_empty()).then(|| Script::dialogue(id, steps)))
    })?;
    Ok(scripts.into_iter().flatten().collect())
}

/// A message without content has no part.
fn message(value: Value) -> Result<Message, RowError> {
    let mut row = Row::of(value)?;
    let (from, role) = (row.text("from")?, row.text("role")?);
    let role = from.or(role).ok_or(RowError::Missing { key: "from" })?;
    let role = match role.as_str() {
        "human" => roles::USER.to_owned(),
        "gpt" | "chatgpt" | "bard" | "bing" | "model" => roles::ASSISTANT.to_owned(),
        _ => role,
    };
    let parts = match row.take("value").or_else(|| row.take("content")) {
        None => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::String(text)) => vec![Part::text(text)],
        Some(other) => return Err(wrong_type("`value`".into(), "a string", &other)),
    };
    Ok(Message { role, parts })
}
