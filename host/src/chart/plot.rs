//! Plots: layers between two axes.

use std::fmt::Write;

use super::{
    WIDTH,
    axis::{Axis, number},
    layer::{Interval, Layer, Shape},
    legend::{self, Entry, Sign},
    markup::{escape, place, placed},
    table::Table,
};

const LEFT: f64 = 56.0;
const RIGHT: f64 = 14.0;
const TITLE: f64 = 24.0;
/// Height of what lies between the axes.
const HEIGHT: f64 = 170.0;
const BOTTOM: f64 = 40.0;
const X_TICKS: usize = 6;
const Y_TICKS: usize = 5;
/// A table of more rows is no help to a reader: the files have them all.
const MOST_ROWS: usize = 300;

/// Layers between two axes.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) title: String,
    /// What it shows, for those who do not see it.
    pub(crate) about: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    /// Those that come later lie above.
    pub(crate) layers: Vec<Layer>,
}

/// Where values are in the picture.
struct Frame {
    x: Axis,
    y: Axis,
    top: f64,
}

impl Frame {
    fn x(&self, value: f64) -> Option<f64> {
        self.x.share(value).map(|share| LEFT + share * (WIDTH - LEFT - RIGHT))
    }

    fn y(&self, value: f64) -> Option<f64> {
        self.y.share_within(value).map(|share| self.top + (1.0 - share) * HEIGHT)
    }

    fn x_within(&self, value: f64) -> Option<f64> {
        self.x.share_within(value).map(|share| LEFT + share * (WIDTH - LEFT - RIGHT))
    }

    fn at(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        self.x(x).zip(self.y(y))
    }
}

impl Plot {
    /// Whether it has anything to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.layers.iter().all(Layer::is_empty)
    }

    /// The picture.
    pub(crate) fn svg(&self) -> String {
        let entries: Vec<Entry<'_>> =
            self.layers.iter().filter(|layer| !layer.name.is_empty()).map(entry).collect();
        let (legend, rows) = legend::rows(&entries, LEFT, TITLE + 12.0);
        let top = TITLE + 10.0 + rows * legend::ROW;
        let frame = Frame { x: self.x.clone(), y: self.y.clone().rounded(Y_TICKS), top };
        let height = top + HEIGHT + BOTTOM;
        let mut svg = format!(
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\"><title>{}</title><desc>{}</desc>",
            placed(height),
            escape(&self.title),
            escape(&self.about)
        );
        let _ = write!(svg, "<text class=\"t\" x=\"{LEFT}\" y=\"16\">{}</text>{legend}", escape(&self.title));
        axes(&mut svg, &frame);
        for layer in &self.layers {
            draw(&mut svg, layer, &frame);
        }
        svg.push_str("</svg>");
        svg
    }

    /// The numbers behind it: a row for each place, a column for each layer that has values there.
    pub(crate) fn table(&self) -> Table {
        let named = || self.layers.iter().filter(|layer| !matches!(layer.shape, Shape::Points(_)));
        let mut places: Vec<f64> =
            named().flat_map(|layer| values(layer).into_iter().map(|(x, _)| x)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let headers =
            std::iter::once(self.x.label().to_owned()).chain(named().map(|layer| {
                if layer.name.is_empty() { self.y.label().to_owned() } else { layer.name.clone() }
            }));
        let columns: Vec<Vec<(f64, String)>> = named().map(values).collect();
        let mut table = Table::new(headers);
        for x in places.iter().take(MOST_ROWS) {
            let cell = |column: &Vec<(f64, String)>| {
                let found = column.binary_search_by(|(place, _)| place.total_cmp(x));
                found.map(|at| column[at].1.clone()).unwrap_or_default()
            };
            table.row(std::iter::once(number(*x)).chain(columns.iter().map(cell)));
        }
        table.left_out(places.len().saturating_sub(MOST_ROWS));
        table
    }
}

/// What a layer says at each place, in the order of the places.
fn values(layer: &Layer) -> Vec<(f64, String)> {
    let mut values: Vec<(f64, String)> = match &layer.shape {
        Shape::Line(points) | Shape::Points(points) => points.iter().map(|(x, y)| (*x, number(*y))).collect(),
        Shape::Band(parts) => parts
            .iter()
            .map(|(x, low, high)| (*x, format!("{} to {}", number(*low), number(*high))))
            .collect(),
        Shape::Bars(bars) => bars.iter().map(|(x, _, height)| (*x, number(*height))).collect(),
        Shape::Estimates(points) => points
            .iter()
            .map(|(x, y)| (x.at, format!("{} ({} to {})", number(y.at), number(y.low), number(y.high))))
            .collect(),
    };
    values.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    values
}

fn entry(layer: &Layer) -> Entry<'_> {
    let sign = match layer.shape {
        Shape::Line(_) => Sign::Line,
        Shape::Band(_) | Shape::Bars(_) => Sign::Area,
        Shape::Points(_) | Shape::Estimates(_) => Sign::Marker,
    };
    (sign, layer.kind, &layer.name)
}

