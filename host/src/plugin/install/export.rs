//! Writes a pack into a folder or an archive that `prony plugins add` takes on a machine without a network: its manifest with the
//! hashes of its libraries, and these. The same pack is the same bytes.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use tar::{Builder, EntryType, Header};
use tempfile::NamedTempFile;

use super::{
    InstallError,
    folder::{PackFolder, io_error},
    pin,
    source::{Source, digest_of},
};
use crate::{
    lockfile::Sum,
    plugin::{discovery::DiscoveryOptions, entry::is_name, manifest::FILE_NAME},
};

/// What files and folders may be.
const READ_MODE: u32 = 0o644;
const OPEN_MODE: u32 = 0o755;

/// How archives are called that are packed with gzip, and those that are not.
const PACKED: [&str; 2] = [".tar.gz", ".tgz"];
const PLAIN: &str = ".tar";

/// A pack that was exported.
#[derive(Debug)]
pub(crate) struct Exported {
    pub(crate) name: String,
    /// The archive or the folder.
    pub(crate) place: PathBuf,
    /// Its files, in order, and their hashes.
    pub(crate) files: Vec<(String, Sum)>,
}

/// One file.
struct Piece<'a> {
    name: &'a str,
    bytes: &'a [u8],
    mode: u32,
}

/// Exports an installed pack of this name, or what is at this path, to an archive (`.tar.gz`, `.tgz`, `.tar`) or a folder, which is
/// not there yet.
///
/// # Errors
/// There is no such pack, it would not load, or the system does not let us write there. Then nothing is there.
pub(crate) fn export(what: &str, to: &Path, options: &DiscoveryOptions) -> Result<Exported, InstallError> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(InstallError::Taken { path: to.to_owned() });
    }
    let source = Source::of(&installed(what, options).unwrap_or_else(|| what.into()))?;
    let name = source.pack_name(None)?;
    source.check()?;
    let (text, manifest) = source.read()?;
    let libraries = source.libraries(&manifest)?;
    let text = pin::pinned(&text, &manifest, |class| digest_of(&libraries, class))
        .map_err(|problem| InstallError::Pin { manifest: source.manifest.clone(), problem })?;
    let mut pieces = vec![Piece { name: FILE_NAME, bytes: text.as_bytes(), mode: READ_MODE }];
    pieces.extend(libraries.iter().map(|library| Piece {
        name: &library.file_name,
        bytes: &library.checked.bytes,
        mode: OPEN_MODE,
    }));
    pieces.sort_by_key(|piece| piece.name);
    let file = to.file_name().unwrap_or_default().to_string_lossy();
    if PACKED.iter().any(|end| file.ends_with(end)) {
        write_archive(to, |out| {
            let mut packed = GzEncoder::new(out, Compression::default());
            write_tar(&mut packed, &name, &pieces)?;
            packed.finish().map(drop)
        })?;
    } else if file.ends_with(PLAIN) {
        write_archive(to, |out| write_tar(out, &name, &pieces))?;
    } else {
        write_folder(to, &pieces)?;
    }
    let files = pieces.iter().map(|piece| (piece.name.to_owned(), Sum::of(piece.bytes))).collect();
    Ok(Exported { name, place: to.to_owned(), files })
}

/// The folder of an installed pack.
fn installed(name: &str, options: &DiscoveryOptions) -> Option<PathBuf> {
    if !is_name(name) {
        return None;
    }
    let place = PackFolder::of(options).and_then(|packs| packs.place(name)).ok()?;
    let folder = place.path();
    folder.join(FILE_NAME).is_file().then(|| folder.to_owned())
}

/// The folder that something stands in.
fn holder(to: &Path) -> &Path {
    to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file beside its place, and moves it there when all of it is written.
fn write_archive(
    to: &Path,
    write: impl FnOnce(&mut NamedTempFile) -> io::Result<()>,
) -> Result<(), InstallError> {
    let failed = || io_error("write", to);
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix(".prony-").permissions(Permissions::from_mode(READ_MODE));
    let mut file = builder.tempfile_in(holder(to)).map_err(failed())?;
    write(&mut file).map_err(failed())?;
    file.as_file().sync_all().map_err(failed())?;
    file.persist_noclobber(to).map_err(|error| failed()(error.error))?;
    Ok(())
}

/// Writes all files into a folder of the pack's name. They have no times and no owners, so that the same pack is the same bytes.
fn write_tar(out: impl Write, name: &str, pieces: &[Piece<'_>]) -> io::Result<()> {
    let mut archive = Builder::new(out);
    for Piece { name: file, bytes, mode } in pieces {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        header.set_mode(*mode);
        archive.append_data(&mut header, format!("{name}/{file}"), *bytes)?;
    }
    archive.into_inner()?.flush()
}

/// Writes a folder beside its place, and moves it there when all of it is written.
fn write_folder(to: &Path, pieces: &[Piece<'_>]) -> Result<(), InstallError> {
    let failed = || io_error("write", to);
    let folder = tempfile::Builder::new().prefix(".prony-").tempdir_in(holder(to)).map_err(failed())?;
    for Piece { name, bytes, mode } in pieces {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(*mode).open(folder.path().join(name));
        file.and_then(|mut file| file.write_all(bytes)).map_err(failed())?;
    }
    fs::set_permissions(folder.path(), Permissions::from_mode(OPEN_MODE)).map_err(failed())?;
    fs::rename(folder.path(), to).map_err(failed())?;
    // It is not at its first place any more: there is nothing to take away.
    drop(folder.keep());
    Ok(())
}
