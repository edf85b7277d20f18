//! The lines of a manifest: where its sections, entries and fields stand. For those who must point at a line, or change
//! one, where the parser only gives values.
//!
//! Reads indentation and nothing else, so it sees block style and the beginnings of flow style. What it does not see is
//! not changed and not pointed at.

use std::ops::Range;

use super::entry::{Category, Key};

/// A key, and the lines that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) key: String,
    /// Its lines, from 0, its own first.
    pub(super) lines: Range<usize>,
    /// Spaces before it.
    pub(super) indent: usize,
}

impl Block {
    /// Number of its first line, as people count.
    pub(super) fn line(&self) -> usize {
        self.lines.start + 1
    }

    /// Whether a line, as people count, belongs to it.
    pub(super) fn holds(&self, line: usize) -> bool {
        self.lines.contains(&line.wrapping_sub(1))
    }

    /// The keys one level below it.
    pub(super) fn children(&self, lines: &[String]) -> Vec<Block> {
        blocks(lines, self.lines.start + 1..self.lines.end, self.indent + 1)
    }
}

/// The top-level keys.
pub(super) fn sections(lines: &[String]) -> Vec<Block> {
    blocks(lines, 0..lines.len(), 0)
}

/// The entries of all categories, in the order of the file.
pub(super) fn entries(lines: &[String]) -> Vec<(Category, Block)> {
    let categories = sections(lines).into_iter().filter_map(|section| {
        let category = Category::ALL.into_iter().find(|category| category.name() == section.key)?;
        Some((category, section.children(lines)))
    });
    categories.flat_map(|(category, blocks)| blocks.into_iter().map(move |block| (category, block))).collect()
}

/// Where the first entry of this name begins, as people count.
pub(super) fn line_of(lines: &[String], category: Category, name: &str) -> Option<usize> {
    let mut entries = entries(lines).into_iter();
    let found = entries.find(|(of, block)| *of == category && Key::of(&block.key) == Key::of(name));
    found.map(|(_, block)| block.line())
}

/// The keys in a range of lines that are indented like its first one, which has `least` spaces before it.
fn blocks(lines: &[String], range: Range<usize>, least: usize) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    for (at, line) in lines.iter().enumerate().take(range.end).skip(range.start) {
        let Some(indent) = content_indent(line) else { continue };
        let level = found.first().map_or(indent, |first| first.indent);
        if indent < least || indent > level {
            continue;
        }
        let Some(key) = key(line.trim_start()) else { continue };
        if let Some(previous) = found.last_mut() {
            previous.lines.end = at;
        }
        found.push(Block { key, lines: at..range.end, indent });
    }
    found
}

/// Spaces before a line's text, unless it has none.
fn content_indent(line: &str) -> Option<usize> {
    let text = line.trim_start_matches(' ');
    let empty = text.trim().is_empty() || text.starts_with('#') || text.starts_with("---");
    (!empty).then_some(line.len() - text.len())
}

/// The key that a text begins with.
fn key(text: &str) -> Option<String> {
    let (key, rest) = match text.chars().next()? {
        quote @ ('"' | '\'') => text[1..].split_once(quote)?,
        _ => text.find(':').map(|at| text.split_at(at))?,
    };
    let rest = rest.trim_start().strip_prefix(':')?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| key.trim_end().to_owned())
}

/// A text as lines, each with its ending.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a comment
schema_version: \"1.0\"

endpoint:
  # of the first
  chat:
    class: a:B
    description: >
      text: not a key
      more
    metadata:
      endpoint_path: null
  'quoted-name': {class: a:C}

service:
  s: {}
";

    #[test]
    fn sections_entries_and_fields_have_their_lines() {
        let lines = lines(TEXT);
        let sections: Vec<_> = sections(&lines).iter().map(|s| (s.key.clone(), s.line())).collect();
        assert_eq!(
            sections,
            [("schema_version".into(), 2), ("endpoint".into(), 4), ("service".into(), 15)]
                as [(String, usize); 3]
        );
        let entries = entries(&lines);
        let named: Vec<_> =
            entries.iter().map(|(of, block)| (*of, block.key.as_str(), block.line())).collect();
        assert_eq!(
            named,
            [
                (Category::Endpoint, "chat", 6),
                (Category::Endpoint, "quoted-name", 13),
                (Category::Service, "s", 16)
            ]
        );
        let fields: Vec<_> =
            entries[0].1.children(&lines).iter().map(|f| (f.key.clone(), f.lines.clone())).collect();
        assert_eq!(
            fields,
            [("class".into(), 6..7), ("description".into(), 7..10), ("metadata".into(), 10..12)]
                as [(String, Range<usize>); 3]
        );
        assert_eq!(line_of(&lines, Category::Endpoint, "Quoted_Name"), Some(13));
        assert_eq!(line_of(&lines, Category::Service, "chat"), None);
    }

    #[test]
    fn a_text_in_flow_style_has_no_blocks_and_does_no_harm() {
        for text in ["{schema_version: '1.0', endpoint: {}}", "- a\n- b", "", "::", "\"unclosed", "\t:\t"] {
            assert!(entries(&lines(text)).is_empty(), "{text}");
        }
    }
}
