//! How the load of a warm-up differs from the one that is measured.

use std::num::{NonZeroU32, NonZeroU64};

use clap::Args;

use super::{
    choice::{ChoiceParser, LOAD},
    pattern::ArrivalPattern,
};
use crate::{config::units, plan::Grace};

/// The load of the warm-up; what is not given is that of the load that is measured.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct WarmupFlags {
    /// Conversations to start during warm-up. With other bounds of it, whichever comes first.
    #[arg(long, value_name = "N", value_parser = units::requests, help_heading = LOAD)]
    pub(crate) num_warmup_sessions: Option<NonZeroU64>,

    /// Stop sending warm-up requests after this time. With --warmup-request-count, whichever comes first.
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = LOAD)]
    pub(crate) warmup_duration: Option<f64>,

    /// Maximum time to wait for requests in flight once the duration of the warm-up is over [default: until all have ended].
    #[arg(long, value_name = "TIME", value_parser = units::grace, help_heading = LOAD)]
    pub(crate) warmup_grace_period: Option<Grace>,

    /// Requests to start per second during warm-up [default: that of --request-rate, or the first of --request-rate-series].
    #[arg(long, value_name = "RATE", value_parser = units::rate, help_heading = LOAD)]
    pub(crate) warmup_request_rate: Option<f64>,

    /// Distribution of request arrivals during warm-up [default: that of --arrival-pattern].
    #[arg(long, value_name = "PATTERN", help_heading = LOAD)]
    #[arg(value_parser = ChoiceParser::<ArrivalPattern>::new())]
    pub(crate) warmup_arrival_pattern: Option<ArrivalPattern>,

    /// Time in which the rate of the warm-up rises [default: that of --request-rate-ramp-duration].
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = LOAD)]
    pub(crate) warmup_request_rate_ramp_duration: Option<f64>,

    /// Time in which the concurrency of the warm-up rises [default: that of --concurrency-ramp-duration].
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = LOAD)]
    pub(crate) warmup_concurrency_ramp_duration: Option<f64>,

    /// Most warm-up requests that may wait for their first token at once [default: that of --prefill-concurrency].
    #[arg(long, value_name = "N", value_parser = units::concurrency, help_heading = LOAD)]
    pub(crate) warmup_prefill_concurrency: Option<NonZeroU32>,

    /// Time in which that number rises [default: that of --prefill-concurrency-ramp-duration].
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = LOAD)]
    pub(crate) warmup_prefill_concurrency_ramp_duration: Option<f64>,

    /// Fill the server's cache before the measurement, for this time: the sessions that are measured begin, and ask for one token of
    /// each reply.
    ///
    /// They repeat what is recorded, and leave out all pauses. The measurement goes on with each of them where it stands when the
    /// time is over and the requests in flight have ended. Comes behind a warm-up of other flags.
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = LOAD)]
    pub(crate) agentic_cache_warmup_duration: Option<f64>,

    /// Maximum time to wait for its requests in flight once that time is over [default: until all have ended].
    #[arg(long, value_name = "TIME", value_parser = units::grace, help_heading = LOAD)]
    pub(crate) agentic_warmup_grace_period: Option<Grace>,
}
