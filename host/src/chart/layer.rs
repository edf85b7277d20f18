//! Layers of a plot.

/// Kinds of lines, colours and markers; the next layer has those of the first again.
pub(super) const KINDS: usize = 6;

/// Something that is drawn, with its name in the legend.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) name: String,
    /// Which colour, dash and marker it has: layers of one kind belong together.
    pub(crate) kind: usize,
    pub(crate) shape: Shape,
}

/// What is drawn. A value that is no number is a gap.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// Points that are joined.
    Line(Vec<(f64, f64)>),
    /// At each place a lower and an upper end, filled between.
    Band(Vec<(f64, f64, f64)>),
    /// From one place to another, as high as a value.
    Bars(Vec<(f64, f64, f64)>),
    /// Points by themselves.
    Points(Vec<(f64, f64)>),
    /// Points whose place is not exactly known.
    Estimates(Vec<(Interval, Interval)>),
}

/// A number, and the ends of what it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(crate) at: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Layer {
    /// A layer of a kind from 0.
    pub(crate) fn new(name: impl Into<String>, kind: usize, shape: Shape) -> Self {
        Self { name: name.into(), kind: kind % KINDS, shape }
    }

    /// Whether there is nothing to draw.
    pub(crate) fn is_empty(&self) -> bool {
        let is_number = |value: &f64| value.is_finite();
        match &self.shape {
            Shape::Line(points) | Shape::Points(points) => !points.iter().any(|(_, y)| is_number(y)),
            Shape::Band(parts) => !parts.iter().any(|(_, low, _)| is_number(low)),
            Shape::Bars(bars) => !bars.iter().any(|(.., height)| is_number(height)),
            Shape::Estimates(points) => !points.iter().any(|(_, y)| is_number(&y.at)),
        }
    }
}
