//! What the servers' own metrics say about each phase: exports [`ServerMetricsReport`].
//!
//! It is computed from the journalled scrapes ([`Timeline`]) and the phases' windows, and from nothing else. A phase's
//! rates cover its own window: from the scrape at its start to the one at its end, and nothing that comes after.
//!
//! `server_metrics_export.json` has the shape that `AIPerf` gives it, with these differences: every series names its
//! phase, restarts of a counter are counted, and percentiles of histograms are interpolated in their bucket.

pub(super) mod csv;
mod curves;
mod export;
mod gauges;
pub(super) mod lines;
mod other_clients;
mod prefix_hits;
mod speculation;
mod stats;
mod summary;
#[cfg(test)]
mod tests;
mod timeline;
mod window;

pub(crate) use self::{
    curves::{Curve, curves},
    export::{SCHEMA_VERSION, ServerMetricsReport},
    gauges::server_now,
    other_clients::{Flights, OtherClient, strangers},
    speculation::Speculation,
    timeline::Timeline,
    window::PhaseWindow,
};
