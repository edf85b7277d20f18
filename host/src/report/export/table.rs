//! The records as a table for programs: `records.parquet`.
//!
//! A row is a request, in the order in which requests ended, those of the warm-up among them. Rows are written in groups, so that
//! neither writing nor reading needs all of them in memory. Format: Apache Parquet, version 1 pages, compressed with Snappy.

use std::{
    io::{self, Write},
    sync::Arc,
};

use parquet::{
    basic::Compression,
    column::writer::ColumnWriter,
    data_type::ByteArray,
    errors::ParquetError,
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use serde_json::{Map, Value};

use super::{
    columns::{self, Cell, Column, Kind, Presence, Run, SCHEMA_VERSION},
    pass::{Exported, Pass, Passed, Seen},
};
use crate::record::RunHeader;

/// A group of rows has so many of them at most.
const MOST_ROWS: usize = 50_000;

/// It has so many values of lists at most: gaps between tokens may be a thousand a row.
const MOST_LISTED: usize = 4_000_000;

/// Writes all of it.
///
/// # Errors
/// It cannot be written.
pub(super) fn write<W: Write + Send>(pass: Pass, out: &mut W) -> io::Result<Exported> {
    let columns = columns::all();
    let schema = parse_message_type(&message_type(&columns)).map_err(as_io)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(format!("prony {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(about(pass.header(), &columns)))
        .build();
    let mut writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(as_io)?;
    let run = Run::of(pass.header());
    let cells =
        |seen: &Seen<'_>| -> Vec<Cell> { columns.iter().map(|column| column.cell(seen, &run)).collect() };
    let mut group = Group::of(&columns);
    let exported = pass.run(cells, |passed| {
        let Passed::Records(rows) = passed else { return Ok(()) };
        for row in rows {
            group.push(row);
            if group.is_full() {
                group.write(&mut writer).map_err(as_io)?;
            }
        }
        Ok::<(), io::Error>(())
    })?;
    group.write(&mut writer).map_err(as_io)?;
    if let Some(reason) = &exported.incomplete {
        let incomplete = KeyValue::new("prony.incomplete_reason".to_owned(), reason.clone());
        writer.append_key_value_metadata(incomplete);
    }
    writer.close().map_err(as_io)?;
    Ok(exported)
}

/// What the system said, where it was the system.
fn as_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(source) => io::Error::other(source),
        },
        error => io::Error::other(error),
    }
}

/// What stands in the file beside the rows.
fn about(header: &RunHeader, columns: &[Column]) -> Vec<KeyValue> {
    let units: Map<String, Value> = columns
        .iter()
        .filter(|column| !column.unit.is_empty())
        .map(|column| (column.name.to_owned(), column.unit.into()))
        .collect();
    let definitions: Map<String, Value> =
        columns.iter().map(|column| (column.name.to_owned(), column.about.into())).collect();
    let facts = [
        ("prony.schema_version", SCHEMA_VERSION.to_owned()),
        ("prony.version", header.version.clone()),
        ("prony.run_id", header.run_id.clone()),
        ("prony.units", Value::Object(units).to_string()),
        ("prony.definitions", Value::Object(definitions).to_string()),
    ];
    facts.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect()
}

/// The schema, as Parquet writes it down.
fn message_type(columns: &[Column]) -> String {
    let field = |column: &Column| {
        let presence = match column.presence {
            Presence::Always => "required",
            Presence::Sometimes => "optional",
        };
        let name = column.name;
        match column.kind {
            Kind::Bool => format!("{presence} boolean {name};"),
            Kind::Int => format!("{presence} int64 {name};"),
            Kind::Time => format!("{presence} int64 {name} (TIMESTAMP(NANOS,true));"),
            Kind::Double => format!("{presence} double {name};"),
            Kind::Text => format!("{presence} binary {name} (STRING);"),
            Kind::Ints => list(name, "int64 element"),
            Kind::Texts => list(name, "binary element (STRING)"),
        }
    };
    format!("message prony_records {{ {} }}", columns.iter().map(field).collect::<Vec<_>>().join(" "))
}

/// A list that is always there and may be empty, as the format's document on nested types has it.
fn list(name: &str, element: &str) -> String {
    format!("required group {name} (LIST) {{ repeated group list {{ required {element}; }} }}")
}

/// Rows that are not written yet, column by column.
struct Group {
    columns: Vec<Filled>,
    rows: usize,
    /// Values of lists.
    listed: usize,
}

/// The values of a column. Levels say which rows have one, and where lists begin (the format's "definition" and "repetition").
struct Filled {
    values: Values,
    presence: Presence,
    definition: Vec<i16>,
    repetition: Vec<i16>,
}

enum Values {
    Bools(Vec<bool>),
    Ints(Vec<i64>),
    Doubles(Vec<f64>),
    Texts(Vec<ByteArray>),
}

