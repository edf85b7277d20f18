//! Whether a load keeps to the objectives.

use serde::Serialize;

/// What is known of a load, at the confidence of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It keeps to all objectives.
    Kept,
    /// It breaks one at least.
    Broken,
    /// The edge may be on either side of it.
    Unclear,
}
