//! Sources: every script of a run by its position, for any number of workers.

use std::{path::PathBuf, sync::Arc};

use super::{
    Script,
    ahead::Ahead,
    categories::Categories,
    classes::Dealer,
    formats::{NamedFile, StoredFile},
    inspect::hit_rate,
    sampling::Order,
    script::secrets,
};
use crate::{
    lockfile::Sum,
    plan::{ClassKind, Classes, DatasetConfig, Sampling},
    seed::Seed,
};

/// Scripts by position. Which script stands where depends on the description of the dataset and the seed alone, so that
/// workers need not ask each other. Positions have no end: behind the last script comes the first one again.
#[derive(Debug)]
pub(crate) struct Source {
    scripts: Scripts,
    /// Where they are from.
    file: Option<StoredFile>,
    /// Which class a session is of, where there are several.
    dealer: Option<Dealer>,
    /// Which script stands where.
    order: Order,
    /// The categories of scripts, if they have some.
    categories: Categories,
    /// Those are the classes of sessions.
    is_by_category: bool,
}

#[derive(Debug)]
enum Scripts {
    /// All of them are in memory: those of a file, or few.
    Listed(Vec<Arc<Script>>),
    /// They are made as they are needed.
    Generated(Ahead),
    /// Those of a recording, and with them their prompts, which are written as they are needed.
    Prompted { recorded: Arc<[Arc<Script>]>, written: Ahead },
    /// Those of a large file, which are read as they are needed.
    Filed { starts: Arc<[u64]>, secrets: Vec<String>, written: Ahead },
}

impl Source {
    /// These scripts, of which there is at least one.
    pub(crate) fn listed(scripts: Vec<Script>) -> Self {
        let categories = Categories::of(&scripts);
        let listed = Scripts::Listed(scripts.into_iter().map(Arc::new).collect());
        Self { categories, ..Self::of(listed, None) }
    }

    fn of(scripts: Scripts, file: Option<StoredFile>) -> Self {
        Self {
            scripts,
            file,
            dealer: None,
            order: Order::default(),
            categories: Categories::default(),
            is_by_category: false,
        }
    }

    pub(super) fn generated(scripts: Ahead) -> Self {
        Self::of(Scripts::Generated(scripts), None)
    }

    /// All scripts of a file.
    pub(super) fn of_file(scripts: Vec<Script>, file: StoredFile) -> Self {
        Self { file: Some(file), ..Self::listed(scripts) }
    }

    /// Scripts of a recording, without their prompts and with them.
    pub(super) fn prompted(recorded: Arc<[Arc<Script>]>, written: Ahead, file: StoredFile) -> Self {
        Self::of(Scripts::Prompted { recorded, written }, Some(file))
    }

    /// Scripts that are read as they are needed, when they start, and what of them must not be written down.
    pub(super) fn of_large_file(
        (starts, categories): (Arc<[u64]>, Categories),
        secrets: Vec<String>,
        written: Ahead,
        file: StoredFile,
    ) -> Self {
        Self { categories, ..Self::of(Scripts::Filed { starts, secrets, written }, Some(file)) }
    }

    /// The same, whose sessions are of these classes and taken in this way.
    pub(crate) fn dealt(self, classes: &Classes, sampling: Sampling, seed: Seed) -> Self {
        let is_by_category = classes.kind == ClassKind::Category;
        let is_dealt = classes.list.len() > 1 && !is_by_category;
        let dealer = is_dealt.then(|| Dealer::new(&classes.deal(), seed));
        Self { dealer, order: Order::of(sampling, seed), is_by_category, ..self }
    }

    /// A class for each category of the dataset; none where it has no categories.
    pub(crate) fn categories(&self) -> Classes {
        self.categories.classes()
    }

    /// The number of the class of the session that plays the script at this position.
    pub(crate) fn class(&self, position: u64) -> u32 {
        let place = self.order.place(position, self.len());
        match &self.dealer {
            Some(dealer) => dealer.class_of(place, self.len()),
            None if self.is_by_category => {
                self.categories.class_of(place.checked_rem(self.len().unwrap_or(0)).unwrap_or(place))
            }
            None => 0,
        }
    }

    /// The dataset by which another process makes the same scripts: with as many rows of a file as were asked for, which may be
    /// more than are played, and with the copy of what came through a pipe.
    pub(crate) fn remade(&self, dataset: &DatasetConfig) -> DatasetConfig {
        let Some(file) = &self.file else { return dataset.absolute() };
        let moved = file.copy_path().map_or_else(|| dataset.absolute(), |copy| dataset.at(copy));
        moved.with_entries(file.wanted)
    }

    /// The same for a process of this machine that holds to the same lock file: it reads a file at its own place, where the media
    /// are that lines name, and checks it once more.
    pub(crate) fn remade_and_checked(&self, dataset: &DatasetConfig) -> DatasetConfig {
        match &self.file {
            Some(file) if file.is_sealed() => dataset.absolute().with_entries(file.wanted),
            _ => self.remade(dataset),
        }
    }

