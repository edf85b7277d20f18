//! How a run of an experiment ended.

/// How a run ended, as far as an experiment cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RunEnd {
    /// It measured what it was asked for.
    Measured,
    /// It did not, or not all of it.
    Failed {
        reason: String,
        /// The exit code of a program with this run alone.
        exit_code: u8,
        /// Something was measured.
        in_part: bool,
    },
    /// There was no connection to the target.
    Unreachable { reason: String, exit_code: u8 },
    /// Nothing was sent, for a reason that is none of the target's: a file cannot be read, a plugin cannot be loaded.
    NotBegun { reason: String, exit_code: u8 },
    /// What it measured could not be kept: further runs would have nowhere to go, either.
    Unkept { reason: String, exit_code: u8 },
    /// The user ended it.
    Interrupted { exit_code: u8 },
}
