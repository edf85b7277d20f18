//! Legends: what each line, marker and colour is.

use std::fmt::Write;

use super::{
    WIDTH,
    markup::{escape, placed},
};

/// Room for the sign of an entry.
const SIGN: f64 = 26.0;
/// About the width of a letter.
const LETTER: f64 = 6.6;
const GAP: f64 = 14.0;
/// Height of a row.
pub(super) const ROW: f64 = 17.0;

/// The sign of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sign {
    Line,
    Area,
    Marker,
}

/// An entry: sign, kind, text.
pub(super) type Entry<'a> = (Sign, usize, &'a str);

/// The rows of a legend, from a height on, and how many there are.
pub(super) fn rows(entries: &[Entry<'_>], left: f64, top: f64) -> (String, f64) {
    let (mut svg, mut x, mut row) = (String::new(), left, 0.0);
    for (sign, kind, name) in entries {
        let width = SIGN + name.chars().count() as f64 * LETTER;
        if x > left && x + width > WIDTH {
            (x, row) = (left, row + 1.0);
        }
        let y = top + row * ROW;
        svg.push_str(&drawn(*sign, *kind, x, y));
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\">{}</text>",
            placed(x + SIGN - 4.0),
            placed(y + 4.0),
            escape(name)
        );
        x += width + GAP;
    }
    (svg, if entries.is_empty() { 0.0 } else { row + 1.0 })
}

fn drawn(sign: Sign, kind: usize, x: f64, y: f64) -> String {
    let at = |x: f64, y: f64| (placed(x), placed(y));
    match sign {
        Sign::Line => {
            let ((x1, y1), (x2, _)) = (at(x, y), at(x + 18.0, y));
            format!("<line class=\"l s{kind} d{kind}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y1}\"/>")
        }
        Sign::Area => {
            let (x, y) = at(x + 3.0, y - 5.0);
            format!("<rect class=\"h f{kind}\" x=\"{x}\" y=\"{y}\" width=\"13\" height=\"10\"/>")
        }
        Sign::Marker => marker(kind, x + 9.0, y, 4.0),
    }
}

/// A marker whose form says its kind as well as its colour does.
pub(super) fn marker(kind: usize, x: f64, y: f64, size: f64) -> String {
    let p = |dx: f64, dy: f64| format!("{},{}", placed(x + dx * size), placed(y + dy * size));
    let polygon = |points: &[(f64, f64)]| {
        let points: Vec<String> = points.iter().map(|(dx, dy)| p(*dx, *dy)).collect();
        format!("<polygon class=\"m f{kind}\" points=\"{}\"/>", points.join(" "))
    };
    match kind {
        0 => format!(
            "<circle class=\"m f0\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>",
            placed(x),
            placed(y),
            placed(size)
        ),
        1 => polygon(&[(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]),
        2 => polygon(&[(0.0, -1.2), (1.1, 0.9), (-1.1, 0.9)]),
        3 => polygon(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
        4 => polygon(&[(0.0, 1.2), (1.1, -0.9), (-1.1, -0.9)]),
        _ => polygon(&[(-1.2, -0.4), (1.2, -0.4), (1.2, 0.4), (-1.2, 0.4)]),
    }
}