fn axes(svg: &mut String, frame: &Frame) {
    let (right, bottom) = (WIDTH - RIGHT, frame.top + HEIGHT);
    for (value, label) in frame.y.ticks(Y_TICKS) {
        let Some(y) = frame.y(value).map(placed) else { continue };
        let _ = write!(svg, "<line class=\"g\" x1=\"{LEFT}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\"/>");
        let _ = write!(
            svg,
            "<text class=\"f\" x=\"50\" y=\"{y}\" dy=\".35em\" text-anchor=\"end\">{label}</text>"
        );
    }
    for (value, label) in frame.x.ticks(X_TICKS) {
        let Some(x) = frame.x(value).map(placed) else { continue };
        let (from, to, text) = (placed(bottom), placed(bottom + 4.0), placed(bottom + 17.0));
        let _ = write!(svg, "<line class=\"a\" x1=\"{x}\" y1=\"{from}\" x2=\"{x}\" y2=\"{to}\"/>");
        let _ = write!(svg, "<text class=\"f\" x=\"{x}\" y=\"{text}\" text-anchor=\"middle\">{label}</text>");
    }
    let y = placed(bottom);
    let _ = write!(svg, "<line class=\"a\" x1=\"{LEFT}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\"/>");
    let _ = write!(
        svg,
        "<text class=\"f\" x=\"{right}\" y=\"{}\" text-anchor=\"end\">{}</text>",
        placed(bottom + 34.0),
        escape(frame.x.label())
    );
    let _ = write!(
        svg,
        "<text class=\"f\" x=\"{right}\" y=\"16\" text-anchor=\"end\">{}</text>",
        escape(frame.y.label())
    );
}

fn draw(svg: &mut String, layer: &Layer, frame: &Frame) {
    let kind = layer.kind;
    match &layer.shape {
        Shape::Line(points) => {
            let path = path(points.iter().map(|(x, y)| frame.at(*x, *y)));
            let _ = write!(svg, "<path class=\"l s{kind} d{kind}\" d=\"{path}\"/>");
        }
        Shape::Band(parts) => band(svg, kind, parts, frame),
        Shape::Bars(bars) => {
            let zero = frame.top + HEIGHT;
            for (from, to, height) in bars {
                let Some(((left, right), top)) = frame.x(*from).zip(frame.x(*to)).zip(frame.y(*height))
                else {
                    continue;
                };
                let (x, y) = (placed(left), placed(top));
                let (width, height) = (placed((right - left).max(0.5)), placed(zero - top));
                let _ = write!(
                    svg,
                    "<rect class=\"h f{kind}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"
                );
            }
        }
        Shape::Points(points) => {
            svg.push_str("<g class=\"p\">");
            for (x, y) in points.iter().filter_map(|(x, y)| frame.at(*x, *y)) {
                svg.push_str(&legend::marker(kind, x, y, 2.4));
            }
            svg.push_str("</g>");
        }
        Shape::Estimates(points) => {
            for (x, y) in points {
                estimate(svg, kind, *x, *y, frame);
            }
        }
    }
}

/// A marker, and lines to where it may be.
fn estimate(svg: &mut String, kind: usize, x: Interval, y: Interval, frame: &Frame) {
    let Some((left, top)) = frame.at(x.at, y.at) else { return };
    let mut line = |(x1, y1): (f64, f64), (x2, y2): (f64, f64)| {
        let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(placed);
        let _ = write!(svg, "<line class=\"w s{kind}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
    };
    if let (Some(low), Some(high)) = (frame.y(y.low), frame.y(y.high)) {
        line((left, low), (left, high));
    }
    if let (Some(low), Some(high)) = (frame.x_within(x.low), frame.x_within(x.high)) {
        line((low, top), (high, top));
    }
    svg.push_str(&legend::marker(kind, left, top, 4.0));
}

/// The path through places, with a gap where one is missing.
fn path(places: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let (mut path, mut is_begun) = (String::new(), false);
    for at in places {
        let Some((x, y)) = at else {
            is_begun = false;
            continue;
        };
        // A place by itself is a dot: a line of no length has round ends.
        path.push(if is_begun { 'L' } else { 'M' });
        place(&mut path, x);
        path.push(' ');
        place(&mut path, y);
        is_begun = true;
    }
    path
}

/// Each part of a band without gaps is an area of its own.
fn band(svg: &mut String, kind: usize, parts: &[(f64, f64, f64)], frame: &Frame) {
    let placed_part =
        |(x, low, high): &(f64, f64, f64)| Some((frame.x(*x)?, frame.y(*low)?, frame.y(*high)?));
    let places: Vec<Option<(f64, f64, f64)>> = parts.iter().map(placed_part).collect();
    for run in places.split(Option::is_none) {
        let upper = run.iter().flatten().map(|(x, _, high)| Some((*x, *high)));
        let lower = run.iter().rev().flatten().map(|(x, low, _)| Some((*x, *low)));
        let outline = path(upper.chain(lower));
        if !outline.is_empty() {
            let _ = write!(svg, "<path class=\"b f{kind}\" d=\"{outline}Z\"/>");
        }
    }
}
