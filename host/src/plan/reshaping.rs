//! What a run makes of a recording before it is played: other lengths, other shared prefixes, fewer sessions.

use std::num::{NonZeroU32, NonZeroU64};

use serde::{Deserialize, Serialize};

/// What becomes of a recording; nothing by default. Parts of it apply in the order in which they stand here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Reshaping {
    /// Tokens of a block, in place of what the format says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) block_size: Option<NonZeroU32>,
    /// Sessions that grow beyond so many tokens, prompt and response together, are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) most_context: Option<NonZeroU64>,
    /// Only this part of the sessions is kept, above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session_share: Option<f64>,
    /// Requests whose prompts are longer are left out, with what follows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) most_input: Option<NonZeroU64>,
    /// What prompts share, how long they are, and how long responses are.
    #[serde(skip_serializing_if = "Synthesis::is_neutral")]
    pub(crate) synthesis: Synthesis,
    /// No more output tokens are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) most_output: Option<NonZeroU64>,
    /// The server is asked for as many output tokens at least as it is asked for at most.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) force_min_tokens: bool,
}

impl Reshaping {
    /// The recording stays as it is.
    pub(crate) fn is_unchanged(&self) -> bool {
        *self == Self::default()
    }
}

/// Factors by which a recording becomes another one that is like it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Synthesis {
    /// For the blocks that prompts share with others.
    pub(crate) prefix: f64,
    /// Sessions are dealt out to so many sets, which share nothing with each other.
    pub(crate) roots: NonZeroU32,
    /// For the tokens behind the shared blocks.
    pub(crate) prompt: f64,
    /// For output tokens.
    pub(crate) output: f64,
}

impl Default for Synthesis {
    fn default() -> Self {
        Self { prefix: 1.0, roots: NonZeroU32::MIN, prompt: 1.0, output: 1.0 }
    }
}

impl Synthesis {
    /// Nothing changes.
    pub(crate) fn is_neutral(&self) -> bool {
        *self == Self::default()
    }

    /// Prompts stay as they are: only what is asked for as output changes.
    pub(crate) fn keeps_prompts(&self) -> bool {
        Self { output: Self::default().output, ..*self }.is_neutral()
    }
}
