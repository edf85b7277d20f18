//! Placeholder: `request`.
