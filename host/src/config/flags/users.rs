//! The flags about users who send their requests at a pace of their own.

use std::num::NonZeroU32;

use clap::Args;

use super::choice::LOAD;
use crate::config::units;

/// Users, and how fast they are together.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct UserFlags {
    /// Requests a second of all users of --num-users together, at equal distances.
    ///
    /// Each user sends a turn every --num-users / RATE seconds, or when the response before it is there, if that is later. One
    /// whose turns have had their time is followed by another one, whether or not the responses are there. Needs conversations.
    #[arg(long, value_name = "RATE", value_parser = units::rate, help_heading = LOAD)]
    pub(crate) user_centric_rate: Option<f64>,

    /// Users of --user-centric-rate. They begin one after the other, each with a first turn.
    #[arg(long, value_name = "N", value_parser = units::concurrency, help_heading = LOAD)]
    pub(crate) num_users: Option<NonZeroU32>,
}
