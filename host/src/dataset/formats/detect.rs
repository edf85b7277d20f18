//! Detects the format of a file, and calls its reader. The one list of all formats.

use super::{
    FileError, atif, azure, bailian, burstgpt, claude_code, codex,
    contents::Head,
    conversations, dag, folder,
    index::{Index, NoIndex, Reader},
    input::Input,
    inputs_json,
    layout::Layout,
    mlperf, mooncake, openai_batch, openai_messages, otel, prony_sessions, random_pool, raw_payload,
    row::nearest,
    sagemaker, sharegpt,
    single_turn::KEYS,
    speed_bench,
    stored::StoredFile,
    tracelab, weka,
};
use crate::{
    dataset::Script,
    plan::{FileFormat, SpeedBenchRows},
};

/// A format that can be read.
struct Known {
    name: FileFormat,
    /// Whether a file begins like one. Formats that only a name can tell from others never say so.
    fits: fn(&Head) -> bool,
    read: Reader,
}

/// All formats. A file is detected if exactly one of them fits; the names are in [`FileFormat::NAMES`].
#[rustfmt::skip]
const FORMATS: &[Known] = &[
    Known { name: FileFormat::SingleTurn, fits: is_single_turn, read: |input| conversations::read(input, FileFormat::SingleTurn) },
    Known { name: FileFormat::MultiTurn, fits: is_multi_turn, read: |input| conversations::read(input, FileFormat::MultiTurn) },
    Known { name: FileFormat::RawPayload, fits: raw_payload::fits, read: raw_payload::read },
    Known { name: FileFormat::RandomPool, fits: |_| false, read: random_pool::read },
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
    Known { name: FileFormat::SpeedBench(SpeedBenchRows::All), fits: speed_bench::fits, read: speed_bench::read },
    Known { name: FileFormat::Codex, fits: codex::fits, read: codex::read },
];

/// What a file says, and the format that it was read as.
#[derive(Debug)]
pub(crate) struct ReadFile {
    pub(in crate::dataset) format: FileFormat,
    pub(in crate::dataset) scripts: Vec<Script>,
}

/// How sessions stand in the lines of a file of this format.
fn layout(format: FileFormat, head: &Head) -> Layout {
    match format {
        _ if head.is_document => Layout::Whole,
        FileFormat::SingleTurn
        | FileFormat::MultiTurn
        | FileFormat::RawPayload
        | FileFormat::OpenaiMessages
        | FileFormat::OpenaiBatch
        | FileFormat::Sharegpt
        | FileFormat::SagemakerDataCapture
        | FileFormat::SpeedBench(SpeedBenchRows::All)
        | FileFormat::WekaTrace => Layout::Lines,
        FileFormat::PronySessions => Layout::Headed,
        FileFormat::MooncakeTrace => Layout::Named("session_id"),
        FileFormat::Mlperf => Layout::Named("conversation_id"),
        FileFormat::BurstGptTrace => Layout::Table { session: Some("Session ID") },
        FileFormat::AzureTrace => Layout::Table { session: None },
        FileFormat::Tracelab if head.has(&["session_id"]) => Layout::Named("session_id"),
        FileFormat::Tracelab if head.has_columns(&["session_id"]) => {
            Layout::Table { session: Some("session_id") }
        }
        _ => Layout::Whole,
    }
}

/// A large file whose sessions are read one by one.
#[derive(Debug)]
pub(in crate::dataset) struct Indexed {
    pub(in crate::dataset) index: Index,
    /// Sessions without a name are numbered in the order of time, and not in that of the file.
    pub(in crate::dataset) numbers_by_time: bool,
}

/// Builds the index of a file, of which the format may be named, if the file is large and its sessions can be read one by one.
/// Each session is given to `look`, and what that makes of it to `take`, as [`Index::build`] says.
pub(in crate::dataset) fn index<D: Send, E: From<FileError> + Send>(
    file: &StoredFile,
    named: FileFormat,
    most: Option<usize>,
    look: &(impl Fn(u32, Script) -> Result<D, E> + Sync),
    take: &mut impl FnMut(u32, D) -> Result<(), E>,
) -> Result<Option<Indexed>, E> {
    let Some(text) = file.large()? else { return Ok(None) };
    let input = file.input(None);
    let (format, reader) = reader(&input, named)?;
    let numbers_by_time = format == FileFormat::BurstGptTrace;
    // The first ones of a file that is sorted before it is cut.
    let is_sorted = numbers_by_time || format == FileFormat::SagemakerDataCapture;
    let layout = layout(format, &Head::of(&input)?);
    if layout == Layout::Whole || is_sorted && most.is_some() {
        return Ok(None);
    }
    match Index::build(input.path.into(), text, reader, layout, most, look, take) {
        Ok(index) => Ok(Some(Indexed { index, numbers_by_time })),
        Err(NoIndex::Whole) => Ok(None),
        Err(NoIndex::Failed(error)) => Err(error),
    }
}

