//! The open libraries. One that exports several types is opened once.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use prony_plugin_api::abi::host::PluginRoot;

use super::{
    catalogue::Kind,
    entry::Entry,
    fault::Fault,
    ladder::{self, Facts},
    loader,
    trust::Trust,
};

/// Finds libraries, opens them on first use and keeps them.
#[derive(Debug)]
pub(super) struct Libraries {
    plugin_path: Vec<PathBuf>,
    open: HashMap<PathBuf, (PluginRoot, Facts)>,
}

impl Libraries {
    /// `plugin_path`: folders to search after the manifest's own.
    pub(super) fn new(plugin_path: Vec<PathBuf>) -> Self {
        Self { plugin_path, open: HashMap::new() }
    }

    /// Where an entry's library is.
    pub(super) fn locate<M>(&self, entry: &Entry<M>) -> Result<PathBuf, Fault> {
        let file_name = entry.class.file_name();
        let beside = entry.origin.manifest.parent().into_iter().map(Path::to_owned);
        let searched: Vec<PathBuf> = beside.chain(self.plugin_path.iter().cloned()).collect();
        let found = searched.iter().map(|folder| folder.join(&file_name)).find(|library| library.exists());
        found.ok_or(Fault::Missing { file_name, searched })
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
            return exported::<K>(*root, facts, entry);
        }
        let checked = ladder::check(library, &Trust::of_this_process())?;
        checked.facts.check_entry(K::CATEGORY, entry)?;
        let root = loader::open(library, &checked, entry.integrity.is_some())?;
        let (root, facts) = self.open.entry(real).or_insert((root, checked.facts));
        exported::<K>(*root, facts, entry)
    }
}

/// The functions of an entry's type, which its descriptor has promised.
fn exported<K: Kind>(root: PluginRoot, facts: &Facts, entry: &Entry<K::Metadata>) -> Result<K::Table, Fault> {
    let type_name = &entry.class.type_name;
    K::table(root, type_name).ok_or_else(|| Fault::NotExported {
        plugin: facts.plugin(),
        category: K::CATEGORY,
        type_name: type_name.clone(),
        exports: Vec::new(),
    })
}
