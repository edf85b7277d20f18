//! Charts: from numbers to the text of an SVG picture, and to pixels where one asks for them.
//!
//! A [`Plot`] has axes and layers (lines, bands, bars, points), [`Lanes`] are spans of time below each other. Both are pure: the same
//! numbers give the same text. A picture needs no script. Its colours are variables of [`STYLE`], which follows the reader's choice
//! of light or dark; what tells two layers apart is never the colour alone, but a dash or a marker as well. The numbers behind a
//! picture are a [`Table`]. Nothing here knows what is measured.

mod axis;
mod bitmap;
mod lanes;
mod layer;
mod legend;
mod markup;
mod plot;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    axis::{Axis, number},
    bitmap::Bitmaps,
    lanes::{Lane, Lanes, Span},
    layer::{Interval, Layer, Shape},
    markup::escape,
    plot::Plot,
    table::Table,
};

/// Colours, fonts and lines of all charts, for the page or the file that they stand in.
pub(crate) const STYLE: &str = include_str!("style.css");

/// Width of a picture, in its own units.
const WIDTH: f64 = 520.0;

/// The colours of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// What the style begins with that is for readers who want it dark, and what that ends with.
const DARK: (&str, &str) = ("@media (prefers-color-scheme: dark) {\n", "\n}\n");

/// The style in one theme for all readers; without one, each reader has his own.
fn style(theme: Option<Theme>) -> String {
    let parts = STYLE.split_once(DARK.0).and_then(|(light, rest)| Some((light, rest.split_once(DARK.1)?)));
    match (theme, parts) {
        (Some(Theme::Light), Some((light, (_, rest)))) => format!("{light}{rest}"),
        (Some(Theme::Dark), Some((light, (dark, rest)))) => format!("{light}{dark}\n{rest}"),
        _ => STYLE.to_owned(),
    }
}

/// The picture as a file of its own.
pub(crate) fn file(svg: &str, theme: Option<Theme>) -> String {
    with_style(svg, &style(theme))
}

/// The picture as XML that needs nothing around it.
fn with_style(svg: &str, style: &str) -> String {
    let opened = "<svg xmlns=\"http://www.w3.org/2000/svg\" ";
    let (_, rest) = svg.split_once("<svg ").unwrap_or(("", svg));
    let (head, body) = rest.split_once('>').unwrap_or((rest, ""));
    format!("{opened}{head}><style>{style}</style>{body}\n")
}
