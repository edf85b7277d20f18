//! Files of a run: an [`Artifact`] appears whole under its name, or not at all.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::{error::ReportError, hashed::Hashed};
use crate::{fingerprint::Hashing, plan::Exports};

/// A file that cannot be written: a missing right, a full disk.
#[derive(Debug, thiserror::Error)]
#[error("write `{}`", .path.display())]
pub(crate) struct WriteError {
    /// The file that is missing now.
    pub(super) path: PathBuf,
    /// What the system says.
    pub(super) source: io::Error,
}

/// A file being written: under a temporary name beside its own until [`Artifact::commit`].
#[derive(Debug)]
pub(crate) struct Artifact {
    path: PathBuf,
    temporary: PathBuf,
    file: BufWriter<Target>,
    committed: bool,
}

/// Where bytes go.
#[derive(Debug)]
enum Target {
    Plain(File),
    /// Its SHA-256 is computed while it is written.
    Hashed(Hashing<File>),
}

/// A file that is there under its name.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) path: PathBuf,
    /// Its SHA-256, if that was computed.
    hashed: Option<Hashed>,
}

impl Artifact {
    /// Begins a file of a run's folder. Its temporary name is this process's: others may report on the same run. What is neither a file,
    /// nor a folder, nor a link keeps its name: a file in place of a device would take it away from everybody.
    pub(crate) fn create(dir: &Path, name: &str) -> Result<Self, WriteError> {
        Self::begin(dir, name, Target::Plain)
    }

    /// The same of a file whose SHA-256 is computed while it is written.
    pub(super) fn hashed(dir: &Path, name: &str) -> Result<Self, WriteError> {
        Self::begin(dir, name, |file| Target::Hashed(Hashing::new(file)))
    }

    fn begin(dir: &Path, name: &str, target: impl FnOnce(File) -> Target) -> Result<Self, WriteError> {
        let path = dir.join(name);
        if is_special(&path) {
            let source = io::Error::other("a device, a pipe or a socket has this name");
            return Err(WriteError { path, source });
        }
        let temporary = dir.join(temporary_name(name));
        // Left by a process that was killed, or put there by somebody else who may write here: a link to another file.
        fs::remove_file(&temporary).ok();
        match File::create_new(&temporary) {
            Ok(file) => Ok(Self { path, temporary, file: BufWriter::new(target(file)), committed: false }),
            Err(source) => Err(WriteError { path, source }),
        }
    }

    /// Gives the file its name, in place of an older one.
    pub(crate) fn commit(mut self) -> Result<Written, WriteError> {
        let named = self.file.flush().and_then(|()| fs::rename(&self.temporary, &self.path));
        named.map_err(|source| WriteError { path: self.path.clone(), source })?;
        self.committed = true;
        Ok(Written { path: self.path.clone(), hashed: self.file.get_ref().hashed() })
    }

    /// Writes with a function whose errors are about this file.
    pub(crate) fn fill(
        &mut self,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), WriteError> {
        self.make(|out| content(out))
    }

    /// The same with a function that has something to tell.
    pub(crate) fn make<T>(
        &mut self,
        content: impl FnOnce(&mut Self) -> io::Result<T>,
    ) -> Result<T, WriteError> {
        content(self).map_err(|source| WriteError { path: self.path.clone(), source })
    }
}

impl Write for Artifact {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Target {
    /// The SHA-256 of all that was written.
    fn hashed(&self) -> Option<Hashed> {
        match self {
            Self::Plain(_) => None,
            // A file that cannot be told from others later is read again for its SHA-256.
            Self::Hashed(file) => {
                file.get_ref().metadata().ok().map(|metadata| Hashed::of_written(file.digest(), &metadata))
            }
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Hashed(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Hashed(file) => file.flush(),
        }
    }
}

impl Drop for Artifact {
    fn drop(&mut self) {
        if !self.committed {
            // Best effort: the failure that led here is the one to report.
            fs::remove_file(&self.temporary).ok();
        }
    }
}

/// Whether something is there that is neither a file, nor a folder, nor a link.
fn is_special(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| {
        let kind = there.file_type();
        !kind.is_file() && !kind.is_dir() && !kind.is_symlink()
    })
}

fn temporary_name(name: &str) -> String {
    format!(".{name}.{}.tmp", std::process::id())
}

/// The files of one report. One that cannot be written costs that file, never the report.
#[derive(Debug)]
pub(super) struct Files<'a> {
    /// None where nothing is to be written.
    dir: Option<&'a Path>,
    /// Which files there are to be, and how they are called.
    exports: Exports,
    written: Vec<PathBuf>,
    /// SHA-256 of files that were written, and of others that were read, by their paths.
    hashed: HashMap<PathBuf, Hashed>,
    unwritten: Vec<PathBuf>,
    /// Why the first of the unwritten ones is missing.
    reason: Option<io::Error>,
}

impl<'a> Files<'a> {
    /// None yet, in this folder.
    pub(super) fn of(dir: &'a Path) -> Self {
        Self { dir: Some(dir), ..Self::nowhere() }
    }

    /// For a report of which no file is wanted.
    pub(super) fn nowhere() -> Self {
        Self {
            dir: None,
            exports: Exports::default(),
            written: Vec::new(),
            hashed: HashMap::new(),
            unwritten: Vec::new(),
            reason: None,
        }
    }

