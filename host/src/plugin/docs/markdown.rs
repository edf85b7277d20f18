//! Pieces of Markdown. What manifests and libraries say is text of others: it must not end a cell, a code block or a page. Pure.

/// Longest text that is shown whole, in characters.
const LONGEST: usize = 4000;

/// A name, and what stands beside it in a table without titles.
pub(super) type Fact = (&'static str, String);

/// A text as code in a line: with as many back quotes around it as it needs.
pub(super) fn code(text: &str) -> String {
    let text = one_line(text);
    let quotes = "`".repeat(longest_row(&text, '`') + 1);
    let space = if text.is_empty() || text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{quotes}{space}{text}{space}{quotes}")
}

/// A text of somebody else in a line: what stands between as many back quotes as back quotes stays code, and nothing else of it is
/// HTML or an escape (`CommonMark`, sections 2.4 and 6.1).
pub(super) fn prose(text: &str) -> String {
    let text = one_line(text);
    let mut shown = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('`') {
        let (before, row) = rest.split_at(at);
        let behind = row.trim_start_matches('`');
        let quotes = row.len() - behind.len();
        shown.push_str(&plain(before));
        rest = if let Some((inner, after)) = closed(behind, quotes) {
            shown.push_str(&code(inner));
            after
        } else {
            shown.push_str(&"\\`".repeat(quotes));
            behind
        };
    }
    shown + &plain(rest)
}

/// A text without back quotes, of which nothing is HTML or an escape.
fn plain(text: &str) -> String {
    text.replace('\\', "\\\\").replace('<', "&lt;")
}

/// What stands before the next row of exactly so many back quotes, and what stands behind it.
fn closed(text: &str, quotes: usize) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find('`')?;
        let (inner, row) = text.split_at(at);
        let after = row.trim_start_matches('`');
        let length = row.len() - after.len();
        if length == quotes {
            return Some((inner, after));
        }
        from = at + length;
    }
}

/// A table with these titles.
pub(super) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<String> = cells.collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(&mut titles.iter().map(|title| (*title).to_owned()));
    text.extend(["|", &"---|".repeat(titles.len()), "\n"]);
    for row in rows {
        text.push_str(&line(&mut row.iter().map(|cell| cell.replace('|', "\\|"))));
    }
    text
}

/// Facts as a table without titles.
pub(super) fn facts(facts: &[Fact]) -> String {
    let rows: Vec<Vec<String>> =
        facts.iter().map(|(name, text)| vec![(*name).to_owned(), text.clone()]).collect();
    table(&["", ""], &rows)
}

/// A block of code in a language, cut off where it is long.
pub(super) fn block(language: &str, text: &str) -> String {
    let mut text = text.trim_end().to_owned();
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push_str("\n...");
    }
    let fence = "`".repeat(longest_row(&text, '`').max(2) + 1);
    format!("{fence}{language}\n{text}\n{fence}\n")
}

/// The text in one line, without control characters.
fn one_line(text: &str) -> String {
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The longest row of this character.
fn longest_row(text: &str, of: char) -> usize {
    text.split(|c: char| c != of).map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("chat", "`chat`")]
    #[case("a ` b", "``a ` b``")]
    #[case("`a`", "`` `a` ``")]
    #[case("two\nlines", "`two lines`")]
    #[case("", "`  `")]
    fn code_is_shown_as_it_is(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(code(text), shown);
    }

    #[rstest]
    #[case("a <b> and `<c>`", "a &lt;b> and `<c>`")]
    #[case("an `open <quote", "an \\`open &lt;quote")]
    #[case("``a<b` <c", "\\`\\`a&lt;b\\` &lt;c")]
    #[case("``a`b`` and `<c>", "``a`b`` and \\`&lt;c>")]
    #[case("`a``b`<c", "```a``b```&lt;c")]
    #[case("\\`<b>` \\", "\\\\`<b>` \\\\")]
    #[case("x\u{1b}[31m\n y", "x [31m y")]
    fn a_text_of_somebody_else_is_no_html(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(prose(text), shown);
    }

    #[test]
    fn a_cell_stays_a_cell_and_a_block_a_block() {
        let row = vec!["a|b".to_owned(), "c".to_owned()];
        assert_eq!(table(&["x", "y"], &[row]), "| x | y |\n|---|---|\n| a\\|b | c |\n");
        assert_eq!(block("", "```\nx\n"), "````\n```\nx\n````\n");
        assert!(block("", &"x".repeat(LONGEST + 1)).ends_with("x\n...\n```\n"));
    }
}
