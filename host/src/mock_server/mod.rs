//! Placeholder: `mock_server`.
