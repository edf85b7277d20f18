//! When it is of no use to go on, as it is said from one process to another: [`Verdict`].

use serde::{Deserialize, Serialize};

use crate::clock::RunNs;

/// Failures in a row became too many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verdict {
    /// The server is gone.
    Gone(Failures),
    /// The endpoint writes no request any more that can be sent.
    Unformatted(Failures),
}

/// Failures in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failures {
    /// When the first of the requests began.
    pub(crate) since_ns: RunNs,
    /// How many there were, one after the other.
    pub(crate) count: u64,
    /// What became of the last one.
    pub(crate) error: String,
}
