//! What is read of an answer.

use serde::{Deserialize, Serialize};

use crate::clock::RunNs;

/// Which clock said when the bytes of an answer arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StampSource {
    /// The kernel, as it received them.
    Kernel,
    /// This process, when it came to read them.
    User,
}

/// A piece of an answer, where it was read.
#[derive(Debug)]
pub(crate) struct Chunk<'a> {
    /// What it says, decoded.
    pub(crate) bytes: &'a [u8],
    /// How many bytes of the body that were, as they came.
    pub(crate) wire_bytes: usize,
    /// When the last of them arrived.
    pub(crate) arrived: RunNs,
    /// Who says so.
    pub(crate) source: StampSource,
}
