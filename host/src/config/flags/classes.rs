//! The flags about kinds of sessions, and what a good request is.

use clap::Args;

use super::choice::LOAD;
use crate::config::units::Choice;

/// Classes and objectives.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ClassFlags {
    /// Class of sessions, `NAME:KEY=VALUE,…`; once for each class, and the results have rows for each.
    ///
    /// Keys: `share` (a weight, 1 by default), `model`, `adapter` (of `LoRA`, sent as the model), `priority` (the body field),
    /// `isl`, `isl-stddev`, `osl`, `osl-stddev` and `goodput`, as the flags of these names. Which class a session is of follows from
    /// --random-seed.
    #[arg(long, value_name = "CLASS", help_heading = LOAD)]
    pub(crate) class: Vec<String>,

    /// Objectives of a good request, `METRIC:VALUE`, separated by spaces: `time_to_first_token:300 inter_token_latency:20`.
    ///
    /// A value has the metric's unit, or `ms` or `s` behind it. It is the most, or the least where more is better. The results say
    /// how many requests kept to all of them.
    #[arg(long, value_name = "OBJECTIVES", num_args = 1.., help_heading = LOAD)]
    pub(crate) goodput: Vec<String>,
}

/// How several models share the sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ModelStrategy {
    /// Each session takes the next one.
    RoundRobin,
    /// Each session draws one.
    Random,
}

impl Choice for ModelStrategy {
    const NAMES: &'static [(&'static str, Self)] =
        &[("round-robin", Self::RoundRobin), ("random", Self::Random)];
    const NOT_BUILT: &'static [&'static str] = &["weighted"];
    const INSTEAD: &'static [(&'static str, &'static str)] = &[(
        "weighted",
        "use `--class` once for each model, as in `--class a:model=org/a,share=80 --class b:model=org/b,share=20`",
    )];
}
