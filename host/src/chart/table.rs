//! Tables of HTML: what stands behind a picture, and whatever else has rows.

use std::fmt::Write;

use super::markup::escape;

/// Longer cells are texts, which are broken into lines.
const LONGEST_WORD: usize = 40;

/// A table. What is put in is text, never markup.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
    left_out: usize,
}

impl Table {
    /// An empty one.
    pub(crate) fn new(headers: impl IntoIterator<Item = String>) -> Self {
        Self { headers: headers.into_iter().collect(), rows: Vec::new(), left_out: 0 }
    }

    /// Adds a row. Its first cell names it.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The number of rows that are not in it.
    pub(crate) fn left_out(&mut self, rows: usize) {
        self.left_out = rows;
    }

    /// Whether it has no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as markup, in a box of its own that scrolls where it is too wide.
    pub(crate) fn html(&self, caption: &str) -> String {
        let caption = escape(caption);
        let mut html = format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table><caption>{caption}</caption><thead><tr>"
        );
        for header in &self.headers {
            let _ = write!(html, "<th scope=\"col\">{}</th>", escape(header));
        }
        html.push_str("</tr></thead><tbody>");
        for row in &self.rows {
            html.push_str("<tr>");
            for (at, cell) in row.iter().enumerate() {
                let class = if cell.chars().count() > LONGEST_WORD { " class=\"text\"" } else { "" };
                let cell = escape(cell);
                let _ = if at == 0 {
                    write!(html, "<th scope=\"row\">{cell}</th>")
                } else {
                    write!(html, "<td{class}>{cell}</td>")
                };
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody></table></div>");
        if self.left_out > 0 {
            let _ = write!(html, "<p class=\"note\">{} more rows are left out here.</p>", self.left_out);
        }
        html
    }
}
