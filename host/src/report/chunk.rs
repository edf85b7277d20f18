//! A part of a run: what some records next to each other come to. Parts are made by all cores at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use prony_plugin_api::message::PhaseKind;

use super::{
    buffers::BufferPool,
    errors::{ErrorGroups, Position},
    models_seen::ModelsSeen,
    other_tools::{ToolLens, ToolPart},
    outputs::Outputs,
    page::{Judged, Needs, Row},
    records::LineStyle,
    recount::Recount,
    server_metrics::Flights,
};
use crate::{
    metrics::{Aggregator, Measured, slices::Slices},
    plan::ExportLevel,
    record::{
        Record, RunHeader,
        journal::{Decoded, RawRecords},
    },
};

/// Bytes of lines are at most so many times those of their records, nearly always: room for them is made once.
const LINES_BY_RECORDS: usize = 4;

/// What the evaluation of a batch of records needs: settings of the run, and what is known of its phases. Threads share it.
#[derive(Clone, Debug)]
pub(super) struct Lens {
    /// Knows the phases that have begun, and no request.
    aggregator: Aggregator,
    style: LineStyle,
    wall_start_ns: u64,
    keeps_outputs: bool,
    /// Requests have lines.
    has_lines: bool,
    /// No request yet, if there are to be slices of time.
    slices: Option<Slices>,
    tools: ToolLens,
    /// Base URLs, if what is in flight to them is compared with what their servers say.
    places: Option<usize>,
    recount: Arc<Recount>,
    /// What has to be known of records for the page.
    needs: Arc<Mutex<Needs>>,
    /// Has buffers for lines.
    buffers: Arc<BufferPool>,
}

impl Lens {
    /// That of the run with this header.
    pub(super) fn of(header: &RunHeader, recount: Recount) -> Self {
        Self {
            recount: Arc::new(recount),
            needs: Arc::default(),
            buffers: Arc::default(),
            aggregator: Aggregator::new(header),
            style: LineStyle::of(header),
            wall_start_ns: header.wall_start_ns,
            keeps_outputs: header.settings.export_outputs,
            has_lines: header.settings.exports.level != ExportLevel::Summary,
            slices: header.settings.exports.slice_s.map(|seconds| Slices::new(header, seconds)),
            tools: ToolLens::of(header),
            places: Some(header.settings.urls.len()).filter(|_| header.settings.server_metrics),
        }
    }

    /// So much has to be known of records for the page from now on. This spares work and changes no result: it is less at any time.
    pub(super) fn needs(&self, needs: Needs) {
        *self.needs.lock().unwrap_or_else(PoisonError::into_inner) = needs;
    }

    /// The records that come next may be of this phase, too.
    pub(super) fn phase_started(&mut self, index: u32, kind: PhaseKind, at_ns: u64) {
        self.aggregator.phase_started(index, kind, at_ns);
        self.tools.phase_started(kind, at_ns);
        if let Some(slices) = self.slices.as_mut().filter(|_| kind == PhaseKind::Profiling) {
            slices.begin(at_ns);
        }
    }

    /// The run has several nodes: their requests are told apart from here on.
    pub(super) fn tell_nodes_apart(&mut self) {
        self.aggregator.tell_nodes_apart();
    }

    /// Where buffers of lines are given back.
    pub(super) fn buffers(&self) -> Arc<BufferPool> {
        Arc::clone(&self.buffers)
    }

    /// What other tools look at records with.
    pub(super) fn tools(&self) -> &ToolLens {
        &self.tools
    }

    /// Slices of time without any request, if there are to be some.
    pub(super) fn slices(&self) -> Option<&Slices> {
        self.slices.as_ref()
    }
}

