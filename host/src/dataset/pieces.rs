//! Texts in pieces that the engines of tokenizers can take: nothing of one kind goes on without an end.

/// White space in a row beyond which a text is cut, in characters. The engines' pattern matcher remembers every
/// character of such a run, and gives up (the built-in engine panics) before it has remembered a million. Texts of
/// people and programs stay far below.
const LONGEST_BLANK: usize = 10_000;

/// Letters and digits in a row, or signs in a row, beyond which a text is cut, in characters. They are one word to the
/// engines, which take longer for each character of it the longer it is: 1 MB without a break takes three times as long.
pub(super) const LONGEST_WORD: usize = 4_000;

/// A text in pieces, none with more than [`LONGEST_BLANK`] or [`LONGEST_WORD`] characters of one kind in a row. Nearly always
/// one piece.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let (piece, tail) = rest?.split_at(first_cut(rest?));
        rest = (!tail.is_empty()).then_some(tail);
        Some(piece)
    })
}

/// What the engines split a text by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blank,
    Word,
    Sign,
}

impl Kind {
    fn of(char: char) -> Self {
        if char.is_whitespace() {
            Self::Blank
        } else if char.is_alphanumeric() {
            Self::Word
        } else {
            Self::Sign
        }
    }

    fn longest(self) -> usize {
        if self == Self::Blank { LONGEST_BLANK } else { LONGEST_WORD }
    }
}

/// Where the first piece of a text ends.
fn first_cut(text: &str) -> usize {
    // Too short to be cut: no need to look.
    if text.len() <= LONGEST_WORD {
        return text.len();
    }
    let (mut kind, mut length) = (Kind::Blank, 0);
    for (at, char) in text.char_indices() {
        let next = Kind::of(char);
        if next != kind {
            (kind, length) = (next, 1);
        } else if length == kind.longest() {
            return at;
        } else {
            length += 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_endless_white_space_is_cut() {
        let blank = " ".repeat(LONGEST_BLANK);
        let text = format!("a{blank}b{blank}{blank}\u{3000}c");
        let cut: Vec<&str> = pieces(&text).collect();
        assert_eq!(cut, [format!("a{blank}b{blank}"), blank, "\u{3000}c".to_owned()]);
        assert_eq!(pieces("").collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn only_endless_words_are_cut() {
        let word = "xé7".repeat(LONGEST_WORD / 3);
        let text = format!("{word}, {word}. {word}");
        assert_eq!(pieces(&text).collect::<Vec<_>>(), [&text]);
        let signs = "=".repeat(LONGEST_WORD + 1);
        let cut: Vec<String> = pieces(&format!("{signs}a")).map(str::to_owned).collect();
        assert_eq!(cut, [signs[1..].to_owned(), "=a".to_owned()]);
    }
}
