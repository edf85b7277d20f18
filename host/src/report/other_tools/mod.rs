//! Results in the files of other tools, for those whose scripts read them: `--compat`.
//!
//! Each tool has a part of its own that is made with each piece of the journal, and a file that is written at the end. Of single
//! requests nothing is kept in memory: their lines go to a file, and lists of them to files without a name ([`spool`]) until the
//! document around them is known. Numbers are those of [`crate::metrics::other_tools`].

mod aiperf;
mod guidellm;
mod spool;
mod vllm;

use prony_plugin_api::message::PhaseKind;

use super::{artifacts::Files, errors::Position, model::Report};
use crate::{
    metrics::{PhaseSpan, other_tools::Seen},
    plan::Compat,
    record::{Record, RunHeader},
};

/// What records are looked at with.
#[derive(Clone, Debug)]
pub(super) struct ToolLens {
    aiperf: Option<aiperf::Lens>,
    vllm: Option<vllm::Lens>,
    guidellm: Option<guidellm::Lens>,
}

impl ToolLens {
    /// For a run with this header.
    pub(super) fn of(header: &RunHeader) -> Self {
        let exports = &header.settings.exports;
        Self {
            aiperf: exports.has(Compat::Aiperf).then(|| aiperf::Lens::of(header)),
            vllm: exports.has(Compat::Vllm).then(|| vllm::Lens::of(header)),
            guidellm: exports.has(Compat::Guidellm).then(|| guidellm::Lens::of(header)),
        }
    }

    /// Whether any tool is of interest.
    fn is_needed(&self) -> bool {
        self.aiperf.is_some() || self.vllm.is_some() || self.guidellm.is_some()
    }

    /// A phase begins.
    pub(super) fn phase_started(&mut self, kind: PhaseKind, at_ns: u64) {
        if let Some(lens) = self.aiperf.as_mut().filter(|_| kind == PhaseKind::Profiling) {
            lens.measured_since(at_ns);
        }
    }

    /// Where records go that are next to each other.
    pub(super) fn part(&self) -> ToolPart {
        ToolPart {
            aiperf: self.aiperf.as_ref().map(aiperf::Lens::part),
            vllm: self.vllm.as_ref().map(vllm::Lens::part),
            guidellm: self.guidellm.as_ref().map(guidellm::Lens::part),
        }
    }
}

/// What some records next to each other come to.
#[derive(Debug)]
pub(super) struct ToolPart {
    aiperf: Option<aiperf::Part>,
    vllm: Option<vllm::Part>,
    guidellm: Option<guidellm::Part>,
}

impl ToolPart {
    /// Takes a record in.
    ///
    /// # Errors
    /// A bug of ours: something that is no JSON.
    pub(super) fn take(
        &mut self,
        lens: &ToolLens,
        record: Record,
        kind: PhaseKind,
        at: Position,
    ) -> serde_json::Result<()> {
        if !lens.is_needed() {
            return Ok(());
        }
        let Some(seen) = Seen::of(record) else { return Ok(()) };
        if let Some((part, lens)) = self.aiperf.as_mut().zip(lens.aiperf.as_ref()) {
            part.take(lens, &seen, kind, at)?;
        }
        if kind != PhaseKind::Profiling {
            return Ok(());
        }
        if let Some(part) = &mut self.vllm {
            part.take(&seen)?;
        }
        if let Some((part, lens)) = self.guidellm.as_mut().zip(lens.guidellm.as_ref()) {
            part.take(lens, &seen)?;
        }
        Ok(())
    }

    /// Gets what was taken in ready to be merged.
    pub(super) fn settle(&mut self) {
        self.aiperf.iter_mut().for_each(aiperf::Part::settle);
        self.vllm.iter_mut().for_each(vllm::Part::settle);
        self.guidellm.iter_mut().for_each(guidellm::Part::settle);
    }
}

/// What all records come to so far.
pub(super) struct ToolFiles {
    aiperf: Option<aiperf::Whole>,
    vllm: Option<vllm::Whole>,
    guidellm: Option<guidellm::Whole>,
}

impl ToolFiles {
    /// Nothing yet.
    pub(super) fn new(lens: &ToolLens, files: &mut Files<'_>) -> Self {
        Self {
            aiperf: lens.aiperf.as_ref().map(|lens| aiperf::Whole::new(lens, files)),
            vllm: lens.vllm.as_ref().map(|lens| vllm::Whole::new(lens, files.dir())),
            guidellm: lens.guidellm.as_ref().map(|lens| guidellm::Whole::new(lens, files.dir())),
        }
    }

    /// Takes in what comes next.
    pub(super) fn take(&mut self, part: ToolPart, files: &mut Files<'_>) {
        if let Some((whole, part)) = self.aiperf.as_mut().zip(part.aiperf) {
            whole.take(part, files);
        }
        if let Some((whole, part)) = self.vllm.as_mut().zip(part.vllm) {
            whole.take(part);
        }
        if let Some((whole, part)) = self.guidellm.as_mut().zip(part.guidellm) {
            whole.take(part);
        }
    }

    /// Computes the numbers, over the windows of these phases. Files that are written with the journal have their names then.
    pub(super) fn finish(self, files: &mut Files<'_>, phases: &[PhaseSpan]) -> ToolFindings {
        ToolFindings {
            aiperf: self.aiperf.map(|whole| whole.finish(files, phases)),
            vllm: self.vllm.map(|whole| whole.finish(phases)),
            guidellm: self.guidellm.map(|whole| whole.finish(phases)),
        }
    }
}

/// What a run comes to for other tools.
#[derive(Debug)]
pub(super) struct ToolFindings {
    aiperf: Option<aiperf::Findings>,
    vllm: Option<vllm::Findings>,
    guidellm: Option<guidellm::Findings>,
}

/// Writes the files that are written when all is known.
pub(super) fn write(findings: &mut ToolFindings, report: &Report, files: &mut Files<'_>) {
    if let Some(findings) = &findings.aiperf {
        aiperf::write(findings, report, files);
    }
    if let Some(findings) = findings.vllm.take() {
        vllm::write(findings, report, files);
    }
    if let Some(findings) = findings.guidellm.take() {
        guidellm::write(findings, report, files);
    }
}
