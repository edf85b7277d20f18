//! The built-in vocabulary: `o200k_base` of OpenAI, with nothing to load.
//!
//! A text is split into words ([`split`]). A word is a token, as most are, or is put together of tokens ([`merge`]). What is
//! a token stands in a [`table`] that the build script made of the vocabulary in the package `tiktoken-rs`; the tests hold
//! the results to those of that package.

mod hash;
mod merge;
mod split;
mod table;

use table::rank;

/// How many tokens a text has.
pub(super) fn count(text: &str) -> usize {
    let tokens =
        |word: &str| if rank(word.as_bytes()).is_some() { 1 } else { merge::merge(word.as_bytes()).count() };
    split::words(text).map(tokens).sum()
}

/// The ids of a text's tokens.
pub(super) fn encode(text: &str) -> Vec<u32> {
    let mut ids = Vec::new();
    for word in split::words(text) {
        match rank(word.as_bytes()) {
            Some(id) => ids.push(id),
            None => ids.extend(merge::merge(word.as_bytes()).filter_map(rank)),
        }
    }
    ids
}

/// The bytes of these ids; `None` if there is no token with one of them.
pub(super) fn decode(ids: &[u32]) -> Option<Vec<u8>> {
    ids.iter().map(|id| table::token(*id)).collect::<Option<Vec<_>>>().map(|tokens| tokens.concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng as _, seq::IndexedRandom as _};
    use rand_chacha::ChaCha8Rng;
    use rstest::rstest;

    use super::*;

    /// What the package says that is the standard for this vocabulary in Rust.
    fn reference(text: &str) -> Vec<u32> {
        tiktoken_rs::o200k_base_singleton().encode_ordinary(text)
    }

    #[rstest]
    #[case::nothing("")]
    #[case::words("Hello, world! It's the naïve WORLD'S 1234567th test.")]
    #[case::scripts("漢字とかな Ωμέγα привет \u{1f980}\u{1f469}\u{200d}\u{1f52c} ǅ ａ\u{301}")]
    #[case::white_space("  a   b\t\t c \n\n  d\r\n \u{a0}\u{3000} e  ")]
    #[case::code("fn main() {\n    let x = vec![0u8; 1_000];\n\t\t// …\n}\n")]
    #[case::one_long_word("abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ")]
    #[case::repeated("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    #[case::contractions("I'LL we'Re o'clock 'tis 'ſ d'accord")]
    fn it_says_what_the_reference_says(#[case] text: &str) {
        assert_eq!(encode(text), reference(text));
        assert_eq!(count(text), reference(text).len());
        assert_eq!(decode(&encode(text)).as_deref(), Some(text.as_bytes()));
    }

    /// Texts of pieces that meet each other in many ways: letters of all kinds, digits, signs, white space, tokens.
    fn texts(count: usize) -> impl Iterator<Item = String> {
        const PIECES: [&str; 44] = [
            "a",
            "b",
            "E",
            "S",
            "st",
            "ing",
            "The",
            " the",
            "é",
            "ß",
            "ſ",
            "ǅ",
            "ʰ",
            "漢",
            "字",
            "か",
            "Ω",
            "я",
            "ا",
            "ि",
            "\u{301}",
            "\u{200d}",
            "\u{1f980}",
            "1",
            "22",
            "٣",
            "Ⅳ",
            ".",
            ",",
            "'",
            "'s",
            "'LL",
            "/",
            "_",
            "-",
            "(",
            "\"",
            " ",
            "  ",
            "\t",
            "\n",
            "\r\n",
            "\u{a0}",
            "\u{3000}",
        ];
        let mut random = ChaCha8Rng::seed_from_u64(42);
        (0..count).map(move |_| {
            let pieces = random.random_range(1..40);
            (0..pieces).filter_map(|_| PIECES.choose(&mut random)).copied().collect()
        })
    }

    fn assert_agrees(count: usize) {
        for text in texts(count) {
            assert_eq!(encode(&text), reference(&text), "{text:?}");
        }
    }

    #[test]
    fn it_agrees_with_the_reference_on_thousands_of_texts() {
        assert_agrees(5_000);
    }

    #[test]
    #[ignore = "takes four minutes: `cargo test -p prony --lib -- --ignored a_million_texts`"]
    fn it_agrees_with_the_reference_on_a_million_texts() {
        assert_agrees(1_000_000);
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_reference_on_any_text(text in any::<String>()) {
            prop_assert_eq!(encode(&text), reference(&text));
        }
    }
}
