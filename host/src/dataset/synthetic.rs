//! Synthetic text of exact token lengths.
//!
//! A [`Writer`] puts pseudo-sentences together from words whose cost in tokens is known. Every text is a function of
//! the seed and its own number: neither the number of texts nor the order in which they are written matters. It knows
//! nothing of scripts' steps beyond the one text.

use std::sync::Arc;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{
    corpus::{Class, OPENING, OPENING_REST, PATTERNS},
    lexicon::{Lexicon, Word},
    tokenizer::Tokenizer,
};
use crate::seed::Seed;

/// How often a text that came out too long or too short is mended.
const MOST_ROUNDS: usize = 10;

/// Room for a word, in bytes, so that a text grows into its place.
const BYTES_PER_TOKEN: usize = 6;

/// Writes texts.
#[derive(Debug)]
pub(super) struct Writer {
    lexicon: Lexicon,
    /// What checks every text: nothing for the built-in vocabulary, whose lengths are right by construction.
    check: Option<Arc<Tokenizer>>,
    openings: Openings,
    /// Never drawn from: each text draws from a stream of its own, which is a copy with the text's number.
    rng: ChaCha8Rng,
    /// The same for texts that stand behind others.
    blocks: ChaCha8Rng,
}

/// A text and its length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) text: String,
    /// Tokens it has, which is what was asked for but for the rare vocabulary that cannot express it.
    pub(super) tokens: u64,
}

/// A text on its way.
struct Draft {
    text: String,
    /// Tokens still to write.
    left: u64,
}

impl Writer {
    /// Makes a writer whose texts are measured by this tokenizer, or by the built-in vocabulary without one.
    pub(super) fn new(tokenizer: Option<&Arc<Tokenizer>>, seed: Seed) -> Self {
        let check = tokenizer.filter(|tokenizer| !tokenizer.is_builtin()).cloned();
        let lexicon = check.as_deref().map_or_else(Lexicon::builtin, Lexicon::measured);
        let openings = Openings::new(&lexicon, &mut seed.stream("dataset.prompt.opening"));
        Self {
            lexicon,
            check,
            openings,
            rng: seed.stream("dataset.prompt.corpus"),
            blocks: seed.stream("dataset.prompt.blocks"),
        }
    }

    /// Writes the text with this number, so many tokens long.
    pub(super) fn write(&self, number: u64, tokens: u64) -> Written {
        let mut rng = self.rng.clone();
        rng.set_stream(number);
        let bytes = usize::try_from(tokens).unwrap_or(usize::MAX).saturating_mul(BYTES_PER_TOKEN);
        let mut draft = Draft { text: String::with_capacity(bytes), left: tokens };
        self.open(number, &mut draft);
        self.go_on(OPENING_REST, &mut draft, &mut rng);
        match &self.check {
            Some(tokenizer) => self.mend(draft.text, tokens, tokenizer, &mut rng),
            None => Written { text: draft.text, tokens: tokens - draft.left },
        }
    }

    /// Writes a text of so many tokens behind others that were written like this. It is a function of the seed and its number
    /// alone, and begins with a space, so that tokens of the built-in vocabulary do not reach over its ends.
    pub(super) fn append(&self, number: u64, tokens: u64, text: &mut String) {
        let mut rng = self.blocks.clone();
        rng.set_stream(number);
        let mut draft = Draft { text: std::mem::take(text), left: tokens };
        let pattern = PATTERNS[rng.random_range(0..PATTERNS.len())];
        self.go_on(pattern, &mut draft, &mut rng);
        *text = draft.text;
    }

    /// Writes the first words: a combination that no other text has, as long as there are enough of them.
    fn open(&self, number: u64, draft: &mut Draft) {
        let [first, second, third] = self.openings.of(number);
        for (words, position) in [
            (self.lexicon.openers(), first),
            (self.lexicon.words(OPENING[1]), second),
            (self.lexicon.words(OPENING[2]), third),
        ] {
            if let Some(word) = next_fitting(words, position, draft.left) {
                draft.push(word);
            }
        }
    }

    /// Writes sentences, the first of this pattern, until no token is left, or no word fits into those that are.
    fn go_on(&self, mut pattern: &[Class], draft: &mut Draft, rng: &mut ChaCha8Rng) {
        loop {
            for &class in pattern {
                let Some(word) = self.choose(class, draft, rng) else { return };
                draft.push(word);
            }
            pattern = PATTERNS[rng.random_range(0..PATTERNS.len())];
        }
    }

