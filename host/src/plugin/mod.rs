//! Placeholder: `plugin`.
