//! Whose files may run here. A plugin is native code with our rights: whoever can write to its file, or replace it in
//! its folder, can do what we can.
//!
//! Trusted owners are root, the user we run as, and the owner of the program itself, who could change us anyway. Others
//! must not be able to write. A group may if it is root's, our own, or one that may write to the program, too: under
//! umask 002, and when root runs a tree that somebody else built, both are the normal case.

use std::{
    env,
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::fault::Fault;

const GROUP_WRITABLE: u32 = 0o020;
const WORLD_WRITABLE: u32 = 0o002;
/// In a sticky folder only the owner of a file, or of the folder, can replace it.
const STICKY: u32 = 0o1000;

/// Who is trusted, by number.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    owners: Vec<u32>,
    groups: Vec<u32>,
}

impl Trust {
    /// The rule of the module for this process.
    pub(super) fn of_this_process() -> Self {
        let mut owners = vec![0, rustix::process::geteuid().as_raw()];
        let mut groups = vec![0, rustix::process::getegid().as_raw()];
        if let Ok(program) = env::current_exe().and_then(fs::metadata) {
            owners.push(program.uid());
            if program.mode() & GROUP_WRITABLE != 0 {
                groups.push(program.gid());
            }
        }
        owners.sort_unstable();
        owners.dedup();
        Self { owners, groups }
    }

    /// Checks an open library's file.
    pub(super) fn check_file(&self, path: &Path, metadata: &Metadata) -> Result<(), Fault> {
        self.check(path, metadata, metadata.mode())
    }

    /// Checks a folder that holds it.
    pub(super) fn check_folder(&self, path: &Path) -> Result<(), Fault> {
        let metadata = fs::metadata(path).map_err(Fault::Unreadable)?;
        // Sticky, it is as good as not writable: the library in it has a trusted owner, and so has the folder.
        let sticky = metadata.mode() & STICKY != 0;
        let mode =
            if sticky { metadata.mode() & !(GROUP_WRITABLE | WORLD_WRITABLE) } else { metadata.mode() };
        self.check(path, &metadata, mode)
    }

    fn check(&self, path: &Path, metadata: &Metadata, mode: u32) -> Result<(), Fault> {
        if !self.owners.contains(&metadata.uid()) {
            return Err(Fault::Owner {
                path: path.to_owned(),
                owner: metadata.uid(),
                trusted: self.owners.clone(),
            });
        }
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

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

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
        };
        let verdict = if folder { trust.check_folder(&path) } else { trust.check_file(&path, &metadata) };
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
}
