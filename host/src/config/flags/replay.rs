//! The flags about replays of recorded sessions.

use clap::Args;

use super::choice::LOAD;
use crate::config::units;

/// Recorded sessions at their own instants.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ReplayFlags {
    /// Start the sessions of --input-file when they were recorded, counted from the first one.
    ///
    /// Turns of a session keep their recorded delays, and wait for the responses before them. --concurrency limits how many go
    /// on at once.
    #[arg(long, help_heading = LOAD)]
    pub(crate) fixed_schedule: bool,

    /// Start the sessions of --input-file as the load says, and not when they were recorded; so it is without any flag.
    #[arg(long, help_heading = LOAD)]
    pub(crate) no_fixed_schedule: bool,

    /// Count the times of the schedule from the first session; so it is without --fixed-schedule-start-offset.
    #[arg(long, help_heading = LOAD)]
    pub(crate) fixed_schedule_auto_offset: bool,

    /// Leave out sessions recorded before this, in milliseconds after the first one; it is where time begins.
    #[arg(long = "fixed-schedule-start-offset", value_name = "MS", value_parser = units::non_negative)]
    #[arg(help_heading = LOAD)]
    pub(crate) start_offset: Option<f64>,

    /// Leave out sessions recorded after this, in milliseconds after the first one.
    #[arg(long = "fixed-schedule-end-offset", value_name = "MS", value_parser = units::non_negative)]
    #[arg(help_heading = LOAD)]
    pub(crate) end_offset: Option<f64>,

    /// Divide all recorded times by this [default: 1].
    ///
    /// The same as --synthesis-speedup-ratio.
    #[arg(long = "replay-speedup", alias = "synthesis-speedup-ratio", value_name = "FACTOR")]
    #[arg(value_parser = units::rate, help_heading = LOAD)]
    pub(crate) speedup: Option<f64>,
}
