//! Datasets: what the requests say.
//!
//! A dataset is a list of [`Conversation`]s, made before the load starts and never changed. It knows nothing of
//! dialects: an endpoint turns a [`Turn`] into bytes.

mod acceptance;
mod build;
mod conversation;
mod corpus;
mod formats;
mod length;
mod lexicon;
mod media;
mod rankings;
mod sampler;
mod synthetic;
mod tokenizer;
mod vocabulary;

use std::path::Path;

pub(crate) use self::{
    acceptance::{AcceptanceError, check as check_accepted},
    build::{DatasetError, build},
    conversation::{Conversation, PAYLOAD, Part, Turn, secrets},
    formats::{FileError, raw_payload::other_streaming},
    media::{shared as shared_media, wav_seconds},
    sampler::conversation_of,
    tokenizer::{Tokenizer, TokenizerError, yield_to_others},
};

/// Reads an input file as texts that say what is asked, or as whole bodies, for the room `internals` only.
pub(crate) fn read_file(
    path: &Path,
    are_bodies: bool,
    most: Option<usize>,
) -> Result<Vec<Conversation>, FileError> {
    if are_bodies { formats::raw_payload::read(path, most) } else { formats::single_turn::read(path, most) }
}