/// What is known of the records of a part.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Their numbers.
    pub(super) aggregator: Aggregator,
    /// Lines of the profiled ones.
    pub(super) profiled: Vec<u8>,
    /// Lines of the warm-up.
    pub(super) warmup: Vec<u8>,
    /// What the page keeps of them.
    pub(super) rows: Vec<Row>,
    /// Texts, if the run keeps them.
    pub(super) outputs: Option<Outputs>,
    /// What they come to for other tools.
    pub(super) tools: ToolPart,
    /// What was done in each slice of time, if there are some.
    pub(super) slices: Option<Slices>,
    /// Failures of each phase.
    pub(super) errors: BTreeMap<u32, ErrorGroups>,
    /// Models that the server said it ran while profiling.
    pub(super) models_seen: ModelsSeen,
    /// When requests were under way, if that is of use.
    pub(super) flights: Flights,
    /// Records whose tokens nobody counted, though that was wanted.
    pub(super) uncounted: u64,
    /// Records that say something else than records say.
    pub(super) not_understood: u64,
    /// Why it ends before all of its records are taken in, if it does: a line could not be made.
    pub(super) broken: Option<serde_json::Error>,
}

impl Chunk {
    /// Looks at the records in the piece of the journal with this number.
    pub(super) fn of(records: &RawRecords, piece: u64, lens: &Arc<Lens>) -> Self {
        let mut part = Self {
            aggregator: lens.aggregator.clone(),
            profiled: lens.buffers.get(if lens.has_lines { LINES_BY_RECORDS * records.bytes() } else { 0 }),
            warmup: Vec::new(),
            rows: Vec::with_capacity(records.len()),
            outputs: lens.keeps_outputs.then(Outputs::default),
            tools: lens.tools.part(),
            slices: lens.slices.clone(),
            errors: BTreeMap::new(),
            models_seen: ModelsSeen::default(),
            flights: Flights::default(),
            uncounted: 0,
            not_understood: 0,
            broken: None,
        };
        part.broken = part.take_all(records, piece, lens).err();
        part.aggregator.settle();
        part.tools.settle();
        part.slices.iter_mut().for_each(Slices::settle);
        part
    }

    fn take_all(&mut self, records: &RawRecords, piece: u64, lens: &Lens) -> serde_json::Result<()> {
        let mut measured = Measured::new();
        let needs = *lens.needs.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, decoded) in records.decode(|texts| lens.recount.count(texts)).enumerate() {
            let Some(Decoded { record, is_counted }) = decoded else {
                self.not_understood += 1;
                continue;
            };
            self.uncounted += u64::from(!is_counted);
            let at = Position { piece, record: number };
            let kind = self.take(&record, at, lens, &needs, &mut measured)?;
            self.tools.take(&lens.tools, record, kind, at)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        record: &Record,
        at: Position,
        lens: &Lens,
        needs: &Needs,
        measured: &mut Measured,
    ) -> serde_json::Result<PhaseKind> {
        let is_good = self.aggregator.record(record, measured);
        let kind = self.aggregator.kind_of(record.phase);
        let lines = match kind {
            PhaseKind::Profiling => &mut self.profiled,
            PhaseKind::Warmup => &mut self.warmup,
        };
        if lens.has_lines {
            lens.style.write(record, kind, is_good, measured, lines)?;
        }
        let is_measured = kind == PhaseKind::Profiling;
        let judged = Judged { is_measured, is_good, from_schedule: self.aggregator.is_open(record.phase) };
        self.rows.push(Row::of(record, judged, measured, needs));
        // A request that prony has cancelled has not failed: it is counted by itself.
        if let Some(failure) = record.outcome.failure() {
            self.errors.entry(record.phase).or_default().record(failure, at);
        }
        if let Some(places) = lens.places {
            self.flights.record(record, places);
        }
        if kind == PhaseKind::Profiling {
            if let Some(outputs) = &mut self.outputs {
                outputs.record(record, measured, lens.wall_start_ns);
            }
            record.model.iter().for_each(|model| self.models_seen.count(record.class, model, 1));
            self.slices.iter_mut().for_each(|slices| slices.record(record));
        }
        Ok(kind)
    }
}
