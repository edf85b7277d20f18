//! Has cargo build the programs that a bench runs.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

/// Builds these packages where this program was built, and says where their programs are.
pub(crate) fn release(packages: &[&str]) -> PathBuf {
    let this = std::env::current_exe().expect("a program knows its own path");
    // target/release/deps/load-0123456789abcdef
    let release = this.ancestors().nth(2).expect("a bench stands in a build folder");
    let target = release.parent().expect("a bench stands in a build folder");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--locked", "--target-dir"]).arg(target);
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    // What cargo tells this program of its package: build scripts that look at it would be run again, here and at the next
    // build without it, and most of the program with them.
    let is_told = |name: &OsStr| {
        let name = name.to_string_lossy();
        name == "OUT_DIR" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_told(name)) {
        command.env_remove(name);
    }
    let status = command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).status();
    assert!(status.expect("cargo starts").success(), "the program cannot be built");
    target.join("release")
}
