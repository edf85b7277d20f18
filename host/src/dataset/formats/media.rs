//! Media: what a dataset names by address, ready to be sent.
//!
//! URLs stay as they are. A local file becomes a data URL, because the server cannot see it.

use std::{
    collections::{HashMap, hash_map::Entry},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use prony_plugin_api::PartKind;

use super::RowError;
use crate::{
    bounded,
    dataset::data_url::{data_url, extensions, media_type},
};

/// Largest file of an image, a sound or a video, in megabytes.
const MOST_MEGABYTES: u64 = 256;

/// Beginnings of addresses that are sent as they are.
const ADDRESSES: [&str; 3] = ["http://", "https://", "data:"];

/// Media that rows have named. A medium that several rows name is read, and kept, once.
pub(super) struct Album<'a> {
    /// The dataset's: relative paths start there.
    folder: &'a Path,
    /// Addresses to send, by kind and entry. An entry that is its own address stands there once.
    known: HashMap<(u32, Arc<str>), Arc<str>>,
    /// Of files, where rows are read that are a part of others.
    files: Option<&'a MediaFiles>,
}

/// What is sent for the files that rows of a dataset have named, wherever these rows are read.
#[derive(Debug, Default)]
pub(super) struct MediaFiles(Mutex<HashMap<(u32, String), Arc<str>>>);

impl MediaFiles {
    fn get(&self, kind: PartKind, entry: &str) -> Option<Arc<str>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(kind.0, entry.to_owned())).map(Arc::clone)
    }

    fn put(&self, kind: PartKind, entry: &str, address: &Arc<str>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((kind.0, entry.to_owned()), Arc::clone(address));
    }
}

impl<'a> Album<'a> {
    /// An album of a dataset in this folder.
    pub(super) fn new(folder: &'a Path, files: Option<&'a MediaFiles>) -> Self {
        Self { folder, known: HashMap::new(), files }
    }

    /// The address to send for an entry of the dataset.
    pub(super) fn address(
        &mut self,
        kind: PartKind,
        key: &'static str,
        entry: String,
    ) -> Result<Arc<str>, RowError> {
        let entry: Arc<str> = entry.into();
        let known = self.known.entry((kind.0, Arc::clone(&entry)));
        match known {
            Entry::Occupied(known) => Ok(Arc::clone(known.get())),
            Entry::Vacant(place) => {
                let address = if is_address(&entry) {
                    entry
                } else if let Some(known) = self.files.and_then(|files| files.get(kind, &entry)) {
                    known
                } else {
                    let address = embedded(kind, key, &entry, self.folder)?;
                    if let Some(files) = self.files {
                        files.put(kind, &entry, &address);
                    }
                    address
                };
                Ok(Arc::clone(place.insert(address)))
            }
        }
    }
}

fn is_address(entry: &str) -> bool {
    let begins_with = |prefix: &str| {
        entry.get(..prefix.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(prefix))
    };
    ADDRESSES.into_iter().any(begins_with)
}

/// The data URL of a file.
fn embedded(kind: PartKind, key: &'static str, entry: &str, folder: &Path) -> Result<Arc<str>, RowError> {
    let path = folder.join(entry);
    let media_type = media_type(kind, &path).ok_or_else(|| RowError::MediumType {
        key,
        path: path.clone(),
        known: extensions(kind),
    })?;
    match bounded::read(&path, MOST_MEGABYTES) {
        Ok(bytes) => Ok(data_url((media_type, bytes))),
        Err(source) => Err(RowError::Medium { key, path, source }),
    }
}
