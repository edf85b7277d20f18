//! Libraries that are built with a sanitizer (`-fsanitize=address` and the like). Its runtime watches over all memory of a process,
//! so it must be there before anything else: one that comes later with a library ends the process, with a sentence of its own.

use std::{fs, path::Path};

use super::{fault::Fault, object_file::ObjectFile};

/// How the names of such runtimes begin: those of GCC, and those of clang. The runtime of `-fsanitize=undefined` is none of them: it may
/// come at any time.
const RUNTIMES: [&str; 8] = [
    "libasan.so",
    "liblsan.so",
    "libtsan.so",
    "libhwasan.so",
    "libclang_rt.asan",
    "libclang_rt.lsan",
    "libclang_rt.tsan",
    "libclang_rt.hwasan",
];

/// Whether a library has such a name.
fn is_runtime(library: &Path) -> bool {
    let name = library.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| RUNTIMES.iter().any(|runtime| name.starts_with(runtime)))
}

/// The files that this process has mapped, as Linux shows them: the sixth field of a line. Nothing on other systems.
fn mapped() -> String {
    fs::read_to_string("/proc/self/maps").unwrap_or_default()
}

/// Whether one of those files is such a runtime.
fn has_runtime(maps: &str) -> bool {
    maps.lines().filter_map(|line| line.split_once('/')).any(|(_, path)| is_runtime(Path::new(path)))
}

/// Whether this process has been started with the runtime of a sanitizer.
pub(super) fn is_watching() -> bool {
    has_runtime(&mapped())
}

/// A library does not bring a runtime with it that comes too late. What cannot be read, the ladder has refused before.
///
/// # Errors
/// It does.
pub(super) fn check(library: &[u8]) -> Result<(), Fault> {
    let Ok(needs) = ObjectFile::parse(library).and_then(|object| object.needs()) else { return Ok(()) };
    match needs.libraries.into_iter().find(|library| is_runtime(library)) {
        Some(runtime) if cfg!(target_os = "linux") && !is_watching() => Err(Fault::Sanitizer { runtime }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::gcc("libasan.so.8", true)]
    #[case::with_a_path("/usr/lib/libtsan.so.2", true)]
    #[case::clang("libclang_rt.asan-x86_64.so", true)]
    #[case::may_come_later("libubsan.so.1", false)]
    #[case::another("libc.so.6", false)]
    fn a_runtime_is_known_by_its_name(#[case] library: &str, #[case] expected: bool) {
        assert_eq!(is_runtime(Path::new(library)), expected);
    }

    #[test]
    fn a_mapped_runtime_is_found_in_what_linux_shows() {
        const LINE: &str = "7f00-7f10 r-xp 00000000 08:01 42                         ";
        assert!(has_runtime(&format!("{LINE}/usr/lib/libc.so.6\n{LINE}/usr/lib/libasan.so.8.0.0\n")));
        assert!(!has_runtime(&format!("{LINE}/usr/lib/libc.so.6\n{LINE}[heap]\n{LINE}\n")));
    }
}
