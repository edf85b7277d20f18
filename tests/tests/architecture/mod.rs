//! The shape of the tree, as a test: which crate and which module may use which, and how long a file may be.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod described;
mod identifiers;
mod known_cycles;
mod modules;
mod names;
mod pictures;
mod unsafety;
mod waiting;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use serde_json::Value;

use known_cycles::KNOWN_CYCLES;
use modules::{Modules, cycles};
use names::Names;
use unsafety::Unsafe;
use waiting::Scope;

/// Longest file, in lines. The tests at its end do not count.
const LINE_BUDGET: usize = 600;

/// The folders of all code of ours but that which is built by itself.
const OUR_CODE: [&str; 7] =
    ["host", "plugin-api", "plugins", "tests/entries", "tests/fixtures", "tests/src", "tests/tests"];

/// Modules of the host, left to right: a module uses only what stands before it.
const HOST_ORDER: [&str; 33] = [
    "bounded",
    "explain",
    "stderr",
    "clock",
    "seed",
    "fingerprint",
    "lockfile",
    "screen",
    "chart",
    "page",
    "schemas",
    "child",
    "nats",
    "plan",
    "config",
    "plugin",
    "service",
    "dataset",
    "schedule",
    "session",
    "request",
    "record",
    "metrics",
    "report",
    "mock_server",
    "capture",
    "node",
    "run",
    "experiment",
    "calibrate",
    "doctor",
    "cli",
    "internals",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests package stands in the workspace").into()
}

/// Every `.rs` file below `folder`, with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

fn parsed(path: &Path, text: &str) -> syn::File {
    syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names in a file, keywords among them.
fn names_in(path: &Path, text: &str) -> BTreeSet<String> {
    identifiers::identifiers(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names of the workspace's packages that `package` depends on, with the kind of dependency.
fn dependencies_of_ours() -> Vec<(String, String, bool)> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    let output = prony_tests::finish(
        command.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]).current_dir(root()),
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let ours: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    packages
        .iter()
        .flat_map(|package| {
            let from = package["name"].as_str().unwrap();
            package["dependencies"].as_array().unwrap().iter().map(move |dependency| (from, dependency))
        })
        .filter(|(_, dependency)| ours.contains(dependency["name"].as_str().unwrap()))
        .map(|(from, dependency)| {
            (from.to_owned(), dependency["name"].as_str().unwrap().to_owned(), dependency["kind"] == "dev")
        })
        .collect()
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let dependencies = dependencies_of_ours();
    assert!(!dependencies.is_empty());
    for (from, to, _) in dependencies {
        let allowed = match from.as_str() {
            "prony-tests" => true,
            "prony-plugin-api" => false,
            // A part of the tests that the fuzz targets share.
            "prony-entries" => matches!(to.as_str(), "prony" | "prony-plugin-api"),
            // The host, every plugin and every fixture: the contract and nothing else, not even for tests.
            _ => to == "prony-plugin-api",
        };
        assert!(allowed, "`{from}` must not depend on `{to}`");
    }
}

#[test]
fn host_modules_use_only_what_stands_to_their_left() {
    let place = |module: &str| HOST_ORDER.iter().position(|name| *name == module);
    let mentions = host().mentions();
    assert!(mentions.len() > 5000, "only {} names were understood", mentions.len());
    for (path, mentioned) in mentions {
        let module = path.strip_prefix(root().join("host/src")).unwrap().iter().next().unwrap();
        let module = module.to_str().unwrap().trim_end_matches(".rs");
        // `lib.rs` has no place: it names all modules.
        let (Some(own), Some(used)) = (place(module), mentioned.first()) else { continue };
        let other =
            place(used).unwrap_or_else(|| panic!("{}: `{used}` has no place in the order", path.display()));
        assert!(other <= own, "{}: `{module}` must not use `{used}`", path.display());
    }
}

/// A module without a place could use everything, and everything could use it.
#[test]
fn every_module_of_the_host_has_its_place() {
    let path = Path::new("host/src/lib.rs");
    let text = fs::read_to_string(root().join(path)).unwrap();
    let declared = Names::of(&parsed(path, &text).items).files;
    let declared: BTreeSet<&str> = declared.iter().map(String::as_str).collect();
    assert_eq!(declared, BTreeSet::from(HOST_ORDER), "the order of the host's modules");
}

/// Within a stage, too, files use each other in one direction: a file can be understood with what it uses, and without
/// what uses it.
#[test]
fn no_files_use_each_other() {
    let relative =
        |file: PathBuf| file.strip_prefix(root().join("host/src")).unwrap().to_str().unwrap().to_owned();
    let found: BTreeSet<BTreeSet<String>> =
        cycles(&host().graph()).into_iter().map(|cycle| cycle.into_iter().map(relative).collect()).collect();
    let known: BTreeSet<BTreeSet<String>> =
        KNOWN_CYCLES.iter().map(|cycle| cycle.iter().map(|file| (*file).to_owned()).collect()).collect();
    let new: Vec<String> = found.difference(&known).flat_map(edges).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(new.is_empty(), "files that use each other: {new:#?}");
    assert!(gone.is_empty(), "no cycles any more, or with other files: {gone:#?}");
}

/// What of a cycle names something in what else of it.
fn edges(cycle: &BTreeSet<String>) -> Vec<String> {
    let folder = root().join("host/src");
    let graph = host().graph();
    let of = |file: &String| {
        let named: Vec<&String> =
            cycle.iter().filter(|other| graph[&folder.join(file)].contains(&folder.join(other))).collect();
        format!("{file} -> {named:?}")
    };
    cycle.iter().map(of).collect()
}

fn host() -> &'static Modules {
    static HOST: LazyLock<Modules> = LazyLock::new(|| Modules::read(&root().join("host/src/lib.rs")));
    &HOST
}

