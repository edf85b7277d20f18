//! Opens a library that was [`Checked`]: the one `dlopen` of the program, and, with what takes signals back from libraries
//! ([`signals`]) and what stands behind the header for C ([`c`]), the only `unsafe` of this crate. [`opening`] watches how long it
//! takes.
//!
//! The library's header is found by its symbol, never with `abi_stable`'s own `RootModule::load_from_file`: that one keeps
//! one module a *type*, so the second plugin would silently be the first. Libraries are never closed: their threads,
//! thread-local destructors and tables outlive everything. Nor does the thread end that opened one: some code takes the
//! thread of its initialisers for the one that lasts longest (mimalloc 3.3 crashes in another when it has ended).
#![expect(unsafe_code, reason = "opening a library runs its code, and its symbols have no types")]

mod c;
mod kept;
mod opening;
pub(super) mod signals;

use std::{
    cmp::Ordering,
    error::Error,
    ffi::c_int,
    io::Write,
    mem::ManuallyDrop,
    path::Path,
    process::ExitCode,
    sync::{
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::sync_channel,
    },
    thread,
};

use abi_stable::{
    StableAbi,
    abi_stability::abi_checking::{
        AbiInstability, AbiInstabilityErrors, CheckingGlobals, check_layout_compatibility_with_globals,
    },
    library::{AbiHeader, AbiHeaderRef, LibHeader, LibraryError},
    type_layout::{TLFieldOrFunction, TypeLayout},
};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use prony_plugin_api::{
    abi::{
        PluginModule_Ref,
        host::{HostTable, PluginRoot},
    },
    descriptor::Language,
    version::{ENTRY_SYMBOL, ENTRY_SYMBOL_C, MINOR},
};

use super::{
    error::chain,
    fault::Fault,
    ladder::{Checked, LibraryFacts},
    log::PluginLog,
    sanitizer,
    sealed::SealedCopy,
};

/// `RTLD_NODELETE` of `dlfcn.h`: closing does not unmap, no matter who closes.
const RTLD_NODELETE: c_int = if cfg!(target_vendor = "apple") {
    0x80
} else if cfg!(target_os = "linux") {
    0x1000
} else {
    0
};

/// Libraries whose initialisers run.
static OPENING: AtomicUsize = AtomicUsize::new(0);

pub(crate) use opening::when_an_opening_hangs;

/// Opens a library and runs its start, on a thread that stays. If it is `pinned`, nothing but the checked bytes will do. A library
/// in C is opened once in a process.
pub(super) fn open(path: &Path, checked: &Checked, pinned: bool) -> Result<PluginRoot, Fault> {
    if let Some(root) = kept::find(checked, pinned) {
        return Ok(root);
    }
    let (done, result) = sync_channel(1);
    // What it needs was looked for beside the file itself, and so must the linker.
    let path = path.canonicalize().map_err(Fault::Unreadable)?;
    let _watched = opening::watch(&path, end_now).map_err(Fault::Thread)?;
    let copy = checked.clone();
    let home = thread::Builder::new().name("library".to_owned());
    let opened = home.spawn(move || {
        drop(done.send(open_here(&path, &copy, pinned)));
        drop((done, path, copy));
        loop {
            thread::park();
        }
    });
    opened.map_err(Fault::Thread)?;
    let panicked = || Fault::Root {
        plugin: checked.facts.plugin(),
        reason: "its start panicked".to_owned(),
        hint: String::new(),
    };
    let root = result.recv().unwrap_or_else(|_| Err(panicked()))?;
    kept::keep(checked, pinned, root);
    Ok(root)
}

/// How a process that may have opened libraries ends. One that is still being opened hangs: it holds the linker's lock,
/// and so would the usual end, which runs the finalisers of all libraries.
pub(crate) fn end(code: u8) -> ExitCode {
    if OPENING.load(SeqCst) > 0 {
        // Nobody is left to tell of an output that does not take the rest.
        let _ = std::io::stdout().flush();
        end_now(code)
    }
    code.into()
}

/// Ends the process without a finaliser.
fn end_now(code: u8) -> ! {
    // SAFETY: it ends the process, and runs no code of ours or anybody else's.
    unsafe { _exit(code.into()) }
}

unsafe extern "C" {
    fn _exit(code: c_int) -> !;
}

