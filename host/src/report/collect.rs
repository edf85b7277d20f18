//! The one pass over the journal: from [`Frame`]s to a [`Report`], with a line of JSON written for each request that
//! passes by.

use std::{collections::BTreeMap, path::Path};

use prony_plugin_api::{
    Message,
    message::{PhaseKind, ServerMetricsBatch},
};

use super::{
    Report, ReportError,
    errors::ErrorGroups,
    outputs::Outputs,
    records::{self, RecordFile},
    server_metrics::{PhaseWindow, ServerMetricsReport, Timeline},
};
use crate::{
    metrics::{Aggregator, ClientReport, PhaseSpan},
    record::{Frame, Record, RunEnd, RunHeader, journal::Reader},
};

/// Reads the journal of a run's folder and writes the files with one line a request.
pub(super) fn collect(dir: &Path) -> Result<Report, ReportError> {
    let mut reader = Reader::open(dir)?;
    let Some(Frame::Header(header)) = reader.next() else {
        return Err(ReportError::NoHeader { dir: dir.to_owned() });
    };
    let mut pass = Pass::new(dir, *header)?;
    for frame in reader.by_ref() {
        pass.take(frame)?;
    }
    pass.finish(reader.damaged())
}

/// What is known so far.
struct Pass<'a> {
    dir: &'a Path,
    header: RunHeader,
    aggregator: Aggregator,
    profiled: RecordFile,
    /// Made for the first warm-up request.
    warmup: Option<RecordFile>,
    outputs: Option<Outputs>,
    errors: ErrorGroups,
    warmup_errors: ErrorGroups,
    models_seen: BTreeMap<String, u64>,
    server_metrics: Timeline,
    end: Option<RunEnd>,
    notes: Vec<String>,
}

impl<'a> Pass<'a> {
    fn new(dir: &'a Path, header: RunHeader) -> Result<Self, ReportError> {
        Ok(Self {
            dir,
            aggregator: Aggregator::new(&header),
            profiled: RecordFile::create(dir, records::FILE_NAME, &header)?,
            warmup: None,
            outputs: header.config.export_outputs.then(Outputs::default),
            errors: ErrorGroups::default(),
            warmup_errors: ErrorGroups::default(),
            models_seen: BTreeMap::new(),
            server_metrics: Timeline::default(),
            end: None,
            notes: Vec::new(),
            header,
        })
    }

    fn take(&mut self, frame: Frame) -> Result<(), ReportError> {
        match frame {
            Frame::PhaseStarted { index, kind, at_ns } => self.aggregator.phase_started(index, kind, at_ns),
            Frame::PhaseEnded { index, at_ns, counts, workers } => {
                self.aggregator.phase_ended(index, at_ns, counts, workers);
            }
            Frame::Record(record) => self.take_record(&record)?,
            Frame::Message { service, message_type, payload } => {
                if message_type == ServerMetricsBatch::TYPE {
                    self.take_scrapes(&service, &payload);
                }
            }
            Frame::End(end) => self.end = Some(end),
            // Only the first one counts, and it has been read.
            Frame::Header(_) => {}
        }
        Ok(())
    }

    fn take_record(&mut self, record: &Record) -> Result<(), ReportError> {
        let measured = self.aggregator.record(record);
        match self.aggregator.kind_of(record.phase) {
            PhaseKind::Profiling => {
                self.profiled.append(record, PhaseKind::Profiling, &measured)?;
                if let Some(outputs) = &mut self.outputs {
                    outputs.add(record, &measured, self.header.wall_start_ns);
                }
                record.error.iter().for_each(|error| self.errors.add(error));
                if let Some(model) = &record.model {
                    *self.models_seen.entry(model.clone()).or_default() += 1;
                }
            }
            PhaseKind::Warmup => {
                if self.warmup.is_none() {
                    self.warmup =
                        Some(RecordFile::create(self.dir, records::WARMUP_FILE_NAME, &self.header)?);
                }
                if let Some(file) = &mut self.warmup {
                    file.append(record, PhaseKind::Warmup, &measured)?;
                }
                record.error.iter().for_each(|error| self.warmup_errors.add(error));
            }
        }
        Ok(())
    }

    fn take_scrapes(&mut self, service: &str, payload: &[u8]) {
        match ServerMetricsBatch::decode(payload) {
            Ok(batch) => batch.samples.into_iter().for_each(|sample| self.server_metrics.push(sample)),
            Err(error) => {
                let note = format!("service `{service}` sent a message that cannot be read: {error}");
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
        }
    }

    fn finish(mut self, damaged: bool) -> Result<Report, ReportError> {
        let mut files = vec![self.profiled.commit()?];
        if let Some(warmup) = self.warmup {
            files.push(warmup.commit()?);
        }
        if let Some(outputs) = self.outputs {
            files.push(outputs.write(self.dir)?);
        }
        if let Some(end) = &self.end {
            self.notes.extend(end.notes.iter().cloned());
        }
        let phases: Vec<PhaseSpan> = self.aggregator.phases().collect();
        let windows: Vec<PhaseWindow> = phases.iter().map(window).collect();
        let server_metrics =
            ServerMetricsReport::compute(&self.server_metrics, &windows, self.header.wall_start_ns);
        if let Some(metrics) = &server_metrics {
            files.extend([metrics.write_json(self.dir)?, metrics.write_csv(self.dir)?]);
            self.notes.extend(metrics.unavailable());
        }
        Ok(Report {
            warmup: self.aggregator.warmup_results(),
            profiling: self.aggregator.profiling_results(),
            client: ClientReport {
                process: self.end.as_ref().and_then(|end| end.usage),
                ..self.aggregator.client()
            },
            phases,
            errors: self.errors.into_groups(),
            warmup_errors: self.warmup_errors.into_groups(),
            models_seen: self.models_seen,
            incomplete_reason: incomplete_reason(damaged, self.end.as_ref()),
            header: self.header,
            end: self.end,
            notes: self.notes,
            files,
        })
    }
}

/// A killed phase has no end: what is known of it ends with its last request.
fn window(span: &PhaseSpan) -> PhaseWindow {
    let end_ns = span.end_ns.or(span.last_request_ns).unwrap_or(span.start_ns);
    PhaseWindow { index: span.index, kind: span.kind, start_ns: span.start_ns, end_ns }
}

fn incomplete_reason(damaged: bool, end: Option<&RunEnd>) -> Option<String> {
    match end {
        _ if damaged => Some("the journal is cut off or damaged; everything before that is counted".into()),
        None => Some("the run was killed: its journal has no end".into()),
        Some(RunEnd { reason: Some(reason), .. }) => Some(reason.clone()),
        Some(RunEnd { was_cancelled: true, .. }) => Some("the run was interrupted".into()),
        Some(_) => None,
    }
}
