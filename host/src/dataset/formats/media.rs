//! Media: what a dataset names by address, ready to be sent.
//!
//! URLs stay as they are. A local file becomes a data URL, because the server cannot see it. On an agent, files have come with the
//! run: they are in a folder, under names made of what rows call them, and nothing else of the agent's machine is read.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use prony_plugin_api::PartKind;
use sha2::{Digest, Sha256};

use super::RowError;
use crate::{
    bounded,
    dataset::data_url::{bytes_of, data_url, extensions, media_type},
    fingerprint::hex,
    lockfile::Sum,
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
    /// Those of files, where somebody keeps them.
    files: Option<&'a MediaFiles>,
}

/// What is sent for the files that rows of a dataset have named, wherever these rows are read.
#[derive(Debug)]
pub(super) struct MediaFiles {
    /// The folder of the dataset. What rows call a file is the same wherever that is.
    root: PathBuf,
    /// Where the files are, if they are not where rows say.
    place: Option<PathBuf>,
    /// Data URLs, by kind and by what rows call the file.
    known: Mutex<HashMap<(u32, PathBuf), Arc<str>>>,
}

/// A file that rows of a dataset have named.
#[derive(Clone, Debug)]
pub(crate) struct NamedFile {
    /// Made of what rows call it: good as the name of a file.
    pub(crate) name: String,
    address: Arc<str>,
}

impl NamedFile {
    /// What was in it when it was read.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        bytes_of(&self.address).unwrap_or_default()
    }
}

impl MediaFiles {
    /// Those of a dataset: a file, or a folder of files.
    pub(super) fn of(dataset: &Path, place: Option<&Path>) -> Self {
        let root = if dataset.is_dir() { Some(dataset) } else { dataset.parent() };
        let root = root.unwrap_or(Path::new("")).to_owned();
        Self { root, place: place.map(Path::to_owned), known: Mutex::default() }
    }

    /// All files that were named so far, in the order of their names.
    pub(super) fn all(&self) -> Vec<NamedFile> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let by_name: BTreeMap<String, &Arc<str>> =
            known.iter().map(|((_, called), address)| (name_of(called), address)).collect();
        by_name.into_iter().map(|(name, address)| NamedFile { name, address: Arc::clone(address) }).collect()
    }

    /// What rows have called files so far, and the SHA-256 of what was in them: a medium at a time, because they may be large.
    pub(super) fn as_called(&self) -> Vec<(PathBuf, Sum)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |address: &str| Sum::of(&bytes_of(address).unwrap_or_default());
        known.iter().map(|((_, called), address)| (called.clone(), sum(address))).collect()
    }

    /// What the file is called that an entry names in a dataset's file of this folder.
    fn called(&self, folder: &Path, entry: &str) -> PathBuf {
        folder.strip_prefix(&self.root).unwrap_or(folder).join(entry)
    }

    fn get(&self, kind: PartKind, called: &Path) -> Option<Arc<str>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(kind.0, called.to_owned())).map(Arc::clone)
    }

    fn put(&self, kind: PartKind, called: PathBuf, address: &Arc<str>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((kind.0, called), Arc::clone(address));
    }

    /// The bytes of the file at `path`, wherever it is.
    fn read(&self, called: &Path, path: &Path) -> io::Result<Vec<u8>> {
        let Some(place) = &self.place else { return bounded::read(path, MOST_MEGABYTES) };
        bounded::read(&place.join(name_of(called)), MOST_MEGABYTES).map_err(|error| {
            let missing = io::ErrorKind::NotFound;
            if error.kind() != missing {
                return error;
            }
            io::Error::new(missing, "it did not come along with the run")
        })
    }
}

/// The name of a file that rows call so: the same on all machines.
fn name_of(called: &Path) -> String {
    hex(&Sha256::digest(called.as_os_str().as_encoded_bytes()))
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
                let address = match self.files {
                    _ if is_address(&entry) => entry,
                    Some(files) => kept(files, kind, key, &entry, self.folder)?,
                    None => embedded(kind, key, self.folder.join(&*entry), |path| {
                        bounded::read(path, MOST_MEGABYTES)
                    })?,
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

/// The data URL of a file that is read once, no matter who names it.
fn kept(
    files: &MediaFiles,
    kind: PartKind,
    key: &'static str,
    entry: &str,
    folder: &Path,
) -> Result<Arc<str>, RowError> {
    let called = files.called(folder, entry);
    if let Some(known) = files.get(kind, &called) {
        return Ok(known);
    }
    let address = embedded(kind, key, folder.join(entry), |path| files.read(&called, path))?;
    files.put(kind, called, &address);
    Ok(address)
}

/// The data URL of a file.
fn embedded(
    kind: PartKind,
    key: &'static str,
    path: PathBuf,
    read: impl FnOnce(&Path) -> io::Result<Vec<u8>>,
) -> Result<Arc<str>, RowError> {
    let media_type = media_type(kind, &path).ok_or_else(|| RowError::MediumType {
        key,
        path: path.clone(),
        known: extensions(kind),
    })?;
    match read(&path) {
        Ok(bytes) => Ok(data_url((media_type, bytes))),
        Err(source) => Err(RowError::Medium { key, path, source }),
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error, fs};

    use super::*;

    #[test]
    fn files_that_came_along_are_found_by_what_rows_call_them_and_no_others_are_read() {
        let here = tempfile::tempdir().unwrap();
        fs::create_dir(here.path().join("set")).unwrap();
        let (dataset, outside) = (here.path().join("set/rows.jsonl"), here.path().join("hum.mp3"));
        fs::write(here.path().join("set/card.png"), "pixels").unwrap();
        fs::write(&outside, "a tone").unwrap();
        let entries = [
            (PartKind::IMAGE, "card.png"),
            (PartKind::AUDIO, "../hum.mp3"),
            (PartKind::AUDIO, outside.to_str().unwrap()),
        ];
        let files = MediaFiles::of(&dataset, None);
        let mut album = Album::new(dataset.parent().unwrap(), Some(&files));
        let sent = entries.map(|(kind, entry)| album.address(kind, "k", entry.to_owned()).unwrap());

        let there = tempfile::tempdir().unwrap();
        for file in files.all() {
            fs::write(there.path().join(&file.name), file.bytes()).unwrap();
        }
        drop(here);
        let moved = Path::new("/nowhere/rows.jsonl");
        let files = MediaFiles::of(moved, Some(there.path()));
        let mut album = Album::new(moved.parent().unwrap(), Some(&files));
        let found = entries.map(|(kind, entry)| album.address(kind, "k", entry.to_owned()).unwrap());
        assert_eq!(found, sent);

        let own = there.path().join("own.png");
        fs::write(&own, "of this machine").unwrap();
        let error = album.address(PartKind::IMAGE, "k", own.to_str().unwrap().to_owned()).unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "it did not come along with the run");
    }

    #[test]
    fn files_of_one_name_in_two_folders_of_a_dataset_are_two() {
        let root = tempfile::tempdir().unwrap();
        let files = MediaFiles::of(root.path(), None);
        for folder in ["a", "b"] {
            let folder = root.path().join(folder);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("card.png"), folder.to_str().unwrap()).unwrap();
            Album::new(&folder, Some(&files))
                .address(PartKind::IMAGE, "image", "card.png".to_owned())
                .unwrap();
        }
        assert_eq!(files.all().len(), 2);
    }
}
