//! What a library brings along: other libraries, and folders in which the dynamic linker looks for them. Their code runs
//! as soon as the library is opened, so that nobody else may be able to change them, either.
//!
//! Libraries that are found in the system's own folders are not looked at: the linker's configuration is root's. This is
//! for ELF; on other systems nothing is checked.

use std::{
    collections::HashSet,
    fs::{self, File},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use object::ReadCache;

use super::{
    fault::Fault,
    object_file::{Needs, ObjectFile},
    trust::Trust,
};

/// Checks everything that a library needs, and what that needs. `real` is its file, behind all links.
pub(super) fn check(needs: &Needs, real: &Path, trust: &Trust) -> Result<(), Fault> {
    let seen = HashSet::from([real.to_owned()]);
    Check { trust, seen, opened: Vec::new() }.library(needs, real, &[])
}

/// The files that are read to open a library, besides those of the system: itself, and what it needs and names a folder for.
///
/// Nothing but libraries is among them: a name in one, and a link in the place of one, may lead to any file or folder.
pub(super) fn files(library: &Path, trust: &Trust) -> Vec<PathBuf> {
    let Ok(real) = library.canonicalize() else { return Vec::new() };
    if !real.is_file() {
        return Vec::new();
    }
    let Ok(file) = File::open(&real) else { return Vec::new() };
    let bytes = ReadCache::new(file);
    let Ok(object) = ObjectFile::parse(&bytes) else { return Vec::new() };
    let mut check = Check { trust, seen: HashSet::from([real.clone()]), opened: vec![real.clone()] };
    // What is wrong with it is said where it is opened.
    let _ = object.needs().and_then(|needs| check.library(&needs, &real, &[]));
    check.opened
}

struct Check<'a> {
    trust: &'a Trust,
    /// Whatever was named, behind all links.
    seen: HashSet<PathBuf>,
    /// What of it is a library.
    opened: Vec<PathBuf>,
}

impl Check<'_> {
    /// `inherited`: where those look that need this library.
    fn library(&mut self, needs: &Needs, real: &Path, inherited: &[PathBuf]) -> Result<(), Fault> {
        let own = needs.folders.iter().map(|folder| self.folder(folder, real));
        let mut folders = own.collect::<Result<Vec<_>, _>>()?;
        folders.extend_from_slice(inherited);
        needs.libraries.iter().try_for_each(|name| {
            self.needed(name, real, &folders)
                .map_err(|fault| Fault::Needs { library: name.clone(), fault: Box::new(fault) })
        })
    }

    /// A folder to look in, as the linker reads it.
    fn folder(&self, typed: &Path, real: &Path) -> Result<PathBuf, Fault> {
        let place = place(typed, real);
        let check = place.as_deref().ok_or(Fault::Relative).and_then(|place| self.trust.check_search(place));
        check.map_err(|fault| Fault::Search { folder: typed.to_owned(), fault: Box::new(fault) })?;
        Ok(place.unwrap_or_default())
    }

    fn needed(&mut self, name: &Path, real: &Path, folders: &[PathBuf]) -> Result<(), Fault> {
        let file = if name.as_os_str().as_bytes().contains(&b'/') {
            place(name, real).ok_or(Fault::Relative)?
        } else if let Some(folder) = folders.iter().find(|folder| folder.join(name).exists()) {
            folder.join(name)
        } else {
            return Ok(());
        };
        // One that is not there yet must not be made by others.
        let Ok(real) = file.canonicalize() else { return self.trust.check_search(&file) };
        let holders = [file.parent(), real.parent()].into_iter().flatten();
        holders.into_iter().try_for_each(|folder| self.trust.check_folder(folder))?;
        self.trust.check_way(&file)?;
        // The linker looks beside the name by which it found the file, and a link may be one.
        let (named, file) = (file, real);
        if !self.seen.insert(file.clone()) {
            return Ok(());
        }
        self.trust.check_file(&file, &fs::metadata(&file).map_err(Fault::Unreadable)?)?;
        let bytes = ReadCache::new(File::open(&file).map_err(Fault::Unreadable)?);
        // What is no library, the linker refuses.
        let Ok(object) = ObjectFile::parse(&bytes) else { return Ok(()) };
        self.opened.push(file);
        self.library(&object.needs()?, &named, folders)
    }
}

/// The place that a path of the dynamic section means; nothing if it depends on the working directory. `$ORIGIN` is the
/// library's own folder; what stands behind other variables is not known, and their folder stands for it.
fn place(typed: &Path, real: &Path) -> Option<PathBuf> {
    let mut place = PathBuf::new();
    for (at, part) in typed.components().enumerate() {
        let part = part.as_os_str();
        if at == 0 && (part == "$ORIGIN" || part == "${ORIGIN}") {
            place.push(real.parent()?);
        } else if part.as_bytes().contains(&b'$') {
            break;
        } else {
            place.push(part);
        }
    }
    place.is_absolute().then_some(place)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/opt/lib", Some("/opt/lib"))]
    #[case("$ORIGIN/../lib", Some("/packs/acme/../lib"))]
    #[case("${ORIGIN}", Some("/packs/acme"))]
    #[case("/opt/$LIB/x", Some("/opt"))]
    #[case("lib", None)]
    #[case("", None)]
    #[case("$LIB", None)]
    fn a_place_is_read_as_the_linker_does(#[case] typed: &str, #[case] expected: Option<&str>) {
        assert_eq!(place(Path::new(typed), Path::new("/packs/acme/libacme.so")), expected.map(PathBuf::from));
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn what_a_library_names_is_read_only_if_it_is_a_library() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().canonicalize().unwrap();
        let (library, secret) = (folder.join("libneeded.so"), folder.join("secret.txt"));
        fs::write(&library, super::super::testing::library(b"{}")).unwrap();
        fs::write(&secret, "what nobody shall read").unwrap();
        let libraries = vec![folder.clone(), PathBuf::from("/$LIB/x"), secret.clone(), library.clone()];
        let trust = Trust::of_this_process();
        let mut check = Check { trust: &trust, seen: HashSet::new(), opened: Vec::new() };
        let needs = Needs { libraries, folders: Vec::new() };
        check.library(&needs, &folder.join("libacme.so"), &[]).unwrap();
        assert_eq!(check.opened, std::slice::from_ref(&library));

        assert_eq!(files(&library, &trust), [library]);
        assert!(files(&secret, &trust).is_empty() && files(&folder, &trust).is_empty());
    }
}
