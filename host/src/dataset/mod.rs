//! Datasets: what the requests say.
//!
//! A [`Source`] gives a [`Script`] for each position; what is at a position depends on the dataset's description and the seed
//! alone. Generated scripts are made as they are needed, some ahead of time ([`ahead`]); those of a file are read before the
//! load. A dataset knows nothing of API formats: an endpoint turns a [`Step`] into bytes.

mod acceptance;
mod ahead;
mod anonymise;
mod categories;
mod chat_template;
mod classes;
mod context;
mod corpus;
mod data_url;
mod drafts;
mod error;
mod facts;
mod file;
mod formats;
mod generate;
pub(crate) mod hub;
pub(crate) mod inspect;
mod large_file;
mod length;
mod lexicon;
mod locked;
mod markers;
mod media;
mod open;
mod pieces;
mod prefix_cache;
mod preparation;
mod prompt;
mod prompted;
mod rankings;
mod replay;
mod reshaping;
pub(crate) mod roles;
mod sampling;
mod script;
mod sequence;
mod snippets;
mod source;
mod synthetic;
mod timing;
mod tokenizer;
mod tools;
mod vocabulary;

use std::{
    cell::RefCell,
    io::{self, Write},
    path::Path,
};

use self::anonymise::Anonymiser;
use self::formats::StoredFile;
use crate::{
    plan::{FileFormat, Reshaping, TokenizerChoice},
    seed::Seed,
};

pub(crate) use self::{
    acceptance::AcceptanceError,
    anonymise::AnonymiseError,
    error::DatasetError,
    formats::{Asked, BodyFormat, FileError, ReadFile, Replied, asked, prompt_texts, replied},
    inspect::Contents,
    locked::sums,
    markers::{Markers, cost as marker_cost},
    open::{Opened, Purpose, open_for, open_locked},
    prefix_cache::{PrefixCache, TextBlock, behind, cut, medium},
    prompt::{Prompt, Unwritten},
    script::{Message, PAYLOAD, Part, Recorded, Script, Start, Step, StepPlace, written},
    source::Source,
    timing::{begins_ns, pause_before_ns},
    tokenizer::{Tokenizer, TokenizerError, yield_to_others},
    tools::message_text,
};

/// Reads an input file, of which the format may be named, and makes of it what is wanted. With it comes what is to be said of
/// settings that change nothing.
///
/// # Errors
/// It cannot be read, or nothing of it is left.
pub(crate) fn reshaped_file(
    path: &Path,
    named: FileFormat,
    wanted: &Reshaping,
    seed: Seed,
) -> Result<(ReadFile, Vec<String>), DatasetError> {
    let file = StoredFile::of(path)?;
    let input = file.input(None).seeded(seed).with_blocks_of(wanted.block_size);
    let ReadFile { format, scripts } = formats::read(&input, named)?;
    let (scripts, notes) = reshaping::reshaped(scripts, format, wanted, seed)?;
    Ok((ReadFile { format, scripts }, notes))
}

/// Looks at an input file, of which the format may be named.
pub(crate) fn inspect(path: &Path, named: FileFormat) -> Result<Contents, FileError> {
    let file = StoredFile::of(path)?;
    let read = formats::read(&file.input(None), named)?;
    Ok(Contents::from(&read))
}

impl From<&ReadFile> for Contents {
    fn from(read: &ReadFile) -> Self {
        Self::of(read.format, &read.scripts)
    }
}

impl From<ReadFile> for Sessions {
    fn from(read: ReadFile) -> Self {
        Self(read.scripts)
    }
}

/// All sessions of an input file, to be written in prony's own format.
#[derive(Debug)]
pub(crate) struct Sessions(Vec<Script>);

impl Sessions {
    /// Writes them, as `docs/SESSIONS.md` describes.
    ///
    /// # Errors
    /// The writer fails.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        formats::prony_sessions::write(&self.0, out)
    }
}

/// Writes sessions one by one, as `docs/SESSIONS.md` describes.
///
/// # Errors
/// The writer fails.
pub(crate) fn write_sessions(scripts: impl Iterator<Item = Script>, out: &mut dyn Write) -> io::Result<()> {
    formats::prony_sessions::write(scripts, out)
}

/// Reads an input file, of which the format may be named, to write it again.
pub(crate) fn sessions(path: &Path, named: FileFormat) -> Result<Sessions, FileError> {
    Ok(Sessions(formats::read(&StoredFile::of(path)?.input(None), named)?.scripts))
}

/// As [`sessions`], without what is said in them.
pub(crate) fn anonymous_sessions(path: &Path, named: FileFormat) -> Result<Sessions, AnonymiseError> {
    let Sessions(scripts) = sessions(path, named)?;
    let tokenizer = Tokenizer::load(&TokenizerChoice::Builtin)?;
    let mut anonymiser = Anonymiser::new(&tokenizer);
    Ok(Sessions(scripts.iter().map(|script| anonymiser.session(script)).collect()))
}

/// Everything that is wrong with the rows of an input file, and how many sessions can be read.
pub(crate) fn validate(path: &Path, named: FileFormat) -> Result<(usize, Vec<FileError>), FileError> {
    let (file, errors) = (StoredFile::of(path)?, RefCell::default());
    let read = formats::read(&file.input(None).checked(&errors), named)?;
    Ok((read.scripts.len(), errors.into_inner()))
}

/// Reads an input file as texts that say what is asked, or as whole bodies, for the room `internals` only.
pub(crate) fn read_file(
    path: &Path,
    are_bodies: bool,
    most: Option<usize>,
) -> Result<Vec<Script>, FileError> {
    let format = if are_bodies { FileFormat::RawPayload } else { FileFormat::Detected };
    Ok(formats::read(&formats::Input::new(path, most), format)?.scripts)
}
