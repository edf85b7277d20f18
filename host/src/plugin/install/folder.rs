//! The user's plugin folder, and the places of packs in it. Nothing else is ever written to or deleted.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};

use super::InstallError;
use crate::plugin::{
    discovery::DiscoveryOptions,
    fault::Fault,
    manifest::FILE_NAME,
    trust::Trust,
    validate::{self, Severity},
};

/// What folders and files may be: written by us, read by everyone.
const FOLDER_MODE: u32 = 0o755;

/// What hidden folders are for, as their names say.
const ADDED: &str = "added";
const REMOVED: &str = "removed";

pub(super) fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    let path = path.to_owned();
    move |source| InstallError::Io { doing, path, source }
}

/// The folder of the user's packs, which need not exist.
#[derive(Debug)]
pub(super) struct PackFolder(PathBuf);

impl PackFolder {
    pub(super) fn of(options: &DiscoveryOptions) -> Result<Self, InstallError> {
        options.user_packs().map(Self).ok_or(InstallError::NoHome)
    }

    /// Makes it, sees that it is the user's alone, and takes out what processes that were ended have left in it.
    pub(super) fn create(&self) -> Result<(), InstallError> {
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(FOLDER_MODE).create(&self.0);
        made.map_err(io_error("make the folder", &self.0))?;
        let trust = Trust::of_this_process();
        trust.check_folder(&self.0).map_err(|fault| match fault {
            Fault::Unreadable(source) => InstallError::Io { doing: "look at", path: self.0.clone(), source },
            fault => InstallError::Untrusted(Box::new(fault)),
        })?;
        self.sweep();
        Ok(())
    }

    fn sweep(&self) {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| is_left_over(&entry.file_name().to_string_lossy())) {
            // What cannot be deleted does no harm.
            let _ = fs::remove_dir_all(entry.path());
        }
    }

    /// The place of a pack, which need not be taken. The name must be a plain one.
    pub(super) fn place(&self, name: &str) -> Result<PackageFolder, InstallError> {
        if let Ok(metadata) = fs::metadata(&self.0)
            && !metadata.is_dir()
        {
            return Err(InstallError::InTheWay { path: self.0.clone(), found: "a file" });
        }
        Ok(PackageFolder(self.0.join(name)))
    }

    /// Names of the packs in it, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let packs = entries.filter(|entry| {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            is_folder && entry.path().join(FILE_NAME).exists()
        });
        let mut names: Vec<String> = packs.filter_map(|pack| pack.file_name().into_string().ok()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    }
}

/// Half a pack, that was to be added or removed by a process which is no more. Not one that was to be replaced: that one
/// may be whole, and the last of its kind.
fn is_left_over(name: &str) -> bool {
    let Some((place, owner)) = name.rsplit_once('-') else { return false };
    let is_half =
        place.starts_with('.') && [ADDED, REMOVED].iter().any(|what| place.ends_with(&format!(".{what}")));
    let owner = owner.parse().ok().and_then(Pid::from_raw);
    is_half && owner.is_some_and(|owner| test_kill_process(owner) == Err(Errno::SRCH))
}

/// Where a pack is, or will be.
#[derive(Debug)]
pub(super) struct PackageFolder(PathBuf);

impl PackageFolder {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether a folder stands there. A link is none: what is behind it is not ours to change.
    pub(super) fn is_taken(&self) -> Result<bool, InstallError> {
        let in_the_way = |found| Err(InstallError::InTheWay { path: self.0.clone(), found });
        match fs::symlink_metadata(&self.0) {
            Ok(metadata) if metadata.is_dir() => Ok(true),
            Ok(metadata) if metadata.is_symlink() => in_the_way("a link"),
            Ok(_) => in_the_way("a file"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error("look at", &self.0)(error)),
        }
    }

    /// A hidden place beside it, for this process alone.
    fn beside(&self, what: &str) -> PathBuf {
        let name = self.0.file_name().unwrap_or_default().to_string_lossy();
        self.0.with_file_name(format!(".{name}.{what}-{}", std::process::id()))
    }

    /// Deletes what stands there: hidden in one step, so that nobody meets half a pack, then file by file.
    pub(super) fn clear(&self) -> Result<(), InstallError> {
        let hidden = self.beside(REMOVED);
        fs::rename(&self.0, &hidden).map_err(io_error("remove", &self.0))?;
        fs::remove_dir_all(&hidden).map_err(io_error("delete the files of", &hidden))
    }
}

/// A pack that is being put together, out of sight. It goes with this value, unless it was moved to its place.
#[derive(Debug)]
pub(super) struct Scaffold(PathBuf);

impl Scaffold {
    pub(super) fn beside(place: &PackageFolder) -> Result<Self, InstallError> {
        let path = place.beside(ADDED);
        // Left by a process that was killed and had our number.
        let _ = fs::remove_dir_all(&path);
        let made = DirBuilder::new().mode(FOLDER_MODE).create(&path);
        made.map_err(io_error("make the folder", &path))?;
        Ok(Self(path))
    }

    /// Writes a file to the disk.
    pub(super) fn write(&self, name: &str, bytes: &[u8], mode: u32) -> Result<(), InstallError> {
        let path = self.0.join(name);
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(mode).open(&path);
        file.and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .map_err(io_error("write", &path))
    }

    /// Checks the copy as it will be used.
    pub(super) fn prove(&self) -> Result<(), InstallError> {
        let manifest = self.0.join(FILE_NAME);
        let validation = validate::validate_one(&manifest, std::slice::from_ref(&self.0));
        match validation.count(Severity::Error) {
            0 => Ok(()),
            _ => Err(InstallError::Refused { path: manifest, validation: Box::new(validation) }),
        }
    }

    /// Shows the pack, in the place of an older one if there is one.
    pub(super) fn move_to(self, place: &PackageFolder) -> Result<(), InstallError> {
        let failure = || io_error("move the plugin package to", &place.0);
        if !place.is_taken()? {
            fs::rename(&self.0, &place.0).map_err(failure())?;
        } else if exchange(&self.0, &place.0).is_err() {
            let old = place.beside("replaced");
            fs::rename(&place.0, &old).map_err(failure())?;
            if let Err(error) = fs::rename(&self.0, &place.0) {
                // As it was before; if that fails, too, the first error is the one to tell.
                let _ = fs::rename(&old, &place.0);
                return Err(failure()(error));
            }
            // It is out of sight: whether all of it can be deleted changes nothing.
            let _ = fs::remove_dir_all(&old);
        }
        // A crash now must not undo it; a file system that cannot promise that is no reason to fail.
        let _ = place.0.parent().map(|folder| File::open(folder).and_then(|folder| folder.sync_all()));
        Ok(())
    }
}

impl Drop for Scaffold {
    fn drop(&mut self) {
        // Nothing there, after a move, or the older pack, after an exchange.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Swaps two folders in one step, where the system can do that.
#[cfg(target_os = "linux")]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};

    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).map_err(io::Error::from)
}

/// Other systems do it in two steps.
#[cfg(not(target_os = "linux"))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
