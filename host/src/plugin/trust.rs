//! Whose files may run here. A plugin is native code with our rights: anyone who can write to its file, or replace it in
//! its folder, can do what we can.
//!
//! Trusted owners are root, the user we run as, and the owner of the program itself, who could change us anyway. Others
//! must not be able to write. A group may if it is root's, our own, or one that may write to the program, too: under
//! umask 002, and when root runs a tree that somebody else built, both are the normal case.
//!
//! Anyone who may rename a folder decides what stands below it, so that every folder on the way to a file counts, and every
//! link. Above the one that holds the file, root may have given any group the right to write, as Debian does with
//! `/usr/local/share`; and the folders that lead to the program itself are not asked, since who can change those can
//! change the program.

use std::{
    env,
    ffi::OsString,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{self, Component, Path, PathBuf},
};

use rustix::io::Errno;

use super::fault::Fault;

const GROUP_WRITABLE: u32 = 0o020;
const WORLD_WRITABLE: u32 = 0o002;
/// In a sticky folder only the owner of a file, or of the folder, can replace it.
const STICKY: u32 = 0o1000;

/// Most links on the way to a file. Linux follows as many.
const MOST_LINKS: usize = 40;

/// Who is trusted, by number.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    owners: Vec<u32>,
    groups: Vec<u32>,
    /// Owner of the root folder, which is somebody else than root in some containers.
    machine: u32,
    /// The program, behind all links.
    program: Option<PathBuf>,
}

impl Trust {
    /// The rule of the module for this process.
    pub(super) fn of_this_process() -> Self {
        let mut owners = vec![0, rustix::process::geteuid().as_raw()];
        let mut groups = vec![0, rustix::process::getegid().as_raw()];
        let program = env::current_exe().and_then(|program| program.canonicalize()).ok();
        if let Some(program) = program.as_ref().and_then(|program| fs::metadata(program).ok()) {
            owners.push(program.uid());
            if program.mode() & GROUP_WRITABLE != 0 {
                groups.push(program.gid());
            }
        }
        owners.sort_unstable();
        owners.dedup();
        let machine = fs::metadata("/").map_or(0, |root| root.uid());
        Self { owners, groups, machine, program }
    }

    /// Checks an open library's file.
    pub(super) fn check_file(&self, path: &Path, metadata: &Metadata) -> Result<(), Fault> {
        self.check(path, metadata, metadata.mode())
    }

    /// Checks a folder that holds it, and the way to that folder.
    pub(super) fn check_folder(&self, path: &Path) -> Result<(), Fault> {
        self.check_holder(path)?;
        self.check_way(path)
    }

    /// Checks the folders and links that lead to a file or folder, which need not be there.
    pub(super) fn check_way(&self, path: &Path) -> Result<(), Fault> {
        self.follow(path).map(drop)
    }

    /// Checks a folder in which something is looked for: nobody else may put it there. One that is not there must not be
    /// made by others, either.
    pub(super) fn check_search(&self, folder: &Path) -> Result<(), Fault> {
        let last = self.follow(folder)?;
        let metadata = fs::metadata(&last).map_err(Fault::Unreadable)?;
        self.check(&last, &metadata, metadata.mode())
    }

    /// Checks a file that decides whose code runs, its folders and the way to it. One that is not there, or cannot be read, is left
    /// to its reader.
    pub(super) fn check_rules(&self, file: &Path) -> Result<(), Fault> {
        let (Ok(real), Ok(metadata)) = (file.canonicalize(), file.metadata()) else { return Ok(()) };
        let file = path::absolute(file).map_err(Fault::Unreadable)?;
        self.check_file(&real, &metadata)?;
        let mut folders = [file.parent(), real.parent()].into_iter().flatten();
        folders.try_for_each(|folder| self.check_folder(folder))?;
        self.check_way(&file)
    }

