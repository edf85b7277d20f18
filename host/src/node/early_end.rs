//! Why a run is ended early, in the form in which one process tells another: [`EarlyEnd`].

use serde::{Deserialize, Serialize};

use crate::clock::RunNs;

/// Too many requests in a row failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EarlyEnd {
    /// No connection to the server could be made.
    Gone(Failures),
    /// The endpoint wrote no request that could be sent.
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
