//! Placeholder: `report`.

mod server_metrics;
