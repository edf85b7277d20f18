//! A table for people, in whatever form they read it: [`Shown`].

use super::text;
use crate::screen::{Align, Screen, Table};

/// A table for people.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) title: &'static str,
    pub(super) head: Vec<&'static str>,
    /// Columns at its left side that are text.
    pub(super) texts: usize,
    pub(super) rows: Vec<Vec<String>>,
    /// What stands below it.
    pub(super) notes: Vec<String>,
}

impl Shown {
    /// Whether it is a table on this screen, and no list.
    pub(super) fn fits(&self, screen: Screen) -> bool {
        self.table().fits(screen.table_width())
    }

    /// Its lines on a screen, below its title.
    pub(super) fn lines(&self, screen: Screen) -> Vec<String> {
        let mut lines = vec![self.title.to_owned()];
        lines.extend(self.table().lines(screen.table_width()));
        lines.extend(self.notes.iter().map(|note| screen.paragraph("  ", note)));
        lines
    }

    fn table(&self) -> Table {
        let columns = self.head.iter().enumerate();
        let mut table = columns.fold(Table::new(), |table, (at, name)| {
            table.column(*name, if at < self.texts { Align::Left } else { Align::Right })
        });
        for row in &self.rows {
            table.row(row.iter().map(|cell| text::one_line(cell)));
        }
        table
    }
}
