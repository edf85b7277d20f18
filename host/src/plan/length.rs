//! Lengths that are drawn from a law.

use serde::{Deserialize, Serialize};

/// A normal law over positive integers, of tokens but for a number of passages. A standard deviation of 0 gives the mean every time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LengthLaw {
    /// Mean.
    pub(crate) mean: f64,
    /// Standard deviation.
    pub(crate) stddev: f64,
}
