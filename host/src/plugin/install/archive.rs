//! Archives of plugin packages: tar, packed with gzip or not. Files and folders are written, and nothing else; modes and owners are
//! not taken over.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, BufRead, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Component, Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, EntryType};

use crate::{
    explain::Explain,
    lockfile::Sum,
    plugin::{fault::Fault, manifest::FILE_NAME},
};

/// Most files of an archive or an image, and most bytes.
const MOST_FILES: usize = 10_000;
const MOST_BYTES: u64 = 4 << 30;

/// The same with the names of files, which may be long, and what else stands between them.
const MOST_UNPACKED: u64 = MOST_BYTES + (64 << 20);

/// So much is copied at a time.
const BUFFER_BYTES: usize = 1 << 16;

/// How what is packed with gzip begins (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What folders and files may be: ours.
const FOLDER_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;

/// Why an archive or a layout cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackProblem {
    /// It cannot be read.
    #[error("{0}")]
    Io(io::Error),
    /// Its content cannot be written into the temporary folder.
    #[error("{0}")]
    Unwritten(io::Error),
    /// Others can change it.
    #[error("{0}")]
    Untrusted(Box<Fault>),
    /// It would be written somewhere else.
    #[error("`{0}` in it is no path below the plugin package")]
    Outside(String),
    /// A link or a device.
    #[error("`{0}` in it is neither a file nor a folder")]
    Kind(String),
    /// It has no end.
    #[error("it has more than {MOST_FILES} files, or more than 4 GiB")]
    TooLarge,
    /// It holds something else.
    #[error("there is no {FILE_NAME} at its top, nor in the only folder there")]
    NoManifest,
    /// A file of the layout is none.
    #[error("`{file}` in it cannot be read: {text}")]
    Layout {
        /// Below the layout.
        file: String,
        text: String,
    },
    /// A file of the layout is another one.
    #[error("`{file}` in it is {found}, and not what its name says")]
    Digest {
        /// Below the layout.
        file: String,
        found: Sum,
    },
    /// Nothing in it is for this machine, or too much is.
    #[error("it has {count} images for {platform}, and not one")]
    Images { count: usize, platform: String },
}

impl Explain for UnpackProblem {
    fn hint(&self) -> String {
        match self {
            Self::Io(_) => "check what stands there, and that you may read it".to_owned(),
            Self::Unwritten(_) => "make room for its content in the temporary folder (TMPDIR), and check that you may write to it".to_owned(),
            Self::Untrusted(fault) => fault.hint(),
            Self::Outside(_) | Self::Kind(_) | Self::TooLarge | Self::NoManifest => {
                "pack the folder of a plugin package: its plugins.yaml and its libraries; `prony plugins export` does it".to_owned()
            }
            Self::Layout { .. } | Self::Digest { .. } => "copy the layout again".to_owned(),
            Self::Images { .. } => "copy the image for this machine into a layout of its own".to_owned(),
        }
    }
}

/// What may still be unpacked: one for all layers of an image.
#[derive(Debug)]
pub(super) struct Allowance {
    files: usize,
    bytes: u64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { files: MOST_FILES, bytes: MOST_BYTES }
    }
}

impl Allowance {
    /// One more file, folder or layer.
    ///
    /// # Errors
    /// There were as many as there may be.
    pub(super) fn take_one(&mut self) -> Result<(), UnpackProblem> {
        self.files = self.files.checked_sub(1).ok_or(UnpackProblem::TooLarge)?;
        Ok(())
    }

    /// Writes a file.
    ///
    /// # Errors
    /// It cannot be written, or has more bytes than are left.
    pub(super) fn write(&mut self, from: &mut impl Read, to: &Path) -> Result<(), UnpackProblem> {
        self.bytes -= write_file(from, to, self.bytes)?;
        Ok(())
    }
}

/// Unpacks a tar archive, packed with gzip or not.
pub(super) fn unpack(
    mut from: impl BufRead,
    into: &Path,
    allowance: &mut Allowance,
) -> Result<(), UnpackProblem> {
    let is_packed = from.fill_buf().map_err(UnpackProblem::Io)?.starts_with(&GZIP);
    if is_packed {
        unpack_tar(MultiGzDecoder::new(from).take(MOST_UNPACKED), into, allowance)
    } else {
        unpack_tar(from.take(MOST_UNPACKED), into, allowance)
    }
}

fn unpack_tar(from: impl Read, into: &Path, allowance: &mut Allowance) -> Result<(), UnpackProblem> {
    let mut archive = Archive::new(from);
    for entry in archive.entries().map_err(UnpackProblem::Io)? {
        let mut entry = entry.map_err(UnpackProblem::Io)?;
        allowance.take_one()?;
        let name = entry.path().map_err(UnpackProblem::Io)?.into_owned();
        match entry.header().entry_type() {
            EntryType::XGlobalHeader => {}
            EntryType::Directory => make_folder(&within(into, &name)?)?,
            EntryType::Regular | EntryType::Continuous => {
                allowance.write(&mut entry, &within(into, &name)?)?;
            }
            _ => return Err(UnpackProblem::Kind(name.display().to_string())),
        }
    }
    Ok(())
}

