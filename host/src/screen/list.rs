//! Lists: rows of cells in columns as long as they fit, and below each other where they do not.

use unicode_width::UnicodeWidthStr;

use super::wrap::wrap_words;

const INDENT: &str = "  ";
const GAP: usize = 2;

/// Leading columns may take this part of a line when the rest has to be broken.
const LEADING_SHARE: usize = 2;

/// The lines of the rows, each below the other.
pub(super) fn lines(rows: &[Vec<String>], columns: Option<usize>) -> Vec<String> {
    let widths = widths(rows);
    let all: usize = widths.iter().map(|width| width + GAP).sum();
    let leading = match columns {
        Some(columns) if all > columns => leading(rows, &widths, columns),
        // Everything stands in a column of its own but the last cell, which ends the line.
        _ => widths.len().saturating_sub(1),
    };
    let columns = columns.unwrap_or(usize::MAX);
    rows.iter().flat_map(|row| row_lines(row, &widths[..leading], columns)).collect()
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    (0..count)
        .map(|at| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.width()).max().unwrap_or(0))
        .collect()
}

/// How many columns leave enough room for the rest of a row. The last column is always of the rest.
fn leading(rows: &[Vec<String>], widths: &[usize], columns: usize) -> usize {
    let begins = |count: usize| INDENT.len() + widths[..count].iter().map(|width| width + GAP).sum::<usize>();
    let leaves_room = |count: &usize| {
        let room = columns.saturating_sub(begins(*count));
        let mut words = rows.iter().flat_map(|row| words(row.get(*count..).unwrap_or_default()));
        // What is too long for any line is no reason to indent less.
        let fits = |word: &str| word.width() <= room || word.width() + begins(0) > columns;
        begins(*count) <= columns / LEADING_SHARE && words.all(fits)
    };
    (0..widths.len()).rev().find(leaves_room).unwrap_or(0)
}

/// What stays whole of the rest of a row. Only the last cell is a sentence; behind the others there are two spaces.
fn words(rest: &[String]) -> impl Iterator<Item = &str> {
    let (facts, sentence) = rest.split_at(rest.len().saturating_sub(1));
    let facts = facts.iter().flat_map(|fact| [fact.as_str(), ""]);
    facts.chain(sentence.iter().flat_map(|sentence| sentence.split(' ')))
}

fn row_lines(row: &[String], leading: &[usize], columns: usize) -> Vec<String> {
    let (first, rest) = row.split_at(leading.len().min(row.len()));
    let mut lead = INDENT.to_owned();
    for (cell, width) in first.iter().zip(leading) {
        lead.push_str(cell);
        lead.push_str(&" ".repeat(width.saturating_sub(cell.width()) + GAP));
    }
    // Without a column in front, further lines of a row would look like rows.
    let indent = if leading.is_empty() { INDENT.repeat(2) } else { " ".repeat(lead.width()) };
    wrap_words(&lead, &indent, words(rest), columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect()
    }

    #[test]
    fn cells_stand_in_columns() {
        let rows = rows(&[&["chat", "built-in", "Chat."], &["kserve_v2", "pack", "The open protocol."]]);
        let expected = ["  chat       built-in  Chat.", "  kserve_v2  pack      The open protocol."];
        assert_eq!(lines(&rows, Some(60)), expected);
        assert_eq!(lines(&rows, None), expected);
    }

    #[test]
    fn a_sentence_goes_on_below_itself() {
        let rows = rows(&[&["chat", "Chat completions, with reasoning and tool calls."]]);
        assert_eq!(
            lines(&rows, Some(40)),
            ["  chat  Chat completions, with reasoning", "        and tool calls."]
        );
    }

    #[test]
    fn columns_that_take_too_much_go_to_the_sentence() {
        let rows = rows(&[&["chat", "endpoint_openai:ChatEndpoint", "priority 0", "Chat completions."]]);
        assert_eq!(
            lines(&rows, Some(40)),
            ["  chat  endpoint_openai:ChatEndpoint", "        priority 0  Chat completions."]
        );
    }
}
