//! The Prometheus text format: exports [`parse`], which knows neither where a page comes from nor what becomes of it.
//!
//! Reads version 0.0.4, and what servers add to it under the same address: quoted names (version 1.0.0), and of
//! `OpenMetrics` the `_total` and `_created` samples, exemplars and `# EOF`.
//! Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//!
//! Instants of creation are left out, both as samples of a family and as the gauges `…_created` that the Python
//! client makes of them: they say nothing about load and are up to a third of a page.

mod line;

use std::{collections::HashMap, fmt};

use crate::message::{MetricFamily, MetricKind, MetricSample};

use self::line::Line;

/// A line that is not Prometheus text. One such line spoils the page, as it does for Prometheus itself.
#[derive(Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Its number, from 1.
    pub line: usize,
    /// The whole line.
    pub text: String,
}

/// Longest beginning of a line that an error message repeats, in characters.
const EXCERPT_CHARS: usize = 60;

impl std::error::Error for ParseError {}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beginning: String = self.text.chars().take(EXCERPT_CHARS).collect();
        write!(f, "line {} is not Prometheus text: `{beginning}`", self.line)
    }
}

/// Reads a page into its families, in the page's order. Families without a sample are left out.
///
/// # Errors
/// The first line that cannot be read.
pub fn parse(page: &str) -> Result<Vec<MetricFamily>, ParseError> {
    let mut families = Families::default();
    for (at, text) in page.lines().enumerate() {
        match line::read(text) {
            Some(Line::Sample { name, labels, value }) => families.add(&name, labels, value),
            Some(Line::Type { name, kind }) => families.declared(&name).kind = kind,
            Some(Line::Help { name, text }) => families.declared(&name).help = text,
            Some(Line::Nothing) => {}
            Some(Line::End) => break,
            None => return Err(ParseError { line: at + 1, text: text.to_owned() }),
        }
    }
    Ok(families.finish())
}

/// The families of a page while it is read.
#[derive(Default)]
struct Families {
    list: Vec<MetricFamily>,
    positions: HashMap<String, usize>,
}

impl Families {
    fn declared(&mut self, name: &str) -> &mut MetricFamily {
        let at = self.positions.get(name).copied().unwrap_or_else(|| {
            self.list.push(MetricFamily { name: name.to_owned(), ..MetricFamily::default() });
            self.positions.insert(name.to_owned(), self.list.len() - 1);
            self.list.len() - 1
        });
        &mut self.list[at]
    }

    fn add(&mut self, name: &str, labels: line::Labels, value: f64) {
        let (family, suffix) = match self.owner(name) {
            Some((at, suffix)) => (&mut self.list[at], suffix),
            None => (self.declared(name), ""),
        };
        if suffix != CREATED {
            family.samples.push(MetricSample { suffix: suffix.to_owned(), labels, value });
        }
    }

    /// The family that a suffixed sample belongs to, and its suffix. A family of exactly the sample's name comes
    /// before one whose suffixed sample it could be.
    fn owner<'a>(&self, name: &'a str) -> Option<(usize, &'a str)> {
        if self.positions.contains_key(name) {
            return None;
        }
        let (stem, suffix) = name.split_at(name.rfind('_')?);
        let at = *self.positions.get(stem)?;
        suffixes(self.list[at].kind).contains(&suffix).then_some((at, suffix))
    }

    fn finish(self) -> Vec<MetricFamily> {
        let Self { list, positions, .. } = self;
        let is_creation_stamp = |family: &MetricFamily| {
            family.kind == MetricKind::Gauge
                && family.name.strip_suffix(CREATED).is_some_and(|stem| {
                    positions.contains_key(stem) || positions.contains_key(&format!("{stem}_total"))
                })
        };
        let stamps: Vec<bool> = list.iter().map(is_creation_stamp).collect();
        let kept = list.into_iter().zip(stamps);
        kept.filter(|(family, stamp)| !stamp && !family.samples.is_empty())
            .map(|(family, _)| family)
            .collect()
    }
}

const CREATED: &str = "_created";

/// What a sample's name may have beyond its family's.
fn suffixes(kind: MetricKind) -> &'static [&'static str] {
    match kind {
        MetricKind::Counter => &["_total", CREATED],
        MetricKind::Histogram => &["_bucket", "_sum", "_count", CREATED],
        MetricKind::Summary => &["_sum", "_count", CREATED],
        MetricKind::Gauge | MetricKind::Untyped => &[],
    }
}
