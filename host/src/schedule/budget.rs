//! Budgets: requests that a phase may still send.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Requests that may still be sent in a phase, common to its workers: of sessions of several steps, nobody knows beforehand
/// how many requests they come to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget(Option<Arc<AtomicU64>>);

impl Budget {
    /// A budget of this number of requests.
    pub(crate) fn of(requests: u64) -> Self {
        Self(Some(Arc::new(AtomicU64::new(requests))))
    }

    /// Takes one request, if one is left; without a number there always is.
    pub(crate) fn take(&self) -> bool {
        let Some(left) = &self.0 else { return true };
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    /// How many are left, if there is a number.
    pub(super) fn left(&self) -> Option<u64> {
        self.0.as_ref().map(|left| left.load(Ordering::Relaxed))
    }

    /// Whether none is left.
    pub(crate) fn is_spent(&self) -> bool {
        self.left() == Some(0)
    }
}
