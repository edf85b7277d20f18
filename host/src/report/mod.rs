//! Placeholder: `report`.
