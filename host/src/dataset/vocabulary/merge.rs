//! Byte pair encoding: the tokens of a word that is no token itself.
//!
//! The word begins as its bytes. Of all pairs of neighbours that together are a token, the one with the lowest rank becomes one
//! piece, the first of several equal ones, until no pair is a token.
//! Source: <https://github.com/openai/tiktoken/blob/main/tiktoken/_educational.py>

use std::{cmp::Reverse, collections::BinaryHeap};

use super::table::{Rank, rank};

/// A word in pieces, and the pairs of them that may become one.
struct Pieces<'a> {
    word: &'a [u8],
    /// Where the piece that begins at a place ends. Places within a piece have the end that they last had.
    ends: Vec<usize>,
    /// Where the piece before the one that begins at a place begins.
    before: Vec<usize>,
    /// Rank, beginning and end of pairs, the lowest first. Those that are no pair any more are passed over.
    pairs: BinaryHeap<Reverse<(Rank, usize, usize)>>,
}

/// The pieces of a word, each of which is a token.
pub(super) fn merge(word: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut pieces = Pieces::of(word);
    while let Some(Reverse((_, start, end))) = pieces.pairs.pop() {
        pieces.join(start, end);
    }
    pieces.into_tokens()
}

impl<'a> Pieces<'a> {
    fn of(word: &'a [u8]) -> Self {
        let length = word.len();
        let mut pieces = Self {
            word,
            ends: (1..=length).collect(),
            before: (0..length).map(|at| at.saturating_sub(1)).collect(),
            pairs: BinaryHeap::with_capacity(length),
        };
        (0..length).for_each(|start| pieces.offer(start));
        pieces
    }

    /// End of the piece that follows the one which begins here, if one does.
    fn end_of_pair(&self, start: usize) -> Option<usize> {
        self.ends.get(*self.ends.get(start)?).copied()
    }

    /// Remembers the pair that begins here if it is a token.
    fn offer(&mut self, start: usize) {
        let pair = self.end_of_pair(start).and_then(|end| Some((rank(&self.word[start..end])?, start, end)));
        self.pairs.extend(pair.map(Reverse));
    }

    /// Makes one piece of a pair, unless it is none any more.
    fn join(&mut self, start: usize, end: usize) {
        if self.end_of_pair(start) != Some(end) {
            return;
        }
        let second = self.ends[start];
        self.ends[start] = end;
        // No pair can begin here from now on.
        self.ends[second] = usize::MAX;
        if let Some(before) = self.before.get_mut(end) {
            *before = start;
        }
        self.offer(start);
        if start > 0 {
            self.offer(self.before[start]);
        }
    }

    fn into_tokens(self) -> impl Iterator<Item = &'a [u8]> {
        let mut start = 0;
        std::iter::from_fn(move || {
            let end = self.ends.get(start).copied()?;
            let token = self.word.get(start..end);
            start = end;
            token
        })
    }
}
