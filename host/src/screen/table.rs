//! Tables: a header, a rule, and rows whose cells break between words where the table is too wide.

use unicode_width::UnicodeWidthStr;

use super::wrap::{paragraph, wrap_words};

const GAP: usize = 2;

/// Further lines of a cell that stands at the left are indented by so much.
const CELL_INDENT: &str = "  ";

/// On which side the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    /// Numbers.
    Right,
}

impl Align {
    /// What further lines of a cell begin with.
    fn indent(self) -> &'static str {
        match self {
            Self::Left => CELL_INDENT,
            Self::Right => "",
        }
    }
}

#[derive(Clone, Debug)]
struct Column {
    header: String,
    align: Align,
    /// Narrower than this it is hard to read, unless its cells are.
    least: usize,
}

/// A table that is being filled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    /// Titles of sections, each with the number of the row below it.
    titles: Vec<(usize, String)>,
}

impl Table {
    /// A table without columns.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// With one column more at its right side.
    pub(crate) fn column(mut self, header: impl Into<String>, align: Align) -> Self {
        self.columns.push(Column { header: header.into(), align, least: 0 });
        self
    }

    /// The last column is not made narrower than `least` characters, unless it needs less.
    pub(crate) fn at_least(mut self, least: usize) -> Self {
        if let Some(column) = self.columns.last_mut() {
            column.least = least;
        }
        self
    }

    /// Adds a row; a cell that is missing is empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut row: Vec<String> = cells.into_iter().take(self.columns.len()).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    /// Rows that are added from here on belong to a section with this title. It may be wider than the first column.
    pub(crate) fn title(&mut self, title: impl Into<String>) {
        self.titles.push((self.rows.len(), title.into()));
    }

    /// Whether it can be laid out in lines of `width` characters as a table.
    pub(crate) fn fits(&self, width: usize) -> bool {
        self.gaps() + self.least_widths().iter().sum::<usize>() <= width
    }

    /// Its lines. Where not even the longest words of each column fit beside each other, each row is a list of its cells.
    pub(crate) fn lines(&self, width: usize) -> Vec<String> {
        if !self.fits(width) {
            return self.lists(width);
        }
        let widths = self.widths(width);
        let header: Vec<String> = self.columns.iter().map(|column| column.header.clone()).collect();
        let mut lines = self.row_lines(&header, &widths);
        lines.push("─".repeat(widths.iter().sum::<usize>() + self.gaps()));
        for (at, row) in self.rows.iter().enumerate() {
            lines.extend(self.titles_above(at).flat_map(|title| paragraph("", title, Some(width))));
            lines.extend(self.row_lines(row, &widths));
        }
        lines
    }

    fn titles_above(&self, row: usize) -> impl Iterator<Item = &str> {
        self.titles.iter().filter(move |(at, _)| *at == row).map(|(_, title)| title.as_str())
    }

    fn gaps(&self) -> usize {
        self.columns.len().saturating_sub(1) * GAP
    }

    fn cells(&self, at: usize) -> impl Iterator<Item = &str> {
        let cells = self.rows.iter().filter_map(move |row| row.get(at));
        self.columns.get(at).map(|column| &column.header).into_iter().chain(cells).map(String::as_str)
    }

    fn natural_widths(&self) -> Vec<usize> {
        let widest = |at| self.cells(at).map(UnicodeWidthStr::width).max().unwrap_or(0);
        (0..self.columns.len()).map(widest).collect()
    }

    fn least_widths(&self) -> Vec<usize> {
        let least = |(at, (column, natural)): (usize, (&Column, usize))| {
            let widest = self.cells(at).map(|cell| longest_word(cell, column.align)).max().unwrap_or(0);
            widest.max(column.least.min(natural))
        };
        self.columns.iter().zip(self.natural_widths()).enumerate().map(least).collect()
    }

