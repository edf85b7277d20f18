//! `docs/PLUGIN_ABI.md`, the public table of the contract's versions, against the code.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{fs, path::Path};

use prony_plugin_api::version::{C_MINOR, EPOCH, MINOR};

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// The cells of each row of the table of minors.
fn rows(page: &str) -> Vec<Vec<String>> {
    let rows = page.lines().filter(|line| line.starts_with(&format!("| {EPOCH}.")));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn every_minor_has_a_row_that_says_what_opens_what() {
    let rows = rows(&file("docs/PLUGIN_ABI.md"));
    assert_eq!(rows.len(), usize::try_from(MINOR).unwrap() + 1, "a row for each minor up to {EPOCH}.{MINOR}");
    for (minor, row) in (0..=MINOR).zip(&rows) {
        let [contract, since, version, rust, c, added] = row.as_slice() else { panic_at(row) };
        assert_eq!(*contract, format!("{EPOCH}.{minor}"));
        assert!(is_date(since), "{contract}: `{since}` is no date");
        assert!(version.split('.').count() == 3 && !added.is_empty(), "{row:?}");
        assert_eq!(*rust, format!("{EPOCH}.0 and later"), "{contract}");
        let in_c = if minor < C_MINOR { "no".to_owned() } else { format!("{EPOCH}.{C_MINOR} and later") };
        assert_eq!(*c, in_c, "{contract}");
    }
    let dates: Vec<&String> = rows.iter().map(|row| &row[1]).collect();
    assert!(dates.is_sorted(), "{dates:?}");
    // The newest minor is that of the program which is built here, or of an older one.
    assert!(rows.iter().any(|row| row[2] == env!("CARGO_PKG_VERSION")), "{rows:?}");
}

#[track_caller]
#[expect(clippy::panic, reason = "a test fails by panicking")]
fn panic_at(row: &[String]) -> ! {
    panic!("six cells, and not {row:?}")
}

/// A day as 2026-11-24.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    parts.iter().map(|part| part.len()).eq([4, 2, 2]) && parts.iter().all(is_number)
}

#[test]
fn the_guide_and_the_script_know_the_newest_minor() {
    assert!(file("plugin-api/README.md").contains(&format!("version: this is {EPOCH}.{MINOR}.")));
    let script = file("tests/compat/libraries/build");
    let (_, revisions) = script.split_once("REVISIONS = {\n").unwrap();
    let (revisions, _) = revisions.split_once("\n}").unwrap();
    let minors: Vec<u32> =
        revisions.lines().map(|line| line.trim().split_once(':').unwrap().0.parse().unwrap()).collect();
    assert_eq!(minors, (0..=MINOR).collect::<Vec<_>>());
    assert!(script.contains(&format!("FIRST_IN_C = {C_MINOR}\n")));
}
