//! A prefix cache of unlimited size: what of a prompt it would have, and the blocks that texts are cut into for it.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use serde::{Deserialize, Serialize};

/// Words and punctuation marks of a block of text. Each is one token of a generated text, whose blocks are blocks of as many tokens.
const BLOCK_WORDS: u32 = 16;

/// Where there is no white space for so many bytes, as in Chinese or in encoded data, another word begins.
const LONG_WORD: usize = 32;

/// Which blocks have been in prompts so far. A block is named together with all that stands before it.
#[derive(Debug)]
pub(crate) struct PrefixCache<K> {
    seen: HashSet<K>,
    most: usize,
}

impl<K: Eq + Hash> PrefixCache<K> {
    /// An empty one, which takes blocks until it has so many.
    pub(crate) fn up_to(most: usize) -> Self {
        Self { seen: HashSet::new(), most }
    }

    /// Whether it takes no more: from then on it does not know what it should have.
    pub(crate) fn is_full(&self) -> bool {
        self.seen.len() >= self.most
    }

    /// Takes the blocks of a prompt, in order. Gives how many of them it had, up to the first that is new: what stands behind
    /// another block is no prefix.
    pub(crate) fn take(&mut self, blocks: impl IntoIterator<Item = K>) -> usize {
        let (mut known, mut is_known) = (0, true);
        for block in blocks {
            is_known &= !self.seen.insert(block);
            known += usize::from(is_known);
        }
        known
    }
}

/// A block of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TextBlock {
    /// Equal for equal blocks.
    pub(crate) hash: u64,
    /// Its words and punctuation marks: its share of the text, and so of the text's tokens.
    pub(crate) words: u32,
}

/// Cuts a text into blocks. Texts that begin alike begin with the same blocks.
pub(crate) fn cut(text: &str, into: &mut Vec<TextBlock>) {
    let bytes = text.as_bytes();
    let (mut start, mut end, mut words, mut run) = (0, 0, 0, 0);
    for (at, byte) in bytes.iter().enumerate() {
        if byte.is_ascii_whitespace() {
            run = 0;
            continue;
        }
        let is_mark = byte.is_ascii_punctuation();
        if is_mark || run % LONG_WORD == 0 {
            if words == BLOCK_WORDS {
                into.push(block(&bytes[start..end], words));
                (start, words) = (at, 0);
            }
            words += 1;
        }
        run = if is_mark { 0 } else { run + 1 };
        end = at + 1;
    }
    if words > 0 {
        into.push(block(&bytes[start..end], words));
    }
}

/// What a medium is in a prompt: like no other one, and without a length.
pub(crate) fn medium(data: &str) -> TextBlock {
    block(data.as_bytes(), 0)
}

fn block(bytes: &[u8], words: u32) -> TextBlock {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    TextBlock { hash: hasher.finish(), words }
}

/// The name of a block behind all that stands before it, which has a name as well; 0 for nothing.
pub(crate) fn behind(before: u64, block: TextBlock) -> u64 {
    let mut hasher = DefaultHasher::new();
    (before, block.hash, block.words).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: usize) -> String {
        (0..count).map(|word| [" w", &word.to_string()].concat()).collect()
    }

    fn blocks(text: &str) -> Vec<TextBlock> {
        let mut blocks = Vec::new();
        cut(text, &mut blocks);
        blocks
    }

    fn lengths(text: &str) -> Vec<u32> {
        blocks(text).iter().map(|block| block.words).collect()
    }

    #[test]
    fn texts_that_begin_alike_have_the_same_first_blocks() {
        assert_eq!(lengths(&words(40)), [16, 16, 8]);
        let (short, long) = (blocks(&words(32)), blocks(&(words(32) + " more")));
        assert_eq!(short, long[..2]);
        assert_ne!(blocks(&words(40))[2], blocks(&(words(39) + " other"))[2]);
        assert_eq!(blocks(" \n"), []);
    }

    #[test]
    fn a_long_run_without_white_space_is_several_words() {
        assert_eq!(lengths(&"x".repeat(LONG_WORD * 17 + 1)), [16, 2]);
        assert_eq!(lengths("Yes, it is: so!"), [7]);
    }

    #[test]
    fn only_a_prefix_is_in_the_cache() {
        let mut cache = PrefixCache::up_to(9);
        assert_eq!(cache.take([1, 2, 3]), 0);
        assert_eq!(cache.take([1, 2, 4, 3]), 2);
        assert_eq!(cache.take([2, 9, 1]), 1);
        assert!(!cache.is_full());
        cache.take(10..14);
        assert!(cache.is_full());
    }

    #[test]
    fn a_block_behind_another_one_has_another_name() {
        let [first, second] = *blocks(&words(32)) else { panic!("two blocks") };
        assert_ne!(behind(0, second), behind(behind(0, first), second));
    }
}
