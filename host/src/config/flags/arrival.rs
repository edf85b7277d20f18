//! How the requests of the load follow each other, beyond a rate and a number at once.

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

    /// Time in which the rate rises from next to nothing (a tenth of a second's part of it) to --request-rate, in a straight
    /// line.
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = LOAD)]
    pub(crate) request_rate_ramp_duration: Option<f64>,

    /// Time in which --concurrency rises from 1 to its number, by 1 at equal distances.
    #[arg(long, value_name = "TIME", value_parser = units::positive_seconds, help_heading = LOAD)]
    pub(crate) concurrency_ramp_duration: Option<f64>,
}
