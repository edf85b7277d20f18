//! Files as they are read: objects that stand one a line, in one list, or alone; and tables with a head.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{
    FileError, RowError,
    input::Input,
    lines,
    lines::Opened,
    row::{Row, reason},
};

impl Input<'_> {
    /// Reads the file's objects in order: one a line, or those of a list, or the only one.
    pub(super) fn objects<T>(
        &self,
        mut parse: impl FnMut(Row) -> Result<T, RowError>,
    ) -> Result<Vec<T>, FileError> {
        if self.part().is_some() || !Head::of(self)?.is_document {
            return lines::read(self, |line| parse(Row::parse(line)?));
        }
        let mut objects = Vec::new();
        self.document(&mut |number, fields| {
            if self.most.is_some_and(|most| objects.len() >= most) {
                return Ok(false);
            }
            match Row::of(fields).and_then(&mut parse) {
                Ok(object) => objects.push(object),
                Err(source) => self.wrong(FileError::Entry { path: self.path.into(), number, source })?,
            }
            Ok(true)
        })?;
        if objects.is_empty() && !self.has_errors() {
            return Err(FileError::Empty { path: self.path.into() });
        }
        Ok(objects)
    }

    /// Hands over the entries of a document, numbered from 1, until one of them is the last that is wanted.
    fn document(
        &self,
        visit: &mut dyn FnMut(usize, Value) -> Result<bool, FileError>,
    ) -> Result<(), FileError> {
        let file = Opened::open(self)?;
        let mut end = None;
        let mut json = serde_json::Deserializer::from_reader(file.reader);
        let read = Entries { visit, end: &mut end }.deserialize(&mut json);
        match (end, read) {
            (Some(End::Failed(error)), _) => Err(error),
            (Some(End::Wanted), _) | (None, Ok(())) => Ok(()),
            (None, Err(error)) => Err(FileError::Document {
                path: self.path.into(),
                line: error.line(),
                column: error.column(),
                reason: reason(&error),
            }),
        }
    }

    /// Reads the rows of a table with a head, each as an object of texts.
    pub(super) fn table<T>(
        &self,
        mut parse: impl FnMut(Columns<'_>) -> Result<Option<T>, RowError>,
    ) -> Result<Vec<T>, FileError> {
        let file = Opened::open(self)?;
        let mut table =
            csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file.reader);
        let broken = |error: csv::Error| FileError::Row {
            path: self.path.into(),
            line: error.position().map_or(1, |position| usize::try_from(position.line()).unwrap_or(0)),
            source: RowError::Contradiction { what: error.to_string() },
        };
        let head = table.headers().map_err(broken)?.clone();
        let (mut rows, mut row) = (Vec::new(), csv::StringRecord::new());
        while self.most.is_none_or(|most| rows.len() < most) && table.read_record(&mut row).map_err(broken)? {
            let line = row.position().map_or(0, |position| usize::try_from(position.line()).unwrap_or(0));
            match parse(Columns { head: &head, row: &row }) {
                Ok(parsed) => rows.extend(parsed),
                Err(source) => self.wrong(FileError::Row { path: self.path.into(), line, source })?,
            }
        }
        if rows.is_empty() && !self.has_errors() {
            return Err(FileError::Empty { path: self.path.into() });
        }
        Ok(rows)
    }
}

/// A row of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns<'a> {
    head: &'a csv::StringRecord,
    row: &'a csv::StringRecord,
}

impl<'a> Columns<'a> {
    /// What stands in a column; nothing if that is empty, or there is no such column.
    pub(super) fn get(&self, column: &str) -> Option<&'a str> {
        let place = self.head.iter().position(|name| name == column)?;
        self.row.get(place).filter(|text| !text.is_empty())
    }

    /// What stands in a column that there must be.
    pub(super) fn must(&self, column: &'static str) -> Result<&'a str, RowError> {
        self.get(column).ok_or(RowError::Missing { key: column })
    }

    /// A whole number of at least 0.
    pub(super) fn count(&self, column: &'static str) -> Result<u64, RowError> {
        let text = self.must(column)?;
        text.parse().map_err(|_| RowError::Value {
            key: column,
            value: text.to_owned(),
            expected: "a whole number of at least 0",
        })
    }

    /// A number of at least 0.
    pub(super) fn non_negative(&self, column: &'static str) -> Result<f64, RowError> {
        let text = self.must(column)?;
        let number = text.parse().ok().filter(|number: &f64| *number >= 0.0 && number.is_finite());
        number.ok_or_else(|| RowError::Value {
            key: column,
            value: text.to_owned(),
            expected: "a number of at least 0",
        })
    }
}

