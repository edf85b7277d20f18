//! The flags about conversations: how many, how long, and what stands in front of them.

use std::{
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
};

use clap::Args;

use super::choice::{ChoiceParser, DATASET, LOAD};
use crate::{
    config::units::{self, Choice},
    plan::{CacheBustTarget, ReplyPolicy},
};

/// Conversations of several turns.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct DialogueFlags {
    /// Number of conversations to start; a single request is a conversation of one turn.
    ///
    /// The same as --num-sessions and --conversation-num.
    #[arg(long, aliases = ["num-sessions", "conversation-num"], value_name = "N", help_heading = LOAD)]
    #[arg(value_parser = units::requests)]
    pub(crate) num_conversations: Option<NonZeroU64>,

    /// Turns of a generated conversation [default: 1].
    ///
    /// It is a mean. Each turn repeats what was said before it, and is sent when the turn before was answered.
    #[arg(long = "conversation-turn-mean", alias = "session-turns-mean", value_name = "N")]
    #[arg(value_parser = units::positive::<u32>, help_heading = DATASET)]
    pub(crate) turn_mean: Option<u32>,

    /// Standard deviation of that number [default: 0].
    #[arg(long = "conversation-turn-stddev", alias = "session-turns-stddev", value_name = "N")]
    #[arg(value_parser = units::non_negative, help_heading = DATASET)]
    pub(crate) turn_stddev: Option<f64>,

    /// Time from a response to the next turn of a generated conversation, in milliseconds [default: 0].
    ///
    /// It is a mean: the time that a user thinks.
    #[arg(long = "conversation-turn-delay-mean", alias = "session-turn-delay-mean", value_name = "MS")]
    #[arg(value_parser = units::non_negative, help_heading = DATASET)]
    pub(crate) delay_mean: Option<f64>,

    /// Standard deviation of that time, in milliseconds [default: 0].
    #[arg(long = "conversation-turn-delay-stddev", alias = "session-turn-delay-stddev", value_name = "MS")]
    #[arg(value_parser = units::non_negative, help_heading = DATASET)]
    pub(crate) delay_stddev: Option<f64>,

    /// Multiply each delay between turns by this, also those of a file [default: 1].
    #[arg(long = "conversation-turn-delay-ratio", alias = "session-delay-ratio", value_name = "FACTOR")]
    #[arg(value_parser = units::non_negative, help_heading = DATASET)]
    pub(crate) delay_ratio: Option<f64>,

    /// Replies that later turns of a conversation repeat: those of the server (live), or those of the file, where it has
    /// them (recorded) [default: live].
    #[arg(long, value_name = "SOURCE", value_parser = ChoiceParser::<ReplyPolicy>::new(), help_heading = DATASET)]
    pub(crate) replies: Option<ReplyPolicy>,

    /// Marker that keeps conversations out of the server's prefix cache: `system-prefix`, `system-suffix`, `first-turn-prefix`
    /// or `first-turn-suffix` (another one for each conversation), `warmup-isolation-system` or `warmup-isolation-first-turn`
    /// (the same one for all of a warm-up, and none for what is measured) [default: none].
    ///
    /// It is `[rid:…]` or `[warmup]`, with a blank line beside it, and a part of --isl. One --random-seed gives the same markers
    /// again, so that another run with that seed may find them in the cache.
    #[arg(long, value_name = "TARGET", value_parser = ChoiceParser::<CacheBustTarget>::new(), help_heading = DATASET)]
    pub(crate) cache_bust: Option<CacheBustTarget>,

    /// System message of every conversation, in front of that of a file.
    #[arg(long, value_name = "TEXT", help_heading = DATASET)]
    pub(crate) system_prompt: Option<String>,

    /// File with that message.
    #[arg(long, value_name = "FILE", help_heading = DATASET)]
    pub(crate) system_prompt_file: Option<PathBuf>,

    /// Tokens of a generated system message, the same one for all conversations.
    #[arg(long, value_name = "TOKENS", value_parser = units::concurrency, help_heading = DATASET)]
    pub(crate) shared_system_prompt_length: Option<NonZeroU32>,

    /// Tokens of a generated message in front of the first turn, another one for each conversation.
    #[arg(long, value_name = "TOKENS", value_parser = units::concurrency, help_heading = DATASET)]
    pub(crate) user_context_prompt_length: Option<NonZeroU32>,

    /// Number of generated prefixes; the first turn of each conversation begins with one of them, chosen at random.
    ///
    /// The same as --prompt-prefix-pool-size.
    #[arg(long, aliases = ["prompt-prefix-pool-size", "prefix-prompt-pool-size"], value_name = "N")]
    #[arg(value_parser = units::concurrency, help_heading = DATASET)]
    pub(crate) num_prefix_prompts: Option<NonZeroU32>,

    /// Tokens of such a prefix, beside those of --isl.
    #[arg(long, alias = "prompt-prefix-length", value_name = "TOKENS")]
    #[arg(value_parser = units::concurrency, help_heading = DATASET)]
    pub(crate) prefix_prompt_length: Option<NonZeroU32>,
}

impl Choice for CacheBustTarget {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("system-prefix", Self::SystemPrefix),
        ("system-suffix", Self::SystemSuffix),
        ("first-turn-prefix", Self::FirstTurnPrefix),
        ("first-turn-suffix", Self::FirstTurnSuffix),
        ("warmup-isolation-system", Self::WarmupIsolationSystem),
        ("warmup-isolation-first-turn", Self::WarmupIsolationFirstTurn),
    ];
}

impl Choice for ReplyPolicy {
    const NAMES: &'static [(&'static str, Self)] = &[("live", Self::Live), ("recorded", Self::Recorded)];
}
