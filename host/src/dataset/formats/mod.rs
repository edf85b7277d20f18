//! Formats: input files that users bring.
//!
//! Each format turns a file into scripts, or says what is wrong with it and where. Nothing in a file is
//! silently ignored: what this version does not do yet is an error that says so.

pub(super) mod conversations;
mod lines;
mod media;
mod packed;
pub(super) mod raw_payload;
mod row;
mod single_turn;

pub(crate) use self::{lines::FileError, row::RowError};
