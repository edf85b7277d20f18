//! Plugins and the lock file: which libraries there are to be locked, and whether one of them is as it was locked before a run
//! needs it. No library is opened here.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use prony_plugin_api::version::TARGET;

use super::{
    entry::{Category, Entry},
    error::PluginError,
    fault::Fault,
    ladder,
    listing::ListedEntry,
    registry::Registry,
    trust::Trust,
};
use crate::lockfile::{Change, LockedLibrary, Lockfile};

/// The libraries that would be used here.
#[derive(Debug, Default)]
pub(crate) struct Lockable {
    libraries: BTreeMap<String, (PathBuf, LockedLibrary)>,
    /// Entries that cannot be locked, and why: half-sentences.
    pub(crate) left_out: Vec<String>,
    /// The libraries of these entries, which are there: what is locked of them stays.
    kept: BTreeSet<String>,
}

impl Lockable {
    /// Puts them into a lock file, for the platform of this program. What is locked and not found here stays, unless it is to be
    /// pruned.
    pub(crate) fn lock(self, lock: &mut Lockfile, is_pruned: bool) -> Vec<Change> {
        let kept = self.kept;
        let libraries: Vec<LockedLibrary> =
            self.libraries.into_values().map(|(_, library)| library).collect();
        lock.lock_libraries(TARGET, &libraries, |library| !is_pruned || kept.contains(library))
    }

    fn add(&mut self, name: &str, entry: &ListedEntry) {
        let stem = &entry.class.library;
        let place = match &entry.library {
            Ok(place) => place,
            Err(fault) => return self.leave_out(name, entry, fault),
        };
        match self.libraries.get(stem) {
            Some((known, _)) if known == place => {}
            Some((known, _)) => {
                let why = format!("`{}` and `{}` have one name", known.display(), place.display());
                self.leave_out(name, entry, &why);
            }
            None => match ladder::check(place, &Trust::of_this_process()) {
                Ok(checked) => {
                    let descriptor = &checked.facts.descriptor;
                    let library = LockedLibrary {
                        library: stem.clone(),
                        name: descriptor.name.clone(),
                        version: descriptor.version.clone(),
                        sum: checked.facts.digest.sum(),
                    };
                    self.libraries.insert(stem.clone(), (place.clone(), library));
                }
                Err(fault) => self.leave_out(name, entry, &fault),
            },
        }
    }

    fn leave_out(&mut self, name: &str, entry: &ListedEntry, why: &dyn std::fmt::Display) {
        self.left_out.push(format!("the {} `{name}`: {why}", entry.category));
        self.kept.insert(entry.class.library.clone());
    }
}

impl Registry {
    /// The libraries of all names, of which several may have one.
    pub(crate) fn lockable(&self) -> Lockable {
        let mut lockable = Lockable::default();
        for listed in Category::ALL.into_iter().flat_map(|category| self.list(category)) {
            let Some(winner) = listed.entries.first() else { continue };
            if listed.conflicting {
                lockable.leave_out(&listed.name, winner, &"two plugin packages have equal right to it");
                lockable.kept.extend(listed.entries.iter().map(|entry| entry.class.library.clone()));
            } else {
                lockable.add(&listed.name, winner);
            }
        }
        lockable
    }

    /// Checks the service of this name against the lock file, if there is one: a service that cannot be loaded may be done without,
    /// and one that was changed may not.
    ///
    /// # Errors
    /// Its library is not the one that was locked.
    pub(crate) fn check_locked_service(&self, name: &str) -> Result<(), PluginError> {
        if !self.lock().libraries.are_locked() {
            return Ok(());
        }
        let entry = self.service(name)?;
        self.check_locked_entry(Category::Service, &entry)
    }

    fn check_locked_entry<M>(&self, category: Category, entry: &Entry<M>) -> Result<(), PluginError> {
        // What else is wrong with it, its loader says.
        let Ok(library) = self.lock().libraries.locate(entry) else { return Ok(()) };
        let Ok(checked) = ladder::check(&library, &Trust::of_this_process()) else { return Ok(()) };
        let is_locked = self.lock().libraries.check_locked(&entry.class, &checked.facts);
        is_locked.map_err(|fault: Fault| PluginError::Load {
            category,
            name: entry.name.clone(),
            library,
            fault: Arc::new(fault),
        })
    }
}