    /// The files that lines of a dataset have named, as they were read, each once, under the names by which a dataset
    /// [`with_media_in`](DatasetConfig::with_media_in) a folder finds them there.
    pub(crate) fn media(&self) -> Vec<NamedFile> {
        self.file.as_ref().map(StoredFile::media).unwrap_or_default()
    }

    /// What lines of a dataset have called files, and the SHA-256 of what was read from them.
    pub(super) fn media_as_called(&self) -> Vec<(PathBuf, Sum)> {
        self.file.as_ref().map(StoredFile::media_as_called).unwrap_or_default()
    }

    /// How many different scripts there are; `None` where there is no end to them.
    pub(crate) fn len(&self) -> Option<u64> {
        match &self.scripts {
            Scripts::Listed(scripts) => Some(scripts.len() as u64),
            Scripts::Generated(scripts) | Scripts::Filed { written: scripts, .. } => scripts.len(),
            Scripts::Prompted { recorded, .. } => Some(recorded.len() as u64),
        }
    }

    /// When each session of a recording starts, by position, in nanoseconds since the first; empty for what is none.
    pub(crate) fn starts(&self) -> Arc<[u64]> {
        if let Scripts::Filed { starts, .. } = &self.scripts {
            return Arc::clone(starts);
        }
        let scripts = self.read().unwrap_or_default();
        scripts.iter().map_while(|script| script.starts_ns).collect()
    }

    /// Whether a script may have several steps.
    pub(crate) fn has_dialogues(&self) -> bool {
        match &self.scripts {
            Scripts::Listed(scripts) => scripts.iter().any(|script| script.steps.len() > 1),
            Scripts::Generated(scripts)
            | Scripts::Prompted { written: scripts, .. }
            | Scripts::Filed { written: scripts, .. } => scripts.has_dialogues(),
        }
    }

    /// The script at this position.
    pub(crate) fn script(&self, position: u64) -> Arc<Script> {
        match &self.scripts {
            Scripts::Listed(scripts) => {
                let place = self.order.place(position, self.len());
                let place = place.checked_rem(scripts.len() as u64).unwrap_or(0);
                Arc::clone(&scripts[usize::try_from(place).unwrap_or(0)])
            }
            Scripts::Generated(scripts)
            | Scripts::Prompted { written: scripts, .. }
            | Scripts::Filed { written: scripts, .. } => scripts.script(position),
        }
    }

    /// How many steps the script at this position has. The script need not be made for it.
    pub(crate) fn steps(&self, position: u64) -> u64 {
        match &self.scripts {
            Scripts::Listed(_) => self.script(position).steps.len() as u64,
            Scripts::Generated(scripts)
            | Scripts::Prompted { written: scripts, .. }
            | Scripts::Filed { written: scripts, .. } => scripts.steps(position),
        }
    }

    /// What must not be written down: rows of a file may hold secrets, generated scripts do not.
    pub(crate) fn secrets(&self) -> Vec<String> {
        if let Scripts::Filed { secrets, .. } = &self.scripts {
            return secrets.clone();
        }
        let mut found: Vec<String> =
            secrets(self.read().unwrap_or_default().iter().map(|script| &**script)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The scripts as a file has them, if they are in memory; those of a recording without their prompts.
    fn read(&self) -> Option<&[Arc<Script>]> {
        match &self.scripts {
            Scripts::Listed(scripts) => Some(scripts),
            Scripts::Prompted { recorded, .. } => Some(recorded),
            Scripts::Generated(_) | Scripts::Filed { .. } => None,
        }
    }

    /// The share of the recorded prompts' blocks that a prefix cache of unlimited size would have; nothing where there are none, and
    /// of a large file, whose blocks are not in memory.
    pub(crate) fn recorded_hit_rate(&self) -> Option<f64> {
        match &self.scripts {
            Scripts::Prompted { recorded, .. } => {
                hit_rate(&recorded.iter().map(|script| &**script).collect::<Vec<_>>())
            }
            Scripts::Listed(_) | Scripts::Generated(_) | Scripts::Filed { .. } => None,
        }
    }

    /// The scripts, if all are in memory.
    pub(crate) fn list(&self) -> Option<&[Arc<Script>]> {
        match &self.scripts {
            Scripts::Listed(scripts) => Some(scripts),
            Scripts::Generated(_) | Scripts::Prompted { .. } | Scripts::Filed { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::the_first(0, "0")]
    #[case::the_last(2, "2")]
    #[case::round_again(3, "0")]
    #[case::far_out(u64::MAX - 5, "1")]
    fn scripts_are_played_in_order(#[case] position: u64, #[case] id: &str) {
        let script = |number: u8| Script {
            id: number.to_string(),
            starts_ns: None,
            steps: Vec::new(),
            category: None,
        };
        assert_eq!(Source::listed((0..3).map(script).collect()).script(position).id, id);
    }
}
