//! Files that use each other and are not untangled yet: none. What is not in this list must not be, and what is must be true:
//! the test fails for a new cycle, and for one that is gone or has other files.

/// Each with all of its files, below `host/src`.
pub(crate) const KNOWN_CYCLES: &[&[&str]] = &[];
