//! [`Input`]: a file that is to be read, or some of its rows, and how much of it.

use std::{
    cell::RefCell,
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read},
    num::NonZeroU32,
    os::unix::fs::FileExt,
    path::Path,
};

use super::{FileError, media::MediaFiles};
use crate::{
    plan::{FileFormat, SpeedBenchRows},
    seed::Seed,
};

/// A file that is to be read.
#[derive(Debug)]
pub(in crate::dataset) struct Input<'a> {
    pub(super) path: &'a Path,
    /// Read only so many rows.
    pub(super) most: Option<usize>,
    /// Draw so many requests from pools, where `most` says no number.
    pub(super) draws: Option<usize>,
    /// Collects what is wrong with rows; without it the first error ends the reading.
    errors: Option<&'a RefCell<Vec<FileError>>>,
    text: Text<'a>,
    /// What is drawn at random depends on this.
    seed: Seed,
    /// Tokens of a block, where the user says so.
    block_size: Option<NonZeroU32>,
    /// Which rows are wanted, where rows have categories.
    speed_bench_rows: SpeedBenchRows,
    /// Files that rows have named, where somebody keeps them.
    media: Option<&'a MediaFiles>,
}

/// Where the bytes are.
#[derive(Clone, Copy, Debug)]
enum Text<'a> {
    /// In the file of that path.
    Path,
    /// In a copy of what can be read only once.
    Copy(&'a File),
    /// Here: rows of one session.
    Rows(Rows<'a>),
}

/// Rows of a file, cut out of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    /// With the head of the table before them, if they are a table's.
    pub(super) text: &'a [u8],
    /// Number of their session in the file, from 0.
    pub(super) number: u64,
}

impl<'a> Input<'a> {
    /// A file of which at most so many rows are wanted.
    pub(in crate::dataset) fn new(path: &'a Path, most: Option<usize>) -> Self {
        Self {
            path,
            most,
            draws: None,
            errors: None,
            text: Text::Path,
            seed: Seed::new(0),
            block_size: None,
            speed_bench_rows: SpeedBenchRows::All,
            media: None,
        }
    }

    /// The same, the files of whose rows are kept there.
    pub(super) fn with_media(self, media: &'a MediaFiles) -> Self {
        Self { media: Some(media), ..self }
    }

    /// Where files that rows name are kept.
    pub(super) fn media(&self) -> Option<&'a MediaFiles> {
        self.media
    }

    /// The same, of which is drawn by this seed.
    pub(in crate::dataset) fn seeded(self, seed: Seed) -> Self {
        Self { seed, ..self }
    }

    /// The same, from which so many requests are drawn if it is a folder of pools and no number of rows is wanted.
    pub(in crate::dataset) fn drawing(self, draws: Option<usize>) -> Self {
        Self { draws, ..self }
    }

    /// The same, whose blocks have so many tokens, whatever the format says.
    pub(in crate::dataset) fn with_blocks_of(self, tokens: Option<NonZeroU32>) -> Self {
        Self { block_size: tokens, ..self }
    }

    /// The same, with the rows that this name of a format takes.
    pub(super) fn choosing(&self, named: FileFormat) -> Self {
        match named {
            FileFormat::SpeedBench(rows) => Self { speed_bench_rows: rows, ..*self },
            _ => Self { ..*self },
        }
    }

    /// Which rows are wanted, where rows have categories.
    pub(super) fn speed_bench_rows(&self) -> SpeedBenchRows {
        self.speed_bench_rows
    }

    /// Tokens of a block, where the format says this.
    pub(super) fn block_size(&self, of_format: u32) -> u32 {
        self.block_size.map_or(of_format, NonZeroU32::get)
    }

    /// As [`Input::new`], of a file whose content stands in this copy.
    pub(super) fn copied(path: &'a Path, copy: &'a File, most: Option<usize>) -> Self {
        Self { text: Text::Copy(copy), ..Self::new(path, most) }
    }

    /// Some rows of a file, as if there were no others.
    pub(super) fn rows(path: &'a Path, rows: Rows<'a>) -> Self {
        Self { text: Text::Rows(rows), ..Self::new(path, None) }
    }

    /// The same file, all of whose rows are looked at, whatever is wrong with some of them.
    pub(in crate::dataset) fn checked(self, errors: &'a RefCell<Vec<FileError>>) -> Self {
        Self { most: None, errors: Some(errors), ..self }
    }

    /// The same file, of which so many rows are wanted.
    pub(super) fn with_most(&self, most: Option<usize>) -> Self {
        Self { most, ..*self }
    }

    /// The beginning of the same file. What is wrong with it is not reported.
    pub(super) fn beginning(&self, rows: usize) -> Self {
        Self { most: Some(rows), errors: None, ..*self }
    }

    /// The same file, whole: for formats whose sessions have several rows.
    pub(super) fn whole(&self) -> Self {
        Self { most: None, ..*self }
    }

    /// Another file that belongs to this one.
    pub(super) fn at<'b>(&self, path: &'b Path) -> Input<'b>
    where
        'a: 'b,
    {
        let Self { errors, seed, block_size, speed_bench_rows, media, .. } = *self;
        let (most, draws, text) = (None, None, Text::Path);
        Input { path, most, draws, errors, text, seed, block_size, speed_bench_rows, media }
    }

    /// What is drawn at random depends on this.
    pub(super) fn seed(&self) -> Seed {
        self.seed
    }

    /// It is a folder of files.
    pub(super) fn is_folder(&self) -> bool {
        matches!(self.text, Text::Path) && self.path.is_dir()
    }

    /// The number of its first session, which names those that have no name.
    pub(super) fn first_number(&self) -> u64 {
        self.part().map_or(0, |rows| rows.number)
    }

    /// The rows that it is, if it is no whole file.
    pub(super) fn part(&self) -> Option<Rows<'a>> {
        match self.text {
            Text::Rows(rows) => Some(rows),
            Text::Path | Text::Copy(_) => None,
        }
    }

    /// Its bytes, from the first on.
    pub(super) fn bytes(&self) -> io::Result<Box<dyn BufRead + 'a>> {
        Ok(match self.text {
            Text::Path => Box::new(BufReader::new(File::open(self.path)?)),
            Text::Copy(file) => Box::new(BufReader::new(FromTheStart { file, at: 0 })),
            Text::Rows(rows) => Box::new(Cursor::new(rows.text)),
        })
    }

    /// Whether anything was wrong so far, where that is collected.
    pub(super) fn has_errors(&self) -> bool {
        self.errors.is_some_and(|errors| !errors.borrow().is_empty())
    }

    /// Notes what is wrong with a row, or gives it back where nobody collects.
    pub(super) fn wrong(&self, error: FileError) -> Result<(), FileError> {
        match self.errors {
            Some(errors) => {
                errors.borrow_mut().push(error);
                Ok(())
            }
            None => Err(error),
        }
    }
}

/// Reads a file from its first byte on, wherever others who read it are.
struct FromTheStart<'a> {
    file: &'a File,
    at: u64,
}

impl Read for FromTheStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}