    /// Draws a word. Near the end it is one that fits, of another class if need be; the last is a full stop rather
    /// than a word, though never behind another mark: vocabularies have tokens for several marks in a row.
    fn choose(&self, class: Class, draft: &Draft, rng: &mut ChaCha8Rng) -> Option<&Word> {
        let stop = self.lexicon.words(Class::Stop).first();
        if let Some(stop) = stop.filter(|stop| stop.tokens == draft.left && draft.ends_in_a_word()) {
            return Some(stop);
        }
        let words = self.lexicon.words(class);
        let position = if words.is_empty() { 0 } else { rng.random_range(0..words.len()) };
        next_fitting(words, position, draft.left).or_else(|| {
            Class::ALL.iter().find_map(|&class| next_fitting(self.lexicon.words(class), 0, draft.left))
        })
    }

    /// Counts the text and, if words cost more or less together than apart, cuts it or lengthens it until it is
    /// right. A vocabulary may make that impossible: after some rounds the nearest text is taken, with its true count.
    fn mend(&self, text: String, tokens: u64, tokenizer: &Tokenizer, rng: &mut ChaCha8Rng) -> Written {
        let counted = |text: String| Written { tokens: tokenizer.count(&text) as u64, text };
        let first = counted(text);
        if first.tokens == tokens {
            return first;
        }
        let (mut written, mut nearest) = (first.clone(), first);
        for _ in 0..MOST_ROUNDS {
            written = counted(if written.tokens > tokens {
                let mut ids = tokenizer.encode(&written.text);
                ids.truncate(usize::try_from(tokens).unwrap_or(usize::MAX));
                tokenizer.decode(&ids)
            } else {
                let mut draft = Draft { text: written.text, left: tokens - written.tokens };
                self.go_on(PATTERNS[0], &mut draft, rng);
                draft.text
            });
            if written.tokens == tokens {
                return written;
            }
            if written.tokens.abs_diff(tokens) < nearest.tokens.abs_diff(tokens) {
                nearest = written.clone();
            }
        }
        nearest
    }
}

impl Draft {
    fn push(&mut self, word: &Word) {
        self.text.push_str(&word.text);
        self.left = self.left.saturating_sub(word.tokens);
    }

    fn ends_in_a_word(&self) -> bool {
        self.text.ends_with(|last: char| last.is_alphabetic())
    }
}

/// The first word, from a position on and round, that costs no more than this.
fn next_fitting(words: &[Word], position: usize, most: u64) -> Option<&Word> {
    let (before, from) = words.split_at_checked(position)?;
    from.iter().chain(before).find(|word| word.tokens <= most)
}

/// Which words each text begins with: a permutation of all combinations, of which number `n` has the `n`-th. So no two
/// texts share their beginning, and a server's prefix cache has no effect. Neighbours differ in the first word already.
#[derive(Debug)]
struct Openings {
    /// How many words each place has to choose from.
    choices: [u64; 3],
    /// Without a common divisor with the number of combinations, which makes `number * step + shift` a permutation.
    step: u64,
    shift: u64,
}

impl Openings {
    fn new(lexicon: &Lexicon, rng: &mut ChaCha8Rng) -> Self {
        let places = [lexicon.openers(), lexicon.words(OPENING[1]), lexicon.words(OPENING[2])];
        let choices = places.map(|words| words.len().max(1) as u64);
        let all = choices.iter().product();
        let shift = rng.random_range(0..all);
        let step = loop {
            let step = rng.random_range(1..=all);
            if greatest_common_divisor(step, all) == 1 {
                break step;
            }
        };
        Self { choices, step, shift }
    }

    /// Positions of a text's first words, each in its class.
    fn of(&self, number: u64) -> [usize; 3] {
        let all: u64 = self.choices.iter().product();
        let mut rest = (number % all * self.step + self.shift) % all;
        self.choices.map(|choices| {
            let position = rest % choices;
            rest /= choices;
            usize::try_from(position).unwrap_or(0)
        })
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        fs,
        path::PathBuf,
        sync::{Arc, LazyLock},
    };

    use proptest::prelude::*;
    use rstest::rstest;
    use tempfile::TempDir;

    use super::Writer;
    use crate::{dataset::tokenizer::Tokenizer, plan::TokenizerChoice, seed::Seed};

    static BUILTIN: LazyLock<Arc<Tokenizer>> =
        LazyLock::new(|| Tokenizer::load(&TokenizerChoice::Builtin).unwrap().into());
    static LOCAL: LazyLock<Arc<Tokenizer>> = LazyLock::new(|| {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tokenizer"));
        Tokenizer::load(&TokenizerChoice::Local(folder)).unwrap().into()
    });

    fn writer(tokenizer: &Arc<Tokenizer>) -> Writer {
        Writer::new(Some(tokenizer), Seed::new(42))
    }

