//! The journal: an append-only file of [`Frame`]s that survives `kill -9`, and damage to a part of it.
//!
//! # Format
//! All numbers are little-endian. A file of version 3 begins with the magic `PRONYJ`, the version as a byte, a newline, and a
//! random `salt: u64` of its own, twice. Frames follow:
//!
//! | bytes | field | |
//! |---|---|---|
//! | 4 | marker | `ff 50 4a 46` |
//! | 2 | tag | what the payload is |
//! | 8 | number | how many frames stand before it |
//! | 4 | length | of the payload, at most 256 MiB |
//! | 4 | payload's checksum | CRC-32 (ISO-HDLC) |
//! | 4 | head's checksum | CRC-32 of the salt and of everything between marker and this |
//! | length | payload | MessagePack with named fields: [`payload`] |
//!
//! Tags: 1 header, 2 phase started, 3 phase ended, 4 record, 5 uncounted record, 6 counts, 7 message, 8 end, 9 mark, 10 node;
//! in `journal.texts` 16 the run's identity, 17 texts.
//!
//! The header stands there twice, so that damage to one of them costs nothing; the first whole one counts. The end comes
//! last, and nothing behind it counts.
//!
//! # Reading
//! A reader skips tags and ignores fields that it does not know. A head that is whole says where the next one is: a frame
//! whose payload is damaged is skipped as a whole. Where a head is damaged, the next whole one is searched for by its marker.
//! What a payload holds is taken for a head only if it was made with the file's salt, which no server knows. The numbers say
//! how many frames are missing; a frame whose number has passed is a copy, and is skipped. What is missing is the reader's
//! [`Damage`]. The first 24 bytes are the one part that a reader cannot do without: the magic, and one of the two salts.
//!
//! # Counts
//! Records are written before their tokens are counted, as [`Frame::Uncounted`], and their texts
//! beside the journal ([`texts`]); what was counted comes later, with the number of the record's frame. A reader puts both
//! together: a record appears where its count stands, and those that have none at the end.
//!
//! # Older versions
//! Versions 1 and 2 are read. Behind their magic, frames are `length: u32, crc32: u32, payload`, the payload an encoded
//! [`Frame`], a map of one entry. One that is cut off or damaged ends the journal: what stands before it is good.
//! A count refers to the first uncounted record as 0, to the next one as 1. Version 1 had no uncounted records. Within a
//! version a reader reads every journal, older or newer.

mod damage;
mod encoded;
mod format;
mod frames;
mod location;
mod lookahead;
mod older;
mod payload;
mod pending;
mod reader;
#[cfg(test)]
mod tests;
mod texts;
mod writer;

use std::{io, path::PathBuf};

use super::Frame;

use self::format::MAX_FRAME_BYTES;
pub(crate) use self::{
    damage::Damage,
    encoded::EncodedRecords,
    location::{JournalLocation, Misplaced},
    pending::{Decoded, Parts, RawRecords},
    reader::{Beginning, Piece, Reader},
    texts::{TEXTS_FILE_NAME, TextStore},
    writer::Writer,
};

/// A frame's tag and payload in this version.
///
/// # Errors
/// A frame that cannot be encoded: our bug.
pub(crate) fn encoded(frame: &Frame) -> Result<(u16, Vec<u8>), rmp_serde::encode::Error> {
    let mut payload = Vec::new();
    let tag = payload::encode(frame, &mut payload)?;
    Ok((tag.0, payload))
}

/// Name of the journal in a run's folder.
pub(crate) const FILE_NAME: &str = "journal.prony";

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// There is no thread left to write it on.
    #[error("start a thread to write the journal on")]
    Thread(#[source] io::Error),
    /// The file cannot be made: a missing folder, no right, no space.
    #[error("create the journal `{}`", .path.display())]
    Create { path: PathBuf, source: io::Error },
    /// The disk is full, or the file is gone.
    #[error("write the journal `{}`", .path.display())]
    Write { path: PathBuf, source: io::Error },
    /// Somebody else has made the file shorter: what is written now would not be read.
    #[error("the journal `{}` was cut to {found} bytes while the run was going; it had {written}", .path.display())]
    Cut {
        path: PathBuf,
        /// Its size now.
        found: u64,
        /// What had been written.
        written: u64,
    },
    /// A frame that cannot be encoded: our bug.
    #[error("encode a frame for the journal")]
    Encode(#[from] rmp_serde::encode::Error),
    /// A frame that no reader would accept. Nothing of it was written: the journal can be written further.
    #[error("write a frame of {bytes} bytes to the journal: the largest has {MAX_FRAME_BYTES}")]
    TooLarge {
        /// Size of the encoded frame.
        bytes: usize,
    },
    /// There is no journal.
    #[error("open the journal `{}`", .path.display())]
    Open { path: PathBuf, source: io::Error },
    /// The file is something else.
    #[error("read `{}`: it is not a journal of this version", .path.display())]
    NotAJournal { path: PathBuf },
}
