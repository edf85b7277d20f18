//! Breaking lines between words.

use unicode_width::UnicodeWidthStr;

/// A longer lead leaves too little room below it: further lines are indented by [`SHORT_INDENT`] then.
const LONGEST_INDENT: usize = 26;
const SHORT_INDENT: usize = 4;

/// The lines of a text behind a lead. Without a width, a line of the text is one of the result.
pub(super) fn paragraph(lead: &str, text: &str, columns: Option<usize>) -> Vec<String> {
    let indent = match lead.width() {
        width if width <= LONGEST_INDENT => width,
        _ => SHORT_INDENT,
    };
    let indent = " ".repeat(indent);
    let mut lines = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        let lead = if at == 0 { lead } else { &indent };
        lines.extend(hanging(lead, &indent, line, columns));
    }
    lines
}

/// One line of text, further lines of it behind `indent`. Without a width, it stays one line.
pub(super) fn hanging(lead: &str, indent: &str, line: &str, columns: Option<usize>) -> Vec<String> {
    match columns {
        Some(columns) => wrap(lead, indent, line, columns),
        None => vec![format!("{lead}{line}").trim_end().to_owned()],
    }
}

/// One line of text, broken at spaces. Spaces at a break are dropped, others stay as they are.
fn wrap(lead: &str, indent: &str, line: &str, columns: usize) -> Vec<String> {
    wrap_words(lead, indent, line.split(' '), columns)
}

/// Words with a space between two, broken into lines; an empty word is one space more.
pub(super) fn wrap_words<'a>(
    lead: &str,
    indent: &str,
    words: impl IntoIterator<Item = &'a str>,
    columns: usize,
) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = lead.to_owned();
    let mut width = lead.width();
    let mut is_empty = true;
    for word in words {
        let needed = word.width() + usize::from(!is_empty);
        if !is_empty && !word.is_empty() && width + needed > columns {
            lines.push(current.trim_end().to_owned());
            indent.clone_into(&mut current);
            width = indent.width();
            is_empty = true;
        }
        if !is_empty {
            current.push(' ');
            width += 1;
        }
        current.push_str(word);
        width += word.width();
        is_empty = false;
    }
    lines.push(current.trim_end().to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn further_lines_begin_below_the_text() {
        let lines = paragraph("warning: ", "one two three four", Some(18));
        assert_eq!(lines, ["warning: one two", "         three", "         four"]);
    }

    #[test]
    fn a_long_lead_is_not_repeated_as_spaces() {
        let lines = paragraph("/a/very/long/path/plugins.yaml:3: ", "one two three", Some(40));
        assert_eq!(lines, ["/a/very/long/path/plugins.yaml:3: one", "    two three"]);
    }

    #[test]
    fn a_word_longer_than_a_line_stays_whole() {
        let lines = paragraph("", "see http://127.0.0.1:8000/v1/chat/completions now", Some(20));
        assert_eq!(lines, ["see", "http://127.0.0.1:8000/v1/chat/completions", "now"]);
    }

    #[test]
    fn line_breaks_and_spaces_of_the_text_are_kept() {
        let lines = paragraph("cause: ", "a  b\nc d", Some(40));
        assert_eq!(lines, ["cause: a  b", "       c d"]);
    }

    #[test]
    fn without_a_width_nothing_is_broken() {
        let text = "word ".repeat(100);
        assert_eq!(paragraph("help: ", &text, None).len(), 1);
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_and_no_word_is_lost(words in prop::collection::vec("[a-zé]{1,12}", 0..40), columns in 20..90_usize) {
            let lines = paragraph("note: ", &words.join(" "), Some(columns));
            prop_assert!(lines.iter().all(|line| line.width() <= columns), "{lines:?}");
            let found: Vec<String> = lines.join(" ").split_whitespace().skip(1).map(str::to_owned).collect();
            prop_assert_eq!(found, words);
        }
    }
}
