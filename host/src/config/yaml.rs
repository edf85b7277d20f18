//! What is checked of a YAML text before it is parsed.
//!
//! The parser's time grows with the square of the depth of brackets: 20,000 of them take seconds.

/// Brackets that a text may open. None is deeper than there are, whatever stands between them; what looks like a bracket in a
/// quoted text counts as well.
const MOST_BRACKETS: usize = 5_000;

/// Largest file of settings or manifest, in megabytes.
pub(crate) const MOST_MEGABYTES: u64 = 1;

/// Fails at the line, from 1, up to which too many brackets are opened.
///
/// # Errors
/// There is such a line.
pub(crate) fn check_brackets(text: &str) -> Result<(), (usize, String)> {
    let mut left = MOST_BRACKETS;
    for (number, line) in (1..).zip(text.lines()) {
        let opened = line.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
        left = left
            .checked_sub(opened)
            .ok_or_else(|| (number, format!("it opens more than {MOST_BRACKETS} brackets")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing("", None)]
    #[case::lists(&"a: [1, 2, {b: c}]\n".repeat(2_500), None)]
    #[case::one_more(&"a: [1, 2, {b: c}]\n".repeat(2_501), Some(2_501))]
    #[case::one_line(&"[".repeat(20_000), Some(1))]
    #[case::hidden_behind_an_escape(&format!("a: \"\\\\\"\n{}", "[".repeat(20_000)), Some(2))]
    #[case::hidden_behind_a_quote(&format!("a: x \"y\n{}", "{a: ".repeat(20_000)), Some(2))]
    fn a_text_with_too_many_brackets_is_not_parsed(#[case] text: &str, #[case] line: Option<usize>) {
        let expected = line.map(|line| (line, "it opens more than 5000 brackets".to_owned()));
        assert_eq!(check_brackets(text).err(), expected);
    }
}
