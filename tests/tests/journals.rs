//! Journals of this version and of the versions before it: `prony report` gives what it gave when they were written.
//!
//! Each folder of `fixtures/journals` has a journal and the report of its time. Nothing that stands in that report may
//! differ: every number and every text has its place and its value. A newer prony may say more beside it: further
//! metrics, further fields, further rows. `fixtures/journals/make` says what is in each of them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use prony_tests::{Tool, fixtures, journal};
use rstest::rstest;
use serde_json::Value;

/// What a run leaves behind; the rest of a folder is the report.
const JOURNAL: [&str; 2] = ["journal.prony", "journal.texts"];

#[rstest]
#[case::phases_failures_messages("v3-phases-failures-messages", 0)]
#[case::cancelled("v3-cancelled", 6)]
#[case::killed("v3-killed", 6)]
#[case::of_version_2_phases_failures_messages("v2-phases-failures-messages", 0)]
#[case::of_version_2_cancelled("v2-cancelled", 6)]
#[case::of_version_2_killed("v2-killed", 6)]
#[case::of_version_1("v1-server-counts", 0)]
#[case::of_version_1_killed("v1-killed", 6)]
fn a_golden_journal_gives_the_report_that_it_gave(#[case] name: &str, #[case] code: i32) {
    let golden = fixtures().join("journals").join(name);
    let tool = Tool::new(["report", "run"]);
    let folder = tool.dir().join("run");
    fs::create_dir(&folder).unwrap();
    for file in JOURNAL.iter().filter(|file| golden.join(file).exists()) {
        fs::copy(golden.join(file), folder.join(file)).unwrap();
    }
    let run = tool.run();
    run.ends_with(code);
    let reports = files(&golden);
    assert!(reports.len() > 2, "{reports:?}");
    for report in reports {
        let file = report.file_name().unwrap().to_str().unwrap();
        let (then, now) = (fs::read_to_string(&report).unwrap(), run.read(file));
        let missing = differences(&leaves(file, &then), &leaves(file, &now));
        assert!(missing.is_empty(), "{name}/{file}:\n{}", missing.join("\n"));
    }
}

/// Every folder has a case above, and all of them together have every kind of frame.
#[test]
fn the_golden_journals_are_all_read_and_have_everything_in_them() {
    let source = include_str!("journals.rs");
    let mut seen = Vec::new();
    for folder in fs::read_dir(fixtures().join("journals")).unwrap() {
        let folder = folder.unwrap().path();
        if folder.is_dir() {
            let name = folder.file_name().unwrap().to_str().unwrap();
            assert!(source.contains(&format!("(\"{name}\"")), "`{name}` has no case");
            seen.push(fs::read(folder.join("journal.prony")).unwrap());
        }
    }
    let frames = journal::tag::NAMES;
    for version in [1, 2, 3] {
        let of_it: Vec<&Vec<u8>> = seen.iter().filter(|journal| journal[6] == version).collect();
        for frame in frames.iter().filter(|frame| version > 1 || !frame.ends_with("counted")) {
            assert!(of_it.iter().any(|journal| has_frame(journal, frame)), "version {version}: no `{frame}`");
        }
    }
}

fn has_frame(bytes: &[u8], name: &str) -> bool {
    if bytes[6] < 3 {
        return has_older_frame(bytes, name);
    }
    let is_named =
        |tag: u16| journal::tag::NAMES.iter().zip(1..).any(|(known, of)| *known == name && of == tag);
    journal::frames(bytes).iter().any(|frame| is_named(frame.tag))
}

/// Whether a frame begins like this: a map of one entry, with this name, behind a length and a checksum.
fn has_older_frame(journal: &[u8], name: &str) -> bool {
    let mut at = 8;
    let head = [&[0x81, 0xa0 | u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
    while let Some(length) = journal.get(at..at + 4) {
        if journal[at + 8..].starts_with(&head) {
            return true;
        }
        at += 8 + u32::from_le_bytes(length.try_into().unwrap()) as usize;
    }
    false
}

fn files(golden: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| !JOURNAL.iter().any(|file| path.ends_with(file))).collect()
}

/// What was said then and is not said now.
fn differences(then: &BTreeMap<String, Value>, now: &BTreeMap<String, Value>) -> Vec<String> {
    assert!(!then.is_empty());
    let differing = then.iter().filter(|(place, value)| now.get(*place) != Some(value));
    differing.map(|(place, value)| format!("{place}: {value} then, {:?} now", now.get(place))).collect()
}

/// Every value of a file, by its place in it. A table's are whole rows, wherever they stand.
fn leaves(file: &str, text: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    match file.rsplit('.').next().unwrap() {
        "json" => put("", serde_json::from_str(text).unwrap(), &mut found),
        "jsonl" => {
            for (number, line) in text.lines().enumerate() {
                put(&format!("line {number}"), serde_json::from_str(line).unwrap(), &mut found);
            }
        }
        "csv" => found.extend(text.lines().map(|row| (row.to_owned(), Value::Null))),
        _ => panic!("{file}: of no known kind"),
    }
    found
}

fn put(place: &str, value: Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.into_iter().for_each(|(name, value)| put(&format!("{place}/{name}"), value, found));
        }
        Value::Array(items) if !items.is_empty() => {
            items.into_iter().enumerate().for_each(|(at, item)| put(&format!("{place}/{at}"), item, found));
        }
        value => assert!(found.insert(place.to_owned(), value).is_none(), "{place} stands there twice"),
    }
}
