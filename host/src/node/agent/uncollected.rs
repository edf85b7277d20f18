//! What agents still keep of runs whose controller is gone, and its way here: [`Uncollected`].

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    error::AgentError,
    fetch::{Origin, fetch},
    messages::{Keeps, KeptFile, KeptFolder, is_id},
    subjects,
};
use crate::{
    explain::Explain,
    nats::{Access, Bus, BusError},
    record::kept_run::{KeptRun, KeptRunError},
};

/// How long a NATS server may take to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long answers of agents are waited for.
const ANSWERS: Duration = Duration::from_secs(2);

/// Why what agents keep does not come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UncollectedError {
    /// The NATS server cannot be used.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// No agent is there.
    #[error("find agents at the NATS server `{url}`: none answered within {} s", ANSWERS.as_secs())]
    Nobody { url: String },
    /// One is gone since it has said what it keeps.
    #[error("fetch what the agent `{name}` keeps: it does not answer any more")]
    Gone { name: String },
    /// What has come cannot be written here.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// Nor can what is missing be noted.
    #[error(transparent)]
    Note(#[from] KeptRunError),
}

impl Explain for UncollectedError {
    fn hint(&self) -> String {
        match self {
            Self::Bus(error) => error.hint(),
            Self::Nobody { .. } => {
                "start the agents again where they were, with `prony agent --nats URL` and the same `--dir`; \
                 or copy their folders, and name these"
                    .to_owned()
            }
            Self::Gone { .. } => {
                "wait for the end of its run if it has one, or start it again with the same `--dir`; then collect again"
                    .to_owned()
            }
            Self::Agent(_) | Self::Note(_) => {
                "look at the space on this disk and at its permissions; the agents keep what they have"
                    .to_owned()
            }
        }
    }
}

/// Runs of which agents keep something.
#[derive(Debug)]
pub(crate) struct Uncollected {
    bus: Bus,
    runs: Vec<UncollectedRun>,
}

/// A run of which agents keep something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UncollectedRun {
    /// Identity of the run.
    pub(crate) run_id: String,
    /// How many nodes it had.
    pub(crate) nodes: u32,
    /// When an agent has written to its journal last: seconds since the Unix epoch, by the clocks of their machines.
    pub(crate) written_s: u64,
    /// In the order of the nodes.
    parts: Vec<Part>,
}

/// What one agent keeps of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// Address of the agent.
    id: String,
    kept: KeptFolder,
}

impl UncollectedRun {
    /// Names of the agents that keep something, each with the size of it in bytes.
    pub(crate) fn agents(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        let add = |all: u64, file: &KeptFile| all.saturating_add(file.bytes);
        let bytes = move |part: &Part| part.kept.files.iter().fold(0, add);
        self.parts.iter().map(move |part| (part.kept.name.as_str(), bytes(part)))
    }
}

impl Uncollected {
    /// Asks all agents at a NATS server what they keep.
    ///
    /// # Errors
    /// The server cannot be used, or no agent answers.
    pub(crate) fn ask(access: &Access) -> Result<Self, UncollectedError> {
        let bus = Bus::connect(access, "prony collect", CONNECT_TIMEOUT)?;
        let answers = bus.gather(subjects::KEEPS, Vec::new(), ANSWERS)?;
        let said: Vec<Keeps> =
            answers.iter().filter_map(|answer| rmp_serde::from_slice(answer).ok()).collect();
        if said.is_empty() {
            return Err(UncollectedError::Nobody { url: bus.url().to_owned() });
        }
        Ok(Self { bus, runs: by_run(said) })
    }

    /// All of them, the latest first.
    pub(crate) fn runs(&self) -> &[UncollectedRun] {
        &self.runs
    }