impl Group {
    fn of(columns: &[Column]) -> Self {
        let filled = |column: &Column| Filled {
            values: match column.kind {
                Kind::Bool => Values::Bools(Vec::new()),
                Kind::Int | Kind::Time | Kind::Ints => Values::Ints(Vec::new()),
                Kind::Double => Values::Doubles(Vec::new()),
                Kind::Text | Kind::Texts => Values::Texts(Vec::new()),
            },
            presence: column.presence,
            definition: Vec::new(),
            repetition: Vec::new(),
        };
        Self { columns: columns.iter().map(filled).collect(), rows: 0, listed: 0 }
    }

    fn is_full(&self) -> bool {
        self.rows >= MOST_ROWS || self.listed >= MOST_LISTED
    }

    fn push(&mut self, row: Vec<Cell>) {
        for (column, cell) in self.columns.iter_mut().zip(row) {
            self.listed += column.push(cell);
        }
        self.rows += 1;
    }

    /// Writes what there is, if there is anything, and is empty then.
    fn write<W: Write + Send>(&mut self, writer: &mut SerializedFileWriter<W>) -> Result<(), ParquetError> {
        if std::mem::take(&mut self.rows) == 0 {
            return Ok(());
        }
        self.listed = 0;
        let mut group = writer.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut out) = group.next_column()? else { break };
            column.write(out.untyped())?;
            out.close()?;
            column.clear();
        }
        group.close().map(drop)
    }
}

impl Filled {
    /// Adds the value of a row. Returns how many values of a list that were.
    fn push(&mut self, cell: Cell) -> usize {
        let is_there = cell != Cell::Null;
        match (cell, &mut self.values) {
            (Cell::Bool(value), Values::Bools(values)) => values.push(value),
            (Cell::Int(value), Values::Ints(values)) => values.push(value),
            (Cell::Double(value), Values::Doubles(values)) => values.push(value),
            (Cell::Text(value), Values::Texts(values)) => values.push(value.into_bytes().into()),
            (Cell::Ints(list), Values::Ints(values)) => {
                values.extend(&list);
                return self.levels_of_list(list.len());
            }
            (Cell::Texts(list), Values::Texts(values)) => {
                let count = list.len();
                values.extend(list.into_iter().map(|text| ByteArray::from(text.into_bytes())));
                return self.levels_of_list(count);
            }
            // A column makes cells of its own kind; a test looks at all of them.
            _ => {}
        }
        if self.presence == Presence::Sometimes {
            self.definition.push(i16::from(is_there));
        }
        0
    }

    /// An empty list has one level and no value.
    fn levels_of_list(&mut self, count: usize) -> usize {
        self.definition.extend(std::iter::repeat_n(i16::from(count > 0), count.max(1)));
        self.repetition.push(0);
        self.repetition.extend(std::iter::repeat_n(1, count.saturating_sub(1)));
        count
    }

    fn write(&self, out: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        let definition = Some(self.definition.as_slice()).filter(|levels| !levels.is_empty());
        let repetition = Some(self.repetition.as_slice()).filter(|levels| !levels.is_empty());
        match (&self.values, out) {
            (Values::Bools(values), ColumnWriter::BoolColumnWriter(out)) => {
                out.write_batch(values, definition, repetition)
            }
            (Values::Ints(values), ColumnWriter::Int64ColumnWriter(out)) => {
                out.write_batch(values, definition, repetition)
            }
            (Values::Doubles(values), ColumnWriter::DoubleColumnWriter(out)) => {
                out.write_batch(values, definition, repetition)
            }
            (Values::Texts(values), ColumnWriter::ByteArrayColumnWriter(out)) => {
                out.write_batch(values, definition, repetition)
            }
            _ => Err(ParquetError::General("a column has another type than its values".to_owned())),
        }
        .map(drop)
    }

    fn clear(&mut self) {
        match &mut self.values {
            Values::Bools(values) => values.clear(),
            Values::Ints(values) => values.clear(),
            Values::Doubles(values) => values.clear(),
            Values::Texts(values) => values.clear(),
        }
        self.definition.clear();
        self.repetition.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_one() {
        let columns = columns::all();
        let schema = parse_message_type(&message_type(&columns)).unwrap();
        assert_eq!(schema.get_fields().len(), columns.len());
    }

    #[test]
    fn lists_have_levels_that_say_where_they_begin_and_which_are_empty() {
        let column = columns::all().into_iter().find(|column| column.kind == Kind::Ints).unwrap();
        let mut group = Group::of(&[column]);
        for list in [vec![1, 2, 3], vec![], vec![4]] {
            group.push(vec![Cell::Ints(list)]);
        }
        let [filled] = &group.columns[..] else { panic!("one column") };
        assert!(matches!(&filled.values, Values::Ints(values) if values == &[1, 2, 3, 4]));
        assert_eq!(
            (&filled.definition[..], &filled.repetition[..]),
            (&[1, 1, 1, 0, 1][..], &[0, 1, 1, 0, 0][..])
        );
        assert_eq!((group.rows, group.listed), (3, 4));
    }
}
