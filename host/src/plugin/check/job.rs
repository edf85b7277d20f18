//! What parent and child say to each other.

use std::path::PathBuf;

use prony_plugin_api::{
    conformance::{Check, Piece, Selection},
    metadata::StreamFraming,
};
use serde::{Deserialize, Serialize};

use super::{Rung, Speed};

/// What the child has to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) library: PathBuf,
    /// The exported type is a service, not an endpoint.
    pub(super) is_service: bool,
    /// The exported type.
    pub(super) type_name: String,
    /// The text of its schema of options.
    pub(super) schema: String,
    /// The text of a JSON object.
    pub(super) options: String,
    /// Recorded answers: file names and contents.
    pub(super) recordings: Vec<(String, Vec<u8>)>,
    /// How the streams of an endpoint are framed, if a manifest says so.
    pub(super) framing: Option<StreamFraming>,
    /// Seed of everything random.
    pub(super) seed: u64,
    /// How many corrupted events are tried.
    pub(super) mutations: u32,
    /// Which cases are made.
    pub(super) selection: Selection,
    /// What goes in and out is to be told.
    pub(super) is_traced: bool,
}

/// What the child tells, in this order: where it stands on the ladder, then steps and checks, then the end. A child that
/// ends without it was ended by the library.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum CheckMessage {
    /// It climbed the ladder, or fell.
    Climbed(Vec<Rung>),
    /// It begins a case, by its name.
    Case(String),
    /// It is about to make a call.
    Step(String),
    /// What goes into the call.
    Gives(Vec<Piece>),
    /// What came out of it.
    Gets(Vec<Piece>),
    /// A check is over.
    Checked(Check),
    Measured(Speed),
    /// Everything is done.
    Done,
}
