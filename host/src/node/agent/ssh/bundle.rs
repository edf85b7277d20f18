//! What a machine without prony gets: [`Bundle`], this program and the plugins that ship with it, in the folders in which they find each
//! other, and the lists by which the other side knows that all of it has arrived.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::error::Problem;
use crate::{
    fingerprint,
    plugin::{Category, Registry, Tier},
};

/// Rights of what is run or opened, and of what is only read.
const RUNS: u32 = 0o755;
const IS_READ: u32 = 0o644;

/// Everything that is sent.
#[derive(Debug)]
pub(super) struct Bundle {
    pieces: Vec<Piece>,
    /// As `sha256sum` writes it. Its own digest is the name of the copy.
    sums: String,
    /// Bytes and name of each file, a line each.
    sizes: String,
    digest: String,
}

/// One file.
#[derive(Debug)]
struct Piece {
    from: PathBuf,
    /// Where it is in the copy.
    name: String,
    mode: u32,
    bytes: u64,
}

impl Bundle {
    /// Of this program and the plugins that ship with it. All files are read once.
    pub(super) fn of(registry: &Registry) -> Result<Self, Problem> {
        let mut files = vec![(program(), "bin/prony".to_owned(), RUNS)];
        files.extend(shipped(registry).into_iter().map(|(name, from)| {
            let mode = if Path::new(&name).extension().is_some_and(|extension| extension == "yaml") {
                IS_READ
            } else {
                RUNS
            };
            (from, format!("lib/prony/{name}"), mode)
        }));
        Self::of_files(files)
    }

    fn of_files(files: Vec<(PathBuf, String, u32)>) -> Result<Self, Problem> {
        let (mut pieces, mut sums, mut sizes) = (Vec::new(), String::new(), String::new());
        for (from, name, mode) in files {
            let read = File::open(&from).and_then(|mut file| fingerprint::of(&mut file));
            let (sum, bytes) = read.map_err(|source| Problem::Read { path: from.clone(), source })?;
            let sum = fingerprint::hex(&sum);
            // Neither fails: a text takes what there is.
            let _ = writeln!(sums, "{sum}  {name}");
            let _ = writeln!(sizes, "{bytes} {name}");
            pieces.push(Piece { from, name, mode, bytes });
        }
        let digest = fingerprint::hex(&Sha256::digest(sums.as_bytes()));
        Ok(Self { pieces, sums, sizes, digest })
    }

    /// SHA-256 of the list of files, in hexadecimal digits: another program or another plugin is another copy.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// Size of all files, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.bytes).sum()
    }

    /// Writes all of it as a tar archive. A file that has changed meanwhile is found on the other side.
    pub(super) fn write(&self, to: impl Write) -> io::Result<()> {
        let mut archive = Builder::new(to);
        for (name, text) in [("SHA256SUMS", &self.sums), ("SIZES", &self.sizes)] {
            archive.append_data(&mut header(text.len() as u64, IS_READ), name, text.as_bytes())?;
        }
        for Piece { from, name, mode, bytes } in &self.pieces {
            let file = File::open(from)?.take(*bytes);
            archive.append_data(&mut header(*bytes, *mode), name, file)?;
        }
        archive.into_inner()?.flush()
    }
}

fn header(bytes: u64, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(bytes);
    header.set_mode(mode);
    header
}

/// The file that runs, also where another one has its name by now.
fn program() -> PathBuf {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        running.to_owned()
    } else {
        env::current_exe().unwrap_or_else(|_| running.to_owned())
    }
}

/// Names and places of the manifest that ships with the program and of the libraries that it names. One that is missing here is not
/// sent: it was missing before.
fn shipped(registry: &Registry) -> BTreeMap<String, PathBuf> {
    let entries = Category::ALL.into_iter().flat_map(|category| registry.list(category));
    let entries =
        entries.flat_map(|listed| listed.entries).filter(|entry| entry.origin.tier == Tier::BuiltIn);
    let mut files = BTreeMap::new();
    for entry in entries {
        for path in entry.library.into_iter().chain([entry.origin.manifest.clone()]) {
            if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                files.insert(name.to_owned(), path.clone());
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Read as _};

    use super::*;

    fn bundle(text: &str) -> (tempfile::TempDir, Bundle) {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("file");
        fs::write(&from, text).unwrap();
        let bundle = Bundle::of_files(vec![(from, "bin/prony".to_owned(), RUNS)]).unwrap();
        (folder, bundle)
    }

    #[test]
    fn a_copy_is_named_after_what_is_in_it() {
        let (_one, one) = bundle("a");
        let (_same, same) = bundle("a");
        let (_other, other) = bundle("b");
        assert_eq!((one.digest(), one.bytes()), (same.digest(), 1));
        assert_ne!(one.digest(), other.digest());
        assert!(one.sums.ends_with("  bin/prony\n") && one.sizes == "1 bin/prony\n", "{}", one.sums);
    }

    #[test]
    fn an_archive_has_the_lists_and_the_files_with_their_rights() {
        let (_folder, bundle) = bundle("a program");
        let mut bytes = Vec::new();
        bundle.write(&mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let (name, mode) = (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap());
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (name, mode, text)
        });
        let entries: Vec<_> = entries.collect();
        assert_eq!(entries[0], ("SHA256SUMS".to_owned(), IS_READ, bundle.sums.clone()));
        assert_eq!(entries[1], ("SIZES".to_owned(), IS_READ, bundle.sizes.clone()));
        assert_eq!(entries[2], ("bin/prony".to_owned(), RUNS, "a program".to_owned()));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error =
            Bundle::of_files(vec![("/nowhere/prony".into(), "bin/prony".to_owned(), RUNS)]).unwrap_err();
        assert!(matches!(error, Problem::Read { path, .. } if path == Path::new("/nowhere/prony")));
    }
}
