//! Ids of blocks of tokens: equal ids are equal texts, with equal texts before them.
//!
//! Ids are numbered in the order in which blocks are first seen, so that they tell nothing of what is in them.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

/// All blocks that were seen. A block is known by the one before it and by its tokens.
#[derive(Debug)]
pub(super) struct Blocks {
    /// Tokens of a block.
    size: usize,
    ids: HashMap<(u32, u64), u32>,
    /// The block before each; 0 for those that a prompt begins with.
    before: Vec<u32>,
    /// Made anew in every recording.
    hasher: RandomState,
}

/// The tokens of a prompt, from its beginning on: its blocks, and what follows the last full one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Prefix {
    /// Id of the last full block; 0 where there is none.
    last: u32,
    rest: Vec<u32>,
    pub(super) tokens: u64,
}

impl Blocks {
    pub(super) fn new(size: u32) -> Self {
        Self {
            size: size.max(1) as usize,
            ids: HashMap::new(),
            before: Vec::new(),
            hasher: RandomState::new(),
        }
    }

    pub(super) fn size(&self) -> u32 {
        u32::try_from(self.size).unwrap_or(u32::MAX)
    }

    /// Adds tokens to a prompt.
    pub(super) fn extend(&mut self, prefix: &mut Prefix, tokens: &[u32]) {
        prefix.tokens += tokens.len() as u64;
        prefix.rest.extend_from_slice(tokens);
        let mut taken = 0;
        while let Some(block) = prefix.rest.get(taken..taken + self.size) {
            prefix.last = Self::id(&mut self.ids, &mut self.before, prefix.last, self.hasher.hash_one(block));
            taken += self.size;
        }
        prefix.rest.drain(..taken);
    }

    fn id(ids: &mut HashMap<(u32, u64), u32>, before: &mut Vec<u32>, last: u32, tokens: u64) -> u32 {
        *ids.entry((last, tokens)).or_insert_with(|| {
            before.push(last);
            u32::try_from(before.len()).unwrap_or(u32::MAX)
        })
    }

    /// The ids of a prompt's full blocks, in order.
    pub(super) fn ids(&self, prefix: &Prefix) -> Box<[u64]> {
        let mut ids = Vec::new();
        let mut at = prefix.last;
        while let Some(before) = (at as usize).checked_sub(1).and_then(|place| self.before.get(place)) {
            ids.push(u64::from(at));
            at = *before;
        }
        ids.reverse();
        ids.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(blocks: &mut Blocks, tokens: &[u32]) -> Vec<u64> {
        let mut prefix = Prefix::default();
        blocks.extend(&mut prefix, tokens);
        blocks.ids(&prefix).into()
    }

    #[test]
    fn ids_are_shared_as_far_as_prompts_are_equal_from_their_beginning() {
        let mut blocks = Blocks::new(2);
        assert_eq!(of(&mut blocks, &[1, 2, 3, 4, 5]), [1, 2]);
        assert_eq!(of(&mut blocks, &[1, 2, 3, 4, 5, 6]), [1, 2, 3]);
        assert_eq!(of(&mut blocks, &[1, 2, 9, 9]), [1, 4]);
        assert_eq!(of(&mut blocks, &[3, 4]), [5], "the same tokens after others are another block");
        assert!(of(&mut blocks, &[1]).is_empty());
    }

    proptest! {
        #[test]
        fn it_does_not_matter_in_how_many_pieces_tokens_come(tokens in prop::collection::vec(0u32..3, 0..40), cut in 0usize..40) {
            let mut blocks = Blocks::new(3);
            let whole = of(&mut blocks, &tokens);
            let (head, tail) = tokens.split_at(cut.min(tokens.len()));
            let mut prefix = Prefix::default();
            blocks.extend(&mut prefix, head);
            blocks.extend(&mut prefix, tail);
            prop_assert_eq!(blocks.ids(&prefix).to_vec(), whole);
            prop_assert_eq!(prefix.tokens, tokens.len() as u64);
        }
    }
}
