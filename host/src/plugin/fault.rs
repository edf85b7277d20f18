//! Why a library cannot be used: one [`Fault`] for each rung of the ladder, with both sides' values and the next step.

use std::{
    io,
    path::{Path, PathBuf},
};

use prony_plugin_api::version::{EPOCH, MINOR, RUSTC};

use super::{entry::Category, integrity::Digest};
use crate::{explain::Explain, lockfile::Breach};

/// Why a library cannot be used. The text is the second line of an error whose first names the library.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// No folder has it.
    #[error("the library does not exist; looked for `{file_name}` in {}", listed(.searched))]
    Missing {
        file_name: String,
        /// Folders, in the order of the search.
        searched: Vec<PathBuf>,
    },
    /// The system does not let us read it.
    #[error("cannot read it: {0}")]
    Unreadable(io::Error),
    /// A folder, a pipe or the like.
    #[error("it is not a regular file")]
    NotAFile,
    /// Somebody else owns it, or its folder.
    #[error("`{}` belongs to user {owner}; trusted are the users {}", .path.display(), numbers(.trusted))]
    Owner {
        /// The library or a folder that holds it.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
        /// Whom we trust.
        trusted: Vec<u32>,
    },
    /// Somebody else can change it, or its folder.
    #[error("{who} may write to `{}` (mode {mode:03o}), and so could replace the code that would run here", .path.display())]
    Writable {
        /// The library or a folder that holds it.
        path: PathBuf,
        /// `everyone`, or a group.
        who: String,
        /// Its permission bits.
        mode: u32,
        /// What `chmod` takes to correct it.
        remedy: &'static str,
    },
    /// Others could change a library that it needs.
    #[error("it needs `{}`: {fault}", .library.display())]
    Needs {
        /// As its dynamic section names it.
        library: PathBuf,
        fault: Box<Fault>,
    },
    /// Others could put a library where it looks for some.
    #[error("it looks for libraries in `{}`: {fault}", .folder.display())]
    Search {
        /// As its dynamic section names it.
        folder: PathBuf,
        fault: Box<Fault>,
    },
    /// A path that it names is no absolute one.
    #[error("its place depends on the working directory")]
    Relative,
    /// The runtime of its sanitizer would end the process, or is not there.
    #[error("it is built with a sanitizer, and {} must be in a process from its start", any_of(.runtimes))]
    Sanitizer {
        /// As its dynamic section names it; where that names none, as clang and GCC do.
        runtimes: Vec<PathBuf>,
    },
    /// A text file, an empty file, an archive.
    #[error("its {size} bytes are not a shared library: {reason}")]
    NotAnObject {
        size: u64,
        /// What the parser says.
        reason: String,
    },
    /// For another machine or system.
    #[error("it is built for {found}, and this host for {host}")]
    Platform {
        /// What it is built for.
        found: String,
        /// What we are built for.
        host: String,
    },
    /// An executable, a static library.
    #[error("it is {found}, not a shared library")]
    NotShared { found: String },
    /// Mapping it would end in a bus error.
    #[error("it is cut off: it has {has} bytes and needs {needs}")]
    Truncated {
        has: u64,
        /// Where its last part ends.
        needs: u64,
    },
    /// Something else, or a library that was stripped too far.
    #[error("it has no `{section}` section, so it is not a plugin")]
    NoDescriptor {
        /// Name of the section.
        section: &'static str,
    },
    /// The section holds something else.
    #[error("its descriptor cannot be read: {0}")]
    BadDescriptor(serde_json::Error),
    /// Built for another contract.
    #[error("{plugin} is built for contract {epoch}.{minor}, and this host offers {EPOCH}.{MINOR}")]
    Epoch {
        /// Name and version of the plugin.
        plugin: String,
        /// Its contract's epoch.
        epoch: u32,
        /// Its contract's minor.
        minor: u32,
    },
    /// It needs functions that this host does not have.
    #[error("{plugin} needs a host with contract {EPOCH}.{needs}, and this host offers {EPOCH}.{MINOR}")]
    HostTooOld {
        /// Name and version of the plugin.
        plugin: String,
        /// The minor it needs.
        needs: u32,
    },
    /// Its panics would end the process.
    #[error(
        "{plugin} is built with panic={found}, and this host needs panic=unwind: its first panic would end the run"
    )]
    PanicStrategy {
        /// Name and version of the plugin.
        plugin: String,
        /// What it is built with.
        found: String,
    },
    /// The manifest names a type that the library does not have.
    #[error("the manifest names the {category} `{type_name}`, and {plugin} exports {}", quoted(.exports))]
    NotExported {
        /// Name and version of the plugin.
        plugin: String,
        /// Where it was looked for.
        category: Category,
        /// What was looked for.
        type_name: String,
        /// What there is of this category.
        exports: Vec<String>,
    },
    /// The manifest names a hash, and it is another.
    #[error("the manifest demands {expected}, and the file is {found}")]
    Integrity {
        /// What the manifest says.
        expected: Digest,
        /// What the file hashes to.
        found: Digest,
    },
    /// It is not as the lock file has it.
    #[error("{0}")]
    Locked(Breach),
    /// The system's linker refuses.
    #[error("the system cannot open it: {0}")]
    Open(String),
    /// A manifest or a lock demands a hash, and only the file itself could be opened, which may have changed since.
    #[error("its hash is demanded, and the system cannot open a sealed copy of it: {0}")]
    Unsealed(String),
    /// Somebody wrote to the file between the check and the opening.
    #[error("its file changed while it was being opened")]
    Changed,
    /// The descriptor promises what the library does not have.
    #[error("it does not export the symbol `{0}`")]
    NoEntrySymbol(&'static str),
    /// Another version of the library that carries the types.
    #[error("{plugin} carries its types differently from this host: {reason}")]
    Header {
        /// Name and version of the plugin.
        plugin: String,
        reason: String,
    },
    /// The types of the contract look different.
    #[error(
        "{plugin} (contract {EPOCH}.{minor}, {rustc}) and this host ({EPOCH}.{MINOR}, {RUSTC}) differ in a type: {reason}"
    )]
    Layout {
        /// Name and version of the plugin.
        plugin: String,
        /// Its contract's minor.
        minor: u32,
        /// The compiler that built it.
        rustc: String,
        reason: String,
    },
    /// A table of a library in C that is too small, lacks a function, or is not what the descriptor says.
    #[error("{plugin} has a table that cannot be used: {reason}")]
    Table {
        /// Name and version of the plugin.
        plugin: String,
        reason: String,
    },
    /// There is no thread for it.
    #[error("there is no thread left to open it on")]
    Thread(#[source] io::Error),
    /// Its own start failed.
    #[error("{plugin} failed to start: {reason}")]
    Root {
        /// Name and version of the plugin.
        plugin: String,
        reason: String,
        /// What the library says that the user can do about it; empty where it says nothing.
        hint: String,
    },
}

