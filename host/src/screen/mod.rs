//! Text for a terminal: paragraphs, lists and tables that break between words and never inside of one.
//!
//! [`Screen`] is the only thing here that asks the system; the rest is pure. A word is what stands between spaces: a path
//! or a URL that is longer than a line stays whole and runs over its end.

mod count;
mod list;
mod table;
mod wrap;

use std::{env, io::IsTerminal, os::fd::AsFd};

pub(crate) use self::{
    count::{agreeing, counted},
    table::{Align, Table},
};

/// Width of tables where nobody says how wide the screen is.
const USUAL_WIDTH: usize = 80;

/// Nothing readable fits into less.
const LEAST_WIDTH: usize = 40;

/// Where text goes, and how much of it fits into a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    columns: Option<usize>,
    has_colours: bool,
}

impl Screen {
    /// A file, or a pipe to another program: tables have 80 columns, and nothing else is broken into lines, so that
    /// programs which look for a message find it in one line.
    pub(crate) const UNLIMITED: Self = Self { columns: None, has_colours: false };

    /// One with lines of so many characters.
    pub(crate) const fn of_width(columns: usize) -> Self {
        Self { columns: Some(columns), has_colours: false }
    }

    /// What this stream leads to: `COLUMNS` says how wide it is, else the terminal does.
    pub(crate) fn of(stream: &(impl AsFd + IsTerminal)) -> Self {
        let typed = env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse().ok());
        let columns = typed.filter(|columns| *columns > 0).or_else(|| terminal_columns(stream));
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            columns: columns.map(|columns| columns.max(LEAST_WIDTH)),
            has_colours: stream.is_terminal() && !is_set("NO_COLOR") && !is_dumb,
        }
    }

    /// Whether it shows colours: a terminal does, unless `NO_COLOR` is set to something (<https://no-color.org>).
    pub(crate) fn has_colours(self) -> bool {
        self.has_colours
    }

    /// How wide a table may be.
    pub(crate) fn table_width(self) -> usize {
        self.columns.unwrap_or(USUAL_WIDTH)
    }

    /// A text behind what leads to it: `warning: `, or the spaces in front of a line. Further lines begin below the text.
    /// Line breaks in the text are kept.
    pub(crate) fn paragraph(self, lead: &str, text: &str) -> String {
        wrap::paragraph(lead, text, self.columns).join("\n")
    }

    /// A text that has its lines and indents already: what is too long goes on a little further in.
    pub(crate) fn reflow(self, text: &str) -> String {
        let lines = text.split('\n').map(|line| {
            let words = line.trim_start();
            let indent = &line[..line.len() - words.len()];
            wrap::hanging(indent, &format!("{indent}  "), words, self.columns).join("\n")
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Rows of a list, the cells of a column below each other where there is room. The last cells may be sentences.
    pub(crate) fn list(self, rows: &[Vec<String>]) -> Vec<String> {
        list::lines(rows, self.columns)
    }
}

fn terminal_columns(stream: &(impl AsFd + IsTerminal)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}