fn open_here(path: &Path, checked: &Checked, pinned: bool) -> Result<PluginRoot, Fault> {
    let facts = &checked.facts;
    warn_of_a_debug_build(path, facts);
    sanitizer::check(&checked.bytes)?;
    // Never closed, refused or not: its initialisers have run, and may have started what cannot be stopped.
    let library = ManuallyDrop::new(map(path, &checked.bytes, pinned)?);
    let host = HostTable::leak(PluginLog::new(&facts.descriptor.name));
    let module = match facts.descriptor.language {
        Language::Rust => module(&library, facts)?,
        Language::C => module_in_c(&library, facts, host)?,
    };
    tracing::debug!(library = %path.display(), plugin = facts.plugin(), digest = %facts.digest, "opened a library");
    Ok(PluginRoot::new(module, host))
}

/// The module of a library in Rust.
fn module(library: &Library, facts: &LibraryFacts) -> Result<PluginModule_Ref, Fault> {
    let header = header(library, facts)?;
    check_layout(header, facts)?;
    // SAFETY: both sides' layouts of the root module, and of all that hangs off it, were just compared.
    unsafe { header.init_root_module_with_unchecked_layout::<PluginModule_Ref>() }.map_err(|error| {
        Fault::Root { plugin: facts.plugin(), reason: one_line(&error), hint: String::new() }
    })
}

/// The module of a library in C.
fn module_in_c(library: &Library, facts: &LibraryFacts, host: HostTable) -> Result<PluginModule_Ref, Fault> {
    // SAFETY: nothing is read here; a static stays where it is for as long as the library does, and `open` never closes one.
    let symbol = unsafe { library.get::<*const c::CPlugin>(ENTRY_SYMBOL_C) };
    let root: *const c::CPlugin = *symbol.map_err(|_| Fault::NoEntrySymbol(ENTRY_SYMBOL_C))?;
    // SAFETY: `prony_plugin.h` declares this symbol as a static `prony_plugin`, and the library says that it follows that header.
    unsafe { c::module(root, facts, host) }
}

fn warn_of_a_debug_build(path: &Path, facts: &LibraryFacts) {
    if facts.descriptor.opt_level == "0" && !cfg!(debug_assertions) {
        let (plugin, remedy) = (facts.plugin(), facts.descriptor.language.optimised_build());
        tracing::warn!(library = %path.display(), plugin, "a debug build, many times slower: {remedy}");
    }
}

/// Maps the checked bytes, or the file itself where sealed copies cannot be mapped and the file is still the same.
fn map(path: &Path, bytes: &[u8], pinned: bool) -> Result<Library, Fault> {
    match map_sealed(bytes) {
        Ok(library) => return Ok(library),
        // Where there are no sealed copies at all, the comparison below has to do.
        Err(reason) if pinned && cfg!(target_os = "linux") => return Err(Fault::Unsealed(reason)),
        Err(_) => {}
    }
    if std::fs::read(path).map_err(Fault::Unreadable)? != bytes {
        return Err(Fault::Changed);
    }
    // Either the system forbids sealed copies, or the library itself is at fault: then this error names its file.
    dlopen(path).map_err(|error| Fault::Open(chain(&error)))
}

fn map_sealed(bytes: &[u8]) -> Result<Library, String> {
    let copy = SealedCopy::of(bytes).map_err(|error| error.to_string())?;
    let library = dlopen(&copy.path()).map_err(|error| chain(&error))?;
    copy.keep();
    Ok(library)
}

fn dlopen(path: &Path) -> Result<Library, libloading::Error> {
    OPENING.fetch_add(1, SeqCst);
    // SAFETY: this runs the library's initialisers. It is a plugin by its descriptor, and its file was checked to be
    // whole, for this machine, and under the control of users who could run code as us anyway.
    let open = || unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) };
    let library = signals::keep_sigpipe(open);
    OPENING.fetch_sub(1, SeqCst);
    library
}

/// The header under the entry symbol of this epoch.
fn header(library: &Library, facts: &LibraryFacts) -> Result<&'static LibHeader, Fault> {
    // SAFETY: `export_plugin!` is all that exports this symbol, as a static `LibHeader`, which begins with the
    // `AbiHeader` that is referred to. A static stays where it is for as long as the library does, and `open` never
    // closes one.
    let symbol = unsafe { library.get::<AbiHeaderRef>(ENTRY_SYMBOL) };
    let header: AbiHeaderRef = *symbol.map_err(|_| Fault::NoEntrySymbol(ENTRY_SYMBOL))?;
    header.upgrade().map_err(|error| Fault::Header {
        plugin: facts.plugin(),
        reason: match &error {
            LibraryError::InvalidAbiHeader(theirs) => {
                let version =
                    |header: &AbiHeader| format!("abi_stable {}.{}", header.abi_major, header.abi_minor);
                format!("{} there, {} here", version(theirs), version(&AbiHeader::VALUE))
            }
            error => one_line(error),
        },
    })
}

