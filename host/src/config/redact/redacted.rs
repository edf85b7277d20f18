//! A plan that may be kept and shown.

use std::ops::Deref;

use serde::{Serialize, Serializer};

use crate::plan::{Plan, WrittenPlan};

/// Something without its secrets. Only what hides them makes one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Its secrets are hidden.
    pub(super) fn new(hidden: T) -> Self {
        Self(hidden)
    }
}

impl<T> Deref for Redacted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl Serialize for Redacted<Plan> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WrittenPlan::of(self.0.clone()).serialize(serializer)
    }
}
