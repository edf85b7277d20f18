//! The open libraries. One that exports several types is opened once.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use prony_plugin_api::abi::host::PluginRoot;

use super::{
    catalogue::Kind,
    entry::{Class, Entry},
    fault::Fault,
    ladder::{self, LibraryFacts},
    loader,
    locked::Locks,
    trust::Trust,
    used::UsedPlugin,
};
use crate::config::policy::PluginPolicy;

/// Finds libraries, opens them on first use and keeps them.
#[derive(Debug)]
pub(super) struct Libraries {
    plugin_path: Vec<PathBuf>,
    policy: PluginPolicy,
    /// What libraries must be, if that is locked.
    locks: Locks,
    open: HashMap<PathBuf, (PluginRoot, LibraryFacts)>,
    /// Every entry whose functions were found, in that order.
    used: Arc<Mutex<Vec<UsedPlugin>>>,
}

impl Libraries {
    /// `plugin_path`: folders to search after the manifest's own.
    pub(super) fn new(plugin_path: Vec<PathBuf>, policy: PluginPolicy, locks: Locks) -> Self {
        Self { plugin_path, policy, locks, open: HashMap::new(), used: Arc::default() }
    }

    /// Whether they must be as somebody has locked them.
    pub(super) fn are_locked(&self) -> bool {
        self.locks.are_there()
    }

    /// Checks a library against the locks that there are.
    pub(super) fn check_locked(&self, class: &Class, facts: &LibraryFacts) -> Result<(), Fault> {
        self.locks.check(class, facts).map_err(Fault::Locked)
    }

    /// Where an entry's library is.
    pub(super) fn locate<M>(&self, entry: &Entry<M>) -> Result<PathBuf, Fault> {
        let beside = entry.origin.manifest.parent().into_iter().map(Path::to_owned);
        // Under a policy, a file from elsewhere is only as good as its hash. What a controller says of a hash is no decision of this
        // machine's owner.
        let is_pinned = entry.integrity.is_some() || self.locks.own.is_some();
        let elsewhere = self.policy == PluginPolicy::Any || is_pinned;
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
        let pinned = entry.integrity.is_some() || self.locks.are_there();
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{
        super::{entry::Tier, testing::service_entry},
        *,
    };
    use crate::lockfile::Lockfile;

    #[test]
    fn under_a_policy_only_the_lock_of_this_machine_opens_folders_from_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let (pack, elsewhere) = (folder.path().join("pack"), folder.path().join("elsewhere"));
        let entry = service_entry("collector", pack.join("plugins.yaml").to_str().unwrap(), Tier::User);
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join(entry.class.file_name()), "a library").unwrap();
        let lock = || Some(Arc::new(Lockfile::empty(Path::new("prony.lock"))));
        let is_found =
            |policy, locks| Libraries::new(vec![elsewhere.clone()], policy, locks).locate(&entry).is_ok();
        let controllers = || Locks { own: None, controllers: lock() };
        for policy in [PluginPolicy::Pinned, PluginPolicy::Builtin] {
            assert!(!is_found(policy, Locks::default()));
            assert!(!is_found(policy, controllers()));
            assert!(is_found(policy, Locks { own: lock(), controllers: lock() }));
        }
        assert!(is_found(PluginPolicy::Any, controllers()));
    }
}