/// Compares both sides' types, all that the root module leads to.
fn check_layout(header: &LibHeader, facts: &LibraryFacts) -> Result<(), Fault> {
    let compared = match header.layout() {
        Some(theirs) => {
            compare(<PluginModule_Ref as StableAbi>::LAYOUT, theirs, facts.descriptor.minor.cmp(&MINOR))
        }
        None => Err("it carries no description of its types".to_owned()),
    };
    compared.map_err(|reason| Fault::Layout {
        plugin: facts.plugin(),
        minor: facts.descriptor.minor,
        rustc: facts.descriptor.rustc.clone(),
        reason,
    })
}

/// The checker wants the implementation to be at least as new as the interface. A plugin may be older: then its types
/// are prefixes of ours, which the same check proves with the roles swapped, and the accessors of what it lacks return
/// `None`. The state is fresh each time; the checker's own would let earlier libraries decide about later ones.
///
/// `age` is how the plugin's minor compares with ours; it only decides which of two reports is shown.
fn compare(ours: &'static TypeLayout, theirs: &'static TypeLayout, age: Ordering) -> Result<(), String> {
    let check = |interface, implementation| {
        check_layout_compatibility_with_globals(interface, implementation, &CheckingGlobals::new())
    };
    let Err(as_newer) = check(ours, theirs) else { return Ok(()) };
    let Err(as_older) = check(theirs, ours) else { return Ok(()) };
    Err(reason(&if age == Ordering::Less { as_older } else { as_newer }))
}

/// The innermost difference of a report that is hundreds of lines long.
fn reason(report: &AbiInstabilityErrors) -> String {
    let Some(error) = report.errors.iter().max_by_key(|error| error.stack_trace.len()) else {
        return "unknown".to_owned();
    };
    let names = error.stack_trace.iter().map(|level| match &level.found {
        TLFieldOrFunction::Field(field) => field.name().to_owned(),
        TLFieldOrFunction::Function(function) => function.name.to_string(),
    });
    // The fields of wrappers are numbers and nameless parameters are marks, which tell nothing.
    let is_word = |name: &String| name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut place: Vec<String> = names.filter(is_word).collect();
    // A function's field and the function in it have one name.
    place.dedup();
    let what = error.errs.first().map_or_else(|| "unknown".to_owned(), difference);
    if place.is_empty() { what } else { format!("{what} at `{}`", place.join(".")) }
}

/// A difference in a few words; the kinds that a change of our tables and structs can cause.
fn difference(error: &AbiInstability) -> String {
    use AbiInstability as Ai;
    match error {
        Ai::Name(types) => format!("`{}` instead of `{}`", types.found, types.expected),
        Ai::MismatchedPrimitive(types) => format!("{:?} instead of {:?}", types.found, types.expected),
        Ai::Size(sizes) => format!("{} bytes instead of {}", sizes.found, sizes.expected),
        Ai::Alignment(sizes) => format!("alignment {} instead of {}", sizes.found, sizes.expected),
        Ai::FieldCountMismatch(counts) => format!("{} fields instead of {}", counts.found, counts.expected),
        Ai::MismatchedPrefixSize(counts) => {
            format!("{} first fields instead of {}", counts.found, counts.expected)
        }
        Ai::UnexpectedField(fields) => {
            format!("the field `{}` instead of `{}`", fields.found.name(), fields.expected.name())
        }
        Ai::Package(names) => format!("the package `{}` instead of `{}`", names.found, names.expected),
        Ai::PackageVersion(versions) => {
            format!("package version {} instead of {}", versions.found, versions.expected)
        }
        other => {
            let text = format!("{other:?}");
            text.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
        }
    }
}

