//! Generated questions: a query, and passages to rank by it.

use prony_plugin_api::PartKind;
use rayon::prelude::*;

use super::{Conversation, Part, length, synthetic::Writer, tokenizer::Tokenizer};
use crate::{plan::LengthLaw, seed::Seed};

/// What a question is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Laws {
    /// Passages of one question.
    pub(super) passages: LengthLaw,
    /// Tokens of a passage.
    pub(super) passage: LengthLaw,
    /// Tokens of a query.
    pub(super) query: LengthLaw,
}

/// Lengths of one question's texts.
struct Outline {
    /// Number of its first text among all.
    first: u64,
    query: u64,
    passages: Vec<u64>,
}

/// Writes every question. The first ones do not change when more are asked for.
pub(super) fn write(
    conversations: &mut [Conversation],
    laws: Laws,
    tokenizer: Option<&Tokenizer>,
    seed: Seed,
) {
    let writer = Writer::new(tokenizer, seed);
    let outlines = outlines(laws, conversations.len(), seed);
    conversations.par_iter_mut().enumerate().for_each(|(number, conversation)| {
        let outline = &outlines[number];
        let lengths = std::iter::once(&outline.query).chain(&outline.passages);
        for turn in &mut conversation.turns {
            let written = (outline.first..).zip(lengths.clone());
            let written: Vec<_> = written.map(|(text, &tokens)| writer.write(text, tokens)).collect();
            turn.input_tokens = tokenizer.map(|_| written.iter().map(|written| written.tokens).sum());
            let names = std::iter::once("query").chain(std::iter::repeat("passages"));
            let parts = names.zip(written).map(|(name, written)| Part {
                kind: PartKind::TEXT,
                name: name.to_owned(),
                data: written.text.into(),
            });
            turn.parts = parts.collect();
        }
    });
}

fn outlines(laws: Laws, count: usize, seed: Seed) -> Vec<Outline> {
    let counts = length::passage_counts(laws.passages, seed);
    let queries = length::query_lengths(laws.query, seed);
    let mut lengths = length::passage_lengths(laws.passage, seed);
    let mut first = 0;
    let mut outline = |(passages, query): (u64, u64)| {
        let passages: Vec<u64> =
            lengths.by_ref().take(usize::try_from(passages).unwrap_or(usize::MAX)).collect();
        let outline = Outline { first, query, passages };
        first += 1 + outline.passages.len() as u64;
        outline
    };
    counts.zip(queries).take(count).map(&mut outline).collect()
}
