//! Private parts of the host, opened for the fuzz targets and benches of this repository.
//!
//! **Not an API**: anything here changes whenever the code behind it does. Every function leads to the very code that a
//! run uses, and adds nothing but plain types.

mod agents;
mod journals;

use std::{io, path::Path, sync::Arc};

use prony_plugin_api::{
    abi::host::{EndpointInstance, PluginRoot},
    descriptor::Descriptor,
    framing::LineSplitter,
    sse::SseSplitter,
};
use serde::de::DeserializeOwned;

use crate::{
    child::frame::FrameReader,
    dataset::{self, FileError, Tokenizer, read_file},
    explain::Explain,
    metrics::{Distribution, Statistic},
    plan::{FileFormat, TokenizerChoice},
    plugin::internals as plugin,
    record::{
        build::{Recipe, build, count},
        journal,
    },
    request::{
        answer::Answer,
        endpoint::{Endpoint, Parser},
        exchange::{Content, Finished},
        transport::read_whole,
    },
};

pub use self::{
    agents::{Seen, Stage, StandIns},
    journals::{AgentJournals, write_agent_facts, write_agent_journal},
};
pub use crate::request::transport::HttpAnswer;

/// Splits the reads of a response into server-sent events: name and data. `None` when one is too large.
pub fn split_events<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<(String, Vec<u8>)>> {
    let mut splitter = SseSplitter::default();
    let mut events = Vec::new();
    for read in reads {
        splitter.feed(read, |name, data| events.push((name.to_owned(), data.to_vec()))).ok()?;
    }
    Some(events)
}

/// Splits the reads of a response into lines. `None` when one is too large.
pub fn split_lines<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<Vec<u8>>> {
    let mut splitter = LineSplitter::default();
    let mut lines = Vec::new();
    for read in reads {
        splitter.feed(read, |line| lines.push(line.to_vec())).ok()?;
    }
    splitter.end(|line| lines.push(line.to_vec()));
    Some(lines)
}

/// Reads an answer that arrives in these reads, as from a connection; `None` when its head does not end.
pub fn read_http<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<HttpAnswer>, String> {
    read_whole(reads)
}

/// What the rows of an input file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// What is to be asked.
    SingleTurn,
    /// Bodies of requests.
    RawPayload,
}

/// Reads an input file, at most so many rows: each as it is understood, or what is wrong.
pub fn read_rows(file: &Path, rows: Rows, most: Option<usize>) -> Result<Vec<String>, String> {
    let read = read_file(file, rows == Rows::RawPayload, most);
    let scripts = read.map_err(|error| format!("{error} ({})", error.hint()))?;
    Ok(scripts.iter().map(|script| format!("{script:?}")).collect())
}

/// The names of all formats of input files.
pub fn dataset_formats() -> impl Iterator<Item = &'static str> {
    FileFormat::NAMES.iter().map(|(name, _)| *name)
}

/// Looks at an input file of the format that is named, or detected, and gives it in prony's own format, or what is wrong.
pub fn convert_dataset(file: &Path, format: Option<&str>) -> Result<Vec<u8>, String> {
    let named = FileFormat::NAMES.iter().find(|(name, _)| Some(*name) == format);
    let format = named.map_or(FileFormat::Detected, |(_, format)| *format);
    let explained = |error: FileError| format!("{error} ({})", error.hint());
    dataset::inspect(file, format).map_err(explained)?;
    let mut sessions = Vec::new();
    let written = dataset::sessions(file, format).map_err(explained)?.write(&mut sessions);
    written.map(|()| sessions).map_err(|error| error.to_string())
}

/// Reads a manifest: how many endpoints and services it has, or what is wrong with it.
pub fn read_manifest(text: &str) -> Result<(usize, usize), String> {
    plugin::read_manifest(text)
}

/// Reads what a library's file says about the library.
pub fn read_descriptor(library: &[u8]) -> Result<Descriptor, String> {
    plugin::describe(library)
}

/// Opens a library as the registry would.
pub fn open_library(library: &Path) -> Result<PluginRoot, String> {
    plugin::open(library)
}

/// What a journal's bytes give.
#[derive(Debug, PartialEq, Eq)]
pub struct JournalContents {
    /// Every whole frame, encoded again: its tag in this version, and its payload.
    pub frames: Vec<(u16, Vec<u8>)>,
    /// Something is missing.
    pub damaged: bool,
}

