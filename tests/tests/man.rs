//! `prony man DIR`: the pages are those of the commands that help shows, with their flags.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, path::Path};

use prony_tests::Tool;

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// A page as one reads it: a hyphen of a flag is written with a backslash in front.
fn page(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap().replace("\\-", "-")
}

#[test]
fn each_command_of_the_help_has_a_page() {
    let run = Tool::new(["man", "share/man/man1"]).run();
    run.succeeds();
    let folder = run.dir().join("share/man/man1");
    let written = names(&folder);
    assert_eq!(run.stdout, format!("{} pages in share/man/man1\n", written.len()));
    let help = Tool::new(["--help"]).run().stdout.clone();
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let commands = commands.lines().filter(|line| !line.starts_with("   "));
    for name in commands.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        assert!(written.contains(&format!("prony-{name}.1")), "`{name}` has no page: {written:?}");
    }
    for hidden in ["worker", "nats-server", "probe"] {
        assert!(!written.iter().any(|name| name.contains(hidden)), "{written:?}");
    }
}

#[test]
fn a_page_has_flags_exit_codes_and_nothing_hidden() {
    let run = Tool::new(["man", "pages"]).run();
    run.succeeds();
    let folder = run.dir().join("pages");
    let profile = page(&folder, "prony-profile.1");
    for text in [".TH prony-profile 1", "--concurrency", "--log-file", "Examples:"] {
        assert!(profile.contains(text), "`{text}`");
    }
    assert!(!profile.contains("--extra-verbose"));
    let all = page(&folder, "prony.1");
    for text in ["Exit codes:", "prony-profile(1)", "prony 0."] {
        assert!(all.contains(text), "`{text}` is not in {all}");
    }
}

/// Packages are made twice and compared.
#[test]
fn the_same_program_writes_the_same_pages() {
    let first = Tool::new(["man", "pages"]).run();
    let second = Tool::new(["man", "pages"]).run();
    let (first, second) = (first.dir().join("pages"), second.dir().join("pages"));
    assert_eq!(names(&first), names(&second));
    for name in names(&first) {
        assert_eq!(page(&first, &name), page(&second, &name));
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let tool = Tool::new(["man", "file/man1"]);
    tool.file("file", "no folder");
    let run = tool.run();
    run.ends_with(1);
    assert!(run.stderr.contains("failed to make `file/man1`"), "{}", run.stderr);
    assert!(run.stderr.contains("help: "), "{}", run.stderr);
}
