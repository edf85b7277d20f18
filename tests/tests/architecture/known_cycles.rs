//! Files that use each other and are not untangled yet. What is not in this list must not be, and what is must be true: the
//! test fails for a new cycle, and for one that is gone or has other files.

/// Each with all of its files, below `host/src`.
#[rustfmt::skip]
pub(crate) const KNOWN_CYCLES: &[&[&str]] = &[
    &[
        "report/artifacts.rs", "report/by_url.rs", "report/chunk.rs", "report/collect.rs",
        "report/console.rs",
        "report/csv.rs", "report/headline.rs", "report/json.rs", "report/messages.rs", "report/mod.rs",
        "report/outputs.rs", "report/records.rs", "report/server_metrics/csv.rs",
        "report/server_metrics/mod.rs", "report/service_tables.rs", "report/token_warnings.rs",
        "report/warnings.rs",
    ],
    &["request/exchange.rs", "request/stream.rs"],
];
