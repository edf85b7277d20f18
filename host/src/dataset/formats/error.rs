//! What is wrong with an input file.

use std::{io, path::PathBuf};

use super::RowError;
use crate::{explain::Explain, plan::FileFormat};

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
    /// A folder without files that can be read.
    #[error("read the folder `{path}`: there is no input file in it")]
    EmptyFolder { path: PathBuf },
    /// It comes through a pipe or must be what was locked, and there is no room for a copy of it.
    #[error("copy the input file `{path}` to a temporary file in `{folder}`")]
    NotCopied {
        path: PathBuf,
        /// Where temporary files are.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Nothing comes through standard input.
    #[error("read the input file from standard input: it is empty or closed")]
    NothingPiped,
    /// Standard input is empty.
    #[error("read the input file from standard input: it is a terminal")]
    Terminal,
    /// Somebody has written into it.
    #[error("read a session of the input file `{path}`: the file has changed since it was opened")]
    Changed {
        path: PathBuf,
        /// What is wrong with the session now, if it is still there.
        source: Option<Box<FileError>>,
    },
    /// It has no row.
    #[error("read the input file `{path}`: it has no row")]
    Empty { path: PathBuf },
    /// None of its rows is of the set that is wanted.
    #[error("read the input file `{path}`: none of its rows has the category `{category}`")]
    NoCategory { path: PathBuf, category: &'static str },
    /// Its first row breaks off where its line ends: one JSON value over the lines of the file.
    #[error("the input file `{path}` looks like JSON over several lines; it must be one object a line")]
    SeveralLines {
        path: PathBuf,
        /// What writes it as lines.
        filter: &'static str,
    },
    /// It is no JSON document.
    #[error("read the input file `{path}`: line {line}, column {column} is not JSON: {reason}")]
    Document {
        path: PathBuf,
        line: usize,
        column: usize,
        /// What the parser missed.
        reason: String,
    },
    /// An entry of a document is wrong.
    #[error("read entry {number} of `{path}`")]
    Entry {
        path: PathBuf,
        /// Its place in the document, from 1.
        number: usize,
        /// What is wrong there.
        source: RowError,
    },
    /// It looks like nothing that is known.
    #[error("the format of the input file `{path}` is not known: {what}")]
    Unknown {
        path: PathBuf,
        /// What it begins with.
        what: String,
    },
    /// It looks like several formats.
    #[error("the input file `{path}` may be {} or {}: what it begins with fits both", formats[0], formats[1])]
    Ambiguous {
        path: PathBuf,
        /// Two of them.
        formats: [&'static str; 2],
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

impl FileError {
    /// The same, with the line that a part of the file has as another one of the file.
    pub(super) fn at_line(self, of_file: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::Row { path, line, source } => Self::Row { path, line: of_file(line), source },
            other => other,
        }
    }
}

impl Explain for FileError {
    fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => "give a JSONL file that exists and may be read".to_owned(),
            Self::Damaged { path, format, .. } => {
                format!("`{format} -t {}` checks it; make it again, or give it unpacked", path.display())
            }
            Self::EmptyFolder { .. } => {
                "files end in `.jsonl`, `.json` or `.csv`, and may be packed (`.gz`, `.zst`)".to_owned()
            }
            Self::NotCopied { .. } => {
                "make room there, or name another folder in the variable `TMPDIR`".to_owned()
            }
            Self::NothingPiped | Self::Terminal => {
                "let a program write into it: `zcat trace.jsonl.gz | prony … --input-file -`".to_owned()
            }
            Self::Changed { .. } => "run again, and leave the file alone until the run is over".to_owned(),
            Self::TooLarge { .. } => {
                "give a file of JSON lines, or use the beginning of a large one: `--num-dataset-entries N`"
                    .to_owned()
            }
            Self::NoCategory { .. } => {
                "name the file that has it (`qualitative.jsonl` has subjects, `throughput_1k.jsonl` \
                and the like have entropies), or take all rows with `--custom-dataset-type speed-bench`"
                    .to_owned()
            }
            Self::Empty { .. } => {
                "write one JSON object a line, such as `{\"text\": \"Name three rivers.\"}`".to_owned()
            }
            Self::SeveralLines { path, filter } => {
                format!("write it as lines: `jq -c '{filter}' {} > lines.jsonl`", path.display())
            }
            Self::Row { source, .. } | Self::Entry { source, .. } => source.hint(),
            Self::Document { path, .. } => format!("`jq . {}` shows what is wrong", path.display()),
            Self::Unknown { .. } => {
                let names: Vec<&str> = FileFormat::NAMES.iter().map(|(name, _)| *name).collect();
                format!("name its format with `--custom-dataset-type`; tried were {}", names.join(", "))
            }
            Self::Ambiguous { formats, .. } => {
                format!(
                    "name it: `--custom-dataset-type {}` or `--custom-dataset-type {}`",
                    formats[0], formats[1]
                )
            }
        }
    }

    fn is_statement(&self) -> bool {
        matches!(self, Self::SeveralLines { .. } | Self::Unknown { .. } | Self::Ambiguous { .. })
    }
}
