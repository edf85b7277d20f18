//! The open libraries. One that exports several types is opened once.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use prony_plugin_api::{abi::host::PluginRoot, version::TARGET};

use super::{
    catalogue::Kind,
    entry::{Class, Entry},
    fault::Fault,
    ladder::{self, LibraryFacts},
    loader,
    trust::Trust,
    used::UsedPlugin,
};
use crate::{config::policy::PluginPolicy, lockfile::Lockfile};

/// Finds libraries, opens them on first use and keeps them.
#[derive(Debug)]
pub(super) struct Libraries {
    plugin_path: Vec<PathBuf>,
    policy: PluginPolicy,
    /// What libraries must be, if that is locked.
    lock: Option<Arc<Lockfile>>,
    open: HashMap<PathBuf, (PluginRoot, LibraryFacts)>,
    /// Every entry whose functions were found, in that order.
    used: Arc<Mutex<Vec<UsedPlugin>>>,
}

impl Libraries {
    /// `plugin_path`: folders to search after the manifest's own.
    pub(super) fn new(plugin_path: Vec<PathBuf>, policy: PluginPolicy, lock: Option<Arc<Lockfile>>) -> Self {
        Self { plugin_path, policy, lock, open: HashMap::new(), used: Arc::default() }
    }

    /// Checks a library against the lock file, if there is one.
    pub(super) fn check_locked(&self, class: &Class, facts: &LibraryFacts) -> Result<(), Fault> {
        let Some(lock) = &self.lock else { return Ok(()) };
        lock.check_library(&class.library, TARGET, &facts.digest.sum()).map_err(Fault::Locked)
    }

    /// Where an entry's library is.
    pub(super) fn locate<M>(&self, entry: &Entry<M>) -> Result<PathBuf, Fault> {
        let beside = entry.origin.manifest.parent().into_iter().map(Path::to_owned);
        // Under a policy, a file from elsewhere is only as good as its hash.
        let elsewhere = self.policy == PluginPolicy::Any || entry.integrity.is_some() || self.lock.is_some();
        let elsewhere = self.plugin_path.iter().filter(|_| elsewhere).cloned();
        let searched: Vec<PathBuf> = beside.chain(elsewhere).collect();
        find_in(&entry.class, &searched)
    }

    /// The functions of an entry's type, opening `library` if it is not open yet.
    pub(super) fn table<K: Kind>(
        &mut self,
        library: &Path,
        entry: &Entry<K::Metadata>,
    ) -> Result<K::Table, Fault> {
        let real = library.canonicalize().map_err(Fault::Unreadable)?;
        if let Some((root, facts)) = self.open.get(&real) {
            facts.check_entry(K::CATEGORY, entry)?;
            self.check_locked(&entry.class, facts)?;
            let table = exported::<K>(*root, facts, entry)?;
            let used = UsedPlugin::new(K::CATEGORY, entry, &real, facts);
            self.note(used);
            return Ok(table);
        }
        let checked = ladder::check(library, &Trust::of_this_process())?;
        checked.facts.check_entry(K::CATEGORY, entry)?;
        self.check_locked(&entry.class, &checked.facts)?;
        let pinned = entry.integrity.is_some() || self.lock.is_some();
        let root = loader::open(library, &checked, pinned)?;
        let used = UsedPlugin::new(K::CATEGORY, entry, &real, &checked.facts);
        let (root, facts) = self.open.entry(real).or_insert((root, checked.facts));
        let table = exported::<K>(*root, facts, entry)?;
        self.note(used);
        Ok(table)
    }

    fn note(&self, used: UsedPlugin) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).push(used);
    }

    /// Where it is noted what was used.
    pub(super) fn used(&self) -> Arc<Mutex<Vec<UsedPlugin>>> {
        Arc::clone(&self.used)
    }

    /// What an entry's library would be, read from its file: for code that runs in another process.
    pub(super) fn foresee<K: Kind>(&self, entry: &Entry<K::Metadata>) -> Option<UsedPlugin> {
        let library =
            self.locate(entry).and_then(|file| file.canonicalize().map_err(Fault::Unreadable)).ok()?;
        let checked = ladder::check(&library, &Trust::of_this_process()).ok()?;
        Some(UsedPlugin::new(K::CATEGORY, entry, &library, &checked.facts))
    }
}

/// The library of a class, in the first of these folders that has it.
pub(super) fn find_in(class: &Class, folders: &[PathBuf]) -> Result<PathBuf, Fault> {
    let file_name = class.file_name();
    let found = folders.iter().map(|folder| folder.join(&file_name)).find(|library| library.exists());
    found.ok_or_else(|| Fault::Missing { file_name, searched: folders.to_vec() })
}

/// The functions of an entry's type, which its descriptor has promised.
fn exported<K: Kind>(
    root: PluginRoot,
    facts: &LibraryFacts,
    entry: &Entry<K::Metadata>,
) -> Result<K::Table, Fault> {
    let type_name = &entry.class.type_name;
    K::table(root, type_name).ok_or_else(|| Fault::NotExported {
        plugin: facts.plugin(),
        category: K::CATEGORY,
        type_name: type_name.clone(),
        exports: Vec::new(),
    })
}
