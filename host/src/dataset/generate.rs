//! Generated content: each script is a function of the seed and its number.

use std::sync::Arc;

use super::{
    Message, Part, Script, Start, Step,
    ahead::Maker,
    chat_template::Framing,
    context::{Context, SystemPromptError},
    drafts::TextDrafter,
    length::{self, Lengths},
    media::Media,
    rankings::Rankings,
    roles,
    script::session_id,
    sequence::Sequences,
    synthetic::{Writer, Written},
    tokenizer::Tokenizer,
};
use crate::{
    plan::{ContextConfig, DialogueConfig, LengthLaw, PromptCorpus, SequenceLengths},
    seed::Seed,
};

const NS_PER_MS: u64 = 1_000_000;

/// Tokens of a generated reply where no output length is asked for.
const REPLY_TOKENS: u64 = 128;

/// About how many bytes a token of text has, and a step beside its texts.
const BYTES_A_TOKEN: u64 = 6;
const BYTES_A_STEP: u64 = 512;

/// What scripts say.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    /// Texts, and outputs that are asked for.
    Prompts {
        /// Tokens of a text, and of an output.
        lengths: &'a SequenceLengths,
        /// Texts of a script.
        batch_size: u64,
        /// What they are made of.
        corpus: PromptCorpus,
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
    /// Writes the texts, where they are no sentences.
    drafts: Option<TextDrafter>,
    media: Media,
    turns: Lengths,
    /// Milliseconds.
    delays: Option<Lengths>,
    context: Context,
    tokenizer: Option<Arc<Tokenizer>>,
    has_replies: bool,
    bytes_a_script: u64,
}

#[derive(Debug)]
enum Texts {
    Prompts { lengths: Sequences, batch_size: u64 },
    Rankings(Box<Rankings>),
}

impl Generator {
    /// A generator of scripts with this content that show these media. Without a tokenizer nothing is
    /// counted, and texts are as long as asked for in tokens of the built-in vocabulary.
    pub(super) fn new(
        content: Content<'_>,
        media: Media,
        tokenizer: Option<&Arc<Tokenizer>>,
        seed: Seed,
        dialogue: DialogueConfig,
        before: &ContextConfig,
    ) -> Result<Self, SystemPromptError> {
        let texts = match content {
            Content::Prompts { lengths, batch_size, .. } => {
                Texts::Prompts { lengths: Sequences::new(lengths, seed), batch_size }
            }
            Content::Rankings { passages, passage, query } => {
                Texts::Rankings(Box::new(Rankings::new(passages, passage, query, seed)))
            }
        };
        let writer = Writer::new(tokenizer, seed);
        let drafts = content.drafts(tokenizer, seed);
        let turns = length::longest(dialogue.turns);
        let tokens = content.tokens().saturating_mul(turns).saturating_add(before.tokens());
        let delays = Some(dialogue.delay_ms).filter(|delay| delay.mean > 0.0);
        Ok(Self {
            texts,
            context: Context::make(before, &writer, seed)?,
            writer,
            drafts,
            media,
            turns: length::turn_counts(dialogue.turns, seed),
            delays: delays.map(|delay| length::turn_delays(delay, seed)),
            tokenizer: tokenizer.cloned(),
            has_replies: dialogue.has_replies,
            bytes_a_script: tokens
                .saturating_mul(BYTES_A_TOKEN)
                .saturating_add(turns.saturating_mul(BYTES_A_STEP)),
        })
    }

    /// What is to be said of the media, if there are fewer than these many scripts could show.
    pub(super) fn shared_media(&self, scripts: Option<u64>) -> Option<String> {
        self.media.shared(scripts)
    }

