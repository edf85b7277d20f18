//! How sessions are dealt to classes.

use serde::{Deserialize, Serialize};

/// The order in which sessions are dealt to classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DealOrder {
    /// In turn: equal shares.
    RoundRobin,
    /// At random, each session for itself.
    Random,
    /// In a mixed order in which every stretch has nearly the shares that were asked for.
    #[default]
    Even,
}

/// How sessions are dealt to classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deal {
    pub(crate) order: DealOrder,
    /// Of each class; together 1.
    pub(crate) shares: Vec<f64>,
}

/// The greatest common divisor: what is dealt in turn by two numbers goes together where it is more than 1.
pub(crate) fn common_divisor(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { common_divisor(other, one % other) }
}
