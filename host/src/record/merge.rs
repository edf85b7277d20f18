//! From the journals of several nodes to that of their run: [`merge`].
//!
//! The records of one node stand behind those of the other, each in the order of its journal. A record gets the number of its
//! node, the number of its worker among those of all nodes, and instants on the run's clock. Of the other frames of a node's
//! journal nothing is taken over but the notes of its end and what its process used: the run has frames of its own. Memory is
//! bounded: a journal is read in pieces, which all cores decode and encode while the pieces before are written.

use std::{io, path::PathBuf};

use rayon::prelude::*;

use super::{
    ClockShift, Frame, NodeFacts, Record, RunEnd, Texts,
    journal::{Beginning, EncodedRecords, JournalError, Parts, Piece, RawRecords, Reader, TextStore, Writer},
};
use crate::explain::Explain;

/// Pieces that are looked at together, for each core.
const PIECES_A_CORE: usize = 4;

/// The journal of one node, and what turns its records into the run's.
#[derive(Clone, Debug)]
pub(crate) struct NodeJournal {
    /// The folder that it is in, with the texts that are still to be counted, if there are any.
    pub(crate) dir: PathBuf,
    /// What is known of the node so far.
    pub(crate) facts: NodeFacts,
    /// What puts its instants right.
    pub(crate) clock: ClockShift,
}

/// What became of a merge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Merged {
    /// Records that stand in the run's journal now.
    pub(crate) records: u64,
    /// Those among them whose tokens are not counted, though that was wanted.
    pub(crate) uncounted: u64,
    /// What is known of each node now, as it stands in the journal.
    pub(crate) nodes: Vec<NodeFacts>,
    /// What the nodes noted at their ends, each with the name of its agent.
    pub(crate) notes: Vec<String>,
}

/// Why journals are not merged. After [`MergeError::Journal`] the run's journal cannot be written any more, after the others
/// nothing of a node stands in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    /// It would put the records of one run into the report of another.
    #[error("merge the journal in `{}`: it is of the run {found}, and not of {expected}", .dir.display())]
    AnotherRun {
        dir: PathBuf,
        /// Identity of the run in its header.
        found: String,
        /// Identity of the run that is merged.
        expected: String,
    },
    /// Its requests would count twice.
    #[error("merge `{}` and `{}`: both are of node {node}", .first.display(), .second.display())]
    SameNode {
        /// The number that both say.
        node: u32,
        first: PathBuf,
        second: PathBuf,
    },
    /// The run's journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Explain for MergeError {
    fn hint(&self) -> String {
        let hint = match self {
            Self::AnotherRun { .. } => "name only folders of one run",
            Self::SameNode { .. } => "name each agent's folder once",
            Self::Journal(_) => "look at the space on that disk and at its permissions",
        };
        hint.to_owned()
    }
}

/// Where records go.
pub(super) struct Target<'a> {
    pub(super) journal: &'a mut Writer,
    /// Takes the texts of records whose tokens are not counted.
    pub(super) texts: &'a mut TextStore,
    /// Hears of the records that are in the journal, if anybody does.
    pub(super) hear: Option<Hear<'a>>,
}

/// Hears of records.
pub(super) type Hear<'a> = &'a mut dyn FnMut(&[Record]);

/// Appends the records of all nodes to the journal of the run with this identity, and what is known of the nodes before and
/// behind them. A journal that is missing, cut or damaged gives what it has, and the facts of its node say so.
///
/// # Errors
/// Two journals are of one node, one is of another run, or the run's journal cannot be written.
pub(super) fn merge(
    journals: Vec<NodeJournal>,
    run_id: &str,
    target: &mut Target<'_>,
) -> Result<Merged, MergeError> {
    check(&journals, run_id)?;
    for journal in &journals {
        target.journal.append(&Frame::Node(Box::new(journal.facts.clone())))?;
    }
    let mut merged = Merged::default();
    for journal in journals {
        let facts = one(journal, run_id, target, &mut merged)?;
        merged.nodes.push(facts);
    }
    for facts in &merged.nodes {
        target.journal.append(&Frame::Node(Box::new(facts.clone())))?;
    }
    target.journal.flush()?;
    Ok(merged)
}