    /// Brings everything here that agents keep of a run, each part to a folder of its own in `into`: these folders. A piece that does not
    /// come is missing in the journal, and the folder says so. The agents keep what they have.
    ///
    /// # Errors
    /// It cannot be written here, or an agent is gone.
    pub(crate) fn bring(&self, run: &UncollectedRun, into: &Path) -> Result<Vec<PathBuf>, UncollectedError> {
        run.parts.iter().map(|part| self.bring_one(part, into)).collect()
    }

    fn bring_one(&self, part: &Part, into: &Path) -> Result<PathBuf, UncollectedError> {
        let Part { id, kept } = part;
        let subject = subjects::kept_piece(id);
        let from = Origin { bus: &self.bus, subject, name: &kept.name, run: &kept.folder };
        let dir = into.join(kept.node.to_string());
        fs::create_dir_all(&dir).map_err(|source| from.cannot_keep(source))?;
        let mut missing = 0;
        for file in &kept.files {
            missing += fetch(&from, file, &dir)?;
        }
        if missing > 0 {
            let gone = |_| UncollectedError::Gone { name: kept.name.clone() };
            let mut noted = KeptRun::read(&dir).map_err(gone)?;
            noted.facts.missing_bytes = Some(missing);
            noted.write(&dir)?;
        }
        Ok(dir)
    }
}

/// What agents say, run by run. Two agents that share a folder say the same twice.
fn by_run(said: Vec<Keeps>) -> Vec<UncollectedRun> {
    let mut runs = BTreeMap::<String, UncollectedRun>::new();
    // An address that is none would be a subject of somebody else.
    for Keeps { id, folders } in said.into_iter().filter(|agent| is_id(&agent.id)) {
        for kept in folders {
            let run = runs.entry(kept.run_id.clone()).or_insert_with(|| UncollectedRun {
                run_id: kept.run_id.clone(),
                nodes: 0,
                written_s: 0,
                parts: Vec::new(),
            });
            run.nodes = run.nodes.max(kept.nodes);
            run.written_s = run.written_s.max(kept.written_s);
            if run.parts.iter().all(|known| known.kept.node != kept.node) {
                run.parts.push(Part { id: id.clone(), kept });
            }
        }
    }
    let mut runs: Vec<UncollectedRun> = runs.into_values().collect();
    for run in &mut runs {
        run.parts.sort_by_key(|part| part.kept.node);
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.written_s));
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(run_id: &str, node: u32, written_s: u64) -> KeptFolder {
        KeptFolder {
            folder: format!("{run_id}-{node}"),
            run_id: run_id.to_owned(),
            node,
            nodes: 2,
            name: format!("n{node}"),
            written_s,
            files: vec![KeptFile { name: "journal.prony".to_owned(), bytes: 7 }],
        }
    }

    fn agent(letter: char, folders: &[KeptFolder]) -> Keeps {
        let id = std::iter::repeat_n(letter, 32).collect();
        Keeps { id, folders: folders.to_vec() }
    }

    #[test]
    fn parts_of_a_run_come_together_and_the_latest_run_is_the_first() {
        let one = agent('a', &[folder("old", 1, 5), folder("new", 0, 9)]);
        let other = agent('b', &[folder("old", 0, 6)]);
        let runs = by_run(vec![one, other]);
        let ids: Vec<&str> = runs.iter().map(|run| run.run_id.as_str()).collect();
        assert_eq!(ids, ["new", "old"]);
        assert_eq!(runs[1].agents().collect::<Vec<_>>(), [("n0", 7), ("n1", 7)]);
        assert_eq!((runs[1].written_s, runs[1].nodes), (6, 2));
    }

    #[test]
    fn what_two_agents_of_one_folder_say_counts_once() {
        let same = [folder("r", 0, 5)];
        let runs = by_run(vec![agent('a', &same), agent('b', &same)]);
        assert_eq!(runs[0].agents().len(), 1);
    }

    #[test]
    fn who_has_no_address_is_nobody() {
        let stranger = Keeps { id: "a.>".to_owned(), ..agent('a', &[folder("r", 0, 5)]) };
        assert!(by_run(vec![stranger]).is_empty());
    }
}