#[test]
fn libraries_stay_in_their_rooms() {
    let rooms: [(&str, &[&str]); 7] = [
        (
            "clap",
            &[
                "host/src/cli/",
                "host/src/config/flags/",
                "host/src/config/words.rs",
                "host/src/config/keys.rs",
            ],
        ),
        ("reqwest", &["host/src/request/"]),
        ("serde_yaml", &["host/src/config/yaml.rs"]),
        (
            "abi_stable",
            &["plugin-api/src/abi/", "plugin-api/src/lib.rs", "plugin-api/tests/", "host/src/plugin/loader"],
        ),
        ("libloading", &["host/src/plugin/loader"]),
        ("resvg", &["host/src/chart/bitmap.rs"]),
        ("async_nats", &["host/src/nats/"]),
    ];
    for (path, text) in [sources("host"), sources("plugin-api"), sources("plugins")].concat() {
        let names = Names::of(&parsed(&path, &text).items);
        let used = names.beginnings();
        for (library, allowed) in rooms {
            let inside = allowed.iter().any(|room| path.to_str().unwrap().starts_with(room));
            assert!(inside || !used.contains(library), "{}: `{library}` has no place here", path.display());
        }
    }
}

#[test]
fn unsafe_code_stands_in_the_two_sealed_places() {
    let sealed = ["plugin-api/src/abi/", "host/src/plugin/loader"];
    for (path, text) in [sources("host"), sources("plugin-api/src"), sources("plugins")].concat() {
        let inside = sealed.iter().any(|place| path.to_str().unwrap().starts_with(place));
        let mut found =
            unsafety::in_code(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // What it exports has names for the linker: no code of it is unsafe.
        if path.ends_with("plugin-api/src/export.rs") {
            found.remove(&Unsafe::Attribute);
        }
        assert!(inside || found.is_empty(), "{}: unsafe {found:?}", path.display());
    }
}

/// A test that waits for a program for ever tells nobody what is wrong: the harness starts them, with a deadline.
#[test]
fn tests_wait_for_programs_by_way_of_the_harness() {
    let sources: Vec<(PathBuf, syn::File)> = OUR_CODE
        .map(sources)
        .concat()
        .into_iter()
        .map(|(path, text)| {
            let file = parsed(&path, &text);
            (path, file)
        })
        .collect();
    let declared: Vec<PathBuf> =
        sources.iter().flat_map(|(path, file)| waiting::test_modules(path, file)).collect();
    let is_declared = |path: &Path| {
        declared.iter().any(|module| path.starts_with(module) || *module == path.with_extension(""))
    };
    for (path, file) in &sources {
        // A fixture is what is tested, and no test.
        let is_fixture = path.starts_with("tests/fixtures");
        let is_test = (path.iter().any(|part| part == "tests") && !is_fixture) || is_declared(path);
        let calls = waiting::calls(file, if is_test { Scope::Whole } else { Scope::Tests });
        let is_harness = path.ends_with("tests/src/process.rs");
        assert!(calls.is_empty() || is_harness, "{}: {calls:?} has no deadline", path.display());
    }
}

/// A file that `main.rs` does not name is not built, and nobody hears that its tests are not run.
#[test]
fn every_suite_is_part_of_the_test_program() {
    let program = fs::read_to_string(root().join("tests/tests/main.rs")).unwrap();
    for entry in fs::read_dir(root().join("tests/tests")).unwrap() {
        let path = entry.unwrap().path();
        let suite = path.file_stem().unwrap().to_str().unwrap();
        let named = program.lines().any(|line| line == format!("mod {suite};"));
        assert!(named || suite == "main", "tests/tests/main.rs does not name {}", path.display());
    }
}

#[test]
fn no_picture_names_a_thing() {
    for (path, text) in OUR_CODE.map(sources).concat() {
        let names = names_in(&path, &text);
        let found = pictures::among(&names);
        assert!(found.is_empty(), "{}: {found:?}: there is a term for it", path.display());
    }
}

#[test]
fn files_are_short() {
    for (path, text) in [sources("host/src"), sources("plugin-api/src"), sources("plugins")].concat() {
        let lines = lines_without_tests(&text);
        assert!(lines <= LINE_BUDGET, "{} has {lines} lines; {LINE_BUDGET} are the limit", path.display());
    }
}

/// How many lines a file has beside the modules of tests in it, wherever they stand.
fn lines_without_tests(text: &str) -> usize {
    let mut lines = text.lines().peekable();
    let mut count = 0;
    while let Some(line) = lines.next() {
        let opens = |next: &&str| next.contains("mod ") && next.ends_with('{');
        if line == "#[cfg(test)]" && lines.peek().is_some_and(opens) {
            while lines.next().is_some_and(|line| line != "}") {}
        } else {
            count += 1;
        }
    }
    count
}

#[test]
fn only_the_lines_of_tests_do_not_count() {
    let tests = "#[cfg(test)]\nmod tests {\n    fn f() {\n    }\n}\n";
    assert_eq!(lines_without_tests(&format!("fn a() {{\n}}\n{tests}")), 2);
    assert_eq!(lines_without_tests(&format!("fn a() {{}}\n{tests}\nfn b() {{}}\n")), 3);
    assert_eq!(lines_without_tests("#[cfg(test)]\nmod tests;\nfn a() {}\n"), 3);
}

#[test]
fn the_manifest_of_the_shipped_plugins_names_only_libraries_of_the_tree() {
    let manifest = fs::read_to_string(root().join("plugins.yaml")).unwrap();
    let classes: Vec<&str> =
        manifest.lines().filter_map(|line| line.trim().strip_prefix("class: ")).collect();
    assert!(!classes.is_empty());
    for class in classes {
        let stem = class.split(':').next().unwrap();
        let folder = root().join("plugins").join(stem.replace('_', "-"));
        assert!(folder.is_dir(), "`{class}`: no folder `{}`", folder.display());
    }
}
