//! The lexicon: the corpus's words, each with what it costs in tokens.
//!
//! Sizes text before it is encoded: with costs known, a text of a wanted length is put together rather than searched
//! for. It knows the tokenizer, not what is written with the words.

use super::{
    corpus::{Class, OPENING},
    tokenizer::Tokenizer,
};

/// What words are measured behind: alone, some tokenizers count a word differently than within a text.
const CONTEXT: &str = "The";

/// A word as it stands in a text, with the space before it.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) text: String,
    /// What it adds to a text's tokens; at least 1.
    pub(super) tokens: u64,
}

/// Every word of the corpus, by class.
#[derive(Debug)]
pub(super) struct Lexicon {
    classes: Vec<Vec<Word>>,
    openers: Vec<Word>,
}

impl Lexicon {
    /// Words as they cost in the built-in vocabulary: each is one token, whatever stands beside it, because that
    /// vocabulary splits a text before every space and every punctuation mark first. Needs no tokenizer at hand.
    pub(super) fn builtin() -> Self {
        Self::new(|_| 1, |_| 1)
    }

    /// Words as they cost in this vocabulary: what each adds behind another one.
    pub(super) fn measured(tokenizer: &Tokenizer) -> Self {
        let count = |text: &str| tokenizer.count(text) as u64;
        let context = count(CONTEXT);
        Self::new(|word| count(&format!("{CONTEXT}{word}")).saturating_sub(context), count)
    }

    fn new(cost: impl Fn(&str) -> u64, cost_of_opener: impl Fn(&str) -> u64) -> Self {
        let words = |class: Class| {
            let space = if class.is_spaced() { " " } else { "" };
            priced(class.words().map(|word| format!("{space}{word}")), &cost)
        };
        Self {
            classes: Class::ALL.into_iter().map(words).collect(),
            openers: priced(OPENING[0].words().map(capitalised), cost_of_opener),
        }
    }

    /// The words of a class, within a text.
    #[inline]
    pub(super) fn words(&self, class: Class) -> &[Word] {
        self.classes.get(class as usize).map_or(&[], Vec::as_slice)
    }

    /// The words that begin a text.
    pub(super) fn openers(&self) -> &[Word] {
        &self.openers
    }
}

/// A word without a cost cannot bring a text nearer to its length, so it is left out.
fn priced(texts: impl Iterator<Item = String>, cost: impl Fn(&str) -> u64) -> Vec<Word> {
    let words = texts.map(|text| Word { tokens: cost(&text), text });
    words.filter(|word| word.tokens > 0).collect()
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::{Class, Lexicon};
    use crate::{dataset::tokenizer::Tokenizer, plan::TokenizerChoice};

    fn words(lexicon: &Lexicon) -> Vec<(&str, u64)> {
        let words = Class::ALL.iter().flat_map(|&class| lexicon.words(class)).chain(lexicon.openers());
        words.map(|word| (word.text.as_str(), word.tokens)).collect()
    }

    #[test]
    fn every_word_is_one_token_of_the_builtin_vocabulary() {
        let tokenizer = Tokenizer::load(&TokenizerChoice::Builtin).unwrap();
        let builtin = Lexicon::builtin();
        assert_eq!(words(&builtin), words(&Lexicon::measured(&tokenizer)));
        for (word, tokens) in words(&builtin) {
            assert_eq!((tokens, tokenizer.count(word)), (1, 1), "`{word}`");
        }
    }

    #[test]
    fn words_stand_behind_a_space_and_marks_do_not() {
        let lexicon = Lexicon::builtin();
        let first = |class| lexicon.words(class)[0].text.as_str();
        assert_eq!((first(Class::Noun), first(Class::Stop)), (" account", "."));
        assert_eq!(lexicon.openers()[0].text, "Able");
    }

    #[test]
    fn no_class_names_a_word_twice() {
        for class in Class::ALL {
            let mut words: Vec<_> = class.words().collect();
            let all = words.len();
            words.sort_unstable();
            words.dedup();
            assert_eq!(words.len(), all, "{class:?}");
        }
    }
}
