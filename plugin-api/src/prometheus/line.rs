//! One line of a page: what it is, with its escapes undone. Knows nothing of the lines around it.

use std::{borrow::Cow, collections::BTreeMap};

use crate::message::MetricKind;

/// Label names and values.
pub(super) type Labels = BTreeMap<String, String>;

/// A line.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// Empty, or a comment.
    Nothing,
    /// `# EOF`.
    End,
    /// `# HELP name text`.
    Help { name: Cow<'a, str>, text: String },
    /// `# TYPE name kind`.
    Type { name: Cow<'a, str>, kind: MetricKind },
    /// A value. Its own timestamp, if it has one, is left out: the scrape's instant counts.
    Sample { name: Cow<'a, str>, labels: Labels, value: f64 },
}

/// Reads a line; `None` when it is not Prometheus text.
pub(super) fn read(line: &str) -> Option<Line<'_>> {
    let line = line.trim_matches(BLANK);
    match line.strip_prefix('#') {
        Some(comment) => comment_line(comment),
        None if line.is_empty() => Some(Line::Nothing),
        None => sample_line(line),
    }
}

const BLANK: [char; 3] = [' ', '\t', '\r'];

fn comment_line(comment: &str) -> Option<Line<'_>> {
    let mut text = Text(comment);
    text.skip_blanks();
    let (keyword, rest) = text.0.split_once(BLANK).unwrap_or((text.0, ""));
    let mut text = Text(rest);
    text.skip_blanks();
    match keyword {
        "EOF" => Some(Line::End),
        "HELP" => {
            let name = text.name()?;
            text.skip_blanks();
            Some(Line::Help { name, text: unescape(text.0).into_owned() })
        }
        "TYPE" => {
            let name = text.name()?;
            let kind = match text.0.trim_matches(BLANK) {
                "counter" => MetricKind::Counter,
                "gauge" => MetricKind::Gauge,
                "histogram" => MetricKind::Histogram,
                "summary" => MetricKind::Summary,
                _ => MetricKind::Untyped,
            };
            Some(Line::Type { name, kind })
        }
        _ => Some(Line::Nothing),
    }
}

fn sample_line(line: &str) -> Option<Line<'_>> {
    let mut text = Text(line);
    // In version 1.0.0 the name may stand, quoted, inside the braces.
    let outside = if line.starts_with('{') { None } else { Some(text.name()?) };
    text.skip_blanks();
    let (inside, labels) = if text.eat('{') { text.braces()? } else { (None, Labels::new()) };
    let ((Some(name), None) | (None, Some(name))) = (outside, inside) else { return None };
    let value = value_and_rest(text.0)?;
    Some(Line::Sample { name, labels, value })
}

/// The value; then there may be a timestamp, and after ` # ` an exemplar.
fn value_and_rest(text: &str) -> Option<f64> {
    let numbers = text.split_once(" # ").map_or(text, |(numbers, _)| numbers);
    let mut words = numbers.split(BLANK).filter(|word| !word.is_empty());
    let value = number(words.next()?)?;
    let timestamp_is_fine = words.next().is_none_or(|stamp| number(stamp).is_some());
    (timestamp_is_fine && words.next().is_none()).then_some(value)
}

/// A number as Go writes it, `+Inf` and `NaN` included.
fn number(word: &str) -> Option<f64> {
    // Rust would also take `infinity`, and so does Go.
    word.parse().ok()
}

/// What is left of a line.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_start_matches(BLANK);
    }

    fn eat(&mut self, wanted: char) -> bool {
        let rest = self.0.strip_prefix(wanted);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// A metric's or label's name, plain or quoted.
    fn name(&mut self) -> Option<Cow<'a, str>> {
        if self.0.starts_with('"') {
            return self.quoted();
        }
        let end = self.0.find(|c: char| !is_name_char(c)).unwrap_or(self.0.len());
        let (name, rest) = self.0.split_at(end);
        self.0 = rest;
        name.starts_with(|c: char| !c.is_ascii_digit()).then_some(Cow::Borrowed(name))
    }

    /// What stands in braces, the opening one being eaten: the metric's name, perhaps, and labels.
    fn braces(&mut self) -> Option<(Option<Cow<'a, str>>, Labels)> {
        let (mut metric, mut labels) = (None, Labels::new());
        loop {
            self.skip_blanks();
            if self.eat('}') {
                return Some((metric, labels));
            }
            let name = self.name()?;
            self.skip_blanks();
            if self.eat('=') {
                self.skip_blanks();
                labels.insert(name.into_owned(), self.quoted()?.into_owned());
            } else if metric.replace(name).is_some() {
                return None;
            }
            self.skip_blanks();
            if !self.eat(',') && !self.0.starts_with('}') {
                return None;
            }
        }
    }

    /// A text in quotes, without them.
    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?;
        let mut escaped = false;
        let end = inner.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        self.0 = &inner[end + 1..];
        Some(unescape(&inner[..end]))
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Undoes `\\`, `\"` and `\n`; a backslash before anything else stands for itself.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let replaced = match (c, chars.peek()) {
            ('\\', Some('n')) => Some('\n'),
            ('\\', Some(&next @ ('\\' | '"'))) => Some(next),
            _ => None,
        };
        if replaced.is_some() {
            chars.next();
        }
        plain.push(replaced.unwrap_or(c));
    }
    Cow::Owned(plain)
}
