//! The memory that bodies take together, from when they pass until they are counted.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Bytes that may be kept at once.
const MOST_BYTES: usize = 1 << 30;

/// What all bodies share.
#[derive(Clone, Debug, Default)]
pub(super) struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// A part of it, of no size yet.
    pub(super) fn part(&self) -> BudgetShare {
        BudgetShare { budget: self.clone(), bytes: 0 }
    }

    /// Bytes that are kept.
    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// What one body takes of it, as long as this is there.
#[derive(Debug)]
pub(super) struct BudgetShare {
    budget: Budget,
    bytes: usize,
}

impl BudgetShare {
    /// Takes so many bytes more. False where there are not so many: then it stays as it is.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        if self.budget.0.fetch_add(bytes, Relaxed).saturating_add(bytes) > MOST_BYTES {
            self.budget.0.fetch_sub(bytes, Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }
}

impl Drop for BudgetShare {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_gives_its_bytes_back() {
        let budget = Budget::default();
        let (mut one, mut other) = (budget.part(), budget.part());
        assert!(one.grow(MOST_BYTES - 10) && other.grow(10));
        assert!(!other.grow(1));
        drop(one);
        assert!(other.grow(1));
        assert_eq!(budget.used(), 11);
    }
}
