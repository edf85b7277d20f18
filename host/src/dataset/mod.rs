//! Datasets: what the requests say.
//!
//! A [`Source`] gives a [`Script`] for each position; what is at a position depends on the dataset's description and the seed
//! alone. Generated scripts are made as they are needed, some ahead of time ([`ahead`]); those of a file are read before the
//! load. A dataset knows nothing of API formats: an endpoint turns a [`Step`] into bytes.

mod acceptance;
mod ahead;
mod context;
mod corpus;
mod formats;
mod generate;
mod length;
mod lexicon;
mod media;
mod open;
mod rankings;
mod replay;
mod script;
mod source;
mod synthetic;
mod tokenizer;
mod vocabulary;

use std::path::Path;

use crate::plan::FileFormat;

pub(crate) use self::{
    acceptance::AcceptanceError,
    formats::FileError,
    open::{DatasetError, Opened, Purpose, open, open_for},
    script::{Message, PAYLOAD, Part, Script, Start, Step, StepPlace},
    source::Source,
    tokenizer::{Tokenizer, TokenizerError, yield_to_others},
};

/// Reads an input file as texts that say what is asked, or as whole bodies, for the room `internals` only.
pub(crate) fn read_file(
    path: &Path,
    are_bodies: bool,
    most: Option<usize>,
) -> Result<Vec<Script>, FileError> {
    if are_bodies {
        formats::raw_payload::read(path, most)
    } else {
        formats::conversations::read(path, most, FileFormat::Detected)
    }
}
