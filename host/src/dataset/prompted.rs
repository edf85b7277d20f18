//! Prompts of recordings that have lengths and no text: texts that share prefixes exactly as the recording's block ids say.
//!
//! The text of a block is a function of the seed, its scope and its id. What follows the last block is a function of the
//! session and the step, and like no other text. With the built-in vocabulary the lengths are exact by construction; with
//! another one the whole is counted, and that is what the step says.
//!
//! Only the first prompt of a session is written ahead. The others are written when they are due, and written again where a later
//! request repeats them or somebody looks at them: the sessions that go on would keep more text than all else takes.

use std::sync::Arc;

use super::{
    Script, Step,
    ahead::Maker,
    chat_template::Framing,
    prompt::{Prompt, PromptTexts, Unwritten},
    synthetic::Writer,
    tokenizer::Tokenizer,
};
use crate::seed::Seed;

/// About how many bytes a token of text has.
pub(super) const BYTES_A_TOKEN: u64 = 6;

/// Ids of blocks and numbers of rests are multiplied by odd numbers without a pattern, so that those of two scopes do not meet.
const SCOPE_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
const REST_FACTOR: u64 = 0xD6E8_FEB8_6659_FD93;

/// Scripts of a recording, whose prompts are written as they are needed.
#[derive(Debug)]
pub(super) struct Prompted {
    scripts: Arc<[Arc<Script>]>,
    prompts: PromptWriter,
}

/// Gives the steps of sessions their prompts.
#[derive(Debug)]
pub(super) struct PromptWriter {
    texts: Arc<Texts>,
    tokenizer: Option<Arc<Tokenizer>>,
}

/// Texts by block ids.
#[derive(Debug)]
struct Texts {
    writer: Writer,
}

impl PromptWriter {
    /// Prompts are as long as the recording says in tokens of this tokenizer, or of the built-in vocabulary without one.
    pub(super) fn new(tokenizer: Option<&Arc<Tokenizer>>, seed: Seed) -> Self {
        let texts = Texts { writer: Writer::new(tokenizer, seed) };
        Self { texts: Arc::new(texts), tokenizer: tokenizer.cloned() }
    }

    /// Gives the session with this number its prompts, of which the first one has its text.
    pub(super) fn fill(&self, script: &mut Script, number: u64) {
        for (position, step) in (0_u64..).zip(&mut script.steps) {
            // Far from all ids, which are small.
            let of_step = (number << 20 | position).wrapping_add(1);
            self.fill_step(step, of_step.wrapping_mul(REST_FACTOR), position == 0);
        }
    }

    fn fill_step(&self, step: &mut Step, rest_number: u64, is_first: bool) {
        let Some(prompt) = step.prompt.take() else { return };
        let tokens = prompt.tokens;
        let unwritten = Unwritten::new(prompt, rest_number, Arc::<Texts>::clone(&self.texts));
        let counted = self.tokenizer.as_ref().map(|tokenizer| {
            if tokenizer.is_builtin() { tokens } else { tokenizer.count(&unwritten.text()) as u64 }
        });
        if is_first {
            unwritten.write_ahead();
        }
        let before = step.input_tokens.unwrap_or(0);
        let framing = self.tokenizer.as_ref().and_then(|tokenizer| tokenizer.framing());
        let around = framing.map_or(0, Framing::of_user_message);
        step.input_tokens = counted.map(|tokens| (tokens + before).saturating_add_signed(around));
        step.wait_for(Arc::new(unwritten));
    }
}

impl PromptTexts for Texts {
    fn text(&self, prompt: &Prompt, rest_number: u64) -> String {
        let bytes = prompt.tokens.saturating_mul(BYTES_A_TOKEN);
        let mut text = String::with_capacity(usize::try_from(bytes).unwrap_or(0));
        let mut left = prompt.tokens;
        for id in &prompt.blocks {
            let tokens = left.min(prompt.block_size.into());
            self.writer.append(id.wrapping_add(prompt.scope.wrapping_mul(SCOPE_FACTOR)), tokens, &mut text);
            left -= tokens;
        }
        self.writer.append(rest_number, left, &mut text);
        text
    }
}