/// Reads the records of a journal as a report does, with what was counted of each: how many of them it
/// understands. `None` when it is none.
pub fn read_records(journal: &[u8]) -> Option<usize> {
    let mut reader = journal::Reader::of(journal)?;
    let pieces = std::iter::from_fn(|| reader.next_piece());
    let understood = |piece| match piece {
        journal::Piece::Records(records) => records.decode(|_| None).flatten().count(),
        journal::Piece::Frame(_) => 0,
    };
    Some(pieces.map(understood).sum())
}

/// Reads a journal; `None` when it is none.
pub fn read_journal(bytes: &[u8]) -> Option<JournalContents> {
    let mut reader = journal::Reader::of(bytes)?;
    let frames = reader.by_ref().map(|frame| journal::encoded(&frame).unwrap_or_default()).collect();
    Some(JournalContents { frames, damaged: reader.damage().is_any() })
}

/// Reads what a child sends until it ends, or until something is wrong with it.
pub fn read_child<T: DeserializeOwned>(bytes: &[u8]) -> (Vec<T>, io::Result<()>) {
    let mut reader = FrameReader::of(bytes);
    let mut values = Vec::new();
    loop {
        match reader.read() {
            Ok(Some(value)) => values.push(value),
            Ok(None) => return (values, Ok(())),
            Err(error) => return (values, Err(error)),
        }
    }
}

/// A streamed answer on its way through a worker: what is done with a read from the moment it arrived.
#[derive(Debug)]
pub struct StreamReader {
    splitter: SseSplitter,
    parser: Parser,
    answer: Answer,
}

impl StreamReader {
    /// Begins an answer. Nothing when the API format makes no parser.
    pub fn new(api_format: &Arc<EndpointInstance>) -> Option<Self> {
        let parser = Endpoint::new("bench", Arc::clone(api_format)).parser().ok()?;
        Some(Self { splitter: SseSplitter::default(), parser, answer: Answer::default() })
    }

    /// Takes a read. Says whether the API format could read it.
    pub fn read(&mut self, arrived_ns: u64, bytes: &[u8]) -> bool {
        let Self { splitter, parser, answer } = self;
        answer.arrived = Some(arrived_ns);
        let mut good = true;
        let fed = splitter.feed(bytes, |name, data| {
            answer.begin_event();
            good &= parser.event(name, data, answer).is_ok() && answer.breach().is_none();
        });
        fed.is_ok() && good
    }

    /// Events with tokens so far.
    pub fn token_events(&self) -> u64 {
        self.answer.token_events
    }

    /// How much room there is for what is kept of every token: its text, and its gap to the one before.
    pub fn room(&self) -> [usize; 2] {
        let text = self.answer.texts.first().map_or(0, |passage| passage.text.capacity());
        [text, self.answer.chunk_gaps_ns.capacity()]
    }

    /// Ends the answer, as the recorder gets it.
    pub fn finish(self) -> FinishedRequest {
        let content =
            Content { script: "session_000000".to_owned(), input_tokens: Some(1), ..Content::default() };
        let mut finished = Finished { request_id: "bench".to_owned(), content, ..Finished::default() };
        finished.exchange.answer = self.answer;
        FinishedRequest(finished)
    }
}

/// A request that is over.
#[derive(Debug)]
pub struct FinishedRequest(Finished);

/// What makes records of finished requests.
#[expect(missing_debug_implementations, reason = "a tokenizer shows nothing of itself")]
pub struct RecordMaker {
    tokenizer: Option<Tokenizer>,
}

impl RecordMaker {
    /// One that counts tokens, or leaves that to the server.
    pub fn new(counts: bool) -> Self {
        Self { tokenizer: if counts { Tokenizer::load(&TokenizerChoice::Builtin).ok() } else { None } }
    }

    /// Makes the record, encodes it as the journal does into `journal`, and says how many tokens it counts.
    pub fn keep(&self, finished: FinishedRequest, journal: &mut Vec<u8>) -> Option<u64> {
        let Self { tokenizer } = self;
        let recipe = Recipe { counts: tokenizer.is_some(), keep_outputs: false };
        let (mut record, texts) = build(finished.0, recipe);
        if let Some((texts, tokenizer)) = texts.zip(tokenizer.as_ref()) {
            record.add_count(count(&texts, tokenizer));
        }
        let counted = record.counted.output;
        journal.clear();
        rmp_serde::encode::write_named(journal, &record).ok()?;
        counted
    }
}

/// Sorts and describes values, and gives a statistic of them by its key; nothing where there is no such key or no value.
pub fn percentile(values: &mut [f64], key: &str) -> Option<f64> {
    let statistic = Statistic::of_key(key)?;
    Distribution::of(values).map(|values| values.statistic(statistic))
}
