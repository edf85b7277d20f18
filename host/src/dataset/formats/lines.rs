//! Lines: a file's rows of text, one at a time, with their numbers.
//!
//! Knows text files and what is wrong with them, not what the rows mean.

use std::{
    io::{BufRead, Read},
    path::Path,
};

use super::{FileError, RowError, input::Input, packed};
use crate::bounded::MEGABYTE;

/// Most of a file that is kept in memory, in megabytes.
const MOST_MEGABYTES: u64 = 8_000;

/// Longest line, in megabytes: media stand in rows, and a file that is no text may have no line at all.
const MOST_MEGABYTES_A_LINE: u64 = 256;

/// What some editors write before UTF-8 text.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A file that is open, and the program that it is packed with, if it is.
pub(super) struct Opened<'a> {
    path: &'a Path,
    pub(super) reader: Box<dyn BufRead + 'a>,
    format: Option<&'static str>,
}

impl Read for Opened<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl<'a> Opened<'a> {
    /// It is packed with some program.
    pub(super) fn is_packed(&self) -> bool {
        self.format.is_some()
    }

    /// Opens a file, behind its byte order mark if it has one.
    pub(super) fn open(input: &Input<'a>) -> Result<Self, FileError> {
        let path = input.path;
        let opening = |source| FileError::Unreadable { path: path.into(), source };
        let bytes = input.bytes().map_err(opening)?;
        if input.part().is_some() {
            return Ok(Self { path, reader: bytes, format: None });
        }
        let (reader, format) = packed::unpack(bytes).map_err(opening)?;
        let mut opened = Self { path, reader, format };
        // A decoder tells of damage only once.
        let start = opened.reader.fill_buf().map(|start| start.starts_with(BYTE_ORDER_MARK.as_bytes()));
        if start.map_err(|error| opened.unreadable(error))? {
            opened.reader.consume(BYTE_ORDER_MARK.len());
        }
        Ok(opened)
    }

    /// The error of a reader that failed.
    pub(super) fn unreadable(&self, source: std::io::Error) -> FileError {
        match self.format {
            Some(format) => FileError::Damaged { path: self.path.into(), format, source },
            None => FileError::Unreadable { path: self.path.into(), source },
        }
    }
}

/// Reads a file's rows; blank lines are none. Stops at the first error, unless errors are collected, and once there are as
/// many as wanted: what follows is then not even looked at.
pub(super) fn read<T>(
    input: &Input<'_>,
    mut parse: impl FnMut(&str) -> Result<T, RowError>,
) -> Result<Vec<T>, FileError> {
    let Input { path, most, .. } = *input;
    let mut file = Opened::open(input)?;
    let mut has_errors = false;
    let (mut rows, mut bytes) = (Vec::new(), Vec::new());
    let mut left = MOST_MEGABYTES * MEGABYTE;
    for line in 1.. {
        bytes.clear();
        if most.is_some_and(|most| rows.len() >= most) {
            break;
        }
        let room = left.min(MOST_MEGABYTES_A_LINE * MEGABYTE);
        let read = (&mut file.reader).take(room + 1).read_until(b'\n', &mut bytes);
        let read = read.map_err(|error| file.unreadable(error))? as u64;
        if read == 0 {
            break;
        }
        left = left.checked_sub(read).filter(|_| read <= room).ok_or_else(|| too_large(path, line, room))?;
        match text(&bytes).and_then(|text| row(text).map(&mut parse).transpose()) {
            Ok(row) => rows.extend(row),
            Err(RowError::BreaksOff { filter, .. })
                if rows.is_empty()
                    && input.part().is_none()
                    && !has_errors
                    && file.reader.fill_buf().is_ok_and(|rest| !rest.is_empty()) =>
            {
                return Err(FileError::SeveralLines { path: path.into(), filter });
            }
            Err(source) => {
                has_errors = true;
                input.wrong(FileError::Row { path: path.into(), line, source })?;
            }
        }
    }
    if rows.is_empty() && !has_errors { Err(FileError::Empty { path: path.into() }) } else { Ok(rows) }
}

/// Checks that a line of which so many bytes are known already may be that long.
pub(super) fn too_long(path: &Path, line: usize, bytes: usize) -> Result<(), FileError> {
    let most = MOST_MEGABYTES_A_LINE * MEGABYTE;
    if bytes as u64 > most { Err(too_large(path, line, most)) } else { Ok(()) }
}

/// The error of a line that does not fit into the room for it, in bytes.
fn too_large(path: &Path, line: usize, room: u64) -> FileError {
    let what = if room < MOST_MEGABYTES_A_LINE * MEGABYTE {
        format!("its rows are larger than {MOST_MEGABYTES} MB together, which is the limit")
    } else {
        format!("line {line} is longer than {MOST_MEGABYTES_A_LINE} MB, which is the limit")
    };
    FileError::TooLarge { path: path.into(), what }
}

fn text(line: &[u8]) -> Result<&str, RowError> {
    str::from_utf8(line).map_err(|error| RowError::NotUtf8 { column: error.valid_up_to() + 1 })
}

/// A line's row, if it has one.
fn row(line: &str) -> Option<&str> {
    let row = line.trim_end();
    (!row.trim_start().is_empty()).then_some(row)
}
