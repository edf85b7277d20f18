//! Placeholder: `service`.
