//! AIPerf's files, of version 0.13: `profile_export_aiperf.json` and `.csv` ([`summary`], [`table`]), a line a request in
//! `profile_export.jsonl` ([`lines`]), and `profile_export_aiperf_timeslices.json` and `.csv` ([`timeslices`]).
//!
//! Their shape was taken from files that AIPerf had written. Prony's own lines are in `profile_export_prony.jsonl` then.

mod lines;
mod statistics;
mod summary;
mod table;
mod timeslices;

use std::collections::BTreeMap;

use prony_plugin_api::message::PhaseKind;

use self::timeslices::Timeslices;
use super::super::{
    artifacts::Files,
    errors::{ErrorGroup, ErrorGroups, Position},
    file_names,
    lines::Lines,
    model::Report,
};
use crate::{
    metrics::{
        Measured, PhaseSpan,
        other_tools::{Seen, ToolAggregator, ToolResults},
    },
    plan::{Compat, ExportLevel},
    record::RunHeader,
};

/// What records are looked at with.
#[derive(Clone, Debug)]
pub(super) struct Lens {
    aggregator: ToolAggregator,
    style: lines::Style,
    slices: Option<Timeslices>,
    has_lines: bool,
}

impl Lens {
    /// For a run with this header.
    pub(super) fn of(header: &RunHeader) -> Self {
        let exports = &header.settings.exports;
        Self {
            aggregator: ToolAggregator::new(Compat::Aiperf, header),
            style: lines::Style::of(header),
            slices: exports.slice_s.map(|seconds| Timeslices::new(header, seconds)),
            has_lines: exports.level != ExportLevel::Summary,
        }
    }

    /// A measured phase begins.
    pub(super) fn measured_since(&mut self, at_ns: u64) {
        self.slices.iter_mut().for_each(|slices| slices.begin(at_ns));
    }

    /// Where records go that are next to each other.
    pub(super) fn part(&self) -> Part {
        Part {
            aggregator: self.aggregator.clone(),
            slices: self.slices.clone(),
            lines: Vec::new(),
            errors: BTreeMap::new(),
            measured: Measured::new(),
        }
    }
}

/// What some records next to each other come to.
#[derive(Debug)]
pub(super) struct Part {
    aggregator: ToolAggregator,
    slices: Option<Timeslices>,
    lines: Vec<u8>,
    /// Of the warm-up (`false`), and of what is measured.
    errors: BTreeMap<bool, ErrorGroups>,
    measured: Measured,
}

impl Part {
    /// Takes a record in.
    pub(super) fn take(
        &mut self,
        lens: &Lens,
        seen: &Seen,
        kind: PhaseKind,
        at: Position,
    ) -> serde_json::Result<()> {
        self.aggregator.record(seen, kind, &mut self.measured);
        if lens.has_lines {
            lens.style.write(seen.record(), kind, &self.measured, &mut self.lines)?;
        }
        if let Some(failure) = seen.record().outcome.failure() {
            self.errors.entry(kind == PhaseKind::Profiling).or_default().record(failure, at);
        }
        if let Some(slices) = self.slices.as_mut().filter(|_| kind == PhaseKind::Profiling) {
            slices.record(seen, &mut self.measured);
        }
        Ok(())
    }

    /// Gets what was taken in ready to be merged.
    pub(super) fn settle(&mut self) {
        self.aggregator.settle();
        self.slices.iter_mut().for_each(Timeslices::settle);
    }
}

/// What all records come to so far.
pub(super) struct Whole {
    aggregator: ToolAggregator,
    slices: Option<Timeslices>,
    lines: Lines,
    errors: BTreeMap<bool, ErrorGroups>,
}

impl Whole {
    /// Nothing yet.
    pub(super) fn new(lens: &Lens, files: &mut Files<'_>) -> Self {
        let name = lens.has_lines.then_some(file_names::REQUESTS);
        Self {
            aggregator: lens.aggregator.clone(),
            slices: lens.slices.clone(),
            lines: Lines::begun(files, name),
            errors: BTreeMap::new(),
        }
    }

    /// Takes in what comes next.
    pub(super) fn take(&mut self, part: Part, files: &mut Files<'_>) {
        self.aggregator.merge(part.aggregator);
        self.lines.add(files, &part.lines);
        for (is_measured, more) in part.errors {
            self.errors.entry(is_measured).or_default().merge(more);
        }
        if let Some((slices, more)) = self.slices.as_mut().zip(part.slices) {
            slices.merge(more);
        }
    }

    /// Computes the numbers.
    pub(super) fn finish(mut self, files: &mut Files<'_>, phases: &[PhaseSpan]) -> Findings {
        self.lines.commit(files);
        Findings {
            results: self.aggregator.results(phases),
            errors: self.errors.remove(&true).map(ErrorGroups::into_groups).unwrap_or_default(),
            slices: self.slices.and_then(|slices| slices.finish(phases)),
        }
    }
}

/// What a run comes to.
#[derive(Debug)]
pub(super) struct Findings {
    results: ToolResults,
    /// Failures of what is measured.
    errors: Vec<ErrorGroup>,
    slices: Option<Vec<timeslices::Slice>>,
}

/// Writes what is written when all is known.
pub(super) fn write(findings: &Findings, report: &Report, files: &mut Files<'_>) {
    let name = files.name(file_names::AIPERF);
    files.write_whole(&name, |out| summary::write(&findings.results, &findings.errors, report, out));
    let name = files.name(file_names::AIPERF_TABLE);
    files.write_whole(&name, |out| table::write(&findings.results, out));
    if let Some(slices) = &findings.slices {
        let name = files.name(file_names::AIPERF_TIMESLICES);
        files.write_whole(&name, |out| timeslices::write_json(slices, report, out));
        let name = files.name(file_names::AIPERF_TIMESLICES_TABLE);
        files.write_whole(&name, |out| timeslices::write_csv(slices, report, out));
    }
}
