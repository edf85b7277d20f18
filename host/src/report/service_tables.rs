//! Tables of services for the console: a message that brings one is shown as it asks for.

use prony_plugin_api::message::{Cell, Table};

use super::{file_names, model::Report, text};
use crate::screen::{self, Align, Screen, counted};

/// More columns and rows are left out, which is said.
const COLUMNS: usize = 12;
const ROWS: usize = 50;

/// The tables, each below its title, a blank line between two.
pub(super) fn lines(report: &Report, screen: Screen) -> Vec<String> {
    let mut lines = Vec::new();
    for (service, table) in report.messages.tables() {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        match table {
            Ok(table) if table == Table::default() => {}
            Ok(table) => lines.extend(shown(service, &table, screen)),
            Err(error) => {
                let what =
                    format!("service `{service}` published a `{}` that is no table: {error}", Table::FIELD);
                lines.push(screen.paragraph("note: ", &what));
            }
        }
    }
    lines
}

fn shown(service: &str, table: &Table, screen: Screen) -> Vec<String> {
    let columns = table.columns.iter().take(COLUMNS).enumerate();
    let mut shown = columns.fold(screen::Table::new(), |shown, (at, name)| {
        shown.column(text::one_line(name), alignment(table, at))
    });
    for row in table.rows.iter().take(ROWS) {
        shown.row(row.iter().map(cell));
    }
    let title = text::one_line(&table.title);
    let mut lines = vec![screen.paragraph("", &format!("{service} | {title}"))];
    lines.extend(shown.lines(screen.table_width()));
    let rows = table.rows.len().saturating_sub(ROWS);
    let columns = table.columns.len().saturating_sub(COLUMNS);
    if rows + columns > 0 {
        let (rows, columns) = (counted(rows, "more row"), counted(columns, "more column"));
        lines.push(screen.paragraph("", &format!("{rows} and {columns} are in `{}`", file_names::SUMMARY)));
    }
    lines
}

/// A column of numbers stands at its right side.
fn alignment(table: &Table, column: usize) -> Align {
    let mut cells = table.rows.iter().filter_map(|row| row.get(column));
    if cells.any(|cell| matches!(cell, Cell::Text(_))) { Align::Left } else { Align::Right }
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text::one_line(text),
        Cell::Whole(number) => number.to_string(),
        Cell::Number(number) => text::decimal(*number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize, columns: usize) -> Table {
        Table {
            title: "Costs\x1b[2J\nof a run".into(),
            columns: (0..columns).map(|column| format!("c{column}")).collect(),
            rows: (0..rows).map(|_| vec![Cell::Whole(1); columns]).collect(),
        }
    }

    #[test]
    fn cells_are_numbers_or_one_line_of_text() {
        let rows = vec![vec![7_i64.into(), 1234.5.into(), "a\nb".into(), "of no column".into()]];
        let lines = shown("acme", &Table { rows, ..table(0, 3) }, Screen::UNLIMITED).join("\n");
        assert!(lines.starts_with("acme | Costs\u{1b}[2J of a run\n"), "{lines}");
        assert!(
            lines.contains("1,234.50") && lines.contains("a b") && !lines.contains("no column"),
            "{lines}"
        );
    }

    #[test]
    fn what_is_too_much_is_left_out_and_said() {
        let lines = shown("acme", &table(60, 15), Screen::UNLIMITED);
        assert_eq!(
            lines.last().unwrap(),
            "10 more rows and 3 more columns are in `profile_export_prony.json`"
        );
    }
}
