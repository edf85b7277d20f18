//! What a run costs: the [`Price`].

use serde::{Deserialize, Serialize};

/// What the user pays, in dollars. At least one part of it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Price {
    /// For a million tokens of input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<f64>,
    /// For a million tokens of output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<f64>,
    /// For an hour of all servers together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hour: Option<f64>,
}