impl Explain for Fault {
    fn hint(&self) -> String {
        match self {
            Self::Missing { .. } => {
                "install the library beside its manifest, or name its folder in PRONY_PLUGIN_PATH".to_owned()
            }
            Self::Unreadable(_) | Self::NotAFile => "check what stands there; `ls -l` shows it".to_owned(),
            Self::Owner { path, .. } => {
                format!("install it as this user or as root: `chown \"$(id -u)\" {}`", path.display())
            }
            Self::Writable { path, remedy, .. } => format!("take the right away: `chmod {remedy} {}`", path.display()),
            Self::Needs { fault, .. } | Self::Search { fault, .. } => fault.hint(),
            Self::Relative => {
                "link it against libraries of the system, or with absolute paths; `readelf -d` shows them".to_owned()
            }
            Self::Sanitizer { runtimes } => start_with(runtimes),
            Self::NotAnObject { .. } | Self::NotShared { .. } | Self::Truncated { .. } => {
                "install the library again, or build it with `crate-type = [\"cdylib\"]`".to_owned()
            }
            Self::Platform { host, .. } => format!("get the plugin's build for {host}"),
            Self::NoDescriptor { .. } | Self::BadDescriptor(_) | Self::NoEntrySymbol(_) => {
                "build it with the `export_plugin!` line of prony-plugin-api, or in C with the descriptor and the entry symbol \
                 of prony_plugin.h, and check `class` in the manifest"
                    .to_owned()
            }
            Self::Epoch { .. } => format!("rebuild it with prony-plugin-api {EPOCH}.x, or get its release for this host"),
            Self::HostTooOld { .. } => "update prony, or get an older release of the plugin".to_owned(),
            Self::PanicStrategy { .. } => "rebuild it with `panic = \"unwind\"` in its profile".to_owned(),
            Self::NotExported { .. } => "correct `class` in the manifest".to_owned(),
            Self::Integrity { .. } => {
                "install the file that the manifest was made for; if you changed it on purpose, correct `integrity`".to_owned()
            }
            Self::Locked(breach) => breach.hint(),
            Self::Unsealed(_) => {
                "`ldd` on the file lists what it needs; if the system forbids to run code in memory files \
                 (`vm.memfd_noexec`), allow it, or demand no hash"
                    .to_owned()
            }
            Self::Changed => "wait until its installation is over, and run again".to_owned(),
            Self::Open(_) => "`ldd` on the file lists what it needs".to_owned(),
            Self::Header { .. } | Self::Layout { .. } => {
                format!("rebuild it with an unmodified prony-plugin-api {EPOCH}.x")
            }
            Self::Table { .. } => {
                "let each table begin with its own `sizeof`, give it the functions that prony_plugin.h asks for, and name the \
                 same types in the tables and in PRONY_PLUGIN_DESCRIPTOR"
                    .to_owned()
            }
            Self::Thread(_) => "raise the limits of processes and memory: `ulimit -u`, `ulimit -v`".to_owned(),
            Self::Root { hint, .. } if !hint.is_empty() => hint.clone(),
            Self::Root { .. } => "ask its author; PRONY_LOG=debug shows what it logs".to_owned(),
        }
    }
}

