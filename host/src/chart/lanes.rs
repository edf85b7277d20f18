//! Lanes: spans of time, one row for each of some things that go on beside each other.

use std::fmt::Write;

use super::{
    WIDTH,
    axis::{Axis, number},
    layer::KINDS,
    legend::{self, Entry, Sign},
    markup::{escape, placed},
    table::Table,
};

const LEFT: f64 = 56.0;
const RIGHT: f64 = 14.0;
const TITLE: f64 = 24.0;
const ROW: f64 = 9.0;
const BOTTOM: f64 = 40.0;
const TICKS: usize = 6;

/// Rows of spans on one axis of time.
#[derive(Clone, Debug)]
pub(crate) struct Lanes {
    pub(crate) title: String,
    /// What it shows, for those who do not see it.
    pub(crate) about: String,
    pub(crate) x: Axis,
    /// What each kind of span is.
    pub(crate) kinds: Vec<&'static str>,
    pub(crate) rows: Vec<Lane>,
}

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) name: String,
    pub(crate) spans: Vec<Span>,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) kind: usize,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Lanes {
    /// The picture.
    pub(crate) fn svg(&self) -> String {
        let entries: Vec<Entry<'_>> =
            self.kinds.iter().enumerate().map(|(kind, name)| (Sign::Area, kind % KINDS, *name)).collect();
        let (legend, rows) = legend::rows(&entries, LEFT, TITLE + 12.0);
        let top = TITLE + 10.0 + rows * legend::ROW;
        let bottom = top + self.rows.len() as f64 * ROW;
        let mut svg = format!(
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\"><title>{}</title><desc>{}</desc>",
            placed(bottom + BOTTOM),
            escape(&self.title),
            escape(&self.about)
        );
        let _ = write!(svg, "<text class=\"t\" x=\"{LEFT}\" y=\"16\">{}</text>{legend}", escape(&self.title));
        self.axis(&mut svg, top, bottom);
        for (lane, at) in self.rows.iter().zip(0_u32..) {
            self.draw(&mut svg, lane, top + f64::from(at) * ROW);
        }
        svg.push_str("</svg>");
        svg
    }

    fn x(&self, value: f64) -> Option<f64> {
        self.x.share_within(value).map(|share| LEFT + share * (WIDTH - LEFT - RIGHT))
    }

    fn axis(&self, svg: &mut String, top: f64, bottom: f64) {
        let (top, y, text) = (placed(top), placed(bottom), placed(bottom + 17.0));
        for (value, label) in self.x.ticks(TICKS) {
            let Some(x) = self.x(value).map(placed) else { continue };
            let _ = write!(svg, "<line class=\"g\" x1=\"{x}\" y1=\"{top}\" x2=\"{x}\" y2=\"{y}\"/>");
            let _ =
                write!(svg, "<text class=\"f\" x=\"{x}\" y=\"{text}\" text-anchor=\"middle\">{label}</text>");
        }
        let _ = write!(
            svg,
            "<text class=\"f\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            placed(bottom + 34.0),
            escape(self.x.label())
        );
    }

    /// Kinds differ in form as well as in colour, so that they can be told apart in print.
    fn draw(&self, svg: &mut String, lane: &Lane, top: f64) {
        let _ = write!(svg, "<g><title>{}</title>", escape(&lane.name));
        for span in &lane.spans {
            let Some((from, to)) = self.x(span.from).zip(self.x(span.to)) else { continue };
            let (x, width) = (placed(from), placed((to - from).max(0.4)));
            for (below, height) in strokes(span.kind) {
                let y = placed(top + below);
                let _ = write!(
                    svg,
                    "<rect class=\"f{}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>",
                    span.kind % KINDS
                );
            }
        }
        svg.push_str("</g>");
    }

    /// The numbers behind it.
    pub(crate) fn table(&self) -> Table {
        let headers = ["row", "what", "from (s)", "to (s)"].map(str::to_owned);
        let mut table = Table::new(headers);
        for lane in &self.rows {
            for span in &lane.spans {
                let kind = self.kinds.get(span.kind).copied().unwrap_or_default();
                table.row([lane.name.clone(), kind.to_owned(), number(span.from), number(span.to)]);
            }
        }
        table
    }
}

/// What a span is drawn of: how far below the row's top, and how high. A thin line, a middle one, a thick one, and two.
fn strokes(kind: usize) -> &'static [(f64, f64)] {
    match kind {
        0 => &[(3.5, 2.0)],
        1 => &[(2.25, 4.5)],
        2 => &[(0.75, 7.5)],
        _ => &[(0.75, 2.0), (6.25, 2.0)],
    }
}
