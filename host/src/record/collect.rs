//! From what agents keep of a run to the journal of that run, without its controller: [`gather`].

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use prony_plugin_api::message::PhaseKind;

use super::{
    Frame, NodeFacts, RunEnd, RunHeader, ScheduleCounts, WorkerUsage,
    journal::{self, Beginning, JournalError, Piece, Reader, TEXTS_FILE_NAME, TextStore, Writer},
    kept_run::{KeptRun, KeptRunError},
    merge::{MergeError, Merged, NodeJournal, Target, check, merge},
    raw::{self, RawFile},
    raw_merge::merge_bodies,
    waiting::missing_bodies,
};
use crate::{clock::RunNs, explain::Explain, plugin::UsedPlugin, screen::counted};

/// Why the journals of agents do not become one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    /// What the agent keeps beside its journal cannot be read.
    #[error(transparent)]
    Kept(#[from] KeptRunError),
    /// A folder has no journal.
    #[error("collect `{}`", .dir.display())]
    NoJournal { dir: PathBuf, source: JournalError },
    /// No journal says what was run.
    #[error("collect the journals of {folders} folders: none of them says what was run")]
    NoHeader { folders: usize },
    /// The folders are of several runs.
    #[error("collect `{}`: it is of the run {found}, and `{}` of {expected}", .dir.display(), .first.display())]
    OtherRun { dir: PathBuf, found: String, first: PathBuf, expected: String },
    /// Two folders are of one node, a journal is of another run, or the journal cannot be written.
    #[error(transparent)]
    Merge(#[from] MergeError),
}

impl From<JournalError> for CollectError {
    fn from(error: JournalError) -> Self {
        Self::Merge(error.into())
    }
}

impl CollectError {
    /// Whether the folders cannot be used, and not the disk.
    pub(crate) fn is_usage(&self) -> bool {
        !matches!(self, Self::Merge(MergeError::Journal(_)))
    }
}

impl Explain for CollectError {
    fn hint(&self) -> String {
        let hint = match self {
            Self::Kept(error) => return error.hint(),
            Self::Merge(error) => return error.hint(),
            Self::NoJournal { .. } => {
                "name the folder that an agent has for the run: it holds `agent.json` and `journal.prony`"
            }
            Self::NoHeader { .. } => "nothing was measured yet when the agents ended: run it again",
            Self::OtherRun { .. } => "name only folders of one run",
        };
        hint.to_owned()
    }
}

/// An agent's folder, as far as it is known before its records are read.
struct Folder {
    dir: PathBuf,
    kept: KeptRun,
    header: Option<Box<RunHeader>>,
    phases: BTreeMap<u32, Phase>,
    end: Option<RunEnd>,
}

/// A phase on one node, or on all of them, on the run's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Phase {
    began: Option<(PhaseKind, RunNs)>,
    ended: Option<Ended>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ended {
    at_ns: RunNs,
    counts: ScheduleCounts,
    workers: Vec<WorkerUsage>,
}

/// What agents keep of one run: nothing of it is written yet.
pub(crate) struct Gathered {
    /// In the order of the nodes' numbers.
    folders: Vec<Folder>,
    header: Box<RunHeader>,
}

/// Looks at the folders of the agents of one run.
///
/// # Errors
/// A folder is none of an agent's, they are of several runs, two are of one node, or none says what was run.
pub(crate) fn gather(dirs: &[PathBuf]) -> Result<Gathered, CollectError> {
    let mut folders = Vec::new();
    for dir in dirs {
        let kept = KeptRun::read(dir)?;
        check_run(&folders, dir, &kept)?;
        folders.push(Folder::survey(dir, kept)?);
    }
    folders.sort_by_key(|folder| folder.kept.facts.node);
    let header = folders.iter().find_map(|folder| folder.header.clone());
    let header = header.ok_or(CollectError::NoHeader { folders: dirs.len() })?;
    let gathered = Gathered { folders, header };
    check(&gathered.journals(), &gathered.header.run_id)?;
    Ok(gathered)
}

impl Gathered {
    /// Writes the journal of the run to a folder that has none.
    ///
    /// # Errors
    /// The journal cannot be written. Nothing of it is left then.
    pub(crate) fn write(&self, into: &Path) -> Result<(), CollectError> {
        self.try_write(into).inspect_err(|_| {
            let bodies = self.header.settings.exports.file_name(raw::FILE_NAME);
            for name in [journal::FILE_NAME, TEXTS_FILE_NAME, &*bodies] {
                // It may not be there; and the error that is reported is the first one.
                fs::remove_file(into.join(name)).ok();
            }
        })
    }

    fn try_write(&self, into: &Path) -> Result<(), CollectError> {
        let Self { folders, header } = self;
        let mut journal = Writer::create(into)?;
        let frame = Frame::Header(header.clone());
        // Twice: nothing says what was run if it is damaged.
        journal.append(&frame)?;
        journal.append(&frame)?;
        for frame in phases(folders) {
            journal.append(&frame)?;
        }
        let mut texts = TextStore::new(into, &header.run_id);
        let mut target = Target { journal: &mut journal, texts: &mut texts, hear: None };
        let merged = merge(self.journals(), &header.run_id, &mut target)?;
        let mut end = end(folders, header, &merged);
        end.notes.extend(self.take_bodies(into));
        journal.append(&Frame::End(end))?;
        journal.flush()?;
        Ok(())
    }

    /// Brings the bodies together that agents have kept, if the run keeps any. What the report should say of those that are missing.
    fn take_bodies(&self, into: &Path) -> Option<String> {
        let mut file = RawFile::of(into, &self.header)?;
        self.journals().iter().for_each(|journal| merge_bodies(&mut file, journal));
        file.flush();
        missing_bodies(file.missing(), &self.header.settings.exports.file_name(raw::FILE_NAME))
    }

    fn journals(&self) -> Vec<NodeJournal> {
        let one = |folder: &Folder| NodeJournal {
            dir: folder.dir.clone(),
            facts: folder.kept.facts.clone(),
            clock: folder.kept.clock.clone(),
        };
        self.folders.iter().map(one).collect()
    }
}

/// # Errors
/// It is of another run than the folders before it.
fn check_run(before: &[Folder], dir: &Path, kept: &KeptRun) -> Result<(), CollectError> {
    match before.first().filter(|first| first.kept.run_id != kept.run_id) {
        None => Ok(()),
        Some(first) => Err(CollectError::OtherRun {
            dir: dir.to_owned(),
            found: kept.run_id.clone(),
            first: first.dir.clone(),
            expected: first.kept.run_id.clone(),
        }),
    }
}

impl Folder {
    /// Reads what is no record.
    fn survey(dir: &Path, kept: KeptRun) -> Result<Self, CollectError> {
        let mut reader =
            Reader::open(dir).map_err(|source| CollectError::NoJournal { dir: dir.to_owned(), source })?;
        let header = match reader.begin() {
            Beginning::Header(header) => Some(header),
            Beginning::Lost | Beginning::Nothing => None,
        };
        let (mut phases, mut end) = (BTreeMap::<u32, Phase>::new(), None);
        while let Some(piece) = reader.next_piece() {
            match piece {
                Piece::Frame(Frame::PhaseStarted { index, kind, at_ns }) => {
                    phases.entry(index).or_default().began = Some((kind, kept.clock.put_right(at_ns)));
                }
                Piece::Frame(Frame::PhaseEnded { index, at_ns, counts, workers }) => {
                    let workers = of_run(workers, kept.facts.first_worker);
                    let ended = Ended { at_ns: kept.clock.put_right(at_ns), counts, workers };
                    phases.entry(index).or_default().ended = Some(ended);
                }
                Piece::Frame(Frame::End(found)) => end = Some(found),
                Piece::Frame(_) | Piece::Records(_) => {}
            }
        }
        Ok(Self { dir: dir.to_owned(), kept, header, phases, end })
    }
}

/// Workers with their numbers among those of all nodes.
fn of_run(mut workers: Vec<WorkerUsage>, first_worker: u32) -> Vec<WorkerUsage> {
    for usage in &mut workers {
        usage.worker = usage.worker.saturating_add(first_worker);
    }
    workers
}

/// The frames of all phases: one begins with its first node, and ends with its last one.
fn phases(folders: &[Folder]) -> Vec<Frame> {
    let mut all = BTreeMap::<u32, Phase>::new();
    for (index, phase) in folders.iter().flat_map(|folder| &folder.phases) {
        all.entry(*index).or_default().add(phase.clone());
    }
    let frames = all.into_iter().map(|(index, Phase { began, ended })| {
        let began = began.map(|(kind, at_ns)| Frame::PhaseStarted { index, kind, at_ns });
        let ended =
            ended.map(|Ended { at_ns, counts, workers }| Frame::PhaseEnded { index, at_ns, counts, workers });
        [began, ended]
    });
    frames.flatten().flatten().collect()
}

impl Phase {
    /// Takes in what another node says of the same phase.
    fn add(&mut self, other: Self) {
        if let Some((kind, at_ns)) = other.began {
            let known = self.began.map_or(at_ns, |(_, known)| known);
            self.began = Some((kind, known.min(at_ns)));
        }
        let Some(more) = other.ended else { return };
        match self.ended.as_mut() {
            Some(ended) => {
                ended.at_ns = ended.at_ns.max(more.at_ns);
                ended.counts += more.counts;
                ended.workers.extend(more.workers);
            }
            None => self.ended = Some(more),
        }
    }
}

/// How the run ended, as far as its agents know.
fn end(folders: &[Folder], header: &RunHeader, merged: &Merged) -> RunEnd {
    let ends = || folders.iter().filter_map(|folder| folder.end.as_ref());
    let last_phase = folders.iter().flat_map(|folder| folder.phases.values());
    let phase_ends = last_phase.filter_map(|phase| phase.ended.as_ref().map(|ended| ended.at_ns));
    let at = |folder: &Folder| folder.end.as_ref().map(|end| folder.kept.clock.put_right(end.at_ns));
    let names: Vec<String> = merged.nodes.iter().map(NodeFacts::called).collect();
    let (requests, names) = (counted(merged.records, "request"), names.join(", "));
    let collected = format!("the journal was collected from what agents kept: {requests} of {names}");
    RunEnd {
        at_ns: folders.iter().filter_map(at).chain(phase_ends).max().unwrap_or(0),
        was_cancelled: ends().any(|end| end.was_cancelled),
        reason: reason(folders, &merged.nodes),
        services: Vec::new(),
        plugins: plugins(ends(), header),
        usage: None,
        notes: [collected].into_iter().chain(merged.notes.iter().cloned()).collect(),
    }
}

/// The plugins of the run. An agent may have said nothing of them at its end.
fn plugins<'a>(ends: impl Iterator<Item = &'a RunEnd>, header: &RunHeader) -> Vec<UsedPlugin> {
    let known = ends.map(|end| &end.plugins).find(|plugins| !plugins.is_empty());
    known.unwrap_or(&header.plugins).clone()
}

