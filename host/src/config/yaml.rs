//! What is checked of a YAML text before it is parsed.
//!
//! The parser's time grows with the square of the depth of brackets: 20,000 of them take seconds.

/// Brackets that may be open at once.
const MOST_DEPTH: usize = 128;

/// Largest file of settings or manifest, in megabytes.
pub(crate) const MOST_MEGABYTES: u64 = 1;

/// Fails at the line, from 1, in which brackets are nested too deeply.
///
/// # Errors
/// There is such a line.
pub(crate) fn check_depth(text: &str) -> Result<(), (usize, String)> {
    let mut depth = 0_usize;
    let mut quoted = None;
    for (number, line) in (1..).zip(text.lines()) {
        let mut before = ' ';
        for character in line.chars() {
            match (quoted, character) {
                // An escaped or doubled quote ends a text and begins it again, for what is counted here.
                (Some(quote), _) if character == quote && before != '\\' => quoted = None,
                (None, '#') if before.is_whitespace() => break,
                (None, '"' | '\'') if !before.is_alphanumeric() => quoted = Some(character),
                (None, '[' | '{') => depth += 1,
                (None, ']' | '}') => depth = depth.saturating_sub(1),
                (Some(_) | None, _) => {}
            }
            before = character;
        }
        if depth > MOST_DEPTH {
            return Err((number, format!("more than {MOST_DEPTH} brackets are open")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing("")]
    #[case::lists(&"a: [1, 2, {b: c}]\n".repeat(1000))]
    #[case::texts(&"a: \"[[[\" # [[[\nb: 'it''s [[['\n".repeat(1000))]
    #[case::escapes(&"a: \"\\\"[[[\"\n".repeat(1000))]
    fn what_people_write_passes(#[case] text: &str) {
        assert_eq!(check_depth(text), Ok(()));
    }

    #[rstest]
    #[case::one_line(&"[".repeat(20_000), 1)]
    #[case::lines(&"{a: ".repeat(100).replace(": ", ":\n").repeat(2), 129)]
    fn brackets_in_brackets_without_end_do_not(#[case] text: &str, #[case] line: usize) {
        let error = (line, "more than 128 brackets are open".to_owned());
        assert_eq!(check_depth(text), Err(error));
    }
}