    /// The natural widths, the widest columns cut to what the others leave.
    fn widths(&self, width: usize) -> Vec<usize> {
        let (natural, least) = (self.natural_widths(), self.least_widths());
        let cut = |most: usize| -> Vec<usize> {
            natural.iter().zip(&least).map(|(natural, least)| (*natural).min(most).max(*least)).collect()
        };
        let room = width.saturating_sub(self.gaps());
        let widest = natural.iter().copied().max().unwrap_or(0);
        let fitting = (0..=widest).rev().map(cut).find(|widths| widths.iter().sum::<usize>() <= room);
        fitting.unwrap_or(least)
    }

    fn row_lines(&self, row: &[String], widths: &[usize]) -> Vec<String> {
        let cells = row.iter().zip(&self.columns).zip(widths);
        let broken = |((cell, column), width): ((&String, &Column), &usize)| {
            wrap_words("", &indent(cell, column.align), cell.split(' '), *width)
        };
        let cells: Vec<Vec<String>> = cells.map(broken).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        (0..height).map(|at| self.line(&cells, widths, at)).collect()
    }

    fn line(&self, cells: &[Vec<String>], widths: &[usize], at: usize) -> String {
        let mut line = String::new();
        for (place, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let text = cell.get(at).map_or("", String::as_str);
            let filling = " ".repeat(width.saturating_sub(text.width()));
            if place > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            match self.columns.get(place).map(|column| column.align) {
                Some(Align::Right) => line.extend([filling.as_str(), text]),
                _ => line.extend([text, filling.as_str()]),
            }
        }
        line.trim_end().to_owned()
    }

    /// A line for each cell, behind the header of its column; a blank line between two rows.
    fn lists(&self, width: usize) -> Vec<String> {
        let label = self.columns.iter().map(|column| column.header.width()).max().unwrap_or(0) + GAP;
        let mut lines = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.extend(self.titles_above(at).flat_map(|title| paragraph("", title, Some(width))));
            for (column, cell) in self.columns.iter().zip(row) {
                let lead = format!("{}{}", column.header, " ".repeat(label - column.header.width()));
                lines.extend(paragraph(&lead, cell.trim_start(), Some(width)));
            }
        }
        lines
    }
}

/// What further lines of a cell begin with: they stand further in than its first one.
fn indent(cell: &str, align: Align) -> String {
    let own = cell.len() - cell.trim_start_matches(' ').len();
    " ".repeat(own) + align.indent()
}

fn longest_word(text: &str, align: Align) -> usize {
    let indent = indent(text, align);
    let own = indent.len() - align.indent().len();
    let mut words = text.trim_start_matches(' ').split(' ');
    let first = own + words.next().map_or(0, UnicodeWidthStr::width);
    words.map(|word| indent.len() + word.width()).max().unwrap_or(0).max(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new().column("Metric", Align::Left).at_least(12).column("avg", Align::Right);
        table.row(["Time to First Token (ms)".to_owned(), "51.52".to_owned()]);
        table.row(["Count".to_owned(), "1,234.00".to_owned()]);
        table
    }

    #[test]
    fn a_table_is_as_wide_as_it_needs_to_be() {
        insta::assert_snapshot!(table().lines(80).join("\n"), @"
        Metric                         avg
        ──────────────────────────────────
        Time to First Token (ms)     51.52
        Count                     1,234.00
        ");
    }

    #[test]
    fn a_narrow_table_breaks_its_text_between_words() {
        insta::assert_snapshot!(table().lines(26).join("\n"), @"
        Metric                 avg
        ──────────────────────────
        Time to First        51.52
          Token (ms)
        Count             1,234.00
        ");
        assert!(table().fits(22) && !table().fits(21));
    }

    #[test]
    fn what_fits_into_no_table_is_a_list() {
        insta::assert_snapshot!(table().lines(20).join("\n"), @"
        Metric  Time to
                First Token
                (ms)
        avg     51.52

        Metric  Count
        avg     1,234.00
        ");
    }
}
