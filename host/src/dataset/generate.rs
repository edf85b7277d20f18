//! Generated content: each script is a function of the seed and its number.

use std::sync::Arc;

use super::{
    Part, Script, Step,
    length::{self, Lengths},
    media::Media,
    rankings::Rankings,
    script::session_id,
    synthetic::{Writer, Written},
    tokenizer::Tokenizer,
};
use crate::{plan::LengthLaw, seed::Seed};

/// About how many bytes a token of text has, and a script beside its texts.
const BYTES_A_TOKEN: u64 = 6;
const BYTES_A_SCRIPT: u64 = 512;

/// What scripts say.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    /// Texts of these many tokens each.
    Prompts {
        /// Tokens of a text.
        isl: LengthLaw,
        /// Texts of a script.
        batch_size: u64,
    },
    /// Questions to rank passages by.
    Rankings {
        /// Passages of one question.
        passages: LengthLaw,
        /// Tokens of a passage.
        passage: LengthLaw,
        /// Tokens of a query.
        query: LengthLaw,
    },
}

/// Makes scripts.
#[derive(Debug)]
pub(super) struct Generator {
    texts: Texts,
    writer: Writer,
    output_lengths: Option<Lengths>,
    media: Media,
    /// There is a tokenizer to count with.
    counts: bool,
    bytes_a_script: u64,
}

#[derive(Debug)]
enum Texts {
    Prompts { lengths: Box<Lengths>, batch_size: u64 },
    Rankings(Box<Rankings>),
}

impl Generator {
    /// A generator of scripts that ask for outputs of these lengths and show these media. Without a tokenizer nothing is
    /// counted, and texts are as long as asked for in tokens of the built-in vocabulary.
    pub(super) fn new(
        content: Content,
        osl: Option<LengthLaw>,
        media: Media,
        tokenizer: Option<&Arc<Tokenizer>>,
        seed: Seed,
    ) -> Self {
        let texts = match content {
            Content::Prompts { isl, batch_size } => {
                Texts::Prompts { lengths: Box::new(length::input_lengths(isl, seed)), batch_size }
            }
            Content::Rankings { passages, passage, query } => {
                Texts::Rankings(Box::new(Rankings::new(passages, passage, query, seed)))
            }
        };
        Self {
            texts,
            writer: Writer::new(tokenizer, seed),
            output_lengths: osl.map(|osl| length::output_lengths(osl, seed)),
            media,
            counts: tokenizer.is_some(),
            bytes_a_script: content.tokens().saturating_mul(BYTES_A_TOKEN).saturating_add(BYTES_A_SCRIPT),
        }
    }

    /// About how many bytes a long script has, without its media, which scripts share.
    pub(super) fn bytes_a_script(&self) -> u64 {
        self.bytes_a_script
    }

    /// What is to be said of the media, if there are fewer than these many scripts could show.
    pub(super) fn shared_media(&self, scripts: Option<u64>) -> Option<String> {
        self.media.shared(scripts)
    }

    /// The script with this number: one step of the user.
    pub(super) fn script(&self, number: u64) -> Script {
        let named: Vec<(&'static str, Written)> = match &self.texts {
            Texts::Prompts { lengths, batch_size } => {
                let first = number.saturating_mul(*batch_size);
                let texts = first..first.saturating_add(*batch_size);
                texts.map(|text| ("", self.writer.write(text, lengths.of(text)))).collect()
            }
            Texts::Rankings(rankings) => rankings.write(number, &self.writer),
        };
        let input_tokens = self.counts.then(|| named.iter().map(|(_, written)| written.tokens).sum());
        let texts = named.into_iter().map(|(name, written)| Part::named_text(name, written.text));
        Script {
            id: session_id(number),
            steps: vec![Step {
                role: "user".into(),
                parts: texts.chain(self.media.parts(number)).collect(),
                max_tokens: self.output_lengths.as_ref().map(|lengths| lengths.of(number)),
                extra_json: String::new(),
                headers: Vec::new(),
                input_tokens,
            }],
        }
    }
}

impl Content {
    /// Tokens of a script that hardly any is longer than.
    fn tokens(self) -> u64 {
        match self {
            Self::Prompts { isl, batch_size } => length::longest(isl).saturating_mul(batch_size),
            Self::Rankings { passages, passage, query } => length::longest(passages)
                .saturating_mul(length::longest(passage))
                .saturating_add(length::longest(query)),
        }
    }
}
