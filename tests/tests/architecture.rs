//! The shape of the tree, as a test: which crate and which module may use which, and how long a file may be.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// Longest file, in lines. The tests at its end do not count.
const LINE_BUDGET: usize = 600;

/// Modules of the host, left to right: a module uses only what stands before it.
const HOST_ORDER: [&str; 20] = [
    "bounded",
    "stderr",
    "clock",
    "seed",
    "screen",
    "child",
    "config",
    "plugin",
    "service",
    "dataset",
    "schedule",
    "request",
    "record",
    "metrics",
    "report",
    "mock_server",
    "run",
    "calibrate",
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

/// Names of the workspace's packages that `package` depends on, with the kind of dependency.
fn dependencies_of_ours() -> Vec<(String, String, bool)> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
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
    for (path, text) in sources("host/src") {
        let module = path.iter().nth(2).unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let Some(own) = place(&module) else { continue };
        let production = text.split("#[cfg(test)]").next().unwrap();
        for used in used_modules(production) {
            let other = place(&used)
                .unwrap_or_else(|| panic!("{}: `{used}` has no place in the order", path.display()));
            assert!(other <= own, "{}: `{module}` must not use `{used}`", path.display());
        }
    }
}

/// The first segments of every `crate::` path, those of a grouped `use crate::{…}` included.
fn used_modules(text: &str) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        // `$crate` and `some_crate::` are something else.
        if text[..at].ends_with(|before: char| before == '$' || before == '_' || before.is_alphanumeric()) {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => modules.extend(group_heads(group)),
            None => modules.extend(identifier(rest)),
        }
    }
    modules
}

fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut heads) = (0_usize, 0, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                heads.extend(identifier(group[start..at].trim()));
                if character == '}' {
                    break;
                }
                start = at + 1;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    heads
}

fn identifier(text: &str) -> Option<String> {
    let end = text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

#[test]
fn libraries_stay_in_their_rooms() {
    let rooms: [(&str, &[&str]); 5] = [
        ("clap::", &["host/src/cli/", "host/src/config/flags.rs", "host/src/config/media_flags.rs"]),
        ("reqwest::", &["host/src/request/", "host/src/run/readiness.rs"]),
        ("serde_yaml::", &["host/src/config/file.rs", "host/src/plugin/manifest.rs"]),
        (
            "abi_stable::",
            &["plugin-api/src/abi/", "plugin-api/src/lib.rs", "plugin-api/tests/", "host/src/plugin/loader"],
        ),
        ("libloading::", &["host/src/plugin/loader"]),
    ];
    for (path, text) in [sources("host"), sources("plugin-api"), sources("plugins")].concat() {
        let production = text.split("#[cfg(test)]").next().unwrap();
        for (library, allowed) in rooms {
            let inside = allowed.iter().any(|room| path.to_str().unwrap().starts_with(room));
            assert!(
                inside || !production.contains(library),
                "{}: `{library}` has no place here",
                path.display()
            );
        }
    }
}

#[test]
fn unsafe_code_stands_in_the_two_sealed_places() {
    let sealed = ["plugin-api/src/abi/", "host/src/plugin/loader"];
    for (path, text) in [sources("host"), sources("plugin-api/src"), sources("plugins")].concat() {
        let inside = sealed.iter().any(|place| path.to_str().unwrap().starts_with(place));
        let found = text.contains("unsafe {") || text.contains("unsafe fn") || text.contains("unsafe impl");
        assert!(inside || !found, "{}: unsafe code", path.display());
    }
}

#[test]
fn files_are_short() {
    for (path, text) in [sources("host/src"), sources("plugin-api/src"), sources("plugins")].concat() {
        let lines = text.split("#[cfg(test)]\nmod tests").next().unwrap().lines().count();
        assert!(lines <= LINE_BUDGET, "{} has {lines} lines; {LINE_BUDGET} are the limit", path.display());
    }
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