    /// Goes along a path as the system does, and checks each folder before it looks into it. Returns the end of the path,
    /// without links, or the last folder that is there.
    fn follow(&self, path: &Path) -> Result<PathBuf, Fault> {
        let path = path::absolute(path).map_err(Fault::Unreadable)?;
        let mut here = PathBuf::from("/");
        let mut rest = parts(&path);
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part == ".." {
                here.pop();
                continue;
            }
            let is_sticky = self.check_step(&here)?;
            let next = here.join(&part);
            let Ok(metadata) = fs::symlink_metadata(&next) else { return Ok(here) };
            if !metadata.is_symlink() {
                here = next;
                continue;
            }
            // Where everyone may make links, this one may be a stranger's.
            if is_sticky {
                self.check_owner(&next, &metadata)?;
            }
            links += 1;
            if links > MOST_LINKS {
                return Err(Fault::Unreadable(io::Error::from(Errno::LOOP)));
            }
            let target = fs::read_link(&next).map_err(Fault::Unreadable)?;
            if target.is_absolute() {
                here = PathBuf::from("/");
            }
            rest.extend(parts(&target));
        }
        Ok(here)
    }

    /// Checks a folder on the way. Says whether it is one for everybody, in which nobody can change what is another's.
    fn check_step(&self, folder: &Path) -> Result<bool, Fault> {
        if self.program.as_ref().is_some_and(|program| program.starts_with(folder)) {
            return Ok(false);
        }
        let metadata = fs::metadata(folder).map_err(Fault::Unreadable)?;
        if metadata.uid() != self.machine {
            self.check_owner(folder, &metadata)?;
        }
        if metadata.mode() & STICKY != 0 {
            return Ok(metadata.mode() & (GROUP_WRITABLE | WORLD_WRITABLE) != 0);
        }
        let is_roots = metadata.uid() == self.machine || metadata.uid() == 0;
        let mode = if is_roots { metadata.mode() & !GROUP_WRITABLE } else { metadata.mode() };
        self.check_mode(folder, &metadata, mode).map(|()| false)
    }

    fn check_holder(&self, path: &Path) -> Result<(), Fault> {
        let metadata = fs::metadata(path).map_err(Fault::Unreadable)?;
        // Sticky, it is as good as not writable: the library in it has a trusted owner, and so has the folder.
        let sticky = metadata.mode() & STICKY != 0;
        let mode =
            if sticky { metadata.mode() & !(GROUP_WRITABLE | WORLD_WRITABLE) } else { metadata.mode() };
        self.check(path, &metadata, mode)
    }

    fn check(&self, path: &Path, metadata: &Metadata, mode: u32) -> Result<(), Fault> {
        self.check_owner(path, metadata)?;
        self.check_mode(path, metadata, mode)
    }

    fn check_owner(&self, path: &Path, metadata: &Metadata) -> Result<(), Fault> {
        if !self.owners.contains(&metadata.uid()) {
            return Err(Fault::Owner {
                path: path.to_owned(),
                owner: metadata.uid(),
                trusted: self.owners.clone(),
            });
        }
        Ok(())
    }

    fn check_mode(&self, path: &Path, metadata: &Metadata, mode: u32) -> Result<(), Fault> {
        let writable = |who: String, remedy| {
            Err(Fault::Writable { path: path.to_owned(), who, mode: metadata.mode() & 0o777, remedy })
        };
        if mode & WORLD_WRITABLE != 0 {
            return writable("everyone".to_owned(), "o-w");
        }
        if mode & GROUP_WRITABLE != 0 && !self.groups.contains(&metadata.gid()) {
            return writable(format!("the group {}", metadata.gid()), "g-w");
        }
        Ok(())
    }
}