/// Why the journal does not have all of the run, or why the run ended before its time, if so.
fn reason(folders: &[Folder], merged: &[NodeFacts]) -> Option<String> {
    let nodes = folders.iter().map(|folder| folder.kept.nodes).max().unwrap_or(0);
    let is_there = |node: &u32| folders.iter().any(|folder| folder.kept.facts.node == *node);
    let missing: Vec<String> =
        (0..nodes).filter(|node| !is_there(node)).map(|node| node.to_string()).collect();
    let without_end = folders.iter().filter(|folder| folder.end.is_none());
    let killed: Vec<String> = without_end.map(|folder| folder.kept.facts.called()).collect();
    let damaged = merged.iter().filter(|facts| facts.damage.is_some());
    let named =
        |what: &str, names: Vec<String>| (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")));
    let reasons = [
        named("the records of these nodes of the run are missing", missing),
        named("the journals of these agents have no end", killed),
        named("the journals of these agents are damaged", damaged.map(NodeFacts::called).collect()),
        folders.iter().find_map(|folder| folder.end.as_ref()?.reason.clone()),
    ];
    let reasons: Vec<String> = reasons.into_iter().flatten().collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(at_ns: RunNs, scheduled: u64, worker: u32) -> Ended {
        let counts = ScheduleCounts { scheduled, ..ScheduleCounts::default() };
        Ended { at_ns, counts, workers: vec![WorkerUsage { worker, ..WorkerUsage::default() }] }
    }

    #[test]
    fn a_phase_begins_with_its_first_node_and_ends_with_its_last() {
        let mut phase = Phase { began: Some((PhaseKind::Profiling, 12)), ended: Some(ended(90, 3, 0)) };
        phase.add(Phase { began: Some((PhaseKind::Profiling, 10)), ended: Some(ended(80, 4, 1)) });
        phase.add(Phase::default());
        assert_eq!(phase.began, Some((PhaseKind::Profiling, 10)));
        let Ended { at_ns, counts, workers } = phase.ended.unwrap();
        let workers: Vec<u32> = workers.iter().map(|usage| usage.worker).collect();
        assert_eq!((at_ns, counts.scheduled, workers), (90, 7, vec![0, 1]));
    }

    #[test]
    fn a_run_without_all_of_its_nodes_says_which_are_missing() {
        let folder = |node, end| Folder {
            dir: PathBuf::new(),
            kept: KeptRun {
                nodes: 3,
                facts: NodeFacts { node, name: format!("n{node}"), ..NodeFacts::default() },
                ..KeptRun::default()
            },
            header: None,
            phases: BTreeMap::new(),
            end,
        };
        let whole = [0, 1, 2].map(|node| folder(node, Some(RunEnd::default())));
        assert_eq!(reason(&whole, &[]), None);
        let part = [folder(0, None), folder(2, Some(RunEnd::default()))];
        let expected = "the records of these nodes of the run are missing: 1; the journals of these agents have no end: n0";
        assert_eq!(reason(&part, &[]).as_deref(), Some(expected));
    }

    #[test]
    fn plugins_are_those_that_an_agent_names_or_those_of_the_header() {
        let used = |name: &str| UsedPlugin { name: name.into(), ..UsedPlugin::default() };
        let header = RunHeader { plugins: vec![used("planned")], ..RunHeader::lost() };
        let silent = RunEnd::default();
        let names = RunEnd { plugins: vec![used("opened")], ..RunEnd::default() };
        assert_eq!(plugins([&silent].into_iter(), &header), [used("planned")]);
        assert_eq!(plugins([&silent, &names].into_iter(), &header), [used("opened")]);
    }
}
