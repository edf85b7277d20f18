//! An installation to test: the program in one folder, the manifest and the libraries in `../lib/prony`, as a package
//! would put them.
//!
//! The program is the one beside this test's build folder, the libraries are those that cargo built as dependencies of
//! this package: never ones that an earlier `cargo build` left behind.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// The installed program.
///
/// # Panics
/// When it was not built.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(install)
}

/// The library that a package builds, where cargo puts it.
///
/// # Panics
/// When it was not built.
pub fn library(package: &str) -> PathBuf {
    let path = deps_dir().join(file_name(package));
    assert!(path.exists(), "`{}` is not built: run `cargo test --workspace`", path.display());
    path
}

/// The packages whose libraries a manifest names: the stem of each `class`.
fn packages(manifest: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(manifest).expect("the shipped manifest");
    let classes = text.lines().filter_map(|line| line.trim().strip_prefix("class: "));
    classes.filter_map(|class| Some(class.split_once(':')?.0.replace('_', "-"))).collect()
}

fn file_name(package: &str) -> String {
    format!("lib{}.so", package.replace('-', "_"))
}

fn deps_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test.parent().expect("a test stands in a folder").to_owned();
    // A doctest stands somewhere else; its build folder is known at compile time only.
    if folder.ends_with("deps") { folder } else { folder.join("deps") }
}

fn install() -> PathBuf {
    let deps = deps_dir();
    let build = deps.parent().expect("`deps` stands in the build folder");
    let source = build.join("prony");
    assert!(source.exists(), "`{}` is not built: run `cargo test --workspace`", source.display());
    let root = build.join("prony-installed");
    let (bin, lib) = (root.join("bin"), root.join("lib/prony"));
    fs::create_dir_all(&bin).expect("a folder in the build folder");
    fs::create_dir_all(&lib).expect("a folder in the build folder");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("plugins.yaml");
    for package in packages(&manifest) {
        link(&library(&package), &lib.join(file_name(&package)));
    }
    put(&lib.join("plugins.yaml"), |beside| fs::copy(&manifest, beside).map(drop));
    let program = bin.join("prony");
    link(&source, &program);
    program
}

/// Makes `to` the same file as `from`.
fn link(from: &Path, to: &Path) {
    let inode = |path: &Path| path.metadata().map(|metadata| metadata.ino()).ok();
    if inode(to).is_some() && inode(from) == inode(to) {
        return;
    }
    put(to, |beside| fs::hard_link(from, beside));
}

/// Puts a file in its place under its name. Several test programs may do it at once, and run what is there: a file is
/// there as a whole or not at all, so it is made in a folder of this process and renamed.
fn put(to: &Path, make: impl FnOnce(&Path) -> io::Result<()>) {
    let folder = to.parent().expect("a file stands in a folder");
    let own = tempfile::tempdir_in(folder).expect("a folder in the build folder");
    let beside = own.path().join("file");
    make(&beside).and_then(|()| fs::rename(&beside, to)).unwrap_or_else(|error| {
        panic!("`{}` cannot be installed: {error}", to.display());
    });
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn whoever_reads_an_installed_file_reads_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let text = "text\n".repeat(100_000);
        fs::write(&from, &text).unwrap();
        let copy = || put(&to, |beside| fs::copy(&from, beside).map(drop));
        copy();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                (0..100).for_each(|_| copy());
                is_over.store(true, Ordering::Relaxed);
            });
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(fs::read_to_string(&to).unwrap().len(), text.len());
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
