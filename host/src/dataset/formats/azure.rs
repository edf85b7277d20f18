//! The `azure-trace` format: a table of single requests with a head, `TIMESTAMP,ContextTokens,GeneratedTokens`.
//!
//! `TIMESTAMP` is a date and a time of day with up to seven digits behind the point, with or without a zone (UTC then).
//! `ContextTokens` is the whole prompt. Columns are found by name: the files of 2025 have others between them.
//! Source: Azure/AzurePublicDataset, LLM inference traces of 2023 and 2024.
//!
//! ```csv
//! TIMESTAMP,ContextTokens,GeneratedTokens
//! 2023-11-16 18:17:03.9799600,4808,10
//! ```

use super::{FileError, RowError, contents::Head, input::Input, instant::unix_ns, mooncake};
use crate::dataset::{Script, prompt::Prompt, script::session_id};

const COLUMNS: [&str; 3] = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];

/// Whether a file begins like one.
pub(super) fn fits(head: &Head) -> bool {
    head.has_columns(&COLUMNS)
}

/// Reads a file's requests.
pub(super) fn read(input: &Input<'_>) -> Result<Vec<Script>, FileError> {
    let mut number = input.first_number();
    input.table(|row| {
        let stamp = row.must("TIMESTAMP")?;
        let sent_ns = unix_ns(stamp).ok_or_else(|| RowError::Value {
            key: "TIMESTAMP",
            value: stamp.to_owned(),
            expected: "a date and a time of day",
        })?;
        let mut step =
            mooncake::prompt(Prompt { tokens: row.count("ContextTokens")?.max(1), ..Prompt::default() })?;
        let output_tokens = row.count("GeneratedTokens")?;
        step.max_tokens = Some(output_tokens.max(1));
        step.recorded.sent_ns = Some(sent_ns);
        step.recorded.output_tokens = Some(output_tokens);
        number += 1;
        Ok(Some(Script { starts_ns: Some(sent_ns), ..Script::single(session_id(number - 1), step) }))
    })
}
