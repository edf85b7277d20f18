//! What `prony plugins new` writes, as constants of the program: the contract crate, the examples that are its
//! templates, and the versions that this workspace is built with. All of it is read from the tree, never kept twice.

use std::{
    error::Error,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use toml::Table;

use crate::{lockfile, manifest};

/// The contract crate's folder.
const CONTRACT: &str = "plugin-api";

/// The examples, and the names of the constants that hold them.
const EXAMPLES: [(&str, &str); 2] =
    [("ENDPOINT", "plugins/example-vendor"), ("SERVICE", "plugins/example-vendor-service")];

/// An example over the header for C.
struct OverTheHeader {
    /// The name of the constant that holds it.
    name: &'static str,
    folder: &'static str,
    /// Its files, but those of `tests`.
    files: &'static [&'static str],
    /// Whether it has a folder `tests`.
    has_tests: bool,
}

const FILES_IN_C: &[&str] = &[".gitignore", "Makefile", "README.md", "check.c", "plugin.c", "plugins.yaml"];

const FILES_IN_CPP: &[&str] =
    &[".gitignore", "CMakeLists.txt", "README.md", "check.cpp", "plugin.cpp", "plugins.yaml", "prony.hpp"];

const FILES_IN_GO: &[&str] = &[
    ".gitignore",
    "Makefile",
    "README.md",
    "binding.c",
    "binding.go",
    "binding.h",
    "failure.go",
    "go.mod",
    "plugin.go",
    "plugin_test.go",
    "plugins.yaml",
];

const FILES_IN_ZIG: &[&str] =
    &[".gitignore", "README.md", "build.zig", "check.zig", "descriptor.zig", "plugin.zig", "plugins.yaml"];

const OVER_THE_HEADER: &[OverTheHeader] = &[
    OverTheHeader {
        name: "ENDPOINT_IN_C",
        folder: "plugins/example-vendor-c",
        files: FILES_IN_C,
        has_tests: true,
    },
    OverTheHeader {
        name: "SERVICE_IN_C",
        folder: "plugins/example-vendor-c-service",
        files: FILES_IN_C,
        has_tests: false,
    },
    OverTheHeader {
        name: "ENDPOINT_IN_CPP",
        folder: "plugins/example-vendor-cpp",
        files: FILES_IN_CPP,
        has_tests: true,
    },
    OverTheHeader {
        name: "SERVICE_IN_CPP",
        folder: "plugins/example-vendor-cpp-service",
        files: FILES_IN_CPP,
        has_tests: false,
    },
    OverTheHeader {
        name: "ENDPOINT_IN_GO",
        folder: "plugins/example-vendor-go",
        files: FILES_IN_GO,
        has_tests: true,
    },
    OverTheHeader {
        name: "SERVICE_IN_GO",
        folder: "plugins/example-vendor-go-service",
        files: FILES_IN_GO,
        has_tests: false,
    },
    OverTheHeader {
        name: "ENDPOINT_IN_ZIG",
        folder: "plugins/example-vendor-zig",
        files: FILES_IN_ZIG,
        has_tests: true,
    },
    OverTheHeader {
        name: "SERVICE_IN_ZIG",
        folder: "plugins/example-vendor-zig-service",
        files: FILES_IN_ZIG,
        has_tests: false,
    },
];

/// The contract in C: where it stands in the contract crate, and in a new plugin.
const HEADER: &str = "include/prony_plugin.h";

/// Writes `vendor_kit.rs` into `out`.
pub(crate) fn carry(root: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let workspace = parsed(&root.join("Cargo.toml"))?;
    let lock = parsed(&root.join("Cargo.lock"))?;
    let contract = root.join(CONTRACT);
    let manifest = manifest::resolved(&parsed(&contract.join("Cargo.toml"))?, &workspace)?;
    let mut text = String::from("// Made by the build script.\n");

    let mut files = files_below(&contract, &["src"])?;
    files.extend(["build.rs", "README.md"].map(PathBuf::from));
    write_files(&mut text, "CONTRACT", &contract, &files)?;
    writeln!(text, "pub(super) const CONTRACT_MANIFEST: &str = {:?};", toml::to_string(&manifest)?)?;
    for (name, folder) in EXAMPLES {
        let folder = root.join(folder);
        let mut files = files_below(&folder, &["src", "tests"])?;
        files.extend([".gitignore", "README.md", "plugins.yaml", "rustfmt.toml"].map(PathBuf::from));
        write_files(&mut text, name, &folder, &files)?;
        let example = parsed(&folder.join("Cargo.toml"))?;
        let dependencies = manifest::dependencies(&example, &workspace)?;
        writeln!(text, "pub(super) const {name}_DEPENDENCIES: &str = {:?};", dependencies.lines)?;
        let lock = lockfile::closure(&lock, &manifest, &dependencies.names)?;
        writeln!(text, "pub(super) const {name}_LOCK: &str = {lock:?};")?;
    }
    write_files(&mut text, "HEADER", &contract, &[PathBuf::from(HEADER)])?;
    for example in OVER_THE_HEADER {
        let folder = root.join(example.folder);
        let tests: &[&str] = if example.has_tests { &["tests"] } else { &[] };
        let mut files = files_below(&folder, tests)?;
        files.extend(example.files.iter().map(PathBuf::from));
        write_files(&mut text, example.name, &folder, &files)?;
    }
    Ok(fs::write(out.join("vendor_kit.rs"), text)?)
}

fn parsed(file: &Path) -> Result<Table, Box<dyn Error>> {
    println!("cargo:rerun-if-changed={}", file.display());
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(text.parse().map_err(|error| format!("{}: {error}", file.display()))?)
}

/// Every file below some folders of `root`, in order.
fn files_below(root: &Path, folders: &[&str]) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
    while let Some(folder) = open.pop() {
        println!("cargo:rerun-if-changed={}", root.join(&folder).display());
        let below = root.join(&folder);
        let entries = fs::read_dir(&below).map_err(|error| format!("{}: {error}", below.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    Ok(files)
}

/// A constant with the paths and contents of some files.
fn write_files(text: &mut String, name: &str, root: &Path, files: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    writeln!(text, "pub(super) const {name}: &[(&str, &str)] = &[")?;
    for file in files {
        let path = root.join(file).canonicalize().map_err(|error| format!("{}: {error}", file.display()))?;
        println!("cargo:rerun-if-changed={}", path.display());
        writeln!(text, "    ({:?}, include_str!({:?})),", file.to_string_lossy(), path.to_string_lossy())?;
    }
    writeln!(text, "];")?;
    Ok(())
}
