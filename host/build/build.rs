//! Puts the shipped `plugins.yaml` beside the binary, where it is looked for, and carries into the program what
//! `prony plugins new` writes, and the built-in vocabulary.

mod kit;
mod lockfile;
mod manifest;
mod vocabulary;

use std::{
    env,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
};

const MANIFEST: &str = "plugins.yaml";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build");
    let crate_dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    vocabulary::write(&out_dir)?;
    kit::carry(&crate_dir.join(".."), &out_dir)?;
    Ok(shipped_manifest(&crate_dir, &out_dir)?)
}

/// Outside of the workspace there is none.
fn shipped_manifest(crate_dir: &Path, out_dir: &Path) -> io::Result<()> {
    let manifest = crate_dir.with_file_name(MANIFEST);
    // target/<profile>/build/<package>/out
    let (Some(binary_dir), true) =
        (out_dir.ancestors().nth(3).filter(|dir| is_profile(dir)), manifest.exists())
    else {
        return Ok(());
    };
    println!("cargo:rerun-if-changed={}", manifest.display());
    fs::copy(&manifest, binary_dir.join(MANIFEST)).map(|_bytes| ())
}

/// Whether this is where cargo puts binaries: a build folder elsewhere is none of ours.
fn is_profile(dir: &Path) -> bool {
    dir.join("deps").is_dir()
}