    fn step(&self, number: u64, turn: u64) -> Step {
        let number_of_turn = length::of_turn(number, turn);
        let mut named: Vec<(&'static str, Written)> = match &self.texts {
            Texts::Prompts { lengths, batch_size } => {
                let first = number_of_turn.saturating_mul(*batch_size);
                let texts = first..first.saturating_add(*batch_size);
                let written = |text| {
                    let asked = lengths.input(number_of_turn, text);
                    let marker = if turn == 0 { self.context.marker_tokens } else { 0 };
                    let is_first = text == first;
                    let tokens = if is_first { self.room(asked.saturating_sub(marker), turn) } else { asked };
                    ("", self.written(text, tokens))
                };
                texts.map(written).collect()
            }
            Texts::Rankings(rankings) => rankings.write(number_of_turn, &self.writer),
        };
        let (mut messages, prefix) = match turn {
            0 => self.context.before(number, &self.writer),
            _ => (Vec::new(), None),
        };
        if let (Some(prefix), Some((_, first))) = (prefix, named.first_mut()) {
            first.text = format!("{prefix} {}", first.text);
            first.tokens = self.count(&first.text);
        }
        let before = messages.iter().flat_map(|message| &message.parts).map(|part| self.count(&part.data));
        let own = named.iter().map(|(_, written)| written.tokens);
        let texts_tokens = self.tokenizer.is_some().then(|| before.chain(own).sum());
        let texts = named.into_iter().map(|(name, written)| Part::named_text(name, written.text));
        messages.push(Message::user(texts.chain(self.media.parts(number_of_turn)).collect()));
        let delay_ms =
            self.delays.as_ref().filter(|_| turn > 0).map_or(0, |delays| delays.of(number_of_turn));
        let max_tokens = self.texts.output(number_of_turn);
        let reply_length = max_tokens.unwrap_or(REPLY_TOKENS);
        let reply = self.has_replies.then(|| self.reply(number_of_turn, reply_length));
        let reply_tokens = reply.as_ref().and_then(|reply| {
            self.tokenizer.is_some().then(|| reply.parts.iter().map(|part| self.count(&part.data)).sum())
        });
        let around =
            |texts| self.framing().map_or(texts, |framing| framing.around(&messages, turn == 0, texts));
        Step {
            input_tokens: texts_tokens.map(around),
            reply,
            reply_tokens,
            messages,
            start: Start::After(delay_ms.saturating_mul(NS_PER_MS)),
            max_tokens,
            ..Step::default()
        }
    }

    fn written(&self, text: u64, tokens: u64) -> Written {
        match &self.drafts {
            Some(drafts) => drafts.write(text, tokens),
            None => self.writer.write(text, tokens),
        }
    }

    fn framing(&self) -> Option<Framing> {
        self.tokenizer.as_ref()?.framing()
    }

    /// The tokens that are left of so many for a turn's text, beside what the chat template adds; at least one.
    fn room(&self, tokens: u64, turn: u64) -> u64 {
        let framing = self.framing().map_or(0, |framing| framing.of_turn(turn == 0));
        tokens.saturating_add_signed(framing.saturating_neg()).max(1)
    }

    /// What a session repeats that starts behind this turn: a reply as long as the turn asks for, if it does.
    fn reply(&self, number_of_turn: u64, tokens: u64) -> Message {
        let mut text = String::new();
        self.writer.append(number_of_turn, tokens, &mut text);
        Message { role: roles::ASSISTANT.to_owned(), parts: vec![Part::text(text)] }
    }

    fn count(&self, text: &str) -> u64 {
        self.tokenizer.as_ref().map_or(0, |tokenizer| tokenizer.count(text) as u64)
    }
}

impl Maker for Generator {
    /// Turns of the user, one after the other.
    fn script(&self, number: u64) -> Script {
        let steps = (0..self.turns.of(number)).map(|turn| self.step(number, turn));
        Script::dialogue(session_id(number), steps)
    }

    fn steps(&self, number: u64) -> u64 {
        self.turns.of(number)
    }

    fn has_dialogues(&self) -> bool {
        !self.turns.are_all(1)
    }

    fn bytes_a_script(&self) -> u64 {
        self.bytes_a_script
    }
}

impl Texts {
    /// Output tokens that the request with this number asks for.
    fn output(&self, request: u64) -> Option<u64> {
        match self {
            Self::Prompts { lengths, .. } => lengths.output(request),
            Self::Rankings(_) => None,
        }
    }
}

impl Content<'_> {
    /// Who writes texts that are no sentences, if they are none. Without a tokenizer they are measured in the built-in vocabulary.
    fn drafts(self, tokenizer: Option<&Arc<Tokenizer>>, seed: Seed) -> Option<TextDrafter> {
        let Self::Prompts { corpus, .. } = self else { return None };
        let builtin = || Arc::new(Tokenizer::builtin());
        TextDrafter::new(corpus, &tokenizer.cloned().unwrap_or_else(builtin), seed)
    }

    /// Tokens of a script that hardly any is longer than.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, which is meant"
    )]
    fn tokens(self) -> u64 {
        match self {
            Self::Prompts { lengths, batch_size, .. } => {
                (lengths.input_rarely_above().ceil() as u64).saturating_mul(batch_size)
            }
            Self::Rankings { passages, passage, query } => length::longest(passages)
                .saturating_mul(length::longest(passage))
                .saturating_add(length::longest(query)),
        }
    }
}
