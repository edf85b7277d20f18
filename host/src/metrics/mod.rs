//! Metrics: from records to numbers.
//!
//! The stage's noun is the [`MetricTable`]: statistics by metric, in the order of the [`catalogue`], which holds one
//! row a metric with its definition. [`Aggregator`] fills it from records that pass by one at a time. This stage knows
//! no file format and no console.

mod about;
pub(crate) mod absent;
pub(crate) mod aggregate;
mod beside;
pub(crate) mod catalogue;
mod cells;
pub(crate) mod client;
mod columns;
mod connection;
mod counting;
mod curves;
mod derived;
mod ended;
mod failure_kinds;
mod fairness;
mod first_reads;
mod in_flight;
mod inter_token;
pub(crate) mod judged;
mod metric;
mod nodes;
pub(crate) mod objectives;
mod order_statistics;
pub(crate) mod other_tools;
mod outcome;
pub(crate) mod outliers;
mod per_request;
mod pooled;
mod prefix_cache;
pub(crate) mod quantile;
pub(crate) mod queue_growth;
mod recent;
mod request;
mod results;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod samples;
mod sessions;
mod sketch;
mod sketches;
pub(crate) mod slices;
mod span;
mod speculation;
pub(crate) mod statistic;
pub(crate) mod steady;
pub(crate) mod student;
pub(crate) mod tags;
pub(crate) mod units;
mod usage;
mod values;
mod window;

pub(crate) use aggregate::Aggregator;
pub(crate) use beside::Beside;
pub(crate) use catalogue::Metric;
pub(crate) use client::{ClientReport, Verdict};
pub(crate) use counting::{Counting, Tally};
pub(crate) use curves::TimeWeighted;
pub(crate) use failure_kinds::FailureKinds;
pub(crate) use fairness::Fairness;
pub(crate) use inter_token::Basis;
pub(crate) use judged::{Interval, Judged, ObjectiveState};
pub(crate) use nodes::NodeResults;
pub(crate) use outcome::Outcomes;
pub(crate) use prefix_cache::{PrefixCaches, WarmBefore};
pub(crate) use quantile::Distribution;
pub(crate) use recent::RecentRequests;
pub(crate) use request::{LatencyOrigin, TokenCounting};
pub(crate) use results::{ClassResults, Measured, PhaseResults, Results, RunResults, TokenSource};
pub(crate) use sessions::{Session, Sessions};
pub(crate) use sketch::{Drawing, Sketch};
pub(crate) use sketches::{LastSeconds, Sketches};
pub(crate) use span::{PhaseCounts, PhaseSpan};
pub(crate) use statistic::Statistic;

use crate::clock::RunNs;

/// Stretches of time that the numbers of these phases together are about, in order and without overlaps.
pub(crate) fn stretches(phases: &[PhaseSpan]) -> Vec<(RunNs, RunNs)> {
    window::Window::of(phases).parts().to_vec()
}

/// What is known of one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stats {
    /// One number for the whole phase.
    Scalar(f64),
    /// Many values.
    Distribution(Distribution),
    /// One value at each moment.
    OverTime(TimeWeighted),
}

impl Stats {
    /// The headline: the number itself, or the mean.
    pub(crate) fn avg(&self) -> f64 {
        match self {
            Self::Scalar(value) => *value,
            Self::Distribution(distribution) => distribution.avg,
            Self::OverTime(curve) => curve.avg,
        }
    }
}

/// Statistics by metric, in catalogue order. A metric without any value is not in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetricTable {
    rows: Vec<(&'static Metric, Stats)>,
}

impl MetricTable {
    /// Every metric that has a value, in catalogue order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'static Metric, Stats)> {
        self.rows.iter().copied()
    }

    /// The statistics of one metric.
    pub(crate) fn get(&self, tag: &str) -> Option<Stats> {
        self.rows().find(|(metric, _)| metric.tag == tag).map(|(_, stats)| stats)
    }

    /// The 99th percentile of one metric.
    pub(crate) fn p99(&self, tag: &str) -> Option<f64> {
        match self.get(tag)? {
            Stats::Distribution(values) => Some(values.statistic(Statistic::P99)),
            Stats::Scalar(_) | Stats::OverTime(_) => None,
        }
    }

    /// The headline of one metric.
    pub(crate) fn avg(&self, tag: &str) -> Option<f64> {
        self.get(tag).map(|stats| stats.avg())
    }
}
