//! Indexes of large files: where each session stands, so that it is read when it is due and not kept.
//!
//! One pass over the file, on all cores, reads every session once: what is wrong is reported before the load, and the code that builds the
//! index looks at each session before it is forgotten. A session is read by the reader of its format, as if its rows were a
//! file. Rows of one session may be anywhere in the file if they name it; formats whose sessions are known only by all rows have
//! no index.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
    path::PathBuf,
};

use memchr::{memchr, memchr_iter, memrchr};
use rayon::prelude::*;

use super::{
    FileError,
    input::{Input, Rows},
    layout::Layout,
    lines::too_long,
    offsets::Offsets,
    session_key,
    stored::TextFile,
};
use crate::dataset::Script;

/// So much of a file is looked at together, at least.
const BLOCK_BYTES: usize = 2 << 20;

/// Sessions whose rows stand apart that are looked at together.
const BATCH: u32 = 2048;

/// What some editors write before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Where each session of a large file stands.
#[derive(Debug)]
pub(in crate::dataset) struct Index {
    path: PathBuf,
    text: TextFile,
    /// Reads the sessions of rows.
    read: Reader,
    /// The first line, where every row needs it.
    head: Vec<u8>,
    /// Where the first row begins, and its line.
    begins: u64,
    first_line: usize,
    /// Rows that are not blank.
    rows: Offsets,
    /// Whose rows are whose, where a session has several.
    sessions: Option<Sessions>,
}

/// The rows of each session, sessions in the order of their first rows.
#[derive(Debug)]
struct Sessions {
    /// Where those of each begin in `rows`, and where the last ones end.
    begins: Vec<u32>,
    /// Numbers of rows, session by session.
    rows: Vec<u32>,
}

/// Why there is no index.
#[derive(Debug)]
pub(in crate::dataset) enum NoIndex<E> {
    /// The file has to be read as a whole.
    Whole,
    /// It cannot be read, or who looked at a session did not like it.
    Failed(E),
}

impl<E: From<FileError>> From<FileError> for NoIndex<E> {
    fn from(error: FileError) -> Self {
        Self::Failed(error.into())
    }
}

