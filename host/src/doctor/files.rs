//! Files: how many may be open, and where results are written.

use std::{
    io,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, access, statvfs},
    process::{Resource, getrlimit},
};

use super::{
    intended_runs::IntendedRuns,
    look::{Group, Look, State},
    system::megabytes,
};

/// Files that a run has open besides its connections: journal, libraries, runtimes of workers.
const BESIDE: u64 = 100;

/// With less room than this, a longer run may fill the disk, in bytes.
const ROOM: u64 = 1_000_000_000;

/// With less than this, a short one does, in bytes.
const LEAST_ROOM: u64 = 50_000_000;

pub(super) fn looks(wanted: &IntendedRuns) -> Vec<Look> {
    vec![
        open_files(getrlimit(Resource::Nofile).maximum, wanted.connections),
        room(&wanted.dir, place(&wanted.dir)),
    ]
}

/// A run raises its limit to the highest that it may have, so that this one counts.
fn open_files(most: Option<u64>, connections: u64) -> Look {
    let (what, wanted) = ("open files", connections.saturating_add(BESIDE));
    let needed = format!("{wanted} for {connections} connections");
    let fix = format!(
        "raise the hard limit: `ulimit -Hn {wanted}` as root, `LimitNOFILE={wanted}` of systemd, `--ulimit nofile={wanted}` of \
         Docker"
    );
    let found = most.map_or_else(|| "no limit".to_owned(), |most| format!("{most} at most"));
    let is_well = most.is_none_or(|most| most >= wanted);
    Look::new(Group::Files, what, found, needed).unless(is_well, State::Fail, fix)
}

/// The nearest folder that is there, what is free in it in bytes, and whether it may be written to.
struct FolderState {
    folder: PathBuf,
    free: u64,
    is_writable: bool,
}

fn place(dir: &Path) -> io::Result<FolderState> {
    let dir = std::path::absolute(dir)?;
    let folder = dir.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/")).to_owned();
    let system = statvfs(&folder)?;
    let is_writable = folder.is_dir() && access(&folder, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    Ok(FolderState { free: system.f_bavail.saturating_mul(system.f_frsize), is_writable, folder })
}

fn room(dir: &Path, place: io::Result<FolderState>) -> Look {
    let what = format!("results in `{}`", dir.display());
    let needed = format!("a folder that may be written to, with {}", megabytes(ROOM));
    let fix = "name another folder with `--artifact-dir`, or make room";
    let FolderState { folder, free, is_writable } = match place {
        Ok(place) => place,
        Err(error) => return Look::new(Group::Files, what, error.to_string(), needed).with(State::Fail, fix),
    };
    let folder = folder.display();
    if !is_writable {
        let found = format!("`{folder}` may not be written to");
        return Look::new(Group::Files, what, found, needed).with(State::Fail, fix);
    }
    Look::new(Group::Files, what, format!("{} are free in `{folder}`", megabytes(free)), needed)
        .unless(free >= ROOM, State::Warn, fix)
        .unless(free >= LEAST_ROOM, State::Fail, fix)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, State::Ok)]
    #[case(Some(1100), State::Ok)]
    #[case(Some(1099), State::Fail)]
    fn each_connection_is_an_open_file(#[case] most: Option<u64>, #[case] state: State) {
        assert_eq!(open_files(most, 1000).state, state);
    }

    #[rstest]
    #[case(2_000_000_000, true, State::Ok)]
    #[case(900_000_000, true, State::Warn)]
    #[case(40_000_000, true, State::Fail)]
    #[case(2_000_000_000, false, State::Fail)]
    fn results_need_room(#[case] free: u64, #[case] is_writable: bool, #[case] state: State) {
        let place = FolderState { folder: "/a".into(), free, is_writable };
        assert_eq!(room(Path::new("artifacts"), Ok(place)).state, state);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_looked_for_further_up() {
        let folder = tempfile::tempdir().unwrap();
        let found = place(&folder.path().join("not/there")).unwrap();
        assert_eq!((found.folder.as_path(), found.is_writable), (folder.path(), true));
        assert!(found.free > 0);
    }

    #[test]
    fn a_file_is_no_folder_for_results() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(!place(file.path()).unwrap().is_writable);
    }
}
