//! What generated prompts are made of.

use serde::{Deserialize, Serialize};

/// The texts of generated prompts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PromptCorpus {
    /// Sentences of common words.
    #[default]
    Sentences,
    /// Code, output of programs, differences of files.
    Coding,
    /// Tokens of the vocabulary in a row from anywhere in it, without those that have a meaning of their own.
    Random,
    /// The same, with those.
    RandomOfAll,
}

impl PromptCorpus {
    /// Nobody has asked for another one.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference to the field")]
    pub(crate) fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}
