//! How the requests of the load follow each other, beyond a rate and a number at once.

use std::num::NonZeroU32;

use clap::Args;

use super::choice::LOAD;
use crate::{
    config::{rate_series::RateSeries, units},
    plan::Smoothness,
};

/// Gaps and curves.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ArrivalFlags {
    /// Shape of the gaps with --arrival-pattern gamma, which it implies: below 1 requests come in bursts, 1 is poisson, and
    /// above 1 they come more evenly [default: 1].
    #[arg(long, visible_alias = "vllm-burstiness", value_name = "SHAPE", help_heading = LOAD)]
    #[arg(value_parser = units::smoothness)]
    pub(crate) arrival_smoothness: Option<Smoothness>,

    /// JSON file of rates that change with time, in place of --request-rate.
    ///
    /// `{"points": [{"time_s": 0, "qps": 5}, {"time_s": 60, "qps": 20}]}`: two points or more, in the order of their times.
    /// The rate goes straight from each to the next, and has that of the first before it, and that of the last behind it.
    #[arg(long, value_name = "FILE", value_parser = RateSeries::read, help_heading = LOAD)]
    pub(crate) request_rate_series: Option<RateSeries>,

    /// Time in which the rate rises to --request-rate, in a straight line.
    ///
    /// It begins at the rate x 0.1 s / TIME. With --request-rate-series, the series begins behind it.
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = LOAD)]
    pub(crate) request_rate_ramp_duration: Option<f64>,

    /// Time in which --concurrency rises from 1 to its number, by 1 at equal distances.
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = LOAD)]
    pub(crate) concurrency_ramp_duration: Option<f64>,

    /// Most requests that may wait for their first token at once; needs --streaming.
    ///
    /// At most --concurrency. A request waits for a place before it is sent, and gives it back at its first token.
    #[arg(long, value_name = "N", value_parser = units::concurrency, help_heading = LOAD)]
    pub(crate) prefill_concurrency: Option<NonZeroU32>,

    /// Time in which --prefill-concurrency rises from 1 to its number, by 1 at equal distances.
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = LOAD)]
    pub(crate) prefill_concurrency_ramp_duration: Option<f64>,

    /// Share of the measured requests that are cancelled by closing their connections, in percent.
    ///
    /// The seed decides which. They are counted by themselves: neither as errors nor in latencies.
    #[arg(long, value_name = "PERCENT", value_parser = units::percent, help_heading = LOAD)]
    pub(crate) request_cancellation_rate: Option<f64>,

    /// Time from the last byte of such a request to its cancellation [default: 0].
    #[arg(long, value_name = "TIME", value_parser = units::seconds, help_heading = LOAD)]
    pub(crate) request_cancellation_delay: Option<f64>,

    /// End the run when more than this share of the requests of a phase has failed, from 0 to 1.
    ///
    /// It is looked at after 10 requests, or --concurrency if that is more. The exit code is 6 then (1 if no request had
    /// succeeded).
    #[arg(long, value_name = "SHARE", value_parser = units::share, help_heading = LOAD)]
    pub(crate) failed_request_threshold: Option<f64>,
}