/// The beginning of a text that may have dozens of lines.
fn one_line(error: &dyn Error) -> String {
    const LONGEST: usize = 240;
    let text = error.to_string();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    #![expect(
        non_camel_case_types,
        clippy::expl_impl_clone_on_copy,
        clippy::cast_ptr_alignment,
        reason = "abi_stable's derive writes such code"
    )]

    use abi_stable::std_types::RStr;
    use rstest::rstest;

    use super::*;

    /// One function table as four builds of the contract might have it.
    macro_rules! table {
        ($build:ident: $($prefix:ident),+; $($field:ident: $type:ty),*) => {
            #[expect(dead_code, reason = "only the layouts are looked at")]
            mod $build {
                use super::*;

                #[repr(C)]
                #[derive(StableAbi)]
                #[sabi(kind(Prefix(prefix_ref = Table_Ref)))]
                #[sabi(missing_field(option))]
                pub(super) struct Table {
                    $(pub(super) $prefix: u32,)+
                    #[sabi(last_prefix_field)]
                    pub(super) name: RStr<'static>,
                    $(pub(super) $field: $type,)*
                }
            }
        };
    }
    table!(first: count;);
    table!(appended: count; cached: u64);
    table!(differently: count; cached: u32);
    table!(inserted: count, surprise;);

    const FIRST: &TypeLayout = <first::Table_Ref as StableAbi>::LAYOUT;
    const APPENDED: &TypeLayout = <appended::Table_Ref as StableAbi>::LAYOUT;
    const DIFFERENTLY: &TypeLayout = <differently::Table_Ref as StableAbi>::LAYOUT;
    const INSERTED: &TypeLayout = <inserted::Table_Ref as StableAbi>::LAYOUT;

    #[rstest]
    #[case::same(FIRST, FIRST)]
    #[case::newer_plugin(FIRST, APPENDED)]
    #[case::older_plugin(APPENDED, FIRST)]
    fn builds_that_only_append_fit_in_both_directions(
        #[case] ours: &'static TypeLayout,
        #[case] theirs: &'static TypeLayout,
    ) {
        assert_eq!(compare(ours, theirs, Ordering::Equal), Ok(()));
    }

    #[rstest]
    #[case::changed(APPENDED, DIFFERENTLY, "`u32` instead of `u64` at `cached`")]
    #[case::inserted(FIRST, INSERTED, "3 first fields instead of 2")]
    fn builds_that_change_what_was_there_do_not_fit(
        #[case] ours: &'static TypeLayout,
        #[case] theirs: &'static TypeLayout,
        #[case] expected: &str,
    ) {
        assert_eq!(compare(ours, theirs, Ordering::Equal), Err(expected.to_owned()));
        assert!(compare(theirs, ours, Ordering::Less).is_err());
    }

    /// Each library is judged alone: two vendors who append different fields of one name do not meet in the checker.
    #[test]
    fn what_was_compared_before_does_not_matter() {
        for theirs in [APPENDED, DIFFERENTLY, APPENDED] {
            assert_eq!(compare(FIRST, theirs, Ordering::Greater), Ok(()));
        }
    }

    /// What a descriptor says of a library that is not what it says.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn checked(bytes: Vec<u8>) -> Checked {
        let descriptor = serde_json::from_value(serde_json::json!({
            "schema": 1, "name": "acme", "version": "3.1.0", "epoch": 1, "minor": 0, "min_host_minor": 0, "rustc": "",
            "target": "", "opt_level": "3", "panic": "unwind", "endpoints": [], "services": [],
        }));
        let digest = super::super::integrity::Digest::of(&bytes);
        Checked { bytes: bytes.into(), facts: LibraryFacts { descriptor: descriptor.unwrap(), digest } }
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn a_library_without_the_entry_symbol_is_refused_after_it_was_opened() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mut mapped = maps.lines().filter_map(|line| line.find('/').map(|start| &line[start..]));
        let path = Path::new(mapped.find(|path| path.contains("libgcc_s")).unwrap());
        let fault = open(path, &checked(std::fs::read(path).unwrap()), true).unwrap_err();
        assert_eq!(fault.to_string(), "it does not export the symbol `prony_plugin_root_v1`");
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
    fn what_the_linker_refuses_is_told_with_the_files_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("libacme.so");
        let bytes = super::super::testing::library(b"{}");
        std::fs::write(&path, &bytes).unwrap();
        let fault = open(&path, &checked(bytes), false).unwrap_err().to_string();
        assert!(fault.starts_with("the system cannot open it: "), "{fault}");
        assert!(fault.contains("libacme.so"), "{fault}");
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
    fn a_file_is_not_opened_in_place_of_its_sealed_copy_if_it_may_be_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("libacme.so");
        let checked = checked(super::super::testing::library(b"{}"));
        std::fs::write(&path, &*checked.bytes).unwrap();
        assert!(matches!(open(&path, &checked, true), Err(Fault::Unsealed(_))));
        std::fs::write(&path, "another one").unwrap();
        assert!(matches!(open(&path, &checked, false), Err(Fault::Changed)));
    }
}
