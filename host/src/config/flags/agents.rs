//! The flags about how long sessions go on, and where they begin: users who leave, agents that are in the middle of their work.

use clap::Args;

use super::choice::{ChoiceParser, DATASET, LOAD};
use crate::{
    config::units::{self, Choice},
    plan::{OverflowPolicy, ScenarioName},
};

/// Beginnings, pauses and ends of sessions.
#[derive(Args, Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct AgentFlags {
    /// Probability that a user leaves the session after a turn, in percent [default: 0].
    ///
    /// The seed decides which sessions end where. The session is over then, and the next one may start.
    #[arg(long, value_name = "PERCENT", value_parser = units::percent_or_none, help_heading = LOAD)]
    pub(crate) session_leave_rate: Option<f64>,

    /// Start the first sessions within their conversations: at this part of their turns at the earliest
    /// [default: 0.25 with the other ratio].
    ///
    /// As many as --concurrency or --num-users, so that the load is from its beginning what it is later. What was said before
    /// is repeated, with the recorded replies of a file, or generated ones of the length --osl (128 tokens without it).
    #[arg(long, value_name = "RATIO", value_parser = units::share, help_heading = LOAD)]
    pub(crate) trajectory_start_min_ratio: Option<f64>,

    /// At this part of their turns at the latest [default: 0.75 with the other ratio].
    #[arg(long, value_name = "RATIO", value_parser = units::share, help_heading = LOAD)]
    pub(crate) trajectory_start_max_ratio: Option<f64>,

    /// Start all sessions at the same time when a phase begins. This is so without any flag.
    #[arg(long, help_heading = LOAD)]
    pub(crate) burst_phase_starts: bool,

    /// Let sessions that begin within their conversations wait for the pause that is recorded before their first turn.
    ///
    /// The load then begins as it goes on later, and not with all sessions at once. See --trajectory-start-min-ratio and
    /// --agentic-cache-warmup-duration.
    #[arg(long, help_heading = LOAD)]
    pub(crate) no_burst_phase_starts: bool,

    /// Measure a scenario: settings that belong together are filled in and locked, so that results can be put beside each other.
    ///
    /// `inferencex-agentx-mvp` plays traces of coding agents in a closed loop for 30 minutes. docs/SESSIONS.md lists its settings.
    /// The summary says whether the result is a valid one.
    #[arg(long, value_name = "NAME", value_parser = ChoiceParser::<ScenarioName>::new(), help_heading = LOAD)]
    pub(crate) scenario: Option<ScenarioName>,

    /// Allow other settings than those that --scenario locks. The result is then not valid.
    #[arg(long, help_heading = LOAD)]
    pub(crate) unsafe_override: bool,

    /// What it means when the server finds the context of a conversation too long: the session is over and counted apart
    /// (end-session), or a failure like others (fail) [default: end-session].
    #[arg(long, value_name = "MEANING", value_parser = ChoiceParser::<OverflowPolicy>::new(), help_heading = LOAD)]
    pub(crate) context_overflow: Option<OverflowPolicy>,

    /// Longest delay before a turn of --input-file; longer ones are cut to it.
    #[arg(long, value_name = "TIME", value_parser = units::seconds, help_heading = DATASET)]
    pub(crate) inter_turn_delay_cap_seconds: Option<f64>,

    /// Longest time in which nothing of a recorded session goes on; longer ones are cut to it.
    #[arg(long, value_name = "TIME", value_parser = units::seconds, help_heading = DATASET)]
    pub(crate) trace_idle_gap_cap_seconds: Option<f64>,

    /// Longest time in which no recorded session goes on; longer ones are cut to it.
    ///
    /// With --fixed-schedule they are cut in the recording. Without it they are cut as the run goes on: when no request has been
    /// in flight for so long, all turns that are waited for come earlier by the same time, so that the next one comes now.
    #[arg(long, alias = "system-idle-gap-cap-seconds", value_name = "TIME", value_parser = units::seconds)]
    #[arg(help_heading = DATASET)]
    pub(crate) max_idle_gap_cap_seconds: Option<f64>,

    /// Send recorded turns at their instants since the session's start, or as soon as the turns before them are over, if
    /// that is later [default: as the file says it].
    #[arg(long, help_heading = DATASET)]
    pub(crate) open_loop_replay: bool,

    /// Send recorded turns as long after the end of the turns before them as they were recorded.
    ///
    /// The same as --use-think-time-only.
    #[arg(long, alias = "use-think-time-only", help_heading = DATASET)]
    pub(crate) no_open_loop_replay: bool,

    /// Send recorded turns as soon as the turns before them are over, without any of the recorded times.
    #[arg(long, help_heading = DATASET)]
    pub(crate) ignore_trace_delays: bool,
}

impl Choice for OverflowPolicy {
    const NAMES: &'static [(&'static str, Self)] = &[("end-session", Self::EndSession), ("fail", Self::Fail)];
}

impl Choice for ScenarioName {
    const NAMES: &'static [(&'static str, Self)] = &[(Self::AgentX.name(), Self::AgentX)];
}