/// The format of a file, and what reads it.
fn reader(input: &Input<'_>, named: FileFormat) -> Result<(FileFormat, Reader), FileError> {
    let format = match named {
        FileFormat::Detected => detect(input)?,
        named => named,
    };
    let reader = FORMATS.iter().find(|known| known.name == format.whole()).map(|known| known.read);
    let reader = reader.filter(|_| named != FileFormat::Detected || !is_ours(format));
    // Lines of both kinds may stand in one file.
    Ok((format, reader.unwrap_or(|input| conversations::read(input, FileFormat::Detected))))
}

/// Reads a file, of which the format may be named. Its first request is at the instant 0; where every session has an instant,
/// they are in that order.
pub(in crate::dataset) fn read(input: &Input<'_>, named: FileFormat) -> Result<ReadFile, FileError> {
    let input = &input.choosing(named);
    let (format, mut scripts) = if input.is_folder() {
        folder_sessions(input, named)?
    } else {
        let (format, read) = reader(input, named)?;
        (format, read(input)?)
    };
    from_the_first(&mut scripts);
    Ok(ReadFile { format, scripts })
}

/// The sessions of all files below a folder, which have one format: that of the first file that has a known one. Rows of single
/// requests are pools, a file of whole bodies is a session.
fn folder_sessions(input: &Input<'_>, named: FileFormat) -> Result<(FileFormat, Vec<Script>), FileError> {
    let files = folder::files(input.path)?;
    let mut detected = files.iter().map(|file| reader(&input.at(file), named));
    let first = detected.next().unwrap_or_else(|| Err(FileError::EmptyFolder { path: input.path.into() }));
    let (format, read) = first.or_else(|error| detected.find_map(Result::ok).ok_or(error))?;
    if matches!(format, FileFormat::SingleTurn | FileFormat::RandomPool) {
        return Ok((FileFormat::RandomPool, random_pool::read_files(input, &files)?));
    }
    let mut all = Vec::new();
    for file in &files {
        match read(&input.at(file)) {
            Ok(scripts) if format == FileFormat::RawPayload => {
                all.extend(raw_payload::session(file, scripts));
            }
            Ok(scripts) => all.extend(scripts),
            // Tools leave files behind in which nothing was said.
            Err(FileError::Empty { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if all.is_empty() && !input.has_errors() {
        return Err(FileError::Empty { path: input.path.into() });
    }
    all.truncate(input.most.unwrap_or(usize::MAX));
    Ok((format, all))
}

fn is_ours(format: FileFormat) -> bool {
    matches!(format, FileFormat::SingleTurn | FileFormat::MultiTurn)
}

fn detect(input: &Input<'_>) -> Result<FileFormat, FileError> {
    let head = Head::of(input)?;
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

/// The first instant that a session names.
pub(in crate::dataset) fn first_instant(script: &Script) -> Option<u64> {
    let sent = script.steps.iter().filter_map(|step| step.recorded.sent_ns).min();
    [script.starts_ns, sent].into_iter().flatten().min()
}

/// Counts the instants of a session from this one, which is not behind the first of them.
pub(in crate::dataset) fn count_from(script: &mut Script, zero_ns: u64) {
    let steps = script.steps.iter_mut().map(|step| &mut step.recorded.sent_ns);
    for instant in steps.chain([&mut script.starts_ns]).flatten() {
        *instant = instant.saturating_sub(zero_ns);
    }
}

/// Counts all instants from the first one.
fn from_the_first(scripts: &mut [Script]) {
    let Some(zero_ns) = scripts.iter().filter_map(first_instant).min() else { return };
    for script in scripts.iter_mut() {
        count_from(script, zero_ns);
    }
    if scripts.iter().all(|script| script.starts_ns.is_some()) {
        scripts.sort_by_key(|script| script.starts_ns);
    }
}
