//! What the `plugins` commands print for people: sections of rows, as wide as the screen.

use crate::{cli::terminal, screen::Screen};

/// A text that is being written.
#[derive(Debug)]
pub(super) struct Listing {
    screen: Screen,
    text: String,
}

impl Listing {
    /// An empty one for standard output.
    pub(super) fn new() -> Self {
        Self::on(terminal::screen())
    }

    /// An empty one for this screen.
    pub(super) fn on(screen: Screen) -> Self {
        Self { screen, text: String::new() }
    }

    /// A title with its rows and a blank line; nothing without rows.
    pub(super) fn section(&mut self, title: &str, rows: impl IntoIterator<Item = Vec<String>>) {
        let rows: Vec<Vec<String>> = rows.into_iter().collect();
        if !rows.is_empty() {
            self.line(title);
            self.rows(rows);
            self.text.push('\n');
        }
    }

    /// Rows alone.
    pub(super) fn rows(&mut self, rows: impl IntoIterator<Item = Vec<String>>) {
        let rows: Vec<Vec<String>> = rows.into_iter().collect();
        for line in self.screen.list(&rows) {
            self.text.extend([&line, "\n"]);
        }
    }

    /// A sentence.
    pub(super) fn line(&mut self, text: &str) {
        self.paragraph("", text);
    }

    /// A text behind a lead.
    pub(super) fn paragraph(&mut self, lead: &str, text: &str) {
        self.text.push_str(&self.screen.paragraph(lead, text));
        self.text.push('\n');
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}
