//! How the scraping went: exports [`Summary`].

use std::collections::BTreeMap;

use prony_plugin_api::ErrorDetails;
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    timeline::{Page, Timeline},
    window::PhaseWindow,
};

/// How the scraping went.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) endpoints_configured: Vec<String>,
    /// Those that were scraped at least once.
    pub(super) endpoints_successful: Vec<String>,
    /// Of the first phase, RFC 3339.
    pub(super) start_time: Option<String>,
    /// Of the last phase, RFC 3339.
    pub(super) end_time: Option<String>,
    endpoint_info: BTreeMap<String, EndpointInfo>,
    phase_time_ranges: BTreeMap<String, TimeRange>,
}

/// How the scraping of one page went. Instants are nanoseconds since the Unix epoch.
#[derive(Debug, Default, Serialize)]
struct EndpointInfo {
    /// Scrapes that succeeded.
    total_fetches: usize,
    #[serde(flatten)]
    fetches: Option<Fetches>,
    /// Its first failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorDetails>,
}

/// Of a page that was scraped.
#[derive(Debug, Serialize)]
struct Fetches {
    first_fetch_ns: u64,
    last_fetch_ns: u64,
    avg_fetch_latency_ms: f64,
    duration_seconds: f64,
}

/// Nanoseconds since the Unix epoch.
#[derive(Debug, Serialize)]
struct TimeRange {
    start_ns: u64,
    end_ns: u64,
}

impl Summary {
    pub(super) fn of(timeline: &Timeline, phases: &[PhaseWindow], wall_start_ns: u64) -> Self {
        let pages = timeline.pages();
        let urls = |pages: &mut dyn Iterator<Item = &Page>| pages.map(|page| page.url.clone()).collect();
        let wall = |ns: u64| wall_start_ns.saturating_add(ns);
        let range = |phase: &PhaseWindow| {
            let range = TimeRange { start_ns: wall(phase.start_ns), end_ns: wall(phase.end_ns) };
            (phase.name(phases), range)
        };
        Self {
            endpoints_configured: urls(&mut pages.iter()),
            endpoints_successful: urls(&mut pages.iter().filter(|page| !page.instants.is_empty())),
            start_time: phases.iter().map(|phase| phase.start_ns).min().and_then(|ns| rfc3339(wall(ns))),
            end_time: phases.iter().map(|phase| phase.end_ns).max().and_then(|ns| rfc3339(wall(ns))),
            endpoint_info: pages
                .iter()
                .map(|page| (page.url.clone(), EndpointInfo::of(page, wall)))
                .collect(),
            phase_time_ranges: phases.iter().map(range).collect(),
        }
    }

    pub(super) fn unavailable(&self) -> Vec<String> {
        let line = |url: &String| {
            let EndpointInfo { total_fetches, error, .. } = self.endpoint_info.get(url)?;
            let message = &error.as_ref()?.message;
            Some(match total_fetches {
                0 => format!("no server metrics from `{url}`: {message}"),
                _ => format!("server metrics from `{url}` have gaps: {message}"),
            })
        };
        self.endpoints_configured.iter().filter_map(line).collect()
    }
}

impl EndpointInfo {
    fn of(page: &Page, wall: impl Fn(u64) -> u64) -> Self {
        let total_fetches = page.instants.len();
        let fetches = page.instants.first().zip(page.instants.last()).map(|(first, last)| Fetches {
            first_fetch_ns: wall(*first),
            last_fetch_ns: wall(*last),
            avg_fetch_latency_ms: page.latency_ns as f64 / total_fetches as f64 / 1e6,
            duration_seconds: last.saturating_sub(*first) as f64 / 1e9,
        });
        Self { total_fetches, fetches, error: page.error.clone() }
    }
}

/// Text for an instant in nanoseconds since the Unix epoch; `None` beyond the year 9999.
fn rfc3339(unix_ns: u64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp_nanos(unix_ns.into()).ok()?.format(&Rfc3339).ok()
}