/// # Errors
/// Two are of one node, or one is of another run.
pub(super) fn check(journals: &[NodeJournal], run_id: &str) -> Result<(), MergeError> {
    for (place, journal) in journals.iter().enumerate() {
        let node = journal.facts.node;
        if let Some(before) = journals[..place].iter().find(|before| before.facts.node == node) {
            let (first, second) = (before.dir.clone(), journal.dir.clone());
            return Err(MergeError::SameNode { node, first, second });
        }
        let header = Reader::open(&journal.dir).map(|mut reader| reader.begin());
        if let Ok(Beginning::Header(header)) = header
            && header.run_id != run_id
        {
            let dir = journal.dir.clone();
            return Err(MergeError::AnotherRun { dir, found: header.run_id, expected: run_id.to_owned() });
        }
    }
    Ok(())
}

/// Appends the records of one node. Returns what is known of it then.
fn one(
    journal: NodeJournal,
    run_id: &str,
    target: &mut Target<'_>,
    merged: &mut Merged,
) -> Result<NodeFacts, JournalError> {
    let NodeJournal { dir, mut facts, clock } = journal;
    let mut reader = match Reader::open(&dir) {
        Ok(reader) => reader,
        Err(error) => {
            facts.damage = Some(unreadable(&error));
            return Ok(facts);
        }
    };
    if let Beginning::Nothing = reader.begin() {
        facts.damage = Some("its journal says nothing of the run".to_owned());
        return Ok(facts);
    }
    reader.with_texts(&dir, run_id);
    let mut node =
        NodeReader { reader, facts: &facts, clock: &clock, keeps: target.hear.is_some(), end: None };
    let mut not_understood = 0;
    let mut batches = node.next();
    while !batches.is_empty() {
        let (written, next) = rayon::join(|| write(&batches, target.journal, target.texts), || node.next());
        let (records, uncounted) = written?;
        merged.records += records;
        merged.uncounted += uncounted;
        for batch in std::mem::replace(&mut batches, next) {
            not_understood += batch.not_understood;
            if let Some(hear) = &mut target.hear {
                hear(&batch.heard);
            }
        }
    }
    let NodeReader { reader, end, .. } = node;
    let mut damage = reader.damage().clone();
    damage.not_understood += not_understood;
    let end = end.unwrap_or_default();
    facts.usage = end.usage;
    merged.notes.extend(end.notes.iter().map(|note| format!("agent {}: {note}", facts.called())));
    if damage.is_any() {
        facts.damage = Some(damage.to_string());
    }
    Ok(facts)
}

/// What is wrong with a journal that cannot be opened.
fn unreadable(error: &JournalError) -> String {
    match error {
        JournalError::Open { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            "nothing of its journal has come".to_owned()
        }
        _ => format!("its journal cannot be read: {}", said(error)),
    }
}

/// The error, and what it comes from.
fn said(error: &JournalError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Writes some records. Returns how many, and how many of them are not counted.
fn write(batches: &[Batch], journal: &mut Writer, texts: &mut TextStore) -> Result<(u64, u64), JournalError> {
    let (mut records, mut uncounted) = (0, 0);
    for batch in batches {
        journal.append_records(&batch.counted)?;
        for (record, text) in &batch.uncounted {
            // No record may be in the journal before its text is where it can be counted from.
            if let Some(text) = text {
                texts.keep(journal.next_number(), text);
            }
            journal.append(&Frame::Uncounted(record.clone()))?;
        }
        uncounted += batch.uncounted.len() as u64;
        records += (batch.counted.len() + batch.uncounted.len()) as u64;
    }
    journal.flush()?;
    Ok((records, uncounted))
}

/// Reads the journal of a node.
struct NodeReader<'a> {
    reader: Reader,
    facts: &'a NodeFacts,
    clock: &'a ClockShift,
    /// Somebody wants to hear of the records.
    keeps: bool,
    end: Option<RunEnd>,
}

impl NodeReader<'_> {
    /// The next records; none at the end.
    fn next(&mut self) -> Vec<Batch> {
        let mut pieces = Vec::new();
        while pieces.len() < PIECES_A_CORE * rayon::current_num_threads() {
            match self.reader.next_piece() {
                Some(Piece::Records(records)) => pieces.push(records),
                Some(Piece::Frame(Frame::End(end))) => self.end = Some(end),
                Some(Piece::Frame(_)) => {}
                None => break,
            }
        }
        let (facts, clock, keeps) = (self.facts, self.clock, self.keeps);
        pieces.par_iter().map(|piece| Batch::of(piece, facts, clock, keeps)).collect()
    }
}

