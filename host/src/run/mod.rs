//! Placeholder: `run`.
