//! Placeholder: `schedule`.
