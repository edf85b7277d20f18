//! Lines: a file's rows of text, one at a time, with their numbers.
//!
//! Knows text files and what is wrong with them, not what the rows mean.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use super::{RowError, packed};
use crate::{bounded::MEGABYTE, explain::Explain};

/// Most of a file that is kept in memory, in megabytes.
const MOST_MEGABYTES: u64 = 8_000;

/// Longest line, in megabytes: media stand in rows, and a file that is no text may have no line at all.
const MOST_MEGABYTES_A_LINE: u64 = 256;

/// What some editors write before UTF-8 text.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// What is wrong with an input file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It cannot be opened or read.
    #[error("read the input file `{path}`")]
    Unreadable {
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is compressed, and cannot be unpacked.
    #[error("read the input file `{path}`: it is compressed with {format}, and damaged or not whole")]
    Damaged {
        path: PathBuf,
        /// The program that compresses like this.
        format: &'static str,
        /// What the decoder says.
        source: io::Error,
    },
    /// It has no end, or more of it is wanted than fits into memory.
    #[error("read the input file `{path}`: {what}")]
    TooLarge {
        path: PathBuf,
        /// What is larger than which limit.
        what: String,
    },
    /// It has no row.
    #[error("read the input file `{path}`: it has no row")]
    Empty { path: PathBuf },
    /// Its first row breaks off where its line ends: one JSON value over the lines of the file.
    #[error("the input file `{path}` looks like JSON over several lines; it must be one object a line")]
    SeveralLines {
        path: PathBuf,
        /// What writes it as lines.
        filter: &'static str,
    },
    /// A row is wrong.
    #[error("read the row at `{path}:{line}`")]
    Row {
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong there.
        source: RowError,
    },
}

impl Explain for FileError {
    fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => "give a JSONL file that exists and may be read".to_owned(),
            Self::Damaged { path, format, .. } => {
                format!("`{format} -t {}` checks it; make it again, or give it unpacked", path.display())
            }
            Self::TooLarge { .. } => {
                "give a file of JSON lines, or use the beginning of a large one: `--num-dataset-entries N`"
                    .to_owned()
            }
            Self::Empty { .. } => {
                "write one JSON object a line, such as `{\"text\": \"Name three rivers.\"}`".to_owned()
            }
            Self::SeveralLines { path, filter } => {
                format!("write it as lines: `jq -c '{filter}' {} > lines.jsonl`", path.display())
            }
            Self::Row { source, .. } => source.hint(),
        }
    }

    fn is_statement(&self) -> bool {
        matches!(self, Self::SeveralLines { .. })
    }
}

/// Reads a file's rows; blank lines are none. Stops at the first error, and once there are as many as wanted: what
/// follows is then not even looked at.
pub(super) fn read<T>(
    path: &Path,
    most: Option<usize>,
    mut parse: impl FnMut(&str) -> Result<T, RowError>,
) -> Result<Vec<T>, FileError> {
    let opening = |source| FileError::Unreadable { path: path.into(), source };
    let file = BufReader::new(File::open(path).map_err(opening)?);
    let (mut reader, format) = packed::unpack(file).map_err(opening)?;
    let unreadable = |source| match format {
        Some(format) => FileError::Damaged { path: path.into(), format, source },
        None => FileError::Unreadable { path: path.into(), source },
    };
    let (mut rows, mut bytes) = (Vec::new(), Vec::new());
    let mut left = MOST_MEGABYTES * MEGABYTE;
    for line in 1.. {
        bytes.clear();
        if most.is_some_and(|most| rows.len() >= most) {
            break;
        }
        let room = left.min(MOST_MEGABYTES_A_LINE * MEGABYTE);
        let read = (&mut reader).take(room + 1).read_until(b'\n', &mut bytes).map_err(unreadable)? as u64;
        if read == 0 {
            break;
        }
        left = left.checked_sub(read).filter(|_| read <= room).ok_or_else(|| too_large(path, line, room))?;
        let mark = if line == 1 { BYTE_ORDER_MARK.as_bytes() } else { b"" };
        match text(bytes.strip_prefix(mark).unwrap_or(&bytes))
            .and_then(|text| row(text).map(&mut parse).transpose())
        {
            Ok(row) => rows.extend(row),
            Err(RowError::BreaksOff { filter, .. })
                if rows.is_empty() && !reader.fill_buf().map_err(unreadable)?.is_empty() =>
            {
                return Err(FileError::SeveralLines { path: path.into(), filter });
            }
            Err(source) => return Err(FileError::Row { path: path.into(), line, source }),
        }
    }
    if rows.is_empty() { Err(FileError::Empty { path: path.into() }) } else { Ok(rows) }
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
