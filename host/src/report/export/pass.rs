//! One pass over the journal of a run: its records in their order, a batch at a time, with what each of them measured.

use std::path::Path;

use prony_plugin_api::message::PhaseKind;
use rayon::prelude::*;

use super::super::{collect::incomplete_reason, error::ReportError, recount::Recount};
use crate::{
    metrics::{Aggregator, Measured},
    record::{
        Frame, Record, RunEnd, RunHeader,
        journal::{Beginning, Damage, Decoded, Piece, RawRecords, Reader},
    },
};

/// Pieces of a batch for each core.
const PIECES_A_CORE: usize = 4;

/// A journal that is about to be read.
pub(super) struct Pass {
    reader: Reader,
    header: RunHeader,
    is_header_lost: bool,
    /// Knows the phases that have begun, and no request.
    aggregator: Aggregator,
    recount: Recount,
}

/// A record, and what is known of it.
pub(super) struct Seen<'a> {
    pub(super) record: &'a Record,
    pub(super) kind: PhaseKind,
    /// Whether it is a good one, if that is judged.
    pub(super) is_good: Option<bool>,
    pub(super) measured: &'a Measured,
}

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exported {
    pub(crate) requests: u64,
    /// Why that is not all of what was asked of the run, if so.
    pub(crate) incomplete: Option<String>,
}

/// What comes out of a journal.
pub(super) enum Passed<T> {
    /// What was made of records next to each other.
    Records(Vec<T>),
    /// Something else.
    Frame(Box<Frame>),
}

impl Pass {
    /// Opens the journal in the folder of a run.
    ///
    /// # Errors
    /// There is none, or it says nothing of a run.
    pub(super) fn open(dir: &Path) -> Result<Self, ReportError> {
        let mut reader = Reader::open(dir)?;
        let (header, is_header_lost) = match reader.begin() {
            Beginning::Header(header) => (*header, false),
            Beginning::Lost => (RunHeader::lost(), true),
            Beginning::Nothing => {
                let is_damaged = reader.damage().is_any();
                return Err(ReportError::NoHeader { dir: dir.to_owned(), is_damaged });
            }
        };
        reader.with_texts(dir, &header.run_id);
        let (aggregator, recount) = (Aggregator::new(&header), Recount::of(&header));
        Ok(Self { reader, header, is_header_lost, aggregator, recount })
    }

    pub(super) fn header(&self) -> &RunHeader {
        &self.header
    }

    /// Reads all of it. `look` makes something of each record, on all cores; `take` gets that in the order of the journal.
    ///
    /// # Errors
    /// Those of `take`, which end the pass.
    pub(super) fn run<T: Send, E>(
        mut self,
        look: impl Fn(&Seen<'_>) -> T + Sync,
        mut take: impl FnMut(Passed<T>) -> Result<(), E>,
    ) -> Result<Exported, E> {
        let (mut requests, mut not_understood) = (0, 0);
        let mut end: Option<RunEnd> = None;
        loop {
            let (pieces, frame) = self.next();
            if pieces.is_empty() && frame.is_none() {
                break;
            }
            let (aggregator, recount) = (&self.aggregator, &self.recount);
            let of_piece = |raw: &RawRecords| look_at(raw, aggregator, recount, &look);
            let looked: Vec<(Vec<T>, u64)> = pieces.par_iter().map(of_piece).collect();
            for (made, missing) in looked {
                requests += made.len() as u64;
                not_understood += missing;
                take(Passed::Records(made))?;
            }
            let Some(frame) = frame else { continue };
            match &frame {
                Frame::PhaseStarted { index, kind, at_ns } => {
                    self.aggregator.phase_started(*index, *kind, *at_ns);
                }
                Frame::End(ended) => end = Some(ended.clone()),
                _ => {}
            }
            take(Passed::Frame(Box::new(frame)))?;
        }
        let damage = self.reader.damage();
        let damage = Damage { not_understood: damage.not_understood + not_understood, ..damage.clone() };
        let incomplete = incomplete_reason(&damage, self.is_header_lost, end.as_ref());
        Ok(Exported { requests, incomplete })
    }

    /// Records up to the next frame of another kind, or as many as make a batch.
    fn next(&mut self) -> (Vec<RawRecords>, Option<Frame>) {
        let mut pieces = Vec::new();
        while pieces.len() < PIECES_A_CORE * rayon::current_num_threads() {
            match self.reader.next_piece() {
                Some(Piece::Records(records)) => pieces.push(records),
                Some(Piece::Frame(frame)) => return (pieces, Some(frame)),
                None => break,
            }
        }
        (pieces, None)
    }
}

/// What is made of the records of a piece, and how many of them are not understood.
fn look_at<T>(
    raw: &RawRecords,
    aggregator: &Aggregator,
    recount: &Recount,
    look: &impl Fn(&Seen<'_>) -> T,
) -> (Vec<T>, u64) {
    let mut aggregator = aggregator.clone();
    let mut measured = Measured::new();
    let (mut made, mut missing) = (Vec::new(), 0);
    for decoded in raw.decode(|texts| recount.count(texts)) {
        let Some(Decoded { record, .. }) = decoded else {
            missing += 1;
            continue;
        };
        let is_good = aggregator.record(&record, &mut measured);
        let kind = aggregator.kind_of(record.phase);
        made.push(look(&Seen { record: &record, kind, is_good, measured: &measured }));
    }
    (made, missing)
}