/// Some records of a node, as those of the run.
#[derive(Debug, Default)]
struct Batch {
    counted: EncodedRecords,
    /// Those whose tokens are not counted, with what they can be counted from.
    uncounted: Vec<(Box<Record>, Option<Texts>)>,
    /// All of them, if somebody wants to hear of them.
    heard: Vec<Record>,
    /// Frames that say something else than records say.
    not_understood: u64,
}

impl Batch {
    fn of(piece: &RawRecords, facts: &NodeFacts, clock: &ClockShift, keeps: bool) -> Self {
        let mut batch = Self::default();
        for parts in piece.parts() {
            let Some(Parts { mut record, is_counted, texts }) = parts else {
                batch.not_understood += 1;
                continue;
            };
            record.node = facts.node;
            record.worker = record.worker.saturating_add(facts.first_worker);
            clock.move_instants(&mut record.instants);
            if !is_counted {
                batch.uncounted.push((Box::new(record.clone()), texts.cloned()));
            } else if batch.counted.push(&record).is_err() {
                batch.not_understood += 1;
            }
            if keeps {
                batch.heard.push(record);
            }
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use tempfile::TempDir;

    use super::*;
    use crate::{
        metrics::sample::{self, MS},
        record::{CountedTokens, ProcessUsage, RunHeader, journal::FILE_NAME},
    };

    const RUN: &str = "run";

    fn header() -> Frame {
        Frame::Header(Box::new(RunHeader { run_id: RUN.into(), ..sample::header() }))
    }

    /// The folder of a node whose journal has these frames behind its header.
    fn folder(frames: &[Frame]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(dir.path()).unwrap();
        for frame in [header()].iter().chain(frames) {
            writer.append(frame).unwrap();
        }
        writer.flush().unwrap();
        dir
    }

    fn node(dir: &Path, node: u32) -> NodeJournal {
        let facts = NodeFacts {
            node,
            name: format!("n{node}"),
            first_worker: 2 * node,
            workers: 2,
            ..NodeFacts::default()
        };
        NodeJournal { dir: dir.to_owned(), facts, clock: ClockShift::default() }
    }

    /// What became of a merge, and the frames of the run's journal.
    fn merged(journals: Vec<NodeJournal>) -> (Result<Merged, MergeError>, Vec<Frame>, TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Writer::create(dir.path()).unwrap();
        journal.append(&header()).unwrap();
        let mut texts = TextStore::new(dir.path(), RUN);
        let merged =
            merge(journals, RUN, &mut Target { journal: &mut journal, texts: &mut texts, hear: None });
        journal.flush().unwrap();
        let frames = Reader::open(dir.path()).unwrap().skip(1).collect();
        (merged, frames, dir)
    }

    fn records(frames: &[Frame]) -> Vec<&Record> {
        let kept = frames.iter().filter_map(|frame| match frame {
            Frame::Record(record) | Frame::Uncounted(record) => Some(&**record),
            _ => None,
        });
        kept.collect()
    }

    fn record(record: Record) -> Frame {
        Frame::Record(Box::new(record))
    }

    #[test]
    fn records_become_those_of_the_run() {
        let (first, second) = (folder(&[record(sample::a())]), folder(&[record(sample::b())]));
        let mut late = node(second.path(), 1);
        late.clock = ClockShift(vec![(0, 7)]);
        let (merged, frames, _dir) = merged(vec![node(first.path(), 0), late]);
        assert_eq!(merged.unwrap().records, 2);
        let found = records(&frames);
        assert_eq!(*found[0], sample::a());
        assert_eq!((found[1].node, found[1].worker), (1, 2));
        assert_eq!(found[1].instants.end, sample::b().instants.end + 7);
        assert_eq!(found[1].instants.sent, Some(100 * MS + 7));
        let names: Vec<&str> = frames
            .iter()
            .filter_map(|frame| if let Frame::Node(facts) = frame { Some(&*facts.name) } else { None })
            .collect();
        assert_eq!(names, ["n0", "n1", "n0", "n1"]);
        assert!(matches!((&frames[1], frames.last()), (Frame::Node(_), Some(Frame::Node(_)))));
    }

    #[test]
    fn counts_stand_in_the_records_and_texts_that_nobody_counted_are_kept() {
        let uncounted = |record: Record| Frame::Uncounted(Box::new(record));
        let counted = CountedTokens { output: Some(9), ..CountedTokens::default() };
        // The header is frame 0.
        let frames = [uncounted(sample::a()), uncounted(sample::b()), Frame::Counted(vec![(1, counted)])];
        let dir = folder(&frames);
        let text = Texts { first_arrival: "hello".into(), ..Texts::default() };
        TextStore::new(dir.path(), RUN).keep(2, &text);
        let (merged, frames, dir) = merged(vec![node(dir.path(), 0)]);
        let merged = merged.unwrap();
        assert_eq!((merged.records, merged.uncounted), (2, 1));
        assert_eq!(records(&frames)[0].counted.output, Some(9));
        let mut reader = Reader::open(dir.path()).unwrap();
        reader.begin();
        reader.with_texts(dir.path(), RUN);
        let mut kept = Vec::new();
        while let Some(piece) = reader.next_piece() {
            let Piece::Records(records) = piece else { continue };
            kept.extend(records.parts().flatten().filter_map(|parts| parts.texts.cloned()));
        }
        assert_eq!(kept, [text]);
    }

    #[test]
    fn a_journal_that_is_cut_gives_what_it_has_and_its_node_says_so() {
        let dir = folder(&[record(sample::a()), record(sample::b())]);
        let path = dir.path().join(FILE_NAME);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        let (merged, frames, _dir) = merged(vec![node(dir.path(), 0)]);
        let merged = merged.unwrap();
        assert_eq!((merged.records, records(&frames).len()), (1, 1));
        let damage = merged.nodes[0].damage.as_deref().unwrap_or_default();
        assert!(damage.contains("cut off or damaged"), "{damage}");
    }

    #[test]
    fn without_a_journal_or_with_an_empty_one_there_is_a_node_and_no_record() {
        let (nothing, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(empty.path().join(FILE_NAME), "").unwrap();
        let (merged, frames, _dir) = merged(vec![node(nothing.path(), 0), node(empty.path(), 1)]);
        let merged = merged.unwrap();
        let damage: Vec<&str> = merged.nodes.iter().filter_map(|facts| facts.damage.as_deref()).collect();
        assert_eq!(damage.len(), 2, "{merged:?}");
        assert_eq!(damage[0], "nothing of its journal has come");
        assert_eq!((merged.records, frames.len()), (0, 4));
    }

    #[test]
    fn notes_of_agents_have_their_names_and_each_node_what_its_process_used() {
        let usage = Some(ProcessUsage { cpu_ns: 5 * MS, peak_memory_bytes: None });
        let end = RunEnd { notes: vec!["it was slow".into()], usage, ..RunEnd::default() };
        let dir = folder(&[record(sample::a()), Frame::End(end)]);
        let (merged, ..) = merged(vec![node(dir.path(), 1)]);
        let merged = merged.unwrap();
        assert_eq!(merged.notes, ["agent n1: it was slow"]);
        assert_eq!(merged.nodes[0].usage, usage);
    }

    #[test]
    fn another_run_and_a_node_that_is_there_twice_are_refused_and_nothing_is_written() {
        let (one, other) = (folder(&[record(sample::a())]), tempfile::tempdir().unwrap());
        let mut writer = Writer::create(other.path()).unwrap();
        writer.append(&Frame::Header(Box::new(sample::header()))).unwrap();
        writer.flush().unwrap();
        let (refused, frames, _dir) = merged(vec![node(one.path(), 0), node(other.path(), 1)]);
        assert!(matches!(refused, Err(MergeError::AnotherRun { .. })), "{refused:?}");
        assert!(frames.is_empty(), "{frames:?}");
        let (refused, frames, _dir) = merged(vec![node(one.path(), 0), node(one.path(), 0)]);
        assert!(matches!(refused, Err(MergeError::SameNode { node: 0, .. })), "{refused:?}");
        assert!(frames.is_empty(), "{frames:?}");
    }

    #[test]
    fn who_listens_hears_of_all_records() {
        let dir = folder(&[record(sample::a()), record(sample::b())]);
        let into = tempfile::tempdir().unwrap();
        let mut journal = Writer::create(into.path()).unwrap();
        let mut texts = TextStore::new(into.path(), RUN);
        let mut heard = Vec::new();
        let mut hear =
            |records: &[Record]| heard.extend(records.iter().map(|record| record.request_id.clone()));
        let mut target = Target { journal: &mut journal, texts: &mut texts, hear: Some(&mut hear) };
        merge(vec![node(dir.path(), 0)], RUN, &mut target).unwrap();
        assert_eq!(heard, ["a", "b"]);
    }
}