    /// Whether there is a folder in which they are written.
    pub(super) fn are_wanted(&self) -> bool {
        self.dir.is_some()
    }

    /// From now on, files are those that the run was asked for.
    pub(super) fn are(&mut self, exports: Exports) {
        self.exports = exports;
    }

    /// Which files there are to be.
    pub(super) fn exports(&self) -> &Exports {
        &self.exports
    }

    /// What a file is called that has this name without a prefix.
    pub(super) fn name(&self, name: &str) -> String {
        self.exports.file_name(name).into_owned()
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.unwrap_or(Path::new(""))
    }

    /// Works on a file of the folder. Nothing when that is not possible, which is remembered.
    pub(super) fn attempt<T>(&mut self, work: impl FnOnce(&Path) -> Result<T, WriteError>) -> Option<T> {
        work(self.dir?).map_err(|error| self.miss(error)).ok()
    }

    /// The same with the last work on a file, which is there then.
    pub(super) fn write(&mut self, work: impl FnOnce(&Path) -> Result<Written, WriteError>) {
        if let Some(Written { path, hashed }) = self.attempt(work) {
            self.hashed.extend(hashed.map(|hashed| (path.clone(), hashed)));
            self.written.push(path);
        }
    }

    /// Writes a whole file. Its SHA-256 is computed while it is written.
    pub(super) fn write_whole(&mut self, name: &str, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        self.write(|dir| whole(Artifact::hashed(dir, name)?, content));
    }

    /// Computes the SHA-256 of a file of the folder that is there already, where that is possible.
    pub(super) fn hash(&mut self, name: &str) {
        let Some(path) = self.dir.map(|dir| dir.join(name)) else { return };
        let hashed = File::open(&path).and_then(|mut file| Hashed::of_file(&mut file));
        self.hashed.extend(hashed.ok().map(|hashed| (path, hashed)));
    }

    /// The SHA-256 of a file of the folder, if it is known without reading it.
    pub(super) fn hash_of(&self, name: &str) -> Option<Hashed> {
        self.hashed.get(&self.dir?.join(name)).copied()
    }

    /// Those that are there, in order.
    pub(super) fn written(&self) -> &[PathBuf] {
        &self.written
    }

    fn miss(&mut self, error: WriteError) {
        self.unwritten.push(error.path);
        self.reason.get_or_insert(error.source);
    }

    /// The error about those that are missing, if any are.
    pub(super) fn into_error(self) -> Option<ReportError> {
        let dir = self.dir().to_owned();
        let Self { unwritten, reason, .. } = self;
        reason.map(|source| ReportError::Write { dir, unwritten, source })
    }
}

/// Writes a whole file.
pub(crate) fn write(
    dir: &Path,
    name: &str,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Written, WriteError> {
    whole(Artifact::create(dir, name)?, content)
}

fn whole(
    mut artifact: Artifact,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Written, WriteError> {
    artifact.fill(content)?;
    artifact.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint;

    fn names(dir: &Path) -> Vec<String> {
        let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_file_appears_whole_in_place_of_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.json"), "old").unwrap();
        let written = write(dir.path(), "a.json", |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read_to_string(&written.path).unwrap(), "new");
        assert_eq!(written.hashed, None);
        assert_eq!(names(dir.path()), ["a.json"]);
    }

    #[test]
    fn the_sha256_of_a_file_that_was_written_or_read_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Files::of(dir.path());
        files.write_whole("a.json", |out| out.write_all(b"new"));
        fs::write(dir.path().join("b.json"), "new").unwrap();
        files.hash("b.json");
        files.hash("missing");
        let (sha256, bytes) = fingerprint::of(&mut b"new".as_slice()).unwrap();
        for name in ["a.json", "b.json"] {
            let hashed = files.hash_of(name).unwrap();
            assert_eq!((hashed.sha256, hashed.bytes), (sha256, bytes));
            assert!(hashed.is_of(&fs::metadata(dir.path().join(name)).unwrap()), "{name}");
        }
        assert_eq!(files.hash_of("missing"), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_planted_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let precious = dir.path().join("precious");
        fs::write(&precious, "mine").unwrap();
        std::os::unix::fs::symlink(&precious, dir.path().join(temporary_name("a.json"))).unwrap();
        let path = write(dir.path(), "a.json", |out| out.write_all(b"new")).unwrap().path;
        assert_eq!(fs::read_to_string(precious).unwrap(), "mine");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(path.symlink_metadata().unwrap().is_file());
    }

    #[test]
    #[cfg(unix)]
    fn a_socket_keeps_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("a.json")).unwrap();
        let refused = write(dir.path(), "a.json", |out| out.write_all(b"new"));
        assert!(matches!(refused, Err(WriteError { path, .. }) if path.ends_with("a.json")));
        assert_eq!(names(dir.path()), ["a.json"]);
    }

    #[test]
    fn a_failure_leaves_the_old_file_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.json"), "old").unwrap();
        let failed = write(dir.path(), "a.json", |out| {
            out.write_all(b"ne")?;
            Err(io::Error::other("no space"))
        });
        assert!(matches!(failed, Err(WriteError { path, .. }) if path.ends_with("a.json")));
        assert_eq!(fs::read_to_string(dir.path().join("a.json")).unwrap(), "old");
        assert_eq!(names(dir.path()), ["a.json"]);
    }
}
