//! The words that answers are made of.

use std::ops::Range;

/// Words with their leading space; each is one token of the o200k vocabulary, alone and in any sequence.
///
/// Fixed words, so that the server needs no tokenizer.
const WORDS: [&str; 64] = [
    " the", " of", " and", " to", " in", " that", " for", " with", " time", " water", " light", " house",
    " river", " stone", " green", " music", " paper", " table", " world", " story", " night", " morning",
    " garden", " window", " road", " city", " field", " letter", " number", " picture", " color", " voice",
    " hand", " eye", " door", " tree", " book", " bird", " ship", " fire", " small", " great", " old",
    " new", " long", " short", " deep", " high", " warm", " cold", " quiet", " clear", " open", " near",
    " every", " some", " under", " over", " after", " before", " still", " again", " always", " never",
];

/// The text of these tokens of the choice with this index.
pub(super) fn text(choice: u64, tokens: Range<u64>) -> String {
    let period = WORDS.len() as u64;
    // Each choice starts at another word, so that texts that get mixed up can be told apart.
    let places = tokens.map(|token| (token + choice * 7) % period);
    places.filter_map(|place| WORDS.get(usize::try_from(place).ok()?)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_one_token_of_o200k_and_stays_one_in_a_text() {
        let vocabulary = tiktoken_rs::o200k_base_singleton();
        for word in WORDS {
            assert_eq!(vocabulary.encode_ordinary(word).len(), 1, "`{word}`");
        }
        for choice in 0..9 {
            assert_eq!(vocabulary.encode_ordinary(&text(choice, 3..303)).len(), 300);
        }
    }

    #[test]
    fn a_text_is_the_sum_of_its_parts() {
        assert_eq!(text(1, 0..60) + &text(1, 60..200), text(1, 0..200));
        assert_ne!(text(0, 0..10), text(1, 0..10));
    }
}
