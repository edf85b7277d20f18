//! The `openai-messages` format: JSON Lines (or one list), one request a line in the form of OpenAI's chat API, as fine-tuning
//! files and the datasets of many tools have it.
//!
//! Each row is one request with all its messages. A message of the assistant's at the end is the reply that is expected, not a
//! part of the prompt. `tools`, `temperature` and so on go into the request as they are; `model` and `stream` are the run's.
//! Source: the chat completions and fine-tuning references of OpenAI.
//!
//! ```json
//! {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Oslo?"}], "max_tokens": 50}
//! {"messages": [{"role": "user", "content": "Oslo?"}, {"role": "assistant", "content": "In Norway."}]}
//! ```

use super::{FileError, contents::Head, input::Input, openai, speed_bench};
use crate::dataset::{Script, script::session_id};

/// What only says something about the row.
const ABOUT_THE_ROW: [&str; 4] = ["metadata", "custom_id", "id", "subset"];

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    let is_timed = ["timestamp", "delay", "session_id", "output_length"].iter().any(|key| head.has(&[key]));
    head.has_list("messages") && !is_timed && !speed_bench::fits(head)
}

/// Reads a file's requests.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut number = input.first_number();
    input.objects(|row| {
        let mut body = row.into_fields();
        for key in ABOUT_THE_ROW {
            body.remove(key);
        }
        let script = Script::single(session_id(number), openai::request(body)?);
        number += 1;
        Ok(script)
    })
}