/// How the runtime of a sanitizer is there from the start.
fn start_with(runtimes: &[PathBuf]) -> String {
    let ways: Vec<String> = runtimes.iter().map(|runtime| format!("`{}`", preloaded(runtime))).collect();
    let whose = if ways.len() > 1 { ", that of the compiler which has built it" } else { "" };
    format!("build it without `-fsanitize`, or start prony with {}{whose}", ways.join(" or "))
}

/// Variables that load a runtime first. A compiler knows where its own is: GCC by the name without a number.
fn preloaded(runtime: &Path) -> String {
    let name = runtime.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split(".so").next().unwrap_or_default();
    let compiler = if stem.starts_with("libclang_rt.") { "clang" } else { "cc" };
    let is_of_addresses = stem == "libasan" || stem.starts_with("libclang_rt.asan");
    // What prony itself keeps until its end is no leak.
    let options = if is_of_addresses { " ASAN_OPTIONS=detect_leaks=0" } else { "" };
    format!("LD_PRELOAD=$({compiler} -print-file-name={stem}.so){options}")
}

/// The files as alternatives, in words.
fn any_of(files: &[PathBuf]) -> String {
    files.iter().map(|file| format!("`{}`", file.display())).collect::<Vec<_>>().join(" or ")
}

fn listed(folders: &[PathBuf]) -> String {
    quoted(&folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>())
}

/// `a`, `b` and so on; `nothing` without any.
pub(super) fn quoted(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

fn numbers(users: &[u32]) -> String {
    users.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::gcc("libasan.so.8", "$(cc -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0`")]
    #[case::with_a_path("/usr/lib/libtsan.so.2", "$(cc -print-file-name=libtsan.so)`")]
    #[case::hardware("libhwasan.so.0", "$(cc -print-file-name=libhwasan.so)`")]
    #[case::clang(
        "libclang_rt.asan-x86_64.so",
        "$(clang -print-file-name=libclang_rt.asan-x86_64.so) ASAN_OPTIONS=detect_leaks=0`"
    )]
    #[case::clang_threads(
        "libclang_rt.tsan-x86_64.so",
        "$(clang -print-file-name=libclang_rt.tsan-x86_64.so)`"
    )]
    fn the_hint_names_the_runtime_that_the_library_needs(#[case] runtime: &str, #[case] expected: &str) {
        let hint = Fault::Sanitizer { runtimes: vec![runtime.into()] }.hint();
        assert!(hint.ends_with(&format!("start prony with `LD_PRELOAD={expected}")), "{hint}");
    }

    #[test]
    fn the_hint_names_both_runtimes_where_the_library_names_none() {
        let runtimes = ["libclang_rt.tsan-x86_64.so", "libtsan.so"].map(PathBuf::from).to_vec();
        let fault = Fault::Sanitizer { runtimes };
        assert_eq!(
            fault.to_string(),
            "it is built with a sanitizer, and `libclang_rt.tsan-x86_64.so` or `libtsan.so` must be in a process from its start"
        );
        assert_eq!(
            fault.hint(),
            "build it without `-fsanitize`, or start prony with `LD_PRELOAD=$(clang -print-file-name=libclang_rt.tsan-x86_64.so)` or \
             `LD_PRELOAD=$(cc -print-file-name=libtsan.so)`, that of the compiler which has built it"
        );
    }
}
