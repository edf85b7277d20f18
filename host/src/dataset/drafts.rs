//! Texts whose length in tokens is not known before they are written: code, and tokens in a row.
//!
//! A text is drafted as ids, written, and encoded again. What became too long is cut, what became too short is lengthened, until it is
//! right. Every text is a function of the seed and its own number.

use std::sync::Arc;

use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::{snippets, synthetic::Written, tokenizer::Tokenizer};
use crate::{plan::PromptCorpus, seed::Seed};

/// How often a text that came out too long or too short is mended.
const MOST_ROUNDS: usize = 10;

/// Writes texts of a length in tokens, by drafting each and mending its length.
#[derive(Debug)]
pub(super) struct TextDrafter {
    tokenizer: Arc<Tokenizer>,
    content: Content,
    /// Never drawn from: each text draws from a copy with the text's number.
    rng: ChaCha8Rng,
}

#[derive(Debug)]
enum Content {
    Code,
    /// Ids in a row, from an offset on that is drawn, and one further on in each text: `ids[(offset + number + j) mod n]`, as
    /// `vllm bench serve` and `sglang.bench_serving` do it.
    Row(Vec<u32>),
}

impl TextDrafter {
    /// A writer of these texts; none for texts of sentences, whose lengths are known.
    pub(super) fn new(corpus: PromptCorpus, tokenizer: &Arc<Tokenizer>, seed: Seed) -> Option<Self> {
        let content = match corpus {
            PromptCorpus::Sentences => return None,
            PromptCorpus::Coding => Content::Code,
            PromptCorpus::Random => Content::Row(tokenizer.ids(false)),
            PromptCorpus::RandomOfAll => Content::Row(tokenizer.ids(true)),
        };
        Some(Self { tokenizer: Arc::clone(tokenizer), content, rng: seed.stream("dataset.prompt.drafts") })
    }

    /// Writes the text with this number, so many tokens long; a vocabulary may make that impossible, and then the nearest text of
    /// some is taken, with its true length.
    pub(super) fn write(&self, number: u64, tokens: u64) -> Written {
        let mut rng = self.rng.clone();
        rng.set_stream(number);
        let wanted = usize::try_from(tokens).unwrap_or(usize::MAX);
        let mut ids = self.begin(number, wanted, &mut rng);
        let mut nearest: Option<Written> = None;
        for _ in 0..MOST_ROUNDS {
            lengthen(&mut ids, wanted, |missing| self.more(missing, &mut rng));
            ids.truncate(wanted);
            let text = self.tokenizer.decode(&ids);
            ids = self.tokenizer.encode(&text);
            let written = Written { text, tokens: ids.len() as u64 };
            if written.tokens == tokens {
                return written;
            }
            if nearest
                .as_ref()
                .is_none_or(|near| written.tokens.abs_diff(tokens) < near.tokens.abs_diff(tokens))
            {
                nearest = Some(written);
            }
        }
        nearest.unwrap_or(Written { text: String::new(), tokens: 0 })
    }

    fn begin(&self, number: u64, wanted: usize, rng: &mut ChaCha8Rng) -> Vec<u32> {
        match &self.content {
            Content::Code => self.tokenizer.encode(&snippets::title(number, rng)),
            Content::Row(ids) => {
                let count = ids.len().max(1) as u64;
                let from = rng.random_range(0..count).wrapping_add(number) % count;
                let from = usize::try_from(from).unwrap_or(0);
                ids.iter().cycle().skip(from).take(wanted).copied().collect()
            }
        }
    }

    /// Some more ids; none where the tokenizer has none for a text.
    fn more(&self, missing: usize, rng: &mut ChaCha8Rng) -> Vec<u32> {
        match &self.content {
            Content::Code => self.tokenizer.encode(&snippets::snippet(rng)),
            Content::Row(ids) => (0..missing).map(|_| ids.choose(rng).copied().unwrap_or_default()).collect(),
        }
    }
}

/// Adds ids until there are so many, or until there are no more of them.
fn lengthen(ids: &mut Vec<u32>, wanted: usize, mut more: impl FnMut(usize) -> Vec<u32>) {
    while let Some(missing) = wanted.checked_sub(ids.len()).filter(|missing| *missing > 0) {
        let more = more(missing);
        if more.is_empty() {
            return;
        }
        ids.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, path::PathBuf};

    use rstest::rstest;

    use super::*;
    use crate::plan::TokenizerChoice;

    fn tokenizer(is_local: bool) -> Arc<Tokenizer> {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/tokenizer"));
        let choice = if is_local { TokenizerChoice::Local(folder) } else { TokenizerChoice::Builtin };
        Tokenizer::load(&choice).unwrap().into()
    }

    #[rstest]
    fn texts_have_the_length_that_was_asked_for_and_no_two_begin_alike(
        #[values(PromptCorpus::Coding, PromptCorpus::Random, PromptCorpus::RandomOfAll)] corpus: PromptCorpus,
        #[values(false, true)] is_local: bool,
    ) {
        let tokenizer = tokenizer(is_local);
        let drafts = TextDrafter::new(corpus, &tokenizer, Seed::new(42)).unwrap();
        let mut beginnings = HashSet::new();
        let mut exact = 0;
        for number in 0..40 {
            let tokens = 20 + 13 * number;
            let written = drafts.write(number, tokens);
            assert_eq!(tokenizer.count(&written.text) as u64, written.tokens, "`{}`", written.text);
            assert!(written.tokens.abs_diff(tokens) <= tokens / 10, "{} of {tokens}", written.tokens);
            exact += u64::from(written.tokens == tokens);
            beginnings.insert(tokenizer.encode(&written.text)[..8].to_vec());
            assert_eq!(written, drafts.write(number, tokens), "a text depends on the seed and its number");
        }
        assert!(exact >= 36, "{exact} of 40 have the length");
        assert_eq!(beginnings.len(), 40);
    }

    #[test]
    fn a_tokenizer_that_makes_nothing_of_a_text_ends_a_draft() {
        let mut ids = vec![1];
        lengthen(&mut ids, 5, |missing| if missing > 2 { vec![2] } else { Vec::new() });
        assert_eq!(ids, [1, 2, 2]);
    }

    #[test]
    fn tokens_are_those_of_the_vocabulary_in_a_row() {
        let tokenizer = tokenizer(false);
        let drafts = TextDrafter::new(PromptCorpus::Random, &tokenizer, Seed::new(1)).unwrap();
        let Content::Row(ids) = &drafts.content else { unreachable!() };
        assert_eq!((ids.len(), ids[0], ids.last()), (199_998, 0, Some(&199_997)));
        let begun = drafts.begin(5, 30, &mut drafts.rng.clone());
        assert!(begun.windows(2).all(|pair| pair[1] == (pair[0] + 1) % 199_998), "{begun:?}");
    }
}
