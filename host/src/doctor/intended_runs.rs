//! What the machine is to be good for.

use std::path::PathBuf;

/// The runs that the machine is to be good for.
#[derive(Clone, Debug)]
pub(crate) struct IntendedRuns {
    /// Requests, and so connections, at the same time.
    pub(crate) connections: u64,
    /// Folder below which results are written. It need not be there yet.
    pub(crate) dir: PathBuf,
    /// API format, as its manifest spells it.
    pub(crate) endpoint_type: String,
    /// Cores that this process may use.
    pub(crate) cores: usize,
}
