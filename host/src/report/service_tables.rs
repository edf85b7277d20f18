//! Tables of services for the console: a message that brings one is shown as it asks for.

use comfy_table::{Cell as Shown, CellAlignment};
use prony_plugin_api::message::{Cell, Table};

use super::{Report, console};

/// More columns and rows are left out, which is said.
const COLUMNS: usize = 12;
const ROWS: usize = 50;

/// The tables, each below its title, a blank line between two.
pub(super) fn lines(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for (service, table) in report.messages.tables() {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        match table {
            Ok(table) if table == Table::default() => {}
            Ok(table) => lines.extend(shown(service, &table)),
            Err(error) => lines.push(format!(
                "note: service `{service}` published a `{}` that is no table: {error}",
                Table::FIELD
            )),
        }
    }
    lines
}

fn shown(service: &str, table: &Table) -> Vec<String> {
    let header: Vec<String> =
        table.columns.iter().take(COLUMNS).map(|name| console::one_line(name)).collect();
    let mut shown = console::table(&header.iter().map(String::as_str).collect::<Vec<_>>());
    for row in table.rows.iter().take(ROWS) {
        shown.add_row(row.iter().take(header.len()).map(cell));
    }
    let title = console::one_line(&table.title);
    let mut lines = vec![format!("{service} | {title}"), shown.to_string()];
    let rows = table.rows.len().saturating_sub(ROWS);
    let columns = table.columns.len().saturating_sub(COLUMNS);
    if rows + columns > 0 {
        lines.push(format!("{rows} more rows and {columns} more columns are in the summary"));
    }
    lines
}

fn cell(cell: &Cell) -> Shown {
    match cell {
        Cell::Text(text) => Shown::new(console::one_line(text)),
        Cell::Whole(number) => Shown::new(number).set_alignment(CellAlignment::Right),
        Cell::Number(number) => Shown::new(console::decimal(*number)).set_alignment(CellAlignment::Right),
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
        let lines = shown("acme", &Table { rows, ..table(0, 3) }).join("\n");
        assert!(lines.starts_with("acme | Costs\u{1b}[2J of a run\n"), "{lines}");
        assert!(
            lines.contains("1,234.50") && lines.contains("a b") && !lines.contains("no column"),
            "{lines}"
        );
    }

    #[test]
    fn what_is_too_much_is_left_out_and_said() {
        let lines = shown("acme", &table(60, 15));
        assert_eq!(lines[2], "10 more rows and 3 more columns are in the summary");
    }
}