impl Prompted {
    pub(super) fn new(scripts: Arc<[Arc<Script>]>, prompts: PromptWriter) -> Self {
        Self { scripts, prompts }
    }

    /// The place of the script with this number.
    fn place(&self, number: u64) -> usize {
        usize::try_from(number).unwrap_or(usize::MAX) % self.scripts.len()
    }
}

impl Maker for Prompted {
    fn script(&self, number: u64) -> Script {
        let mut script = Script::clone(&self.scripts[self.place(number)]);
        self.prompts.fill(&mut script, number);
        script
    }

    fn steps(&self, number: u64) -> u64 {
        self.scripts[self.place(number)].steps.len() as u64
    }

    fn has_dialogues(&self) -> bool {
        self.scripts.iter().any(|script| script.steps.len() > 1)
    }

    fn bytes_a_script(&self) -> u64 {
        let tokens = |script: &Arc<Script>| {
            let first = script.steps.first().and_then(|step| step.prompt.as_ref());
            first.map_or(0, |prompt| prompt.tokens)
        };
        self.scripts.iter().map(tokens).max().unwrap_or(0).saturating_mul(BYTES_A_TOKEN)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::plan::TokenizerChoice;

    static BUILTIN: LazyLock<Arc<Tokenizer>> =
        LazyLock::new(|| Tokenizer::load(&TokenizerChoice::Builtin).unwrap().into());

    fn written(prompts: &[Prompt]) -> Vec<Step> {
        let step = |prompt: &Prompt| Step { prompt: Some(prompt.clone()), ..Step::default() };
        let script = |prompt: &Prompt| Arc::new(Script::single("s".into(), step(prompt)));
        let scripts: Arc<[_]> = prompts.iter().map(script).collect();
        let prompted = Prompted::new(scripts, PromptWriter::new(Some(&BUILTIN), Seed::new(42)));
        (0..prompts.len()).map(|number| prompted.script(number as u64).steps.remove(0)).collect()
    }

    fn prompt(tokens: u64, blocks: &[u64], scope: u64) -> Prompt {
        Prompt { tokens, block_size: 16, blocks: blocks.into(), scope }
    }

    fn text(step: &Step) -> Arc<str> {
        Arc::clone(&step.spoken()[0].parts[0].data)
    }

    /// Bytes that two texts have in common at their beginning.
    fn shared(one: &str, other: &str) -> usize {
        one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()
    }

    #[test]
    fn equal_ids_are_equal_texts_and_others_are_not() {
        let steps = written(&[
            prompt(60, &[7, 8, 9], 0),
            prompt(64, &[7, 8, 10, 11], 0),
            prompt(60, &[7, 8, 9], 1),
            prompt(60, &[7, 8, 9], 0),
        ]);
        let blocks = |step: &Step, count: usize| BUILTIN.decode(&BUILTIN.encode(&text(step))[..16 * count]);
        assert_eq!(blocks(&steps[0], 2), blocks(&steps[1], 2));
        assert!(shared(&text(&steps[0]), &text(&steps[1])) < blocks(&steps[0], 3).len());
        assert!(shared(&text(&steps[0]), &text(&steps[2])) < blocks(&steps[0], 1).len(), "scopes are apart");
        assert_eq!(blocks(&steps[0], 3), blocks(&steps[3], 3));
        assert_ne!(text(&steps[0]), text(&steps[3]), "the rest is like no other");
        assert!(steps.iter().all(|step| step.prompt.is_none()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn prompts_have_the_recorded_length(tokens in 1_u64..900, ids in prop::collection::vec(0_u64..50, 0..12), size in 1_u32..200) {
            let prompt = Prompt { tokens, block_size: size, blocks: ids.into(), scope: 0 };
            let step = written(&[prompt]).remove(0);
            prop_assert_eq!(step.input_tokens, Some(tokens));
            prop_assert_eq!(BUILTIN.count(&text(&step)) as u64, tokens);
        }
    }
}
