//! The files of a report: which there are, and what becomes of one that cannot be written.

use super::*;

#[test]
fn every_file_is_listed_and_nothing_else_is_left_behind() {
    let dir = write(&sound_frames());
    let report = generate(dir.path()).unwrap();
    let mut listed: Vec<String> =
        report.files.iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(
        listed,
        [
            "profile_export.jsonl",
            "profile_export_warmup.jsonl",
            "profile_export_prony.json",
            "profile_export_prony.csv",
            "profile_export_console.txt",
            "journal.prony",
        ]
    );
    listed.sort();
    let entries = fs::read_dir(dir.path()).unwrap();
    let mut found: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, listed);
}

#[test]
fn a_file_that_cannot_be_written_costs_that_file_alone() {
    let dir = write(&sound_frames());
    // Where a folder has its name, no file can have it.
    let taken = dir.path().join("profile_export.jsonl");
    fs::create_dir_all(taken.join("inside")).unwrap();
    let (report, unwritten) = crate::report::generate(dir.path(), Screen::UNLIMITED).unwrap();
    let error = unwritten.unwrap();
    assert_eq!(error.to_string(), format!("write `{}`", taken.display()));
    assert!(error.hint().contains("journal.prony"));
    assert_eq!(report.profiling.outcomes.succeeded, 2);
    assert!(!report.files.contains(&taken) && dir.path().join("profile_export_prony.csv").exists());
}

#[test]
fn a_second_report_says_the_same() {
    let dir = write(&sound_frames());
    let names = ["profile_export.jsonl", "profile_export_prony.json", "profile_export_console.txt"];
    generate(dir.path()).unwrap();
    let first = names.map(|name| text(dir.path(), name));
    generate(dir.path()).unwrap();
    assert_eq!(names.map(|name| text(dir.path(), name)), first);
}
