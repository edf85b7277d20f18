//! What generated conversations are made of, and what stands in front of every conversation.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{cache_bust::CacheBustTarget, length::LengthLaw, lossy};

/// How long generated conversations are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DialogueConfig {
    /// Turns of a conversation.
    pub(crate) turns: LengthLaw,
    /// From the end of a response to the next turn, in milliseconds; none with a mean of 0.
    pub(crate) delay_ms: LengthLaw,
    /// Turns have replies that a session repeats which starts behind them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_replies: bool,
}

impl Default for DialogueConfig {
    fn default() -> Self {
        let law = |mean| LengthLaw { mean, stddev: 0.0 };
        Self { turns: law(1.0), delay_ms: law(0.0), has_replies: false }
    }
}

impl DialogueConfig {
    /// Every conversation is a single request.
    pub(crate) fn is_single(&self) -> bool {
        self.turns.mean <= 1.0 && self.turns.stddev <= 0.0
    }
}

/// What stands in front of every conversation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ContextConfig {
    /// System message of all, before that of the dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) system: Option<SystemPrompt>,
    /// Tokens of a message that each conversation has of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_context_tokens: Option<u32>,
    /// What first turns begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prefixes: Option<PrefixPool>,
    /// Tokens that first turns leave free for a marker.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) marker_tokens: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl ContextConfig {
    /// There is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Generated tokens that measured conversations begin with and share, in front of a marker: of the system message, and of a
    /// prefix, with which the user's first text begins.
    pub(crate) fn shared_tokens(&self, marker: CacheBustTarget) -> u64 {
        let (system, prefix) = (self.system_tokens(), self.prefixes.map_or(0, |pool| u64::from(pool.tokens)));
        match marker {
            CacheBustTarget::SystemPrefix => 0,
            CacheBustTarget::SystemSuffix | CacheBustTarget::FirstTurnPrefix => system,
            CacheBustTarget::None
            | CacheBustTarget::FirstTurnSuffix
            | CacheBustTarget::WarmupIsolationSystem
            | CacheBustTarget::WarmupIsolationFirstTurn => system + prefix,
        }
    }

    fn system_tokens(&self) -> u64 {
        match self.system {
            Some(SystemPrompt::Generated { tokens }) => u64::from(tokens),
            _ => 0,
        }
    }

    /// Tokens that are generated for one conversation at most, and for all together.
    pub(crate) fn tokens(&self) -> u64 {
        let prefix = self.prefixes.map_or(0, |pool| pool.tokens);
        self.system_tokens() + u64::from(self.user_context_tokens.unwrap_or(0)) + u64::from(prefix)
    }
}

/// A system message that all conversations share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SystemPrompt {
    Text(String),
    /// The content of a file.
    File(#[serde(serialize_with = "lossy::path")] PathBuf),
    Generated {
        /// Its length.
        tokens: u32,
    },
}

/// Generated beginnings that conversations share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PrefixPool {
    /// How many there are.
    pub(crate) number: u32,
    pub(crate) tokens: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_shared_behind_a_marker() {
        let context = ContextConfig {
            system: Some(SystemPrompt::Generated { tokens: 100 }),
            prefixes: Some(PrefixPool { number: 1, tokens: 20 }),
            ..ContextConfig::default()
        };
        let markers = [
            CacheBustTarget::None,
            CacheBustTarget::FirstTurnPrefix,
            CacheBustTarget::SystemSuffix,
            CacheBustTarget::SystemPrefix,
        ];
        assert_eq!(markers.map(|marker| context.shared_tokens(marker)), [120, 100, 100, 0]);
    }
}
