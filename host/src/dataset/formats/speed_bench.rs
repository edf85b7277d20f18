//! The `speed-bench` format: JSON Lines, a conversation a line, `{question_id, category, messages}`.
//!
//! Each message of the user's is a turn, and what stands before it belongs to it; a message of the assistant's is the reply that was
//! recorded. A name of a set, such as `speed-bench-coding`, takes the rows of one category. Other members of a row are not sent.
//! Source: nvidia/SPEED-Bench, as its own program prepares `qualitative.jsonl` and `throughput_1k.jsonl` to `throughput_32k.jsonl`.
//!
//! ```json
//! {"question_id": "5e1f", "category": "coding", "messages": [{"role": "user", "content": "Sort a list."}]}
//! ```

use std::sync::Arc;

use super::{FileError, RowError, contents::Head, input::Input, openai};
use crate::dataset::{Message, Script, Step, roles, script::session_id};

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    head.has(&["question_id", "category"]) && head.has_list("messages")
}

/// Reads a file's conversations, those of the category that is wanted.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let (mut number, wanted) = (input.first_number(), input.speed_bench_rows().category());
    let rows = if wanted.is_some() { input.whole() } else { input.with_most(input.most) };
    let scripts = rows.objects(|mut row| {
        let id = row.name("question_id")?.unwrap_or_else(|| session_id(number));
        let category = row.text("category")?;
        let steps = turns(openai::messages(row.take("messages").unwrap_or_default())?);
        number += 1;
        if steps.is_empty() {
            return Err(RowError::NoTurns);
        }
        let is_wanted = wanted.is_none_or(|wanted| category.as_deref() == Some(wanted));
        let category = category.map(Arc::from);
        Ok(is_wanted.then(|| Script { category, ..Script::dialogue(id, steps) }))
    })?;
    let scripts: Vec<Script> = scripts.into_iter().flatten().take(input.most.unwrap_or(usize::MAX)).collect();
    match wanted {
        Some(category) if scripts.is_empty() => {
            input.wrong(FileError::NoCategory { path: input.path.into(), category })?;
        }
        _ => {}
    }
    Ok(scripts)
}

fn turns(said: Vec<Message>) -> Vec<Step> {
    let (mut steps, mut open) = (Vec::new(), Vec::<Message>::new());
    for message in said {
        let asks = open.iter().any(|message| message.role == roles::USER);
        match message.role.as_str() {
            roles::ASSISTANT if asks => {
                let messages = std::mem::take(&mut open);
                steps.push(Step { messages, reply: Some(message), ..Step::default() });
            }
            roles::USER if asks => {
                let messages = std::mem::replace(&mut open, vec![message]);
                steps.push(Step { messages, ..Step::default() });
            }
            _ => open.push(message),
        }
    }
    if open.iter().any(|message| message.role == roles::USER) {
        steps.push(Step { messages: open, ..Step::default() });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Part;

    #[test]
    fn each_question_is_a_turn_with_what_stands_before_it() {
        let said = |role: &str| Message { role: role.into(), parts: vec![Part::text("x".into())] };
        let roles = ["system", "user", "user", "assistant", "user", "assistant"];
        let steps = turns(roles.map(said).into());
        let found: Vec<_> = steps.iter().map(|step| (step.messages.len(), step.reply.is_some())).collect();
        assert_eq!(found, [(2, false), (1, true), (1, true)]);
        assert!(turns(vec![said("system")]).is_empty());
    }
}
