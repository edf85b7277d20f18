//! Generated questions: a query, and passages to rank by it.

use super::{
    length::{self, Lengths},
    synthetic::{Writer, Written},
};
use crate::{plan::LengthLaw, seed::Seed};

/// The lengths of every question by its number.
#[derive(Debug)]
pub(super) struct Rankings {
    counts: Lengths,
    passages: Lengths,
    queries: Lengths,
    /// Numbers of texts that belong to one question, of which it uses the first ones: so a question's texts are known
    /// without those before it.
    texts: u64,
}

impl Rankings {
    /// Questions of so many passages, with so many tokens in a passage and in a query.
    pub(super) fn new(passages: LengthLaw, passage: LengthLaw, query: LengthLaw, seed: Seed) -> Self {
        Self {
            counts: length::passage_counts(passages, seed),
            passages: length::passage_lengths(passage, seed),
            queries: length::query_lengths(query, seed),
            texts: length::longest(passages).saturating_add(1),
        }
    }

    /// Writes the question with this number: its query, then its passages, each with its name.
    pub(super) fn write(&self, number: u64, writer: &Writer) -> Vec<(&'static str, Written)> {
        let first = number.saturating_mul(self.texts);
        let passages = self.counts.of(number).min(self.texts - 1);
        let query = ("query", writer.write(first, self.queries.of(number)));
        let passages = (first + 1..=first + passages)
            .map(|text| ("passages", writer.write(text, self.passages.of(text))));
        std::iter::once(query).chain(passages).collect()
    }
}
