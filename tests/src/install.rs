//! An installation to test: the program in one folder, the manifest and the libraries in `../lib/prony`, as a package
//! would put them.
//!
//! The program is the one beside this test's build folder, the libraries are those that cargo built as dependencies of
//! this package: never ones that an earlier `cargo build` left behind.

use std::{
    collections::BTreeSet,
    fs,
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
    fs::copy(&manifest, lib.join("plugins.yaml")).expect("a copy of the shipped manifest");
    let program = bin.join("prony");
    link(&source, &program);
    program
}

/// Makes `to` the same file as `from`. Several test programs may do it at once: it is there or not, never half.
fn link(from: &Path, to: &Path) {
    let inode = |path: &Path| path.metadata().map(|metadata| metadata.ino()).ok();
    if inode(to).is_some() && inode(from) == inode(to) {
        return;
    }
    let beside = to.with_extension(std::process::id().to_string());
    fs::hard_link(from, &beside).expect("a link in the build folder");
    fs::rename(&beside, to).expect("a link in the build folder");
}
