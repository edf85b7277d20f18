//! How the ways are called in which sessions are taken from a dataset.

use crate::{config::units::Choice, plan::Sampling};

impl Choice for Sampling {
    const NAMES: &'static [(&'static str, Self)] =
        &[("sequential", Self::Sequential), ("random", Self::Random), ("shuffle", Self::Shuffle)];
}