/// The parts of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let named = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    named.rev().map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        fs::Permissions,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use rstest::rstest;

    use super::*;

    /// A file of ours with this mode, and the rule of a process to which our user and group are what the flags say.
    fn verdict(mode: u32, trusted_owner: bool, trusted_group: bool, folder: bool) -> Result<(), String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        if folder {
            fs::create_dir(&path).unwrap();
        } else {
            fs::write(&path, "").unwrap();
        }
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let metadata = fs::metadata(&path).unwrap();
        let trust = Trust {
            owners: vec![if trusted_owner { metadata.uid() } else { metadata.uid() + 1 }],
            groups: vec![if trusted_group { metadata.gid() } else { metadata.gid() + 1 }],
            machine: 0,
            program: None,
        };
        let verdict = if folder { trust.check_holder(&path) } else { trust.check_file(&path, &metadata) };
        verdict.map_err(|fault| match fault {
            Fault::Owner { .. } => "owner".to_owned(),
            Fault::Writable { remedy, .. } => remedy.to_owned(),
            other => other.to_string(),
        })
    }

    #[rstest]
    #[case::umask_022(0o755, Ok(()))]
    #[case::umask_002(0o775, Ok(()))]
    #[case::private(0o600, Ok(()))]
    #[case::for_everyone(0o777, Err("o-w"))]
    #[case::only_others(0o602, Err("o-w"))]
    #[case::sticky_is_nothing_on_a_file(0o1777, Err("o-w"))]
    fn a_file_of_ours_is_trusted_unless_others_can_write(
        #[case] mode: u32,
        #[case] expected: Result<(), &str>,
    ) {
        assert_eq!(verdict(mode, true, true, false), expected.map_err(str::to_owned));
    }

    #[rstest]
    #[case::plain(0o755, Ok(()))]
    #[case::temporary(0o1777, Ok(()))]
    #[case::open(0o777, Err("o-w"))]
    fn a_folder_for_everyone_must_be_sticky(#[case] mode: u32, #[case] expected: Result<(), &str>) {
        assert_eq!(verdict(mode, true, true, true), expected.map_err(str::to_owned));
    }

    #[rstest]
    #[case::file(0o755, false)]
    #[case::folder(0o755, true)]
    #[case::sticky_folder(0o1777, true)]
    fn a_strangers_file_or_folder_is_refused(#[case] mode: u32, #[case] folder: bool) {
        assert_eq!(verdict(mode, false, true, folder), Err("owner".to_owned()));
    }

    #[rstest]
    #[case::may_not_write(0o755, Ok(()))]
    #[case::may_write(0o775, Err("g-w"))]
    fn a_strange_group_must_not_write(#[case] mode: u32, #[case] expected: Result<(), &str>) {
        assert_eq!(verdict(mode, true, false, false), expected.map_err(str::to_owned));
    }

    #[test]
    fn what_this_process_made_is_trusted_by_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        fs::write(&file, "").unwrap();
        let trust = Trust::of_this_process();
        trust.check_file(&file, &fs::metadata(&file).unwrap()).unwrap();
        trust.check_folder(dir.path()).unwrap();
        // The program that runs this test stands in a cargo target folder.
        trust.check_folder(env::current_exe().unwrap().parent().unwrap()).unwrap();
    }

    /// Whether the way to `path` below a folder of ours is good, where `open` has this mode.
    fn way(mode: u32, path: &str) -> Result<(), Fault> {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("open/inner/deep")).unwrap();
        fs::create_dir(root.join("closed")).unwrap();
        symlink(root.join("open/inner"), root.join("closed/to_open")).unwrap();
        symlink("../closed", root.join("open/inner/back")).unwrap();
        symlink("loop", root.join("closed/loop")).unwrap();
        fs::set_permissions(root.join("open"), Permissions::from_mode(mode)).unwrap();
        Trust { program: None, ..Trust::of_this_process() }.check_way(&root.join(path))
    }

    #[rstest]
    #[case::above("open/inner/deep")]
    #[case::not_there("open/inner/none")]
    #[case::by_a_link("closed/to_open/deep")]
    #[case::by_a_link_and_out_again("open/inner/back/none")]
    #[case::by_dots("closed/../open/inner")]
    fn every_folder_on_the_way_counts(#[case] path: &str) {
        way(0o755, path).unwrap();
        way(0o1777, path).unwrap();
        assert!(matches!(way(0o777, path), Err(Fault::Writable { remedy: "o-w", .. })));
    }

    #[rstest]
    #[case::beside("closed/none")]
    #[case::itself("open")]
    fn what_is_not_on_the_way_does_not(#[case] path: &str) {
        way(0o777, path).unwrap();
    }

    #[test]
    fn links_in_a_circle_lead_nowhere() {
        assert!(matches!(way(0o755, "closed/loop"), Err(Fault::Unreadable(_))));
    }

    #[rstest]
    #[case::ours(0o755, Ok(()))]
    #[case::sticky(0o1777, Err("o-w"))]
    #[case::open(0o777, Err("o-w"))]
    fn a_place_to_look_in_is_nobody_elses(
        #[case] mode: u32,
        #[case] expected: Result<(), &str>,
        #[values("", "not/there")] below: &str,
    ) {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
        let trust = Trust { program: None, ..Trust::of_this_process() };
        let verdict = trust.check_search(&dir.path().join(below)).map_err(|fault| match fault {
            Fault::Writable { remedy, .. } => remedy,
            _ => "another",
        });
        assert_eq!(verdict, expected);
    }
}