/// The beginning of a file, by which its format is known.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// The first objects.
    pub(super) rows: Vec<Map<String, Value>>,
    /// The first line with a content.
    pub(super) line: String,
    /// Its objects stand in one document over several lines: in a list, or alone.
    pub(super) is_document: bool,
}

impl Head {
    /// Most objects that are looked at, and most bytes.
    const OBJECTS: usize = 40;
    const BYTES: usize = 1 << 20;
    /// A first line is as long as this at most, where it is shown or is the head of a table.
    const LINE: usize = 4096;

    /// Reads the beginning of a file. What is wrong with it is found by its reader.
    pub(super) fn of(input: &Input<'_>) -> Result<Self, FileError> {
        let (mut head, mut bytes) = (Self::default(), 0);
        let input = input.beginning(Self::OBJECTS);
        let looked = lines::read(&input, |line| {
            if bytes == 0 {
                head.line = line.chars().take(Self::LINE).collect();
                head.is_document = line.trim_start().starts_with('[');
            }
            bytes += line.len();
            if head.is_document || bytes > Self::BYTES && !head.rows.is_empty() {
                return Err(RowError::NoContent);
            }
            head.rows.push(Row::parse(line)?.into_fields());
            Ok(())
        });
        head.is_document |= matches!(looked, Err(FileError::SeveralLines { .. }));
        match looked {
            Err(
                error @ (FileError::Unreadable { .. }
                | FileError::Damaged { .. }
                | FileError::TooLarge { .. }
                | FileError::Empty { .. }),
            ) => {
                return Err(error);
            }
            _ if !head.is_document => return Ok(head),
            _ => {}
        }
        let rows = &mut head.rows;
        // An error in it is found again by its reader, with its place.
        let _ = input.document(&mut |number, value| {
            if let Value::Object(fields) = value {
                rows.push(fields);
            }
            Ok(number < Self::OBJECTS)
        });
        Ok(head)
    }

    /// The first object has all of these keys.
    pub(super) fn has(&self, keys: &[&str]) -> bool {
        self.rows.first().is_some_and(|row| keys.iter().all(|key| row.contains_key(*key)))
    }

    /// The first object has this key, with a list.
    pub(super) fn has_list(&self, key: &str) -> bool {
        self.rows.first().and_then(|row| row.get(key)).is_some_and(Value::is_array)
    }

    /// The first line names all of these columns.
    pub(super) fn has_columns(&self, columns: &[&str]) -> bool {
        let names: Vec<&str> = self.line.split(',').map(str::trim).collect();
        columns.iter().all(|column| names.contains(column))
    }
}

/// Why the reading of a document ended early.
enum End {
    Wanted,
    Failed(FileError),
}

/// Reads a document's entries one by one: the elements of a list, or the object itself.
struct Entries<'a> {
    visit: &'a mut dyn FnMut(usize, Value) -> Result<bool, FileError>,
    end: &'a mut Option<End>,
}

impl Entries<'_> {
    fn give<E: serde::de::Error>(&mut self, number: usize, value: Value) -> Result<(), E> {
        let end = match (self.visit)(number, value) {
            Ok(true) => return Ok(()),
            Ok(false) => End::Wanted,
            Err(error) => End::Failed(error),
        };
        *self.end = Some(end);
        Err(E::custom("the rest is not wanted"))
    }
}

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write_str("an object or a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(value) = list.next_element()? {
            number += 1;
            self.give(number, value)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        let mut fields = Map::new();
        while let Some((key, value)) = object.next_entry()? {
            fields.insert(key, value);
        }
        self.give(1, Value::Object(fields))
    }
}
