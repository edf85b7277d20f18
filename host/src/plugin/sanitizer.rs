//! Libraries that are built with a sanitizer (`-fsanitize=address` and the like). Its runtime watches over all memory of a process,
//! so it must be there before anything else: one that comes later with a library ends the process or cannot be opened.

use std::{
    env::consts,
    fs,
    path::{Path, PathBuf},
};

use super::{fault::Fault, object_file::ObjectFile};

/// The sanitizers with such a runtime, as compilers call them. That of `-fsanitize=undefined` is none of them: its runtime may come
/// at any time.
const SANITIZERS: [&str; 4] = ["asan", "lsan", "tsan", "hwasan"];

/// Whether a file has the name of a sanitizer's runtime: GCC's, or clang's.
fn is_runtime_of(name: &str, sanitizer: &str) -> bool {
    let rest = |prefix: &str| name.strip_prefix(prefix)?.strip_prefix(sanitizer);
    rest("lib").is_some_and(|rest| rest.starts_with(".so"))
        || rest("libclang_rt.").is_some_and(|rest| rest.starts_with(['-', '.']))
}

/// Whether a file has the name of such a runtime.
fn is_runtime(name: &str) -> bool {
    SANITIZERS.iter().any(|sanitizer| is_runtime_of(name, sanitizer))
}

/// The name of a file without its folders.
fn name_of(file: &Path) -> &str {
    file.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The files that this process has mapped, as Linux shows them: the sixth field of a line. Nothing on other systems.
fn mapped() -> String {
    fs::read_to_string("/proc/self/maps").unwrap_or_default()
}

/// The names of those files, without their folders.
fn names_in(maps: &str) -> impl Iterator<Item = &str> {
    maps.lines().filter_map(|line| line.split_once('/')).map(|(_, path)| name_of(Path::new(path)))
}

/// Whether this process has been started with the runtime of a sanitizer.
pub(super) fn is_watching() -> bool {
    names_in(&mapped()).any(is_runtime)
}

/// What a library needs of a sanitizer.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    /// A runtime that it names.
    Named(PathBuf),
    /// The functions of a sanitizer, from whom it may be: so do libraries of clang, and those of GCC with `-static-libasan`.
    Functions(&'static str),
}

impl Need {
    fn of(object: &ObjectFile<'_>) -> Option<Self> {
        // What cannot be read, the ladder has refused before.
        let libraries = object.needs().map(|needs| needs.libraries).unwrap_or_default();
        let named = libraries.into_iter().find(|library| is_runtime(name_of(library)));
        named.map(Self::Named).or_else(|| object.missing().find_map(started_by).map(Self::Functions))
    }

    /// Whether one of the files that are mapped brings it. The name of a file may have a longer number than the one that is needed.
    fn is_met(&self, maps: &str) -> bool {
        names_in(maps).any(|name| match self {
            Self::Named(library) => {
                let rest = name.strip_prefix(name_of(library));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
            Self::Functions(sanitizer) => is_runtime_of(name, sanitizer),
        })
    }

    /// The file to start with: where the library does not say it, that of the compiler that has built it, clang's or GCC's.
    fn runtimes(self) -> Vec<PathBuf> {
        match self {
            Self::Named(library) => vec![library],
            Self::Functions(sanitizer) => vec![
                format!("libclang_rt.{sanitizer}-{}.so", consts::ARCH).into(),
                format!("lib{sanitizer}.so").into(),
            ],
        }
    }
}

/// The sanitizer that begins with a call of this function.
fn started_by(function: &str) -> Option<&'static str> {
    let name = function.strip_prefix("__")?.strip_suffix("_init")?;
    SANITIZERS.into_iter().find(|sanitizer| *sanitizer == name)
}

/// A library needs no runtime that is not there from the start. What cannot be read, the ladder has refused before.
///
/// # Errors
/// It does.
pub(super) fn check(library: &[u8]) -> Result<(), Fault> {
    let Ok(object) = ObjectFile::parse(library) else { return Ok(()) };
    match Need::of(&object) {
        Some(need) if cfg!(target_os = "linux") && !need.is_met(&mapped()) => {
            Err(Fault::Sanitizer { runtimes: need.runtimes() })
        }
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
    #[case::clang_in_a_folder_of_its_target("libclang_rt.hwasan.so", true)]
    #[case::may_come_later("libubsan.so.1", false)]
    #[case::another("libc.so.6", false)]
    fn a_runtime_is_known_by_its_name(#[case] library: &str, #[case] expected: bool) {
        assert_eq!(is_runtime(name_of(Path::new(library))), expected);
    }

    #[rstest]
    #[case::addresses("__asan_init", Some("asan"))]
    #[case::threads("__tsan_init", Some("tsan"))]
    #[case::addresses_by_hardware("__hwasan_init", Some("hwasan"))]
    #[case::undefined_behaviour("__ubsan_init", None)]
    #[case::another("malloc", None)]
    fn a_sanitizer_is_known_by_the_function_that_starts_it(
        #[case] function: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(started_by(function), expected);
    }

    /// What Linux shows of a process that has mapped a file.
    fn maps(file: &str) -> String {
        const LINE: &str = "7f00-7f10 r-xp 00000000 08:01 42                         ";
        format!("{LINE}/usr/lib/libc.so.6\n{LINE}[heap]\n{LINE}\n{LINE}{file}\n")
    }

    #[rstest]
    #[case::the_very_one("libasan.so.8", "/usr/lib/libasan.so.8", true)]
    #[case::by_its_whole_number("libasan.so.8", "/usr/lib/libasan.so.8.0.0", true)]
    #[case::with_a_path("/opt/libasan.so.8", "/usr/lib/libasan.so.8.0.0", true)]
    #[case::another_number("libasan.so.8", "/usr/lib/libasan.so.80", false)]
    #[case::an_older_one("libasan.so.8", "/usr/lib/libasan.so.6.0.0", false)]
    #[case::of_another_sanitizer("libasan.so.8", "/usr/lib/libtsan.so.2.0.0", false)]
    #[case::of_another_compiler("libasan.so.8", "/usr/lib/libclang_rt.asan-x86_64.so", false)]
    #[case::nothing("libasan.so.8", "/usr/lib/libm.so.6", false)]
    fn only_the_runtime_that_a_library_names_will_do(
        #[case] library: &str,
        #[case] file: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(Need::Named(library.into()).is_met(&maps(file)), expected);
    }

    #[test]
    fn a_library_that_names_no_runtime_may_be_of_either_compiler() {
        let clang = format!("libclang_rt.tsan-{}.so", consts::ARCH);
        let expected = [clang.as_str(), "libtsan.so"].map(PathBuf::from);
        assert_eq!(Need::Functions("tsan").runtimes(), expected);
        assert_eq!(Need::Named("libasan.so.8".into()).runtimes(), [PathBuf::from("libasan.so.8")]);
    }

    #[rstest]
    #[case::of_clang("/usr/lib/libclang_rt.asan-x86_64.so", true)]
    #[case::of_gcc("/usr/lib/libasan.so.8.0.0", true)]
    #[case::of_another_sanitizer("/usr/lib/libclang_rt.hwasan-x86_64.so", false)]
    #[case::nothing("/usr/lib/libm.so.6", false)]
    fn the_functions_of_a_sanitizer_may_be_from_any_compiler(#[case] file: &str, #[case] expected: bool) {
        assert_eq!(Need::Functions("asan").is_met(&maps(file)), expected);
    }
}
