//! Splits a text into words, which no token reaches beyond.

use std::sync::LazyLock;

use regex::Regex;

/// The pattern of `o200k_base` (<https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py>), without its
/// look ahead: white space that is not followed by more text, or else white space. See [`words`].
static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let letters = |first: &str, then: &str| {
        format!(
            r"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}{UNCASED}]{first}[\p{{Ll}}{UNCASED}]{then}(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        )
    };
    let alternatives = [
        letters("*", "+"),
        letters("+", "*"),
        r"\p{N}{1,3}".to_owned(),
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*".to_owned(),
        r"\s*[\r\n]+".to_owned(),
        r"\s+".to_owned(),
    ];
    Regex::new(&alternatives.join("|")).ok()
});

/// Letters that are neither upper nor lower case, and marks.
const UNCASED: &str = r"\p{Lm}\p{Lo}\p{M}";

/// The words of a text, in order: together they are the text.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (word, after) = rest.split_at_checked(length(rest)).filter(|(word, _)| !word.is_empty())?;
        rest = after;
        Some(word)
    })
}

/// Length of the first word of a text, in bytes.
fn length(text: &str) -> usize {
    let found = WORD.as_ref().and_then(|word| word.find(text));
    // Every character is of some alternative, so that a word begins where the one before ends.
    let end = found.map_or(text.len(), |word| word.end());
    let word = &text[..end];
    // White space before more text leaves its last character to it, if there is another one. Line ends are told apart by
    // an alternative of their own, which comes first.
    match word.chars().next_back() {
        Some(last)
            if end < text.len()
                && end > last.len_utf8()
                && !matches!(last, '\r' | '\n')
                && word.chars().all(char::is_whitespace) =>
        {
            end - last.len_utf8()
        }
        _ => end,
    }
}
