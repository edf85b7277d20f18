//! What this agent keeps of runs that are over for it, for a controller that collects it: [`serve_kept`].

use std::{
    cmp::Reverse,
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use super::working::kept_files;
use crate::{
    nats::{Bus, BusError, Subscription},
    node::agent::{
        chunk_of,
        files::plain,
        messages::{Keeps, KeptFolder, PieceOf},
        subjects,
    },
    record::{journal, kept_run::KeptRun},
    run::lock,
};

/// Folders that are named at most, the latest ones: an answer is a message.
const MOST_FOLDERS: usize = 500;

/// The name of the folder of the run that goes on, whose journal is the controller's.
#[derive(Clone, Debug, Default)]
pub(super) struct Current(Arc<Mutex<Option<String>>>);

impl Current {
    /// A run begins, or is over.
    pub(super) fn set(&self, folder: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = folder;
    }

    fn is_any(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn is(&self, folder: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(folder)
    }
}

/// Whose folders these are.
#[derive(Clone, Debug)]
pub(super) struct Keeper {
    /// Address of this agent.
    pub(super) id: String,
    /// Where the folders of runs are.
    pub(super) runs: PathBuf,
    pub(super) current: Current,
}

/// Answers what is kept, and gives it away in pieces, until the subscriptions are dropped.
///
/// # Errors
/// The thread of the bus is gone.
pub(super) fn serve_kept(bus: &Bus, keeper: Keeper) -> Result<[Subscription; 2], BusError> {
    let (pieces, asked) = (keeper.clone(), subjects::kept_piece(&keeper.id));
    let keeps =
        bus.serve_in_background(subjects::KEEPS, move |_| rmp_serde::to_vec_named(&keeper.keeps()).ok())?;
    let piece = bus.serve_in_background(&asked, move |question| {
        let piece: PieceOf = rmp_serde::from_slice(question).ok()?;
        let chunk = chunk_of(&pieces.path_of(&piece)?, piece.offset).ok()?;
        rmp_serde::to_vec_named(&chunk).ok()
    })?;
    Ok([keeps, piece])
}

impl Keeper {
    fn keeps(&self) -> Keeps {
        let mut dated = self.dated().unwrap_or_default();
        dated.sort_by_key(|(written_s, _)| Reverse(*written_s));
        dated.truncate(MOST_FOLDERS);
        let folders = dated.into_iter().filter_map(|(written_s, folder)| self.kept(written_s, folder));
        Keeps { id: self.id.clone(), folders: folders.collect() }
    }

    /// Folders with a journal, and when that was written to last. A folder that nothing was kept in is none.
    fn dated(&self) -> io::Result<Vec<(u64, String)>> {
        let mut dated = Vec::new();
        for entry in fs::read_dir(&self.runs)? {
            let entry = entry?;
            let folder = entry.file_name().to_string_lossy().into_owned();
            let written = entry.path().join(journal::FILE_NAME).metadata().and_then(|file| file.modified());
            // Another agent may share the folders, and have a run.
            let is_going = self.current.is(&folder) || lock::owner(&entry.path()).is_some();
            if let Some(written) = written.ok().filter(|_| !is_going) {
                dated.push((seconds(written), folder));
            }
        }
        Ok(dated)
    }

    fn kept(&self, written_s: u64, folder: String) -> Option<KeptFolder> {
        let dir = self.runs.join(&folder);
        let KeptRun { run_id, nodes, facts, .. } = KeptRun::read(&dir).ok()?;
        let files = kept_files(&dir).ok()?;
        Some(KeptFolder { folder, run_id, node: facts.node, nodes, name: facts.name, written_s, files })
    }

    /// The file of a piece; nothing where it would be anywhere else, and while a run goes on: making pieces smaller takes a processor
    /// from the load.
    fn path_of(&self, piece: &PieceOf) -> Option<PathBuf> {
        let (folder, name) = (plain(&piece.run).ok()?, plain(&piece.name).ok()?);
        let dir = self.runs.join(folder);
        let is_given = !self.current.is_any() && lock::owner(&dir).is_none();
        is_given.then(|| dir.join(name))
    }
}

fn seconds(instant: SystemTime) -> u64 {
    instant.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{record::NodeFacts, run::lock::Lock};

    fn keeper(runs: &Path) -> Keeper {
        Keeper { id: "a".repeat(32), runs: runs.to_owned(), current: Current::default() }
    }

    fn keep(runs: &Path, folder: &str) {
        let dir = runs.join(folder);
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join(journal::FILE_NAME), "journal").unwrap();
        let facts = NodeFacts { node: 1, name: "b".to_owned(), ..NodeFacts::default() };
        KeptRun { run_id: "r".to_owned(), nodes: 2, facts, ..KeptRun::default() }.write(&dir).unwrap();
    }

    #[test]
    fn folders_with_a_journal_are_kept_but_for_that_of_the_run_that_goes_on() {
        let runs = tempfile::tempdir().unwrap();
        for folder in ["x-1", "y-1"] {
            keep(runs.path(), folder);
        }
        fs::create_dir(runs.path().join("empty-0")).unwrap();
        let keeper = keeper(runs.path());
        keeper.current.set(Some("y-1".to_owned()));
        let keeps = keeper.keeps();
        let [kept] = &keeps.folders[..] else { panic!("{keeps:?}") };
        assert_eq!((kept.folder.as_str(), kept.run_id.as_str(), kept.name.as_str()), ("x-1", "r", "b"));
        assert_eq!((kept.node, kept.nodes, kept.files.len()), (1, 2, 2));
        keeper.current.set(None);
        assert_eq!(keeper.keeps().folders.len(), 2);
    }

    #[test]
    fn nothing_outside_of_the_folders_is_given_away() {
        let runs = tempfile::tempdir().unwrap();
        let keeper = keeper(runs.path());
        let path = |run: &str, name: &str| {
            keeper.path_of(&PieceOf { run: run.to_owned(), name: name.to_owned(), offset: 0 })
        };
        assert_eq!(path("x-1", "journal.prony"), Some(runs.path().join("x-1/journal.prony")));
        for (run, name) in
            [("..", "a"), ("x-1", "../a"), ("/etc", "passwd"), ("x-1", "/etc/passwd"), ("", "a")]
        {
            assert_eq!(path(run, name), None, "{run} {name}");
        }
    }

    #[test]
    fn a_run_of_another_agent_that_shares_the_folders_is_not_given_away() {
        let runs = tempfile::tempdir().unwrap();
        keep(runs.path(), "x-1");
        let keeper = keeper(runs.path());
        let piece = PieceOf { run: "x-1".to_owned(), name: "journal.prony".to_owned(), offset: 0 };
        let lock = Lock::take(&runs.path().join("x-1")).unwrap();
        assert!(keeper.keeps().folders.is_empty() && keeper.path_of(&piece).is_none());
        drop(lock);
        assert!(keeper.keeps().folders.len() == 1 && keeper.path_of(&piece).is_some());
    }

    #[test]
    fn while_a_run_goes_on_nothing_is_given_away() {
        let keeper = keeper(Path::new("/runs"));
        let piece = PieceOf { run: "x-1".to_owned(), name: "journal.prony".to_owned(), offset: 0 };
        keeper.current.set(Some("y-1".to_owned()));
        assert_eq!(keeper.path_of(&piece), None);
        keeper.current.set(None);
        assert!(keeper.path_of(&piece).is_some());
    }

    #[test]
    fn without_a_folder_nothing_is_kept() {
        assert!(keeper(Path::new("/nowhere/at/all")).keeps().folders.is_empty());
    }
}