/// Where a file of an archive belongs: below this folder.
fn within(into: &Path, name: &Path) -> Result<PathBuf, UnpackProblem> {
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if name.components().all(is_plain) {
        Ok(into.join(name))
    } else {
        Err(UnpackProblem::Outside(name.display().to_string()))
    }
}

fn make_folder(folder: &Path) -> Result<(), UnpackProblem> {
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
    made.map_err(UnpackProblem::Unwritten)
}

/// Writes a file of at most so many bytes. Gives their number.
fn write_file(from: &mut impl Read, to: &Path, most: u64) -> Result<u64, UnpackProblem> {
    if let Some(folder) = to.parent() {
        make_folder(folder)?;
    }
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(FILE_MODE).open(to);
    let mut file = file.map_err(UnpackProblem::Unwritten)?;
    let mut from = from.take(most.saturating_add(1));
    let (mut buffer, mut written) = (vec![0; BUFFER_BYTES], 0);
    // Copied by hand, because it matters on which side it fails.
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(UnpackProblem::Io(error)),
        };
        file.write_all(&buffer[..count]).map_err(UnpackProblem::Unwritten)?;
        written += count as u64;
    }
    if written > most { Err(UnpackProblem::TooLarge) } else { Ok(written) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use flate2::{Compression, write::GzEncoder};
    use rstest::rstest;
    use tar::{Builder, Header};
    use tempfile::TempDir;

    use super::*;

    /// An archive of files with these names, and one entry of any kind.
    fn archive(names: &[&str], kind: EntryType) -> Vec<u8> {
        let mut archive = Builder::new(Vec::new());
        for name in names {
            let mut header = Header::new_gnu();
            header.set_size(4);
            header.set_mode(0o777);
            header.set_entry_type(EntryType::Regular);
            // As it is: the library's own way refuses `..`.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            archive.append(&header, &b"text"[..]).unwrap();
        }
        if kind != EntryType::Regular {
            let mut header = Header::new_gnu();
            header.set_size(0);
            header.set_entry_type(kind);
            header.set_link_name("/etc/passwd").unwrap();
            header.set_path("link").unwrap();
            header.set_cksum();
            archive.append(&header, &b""[..]).unwrap();
        }
        archive.into_inner().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> Result<TempDir, UnpackProblem> {
        let folder = tempfile::tempdir().unwrap();
        unpack(bytes, folder.path(), &mut Allowance::default()).map(|()| folder)
    }

    #[test]
    fn files_are_written_below_the_folder_whatever_their_packing() {
        let plain = archive(&["acme/plugins.yaml", "acme/deep/x"], EntryType::Regular);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&plain).unwrap();
        for bytes in [plain, packed.finish().unwrap()] {
            let folder = unpacked(&bytes).unwrap();
            assert_eq!(fs::read_to_string(folder.path().join("acme/deep/x")).unwrap(), "text");
            assert!(folder.path().join("acme/plugins.yaml").is_file());
        }
    }

    #[rstest]
    #[case::above("../evil", EntryType::Regular)]
    #[case::absolute("/evil", EntryType::Regular)]
    #[case::a_link("plain", EntryType::Symlink)]
    #[case::a_hard_link("plain", EntryType::Link)]
    #[case::a_pipe("plain", EntryType::Fifo)]
    fn what_would_be_more_than_files_is_refused(#[case] name: &str, #[case] kind: EntryType) {
        let problem = unpacked(&archive(&[name], kind)).unwrap_err();
        assert!(matches!(problem, UnpackProblem::Outside(_) | UnpackProblem::Kind(_)), "{problem}");
        assert!(!problem.hint().is_empty());
    }

    #[test]
    fn one_allowance_holds_for_several_archives() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = archive(&["a", "b"], EntryType::Regular);
        for (files, most) in [(3, 100), (100, 12)] {
            let mut allowance = Allowance { files, bytes: most };
            unpack(&*bytes, folder.path(), &mut allowance).unwrap();
            let problem = unpack(&*bytes, folder.path(), &mut allowance).unwrap_err();
            assert!(matches!(problem, UnpackProblem::TooLarge), "{problem}");
        }
    }

    #[test]
    fn what_is_cut_off_is_told() {
        let bytes = archive(&["plugins.yaml"], EntryType::Regular);
        assert!(matches!(unpacked(&bytes[..600]), Err(UnpackProblem::Io(_))));
        assert!(matches!(unpacked(b"no archive at all, but a text"), Err(UnpackProblem::Io(_))));
    }
}