/// What reads the sessions of a format.
pub(super) type Reader = fn(&Input<'_>) -> Result<Vec<Script>, FileError>;

/// A place of the index: a session, or rows that say nothing.
type IndexPlace = u32;

impl Index {
    /// Reads a file once. Each session is given to `look` (on any thread, with the number of its place), and what that makes of
    /// it to `take`, in the order of places. Stops after so many sessions.
    pub(super) fn build<D: Send, E: From<FileError> + Send>(
        path: PathBuf,
        text: TextFile,
        read: Reader,
        layout: Layout,
        most: Option<usize>,
        look: &(impl Fn(IndexPlace, Script) -> Result<D, E> + Sync),
        take: &mut impl FnMut(IndexPlace, D) -> Result<(), E>,
    ) -> Result<Self, NoIndex<E>> {
        let (head, rows) = (Vec::new(), Offsets::default());
        let mut index = Self { path, text, read, head, begins: 0, first_line: 1, rows, sessions: None };
        index.begin(layout)?;
        index.sessions = index.group(layout)?;
        let mut left = most.unwrap_or(usize::MAX);
        let mut take = |place, looked: Looked<D>| match looked {
            Looked::Nothing => Ok(true),
            Looked::Session(looked) => {
                take(place, looked).map_err(NoIndex::Failed)?;
                left -= 1;
                Ok(left > 0)
            }
        };
        if index.sessions.is_some() {
            index.look_at_sessions(look, &mut take)?;
        } else {
            index.look_at_rows(look, &mut take)?;
        }
        index.rows.shrink();
        Ok(index)
    }

    /// Reads the session at a place, whose number names it if nothing else does.
    ///
    /// # Errors
    /// The file is not what it was when the index was built.
    pub(in crate::dataset) fn script(&self, place: IndexPlace, number: u64) -> Result<Script, FileError> {
        let mut text = self.head.clone();
        self.gather(place, &mut text)?;
        // It could be read before.
        let mut scripts = self.scripts(&text, number).map_err(|error| self.changed(Some(error)))?;
        let script = scripts.pop().filter(|_| scripts.is_empty());
        script.ok_or_else(|| self.changed(None))
    }

    fn changed(&self, source: Option<FileError>) -> FileError {
        FileError::Changed { path: self.path.clone(), source: source.map(Box::new) }
    }

    fn scripts(&self, text: &[u8], number: u64) -> Result<Vec<Script>, FileError> {
        (self.read)(&Input::rows(&self.path, Rows { text, number }).with_media(&self.text.media))
    }

    fn unreadable(&self, source: std::io::Error) -> FileError {
        FileError::Unreadable { path: self.path.clone(), source }
    }

    /// Finds the first row. Blank lines before a head are skipped, as those who read the file do.
    fn begin<E: From<FileError>>(&mut self, layout: Layout) -> Result<(), NoIndex<E>> {
        let mut start = Vec::new();
        self.read_rows(0, BLOCK_BYTES, 1, &mut start)?;
        let mark = if start.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let first = &start[mark..];
        self.begins = mark as u64;
        if matches!(layout, Layout::Table { .. } | Layout::Headed) {
            let (head, line) = first_line(first).ok_or(NoIndex::Whole)?;
            self.begins += head.end as u64;
            self.first_line = line + 1;
            if matches!(layout, Layout::Table { .. }) {
                self.head.extend_from_slice(&first[head]);
            }
        }
        if is_open(&self.head) {
            return Err(NoIndex::Whole);
        }
        Ok(())
    }

    /// Reads whole lines from there on: about so many bytes, but one line at least. `line` is the number of the first.
    fn read_rows(&self, at: u64, bytes: usize, line: usize, buffer: &mut Vec<u8>) -> Result<(), FileError> {
        let mut wanted = bytes;
        loop {
            self.text.read(at, buffer, wanted).map_err(|error| self.unreadable(error))?;
            if at + buffer.len() as u64 >= self.text.bytes || buffer.len() < wanted {
                return Ok(());
            }
            if let Some(end) = memrchr(b'\n', buffer) {
                buffer.truncate(end + 1);
                return Ok(());
            }
            wanted = wanted.saturating_mul(2);
            too_long(&self.path, line, buffer.len())?;
        }
    }

    /// Puts the rows of a place behind a text.
    fn gather(&self, place: IndexPlace, text: &mut Vec<u8>) -> Result<(), FileError> {
        let alone = [place];
        let rows = self.sessions.as_ref().map_or(&alone[..], |sessions| sessions.rows_of(place));
        let mut row = Vec::new();
        for number in rows {
            let Some(at) = self.rows.get(*number) else {
                return Err(self.changed(None));
            };
            self.read_rows(at, self.rows.usual_length(), 0, &mut row)?;
            row.truncate(memchr(b'\n', &row).unwrap_or(row.len()));
            text.extend_from_slice(&row);
            text.push(b'\n');
        }
        Ok(())
    }

    /// Calls for each block of lines, until it has seen enough: with its first line's number, its place in the file, its bytes,
    /// and where its rows begin and end in them.
    fn blocks<E: From<FileError>>(
        &self,
        mut visit: impl FnMut(&Block<'_>) -> Result<bool, NoIndex<E>>,
    ) -> Result<(), NoIndex<E>> {
        let (mut at, mut buffer) = (self.begins, Vec::new());
        let mut line = self.first_line;
        while at < self.text.bytes {
            self.read_rows(at, BLOCK_BYTES, line, &mut buffer)?;
            if buffer.is_empty() {
                break;
            }
            let (mut rows, mut start) = (Vec::new(), 0);
            for end in memchr_iter(b'\n', &buffer).chain([buffer.len()]) {
                let bytes = &buffer[start..end];
                if !bytes.trim_ascii().is_empty() {
                    rows.push(RowPlace { start, end, line });
                }
                line += usize::from(end < buffer.len());
                start = end + 1;
            }
            if !visit(&Block { at, bytes: &buffer, rows: &rows })? {
                break;
            }
            at += buffer.len() as u64;
        }
        Ok(())
    }

    /// Looks at rows of which each is a session.
    fn look_at_rows<D: Send, E: From<FileError> + Send>(
        &mut self,
        look: &(impl Fn(IndexPlace, Script) -> Result<D, E> + Sync),
        take: &mut impl FnMut(IndexPlace, Looked<D>) -> Result<bool, NoIndex<E>>,
    ) -> Result<(), NoIndex<E>> {
        let mut offsets = Offsets::default();
        let is_table = !self.head.is_empty();
        self.blocks(|block| {
            let first = offsets.len();
            for row in block.rows {
                let is_broken = is_table && is_open(block.text(row));
                if is_broken || !offsets.push(block.at + row.start as u64, row.end - row.start) {
                    return Err(NoIndex::Whole);
                }
            }
            let looked: Vec<_> = (first..offsets.len())
                .into_par_iter()
                .zip(block.rows)
                .map_init(Vec::new, |text, (place, row)| {
                    text.clone_from(&self.head);
                    text.extend_from_slice(block.text(row));
                    let wrong = |error: FileError| error.at_line(|_| row.line);
                    self.look(place, text, wrong, look)
                })
                .collect();
            for (place, looked) in (first..).zip(looked) {
                if !take(place, looked?)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        self.rows = offsets;
        Ok(())
    }

    /// Looks at sessions whose rows stand apart.
    fn look_at_sessions<D: Send, E: From<FileError> + Send>(
        &self,
        look: &(impl Fn(IndexPlace, Script) -> Result<D, E> + Sync),
        take: &mut impl FnMut(IndexPlace, Looked<D>) -> Result<bool, NoIndex<E>>,
    ) -> Result<(), NoIndex<E>> {
        let count = self.sessions.as_ref().map_or(0, Sessions::len);
        for first in (0..count).step_by(BATCH as usize) {
            let last = first.saturating_add(BATCH).min(count);
            let looked: Vec<_> = (first..last)
                .into_par_iter()
                .map_init(Vec::new, |text, place| {
                    text.clone_from(&self.head);
                    self.gather(place, text)?;
                    let wrong = |error: FileError| error.at_line(|line| self.line(place, line));
                    self.look(place, text, wrong, look)
                })
                .collect();
            for (place, looked) in (first..).zip(looked) {
                if !take(place, looked?)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn look<D, E: From<FileError>>(
        &self,
        place: IndexPlace,
        text: &[u8],
        wrong: impl Fn(FileError) -> FileError,
        look: &impl Fn(IndexPlace, Script) -> Result<D, E>,
    ) -> Result<Looked<D>, NoIndex<E>> {
        let mut scripts = match self.scripts(text, place.into()) {
            Ok(scripts) => scripts,
            Err(FileError::Empty { .. }) => Vec::new(),
            Err(error) => return Err(wrong(error).into()),
        };
        match (scripts.pop(), scripts.is_empty()) {
            (None, _) => Ok(Looked::Nothing),
            (Some(script), true) => look(place, script).map(Looked::Session).map_err(NoIndex::Failed),
            (Some(_), false) => Err(NoIndex::Whole),
        }
    }

    /// The number in the file of a line of a session's rows.
    fn line(&self, place: IndexPlace, line: usize) -> usize {
        let rows = self.sessions.as_ref().map_or(&[][..], |sessions| sessions.rows_of(place));
        let behind_head = line - usize::from(!self.head.is_empty()).min(line);
        let Some(end) = rows.get(behind_head.saturating_sub(1)).and_then(|row| self.rows.get(*row)) else {
            return line;
        };
        let (mut at, mut lines, mut buffer) = (0, 1, Vec::new());
        while at < end {
            let most = usize::try_from(end - at).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
            if self.text.read(at, &mut buffer, most).is_err() || buffer.is_empty() {
                break;
            }
            lines += memchr_iter(b'\n', &buffer).count();
            at += buffer.len() as u64;
        }
        lines
    }

    /// Which rows belong together, and where all of them are; nothing if each is alone.
    fn group<E: From<FileError>>(&mut self, layout: Layout) -> Result<Option<Sessions>, NoIndex<E>> {
        let Some(key) = session_key::of(layout, &self.head) else { return Ok(None) };
        let (mut offsets, mut owners) = (Offsets::default(), Vec::<u32>::new());
        let (mut count, mut places) = (0_u32, HashMap::<u64, u32>::new());
        let is_table = !self.head.is_empty();
        self.blocks(|block| {
            let names: Vec<_> =
                block.rows.par_iter().map(|row| key.of(block.text(row)).map(|name| hash(&name))).collect();
            for (row, name) in block.rows.iter().zip(names) {
                let is_broken = is_table && is_open(block.text(row));
                if is_broken || !offsets.push(block.at + row.start as u64, row.end - row.start) {
                    return Err(NoIndex::Whole);
                }
                let owner = name.map_or(count, |name| *places.entry(name).or_insert(count));
                count += u32::from(owner == count);
                owners.push(owner);
            }
            Ok(true)
        })?;
        if count as usize == owners.len() {
            return Ok(None);
        }
        offsets.shrink();
        self.rows = offsets;
        Ok(Some(Sessions::of(count, &owners)))
    }
}

enum Looked<D> {
    Session(D),
    Nothing,
}

struct Block<'a> {
    at: u64,
    bytes: &'a [u8],
    rows: &'a [RowPlace],
}

struct RowPlace {
    start: usize,
    end: usize,
    line: usize,
}

impl Block<'_> {
    fn text(&self, row: &RowPlace) -> &[u8] {
        &self.bytes[row.start..row.end]
    }
}

impl Sessions {
    /// By the session of each row.
    fn of(count: u32, owners: &[u32]) -> Self {
        let mut begins = vec![0_u32; count as usize + 1];
        for owner in owners {
            begins[*owner as usize + 1] += 1;
        }
        for session in 1..begins.len() {
            begins[session] += begins[session - 1];
        }
        let (mut next, mut rows) = (begins.clone(), vec![0; owners.len()]);
        for (row, owner) in (0..).zip(owners) {
            let place = &mut next[*owner as usize];
            rows[*place as usize] = row;
            *place += 1;
        }
        Self { begins, rows }
    }

    fn len(&self) -> u32 {
        u32::try_from(self.begins.len() - 1).unwrap_or(u32::MAX)
    }

    fn rows_of(&self, session: u32) -> &[u32] {
        let bound = |place: usize| self.begins.get(place).map_or(self.rows.len(), |begin| *begin as usize);
        &self.rows[bound(session as usize)..bound(session as usize + 1)]
    }
}

/// The first line that is not blank, and its number from 1.
fn first_line(text: &[u8]) -> Option<(Range<usize>, usize)> {
    let mut start = 0;
    let ends = memchr_iter(b'\n', text).map(|end| end + 1).chain([text.len()]);
    for (line, end) in (1..).zip(ends) {
        if !text[start..end].trim_ascii().is_empty() {
            return Some((start..end, line));
        }
        start = end;
    }
    None
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// A quotation in a row of a table goes on in the next line.
fn is_open(row: &[u8]) -> bool {
    memchr_iter(b'"', row).count() % 2 == 1
}