    #[rstest]
    #[case::builtin(&BUILTIN)]
    #[case::local(&LOCAL)]
    fn short_texts_have_the_length_that_was_asked_for(#[case] tokenizer: &Arc<Tokenizer>) {
        let writer = writer(tokenizer);
        for tokens in 1..=64 {
            for number in 0..20 {
                let written = writer.write(number, tokens);
                assert_eq!(written.tokens, tokens, "`{}`", written.text);
                assert_eq!(tokenizer.count(&written.text) as u64, tokens, "`{}`", written.text);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn texts_have_the_length_that_was_asked_for(root: u64, number: u64, tokens in 1..=3000_u64, local: bool) {
            let tokenizer: &Arc<Tokenizer> = if local { &LOCAL } else { &BUILTIN };
            let written = Writer::new(Some(tokenizer), Seed::new(root)).write(number, tokens);
            prop_assert_eq!(written.tokens, tokens);
            prop_assert_eq!(tokenizer.count(&written.text) as u64, tokens);
        }
    }

    #[rstest]
    #[case::builtin(&BUILTIN, 3)]
    #[case::local(&LOCAL, 12)]
    fn no_two_texts_begin_alike(#[case] tokenizer: &Arc<Tokenizer>, #[case] tokens: u64) {
        let writer = writer(tokenizer);
        let texts: HashSet<_> = (0..5_000).map(|number| writer.write(number, tokens).text).collect();
        assert_eq!(texts.len(), 5_000);
    }

    #[test]
    fn neighbours_differ_in_their_first_word() {
        let writer = writer(&BUILTIN);
        let texts: HashSet<_> = (0..200).map(|number| writer.write(number, 1).text).collect();
        assert_eq!(texts.len(), 200);
    }

    /// A vocabulary of single characters and of two with a space between them, behind this normaliser.
    fn characters(normalizer: &serde_json::Value) -> Arc<Tokenizer> {
        let mut words: Vec<String> =
            ('a'..='z').chain('A'..='Z').chain([' ', '.', ',']).map(String::from).collect();
        words.extend(["d ".to_owned(), "d t".to_owned()]);
        let vocab: serde_json::Map<_, _> =
            words.into_iter().enumerate().map(|(id, word)| (word, id.into())).collect();
        let json = serde_json::json!({
            "version": "1.0", "added_tokens": [], "normalizer": normalizer, "decoder": {"type": "Fuse"},
            "model": {"type": "BPE", "vocab": vocab, "merges": [["d", " "], ["d ", "t"]]},
        });
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("tokenizer.json"), json.to_string()).unwrap();
        Tokenizer::load(&TokenizerChoice::Local(folder.path().into())).unwrap().into()
    }

    #[test]
    fn words_that_cost_less_together_are_made_up_for() {
        let tokenizer = characters(&serde_json::Value::Null);
        let writer = writer(&tokenizer);
        for number in 0..50 {
            let written = writer.write(number, 500);
            assert_eq!((written.tokens, tokenizer.count(&written.text)), (500, 500), "`{}`", written.text);
        }
    }

    #[test]
    fn a_length_that_the_vocabulary_does_not_have_is_not_claimed() {
        let twice = serde_json::json!({"type": "Replace", "pattern": {"Regex": "."}, "content": "xy"});
        let tokenizer = characters(&twice);
        let written = writer(&tokenizer).write(0, 101);
        assert_eq!(tokenizer.count(&written.text) as u64, written.tokens);
        assert!([100, 102].contains(&written.tokens), "{written:?}");
    }

    #[test]
    fn a_longer_text_begins_like_the_shorter_one() {
        let writer = writer(&BUILTIN);
        let (short, long) = (writer.write(7, 30).text, writer.write(7, 300).text);
        assert!(long.starts_with(short.trim_end_matches('.')), "`{short}` and `{long}`");
    }

    #[test]
    fn a_seed_gives_its_texts_forever() {
        let writer = writer(&BUILTIN);
        insta::assert_snapshot!(writer.write(0, 1).text, @"Foreign");
        insta::assert_snapshot!(writer.write(0, 40).text, @"Foreign thread visited her steam near this better course. Another child exactly brought your country if no size cleared any poor building. Some dust just noticed every bear yet some wing faced the royal crew. This.");
        insta::assert_snapshot!(writer.write(1, 40).text, @"Kind iron helped some angle through our pure side. Every soldier today drew our scene unless a button delivered one pure surface. Her annual county found her test to each factory. Your original space lent his.");
    }

    #[test]
    fn seeds_and_numbers_give_different_texts() {
        let text = |root, number| Writer::new(None, Seed::new(root)).write(number, 50).text;
        assert_eq!(text(42, 0), text(42, 0));
        assert_ne!(text(42, 0), text(43, 0));
        assert_ne!(text(42, 0), text(42, 1));
    }
}
