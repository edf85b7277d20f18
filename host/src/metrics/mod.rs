//! Placeholder: `metrics`.
