//! The door: which format a file has, and who reads it. The one list of all formats.

use super::{
    FileError, atif, azure, bailian, burstgpt, claude_code, codex, contents::Head, conversations, dag,
    input::Input, inputs_json, mlperf, mooncake, openai_batch, openai_messages, otel, prony_sessions,
    raw_payload, row::nearest, sagemaker, sharegpt, single_turn::KEYS, tracelab, weka,
};
use crate::{dataset::Script, plan::FileFormat};

/// A format that can be read.
struct Known {
    name: FileFormat,
    /// Whether a file begins like one. Formats that only a name can tell from others never say so.
    fits: fn(&Head) -> bool,
    read: fn(&Input<'_>) -> Result<Vec<Script>, FileError>,
}

/// All formats. A file is detected if exactly one of them fits; the names are in [`FileFormat::NAMES`].
#[rustfmt::skip]
const FORMATS: &[Known] = &[
    Known { name: FileFormat::SingleTurn, fits: is_single_turn, read: |input| conversations::read(input, FileFormat::SingleTurn) },
    Known { name: FileFormat::MultiTurn, fits: is_multi_turn, read: |input| conversations::read(input, FileFormat::MultiTurn) },
    Known { name: FileFormat::RawPayload, fits: raw_payload::fits, read: raw_payload::read },
    Known { name: FileFormat::InputsJson, fits: inputs_json::fits, read: inputs_json::read },
    Known { name: FileFormat::MooncakeTrace, fits: mooncake::fits, read: mooncake::read },
    Known { name: FileFormat::BailianTrace, fits: bailian::fits, read: bailian::read },
    Known { name: FileFormat::BurstGptTrace, fits: burstgpt::fits, read: burstgpt::read },
    Known { name: FileFormat::AzureTrace, fits: azure::fits, read: azure::read },
    Known { name: FileFormat::OpenaiMessages, fits: openai_messages::fits, read: openai_messages::read },
    Known { name: FileFormat::OpenaiBatch, fits: openai_batch::fits, read: openai_batch::read },
    Known { name: FileFormat::Sharegpt, fits: sharegpt::fits, read: sharegpt::read },
    Known { name: FileFormat::SagemakerDataCapture, fits: sagemaker::fits, read: sagemaker::read },
    Known { name: FileFormat::DagJsonl, fits: dag::fits, read: dag::read },
    Known { name: FileFormat::WekaTrace, fits: weka::fits, read: weka::read },
    Known { name: FileFormat::Tracelab, fits: tracelab::fits, read: tracelab::read },
    Known { name: FileFormat::PronySessions, fits: prony_sessions::fits, read: prony_sessions::read },
    Known { name: FileFormat::Mlperf, fits: mlperf::fits, read: mlperf::read },
    Known { name: FileFormat::Otel, fits: otel::fits, read: otel::read },
    Known { name: FileFormat::Atif, fits: atif::fits, read: atif::read },
    Known { name: FileFormat::ClaudeCode, fits: claude_code::fits, read: claude_code::read },
    Known { name: FileFormat::Codex, fits: codex::fits, read: codex::read },
];

/// What a file says, and the format that it was read as.
#[derive(Debug)]
pub(in crate::dataset) struct ReadFile {
    pub(in crate::dataset) format: FileFormat,
    pub(in crate::dataset) scripts: Vec<Script>,
}

/// Reads a file, of which the format may be named. Its first request is at the instant 0; where every session has an instant,
/// they are in that order.
pub(in crate::dataset) fn read(input: &Input<'_>, named: FileFormat) -> Result<ReadFile, FileError> {
    let format = match named {
        FileFormat::Detected => detect(input)?,
        named => named,
    };
    let reader = FORMATS.iter().find(|known| known.name == format).map(|known| known.read);
    let mut scripts = match reader {
        Some(read) if named != FileFormat::Detected || !is_ours(format) => read(input)?,
        // Lines of both kinds may stand in one file.
        _ => conversations::read(input, FileFormat::Detected)?,
    };
    from_the_first(&mut scripts);
    Ok(ReadFile { format, scripts })
}

fn is_ours(format: FileFormat) -> bool {
    matches!(format, FileFormat::SingleTurn | FileFormat::MultiTurn)
}

fn detect(input: &Input<'_>) -> Result<FileFormat, FileError> {
    let head = Head::of(input.path)?;
    let fitting: Vec<FileFormat> =
        FORMATS.iter().filter(|known| (known.fits)(&head)).map(|known| known.name).collect();
    match fitting[..] {
        [only] => Ok(only),
        [first, second, ..] => {
            Err(FileError::Ambiguous { path: input.path.into(), formats: [first.name(), second.name()] })
        }
        // What is wrong with a row of text is better told by who reads such rows.
        [] if head.rows.is_empty() && head.line.starts_with(['{', '[']) => Ok(FileFormat::SingleTurn),
        [] if looks_like_text(&head) => Ok(FileFormat::SingleTurn),
        [] => Err(FileError::Unknown { path: input.path.into(), what: beginning(&head) }),
    }
}

/// Keys of rows of text, and what other tools call them.
#[rustfmt::skip]
const TEXT_KEYS: [&str; 8] = ["text", "texts", "image", "images", "audio", "audios", "video", "videos"];

fn is_single_turn(head: &Head) -> bool {
    TEXT_KEYS.iter().any(|key| head.has(&[key]))
}

fn is_multi_turn(head: &Head) -> bool {
    let entries = head.rows.first().and_then(|row| row.get("turns")).and_then(|turns| turns.as_array());
    entries.is_some_and(|turns| turns.first().is_none_or(|turn| turn.get("messages").is_none()))
        && !head.has(&["orchestrator"])
}

/// A row with few keys, of which one is nearly right, is a mistake in a file of ours.
fn looks_like_text(head: &Head) -> bool {
    let is_near = |key: &String| nearest(key, KEYS).is_some() || KEYS.contains(&key.as_str());
    head.rows.first().is_some_and(|row| row.len() <= 3 && (row.is_empty() || row.keys().any(is_near)))
}

/// What an unknown file begins with, for a message.
fn beginning(head: &Head) -> String {
    match head.rows.first() {
        Some(row) => {
            let keys: Vec<String> =
                row.keys().take(8).map(|key| format!("`{}`", key.escape_debug())).collect();
            format!("its first object has the keys {}", keys.join(", "))
        }
        None => format!("it begins with `{}`", head.line.chars().take(60).collect::<String>().escape_debug()),
    }
}

/// Counts all instants from the first one.
fn from_the_first(scripts: &mut [Script]) {
    let sent = |script: &Script| script.steps.iter().filter_map(|step| step.recorded.sent_ns).min();
    let first = |script: &Script| [script.starts_ns, sent(script)].into_iter().flatten().min();
    let Some(zero) = scripts.iter().filter_map(first).min() else { return };
    for script in scripts.iter_mut() {
        let steps = script.steps.iter_mut().map(|step| &mut step.recorded.sent_ns);
        for instant in steps.chain([&mut script.starts_ns]).flatten() {
            *instant -= zero;
        }
    }
    if scripts.iter().all(|script| script.starts_ns.is_some()) {
        scripts.sort_by_key(|script| script.starts_ns);
    }
}
