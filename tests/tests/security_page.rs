//! The page on security: each of its statements names a test that there is, or says that there is none.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The last cell of each row of its tables, without the heads.
fn cells(page: &str) -> Vec<&str> {
    let rows = page.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next()).map(str::trim).collect()
}

/// Whether there is a suite, a test of a suite, or a module of the host with tests of its own, or with this one.
fn exists(test: &str) -> bool {
    if let Some(test) = test.strip_prefix("unit ") {
        let (module, name) = test.split_once("::").unwrap_or((test, ""));
        let plugin = root().join("host/src/plugin");
        let of_agents = root().join(format!("host/src/node/agent/{module}.rs"));
        let of_folder = ["mod.rs", "tests.rs"].map(|file| plugin.join(module).join(file));
        let places = [plugin.join(format!("{module}.rs")), of_agents].into_iter().chain(of_folder);
        return places
            .filter_map(|place| fs::read_to_string(place).ok())
            .any(|text| text.contains("#[test]") && text.contains(&format!("fn {name}")));
    }
    let (suite, name) = test.split_once("::").unwrap_or((test, ""));
    let places = [format!("tests/tests/{suite}.rs"), format!("tests/tests/{suite}/mod.rs")];
    let source: String =
        places.iter().filter_map(|place| fs::read_to_string(root().join(place)).ok()).collect();
    let is_suite = source.contains("#[test]") || source.contains("#[rstest]");
    is_suite && (name.is_empty() || source.contains(&format!("fn {name}(")))
}

#[test]
fn every_statement_names_its_test_or_says_that_it_has_none() {
    let page = fs::read_to_string(root().join("docs/SECURITY.md")).unwrap();
    let cells: Vec<&str> = cells(&page).into_iter().filter(|cell| *cell != "test").collect();
    assert!(cells.len() > 20, "the tables are not read: {cells:?}");
    for cell in cells.into_iter().filter(|cell| *cell != "none") {
        let tests: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "`{cell}` names no test");
        for test in tests {
            assert!(exists(test), "there is no test `{test}`");
        }
    }
}
