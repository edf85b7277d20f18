//! What is named to be checked and is no library: mostly, because it was not built yet.

use crate::explain::Explain;
use std::path::{Path, PathBuf};

/// Why there is nothing to check.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum NoLibrary {
    /// A folder was named.
    #[error("check `{}`: it is a folder, and not a library", .0.display())]
    Folder(PathBuf),
    /// There is nothing where cargo would have built it.
    #[error("check `{}`: it is not there, since it has not been built", .library.display())]
    Unbuilt {
        library: PathBuf,
        /// The crate's folder.
        root: PathBuf,
    },
    /// There is nothing.
    #[error("check `{}`: it does not exist", .0.display())]
    Missing(PathBuf),
}

impl NoLibrary {
    /// Succeeds if something stands there that may be a library.
    ///
    /// # Errors
    /// Nothing does, or a folder.
    pub(super) fn find(library: &Path) -> Result<(), Self> {
        if library.is_dir() {
            return Err(Self::Folder(library.to_owned()));
        }
        // A link that leads nowhere is something: the ladder tells what.
        if library.symlink_metadata().is_ok() {
            return Ok(());
        }
        let library = library.to_owned();
        Err(match root(&library) {
            Some(root) => Self::Unbuilt { root, library },
            None => Self::Missing(library),
        })
    }
}

impl Explain for NoLibrary {
    fn hint(&self) -> String {
        match self {
            Self::Folder(folder) => match (built(folder), folder.join("Cargo.toml").exists()) {
                (Some(library), _) => format!("name the library: `prony plugins check {}`", library.display()),
                (None, true) => format!(
                    "build it first: {}; then name the library, `{}`",
                    build("cargo build --release", folder),
                    folder.join(RELEASE).join(library_name("NAME")).display()
                ),
                (None, false) => match build_in_another_language(folder) {
                    Some(command) => format!("build it first: {command}; then name the library"),
                    None => "name a library, such as `target/release/libacme_chat.so`".to_owned(),
                },
            },
            Self::Unbuilt { library, root } => {
                let is_debug = library.parent().is_some_and(|folder| folder.ends_with("debug"));
                let command = if is_debug { "cargo build" } else { "cargo build --release" };
                format!("build it first: {}", build(command, root))
            }
            Self::Missing(library) => {
                match build_in_another_language(folder_of(library)) {
                    Some(command) => format!("build it first: {command}"),
                    None => "name a library that is there, such as `target/release/libacme_chat.so`; `cargo build --release` \
                             builds it"
                        .to_owned(),
                }
            }
        }
    }
}

/// Where cargo puts what it builds for use.
const RELEASE: &str = "target/release";

/// The folder that a file stands in. A bare name stands in the working directory.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// What builds a folder in another language than Rust, by a file that it has.
fn build_in_another_language(folder: &Path) -> Option<String> {
    const COMMANDS: [(&str, &str, &str); 3] = [
        ("Makefile", "make", ""),
        ("CMakeLists.txt", "cmake -B build && cmake --build build", ""),
        ("build.zig", "zig build", ", or `python3 -m ziglang build` where Zig is a package of Python"),
    ];
    let (_, command, more) = COMMANDS.into_iter().find(|(file, ..)| folder.join(file).exists())?;
    Some(format!("{}{more}", build(command, folder)))
}

/// A command in a folder.
fn build(command: &str, folder: &Path) -> String {
    if folder.as_os_str().is_empty() || folder == Path::new(".") {
        format!("`{command}`")
    } else {
        format!("`cd {} && {command}`", folder.display())
    }
}

fn library_name(stem: &str) -> String {
    format!("{}{stem}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// The folder above the `target` in a path.
fn root(library: &Path) -> Option<PathBuf> {
    let target =
        library.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "target"))?;
    target.parent().map(Path::to_owned)
}

/// The one library that was built in a crate's folder, or lies in a folder.
fn built(folder: &Path) -> Option<PathBuf> {
    [folder.join(RELEASE), folder.join("target/debug"), folder.to_owned()].into_iter().find_map(|folder| {
        let files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
        let suffix = std::env::consts::DLL_EXTENSION;
        let libraries: Vec<PathBuf> =
            files.filter(|file| file.extension().is_some_and(|extension| extension == suffix)).collect();
        <[PathBuf; 1]>::try_from(libraries).ok().map(|[only]| only)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(path: &Path) -> String {
        NoLibrary::find(path).unwrap_err().hint()
    }

    #[test]
    fn what_is_not_built_is_told_with_the_command_that_builds_it() {
        let dir = tempfile::tempdir().unwrap();
        let release = dir.path().join(RELEASE);
        let command = format!("`cd {} && cargo build --release`", dir.path().display());
        assert_eq!(hint(&release.join("libx.so")), format!("build it first: {command}"));
        assert!(hint(&dir.path().join("target/debug/libx.so")).ends_with("&& cargo build`"));
        assert_eq!(hint(Path::new("target/release/libx.so")), "build it first: `cargo build --release`");
        assert!(!hint(dir.path()).contains("build it first"));
        let others =
            [("Makefile", "make"), ("CMakeLists.txt", "cmake -B build && "), ("build.zig", "zig build")];
        for (file, command) in others {
            let file = dir.path().join(file);
            std::fs::write(&file, "").unwrap();
            let expected = format!("build it first: `cd {} && {command}", dir.path().display());
            assert!(hint(dir.path()).starts_with(&expected), "{}", hint(dir.path()));
            let library = hint(&dir.path().join("libacme_go.so"));
            assert!(library.starts_with(&expected) && !library.contains("cargo"), "{library}");
            std::fs::remove_file(file).unwrap();
        }
        std::fs::write(dir.path().join("Cargo.toml"), "").unwrap();
        assert!(hint(dir.path()).starts_with(&format!("build it first: {command}; then name the library")));
        std::fs::create_dir_all(&release).unwrap();
        let library = release.join(library_name("x"));
        std::fs::write(&library, "").unwrap();
        assert_eq!(
            hint(dir.path()),
            format!("name the library: `prony plugins check {}`", library.display())
        );
        assert_eq!(NoLibrary::find(&library), Ok(()));
    }

    #[test]
    fn a_bare_name_stands_in_the_working_directory() {
        assert_eq!(folder_of(Path::new("libacme_go.so")), Path::new("."));
        assert_eq!(folder_of(Path::new("go/libacme_go.so")), Path::new("go"));
    }
}
