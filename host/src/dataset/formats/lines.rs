//! Lines: a file's rows of text, one at a time, with their numbers.
//!
//! Knows text files and what is wrong with them, not what the rows mean.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use super::{RowError, packed};

/// What some editors write before UTF-8 text.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// What is wrong with an input file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It cannot be opened or read.
    #[error("read the input file `{path}`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is compressed, and cannot be unpacked.
    #[error("read the input file `{path}`: it is compressed with {format}, and damaged or not whole")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The program that compresses like this.
        format: &'static str,
        /// What the decoder says.
        source: io::Error,
    },
    /// It has no row.
    #[error("read the input file `{path}`: it has no row")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A row is wrong.
    #[error("read the row at `{path}:{line}`")]
    Row {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong there.
        source: RowError,
    },
}

impl FileError {
    /// What the user can do about it; empty when the error says it all.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => "give a JSONL file that exists and may be read".to_owned(),
            Self::Damaged { path, format, .. } => {
                format!("`{format} -t {}` checks it; make it again, or give it unpacked", path.display())
            }
            Self::Empty { .. } => {
                "write one JSON object a line, such as `{\"text\": \"Name three rivers.\"}`".to_owned()
            }
            Self::Row { source, .. } => source.hint(),
        }
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
    for line in 1.. {
        bytes.clear();
        if most.is_some_and(|most| rows.len() >= most)
            || reader.read_until(b'\n', &mut bytes).map_err(unreadable)? == 0
        {
            break;
        }
        let mark = if line == 1 { BYTE_ORDER_MARK.as_bytes() } else { b"" };
        match text(bytes.strip_prefix(mark).unwrap_or(&bytes))
            .and_then(|text| row(text).map(&mut parse).transpose())
        {
            Ok(row) => rows.extend(row),
            Err(source) => return Err(FileError::Row { path: path.into(), line, source }),
        }
    }
    if rows.is_empty() { Err(FileError::Empty { path: path.into() }) } else { Ok(rows) }
}

fn text(line: &[u8]) -> Result<&str, RowError> {
    str::from_utf8(line).map_err(|error| RowError::NotUtf8 { column: error.valid_up_to() + 1 })
}

/// A line's row, if it has one.
fn row(line: &str) -> Option<&str> {
    let row = line.trim_end();
    (!row.trim_start().is_empty()).then_some(row)
}
