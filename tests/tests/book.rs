//! The documentation: all of it is in the book, its links lead somewhere, and its tables say what the program has. Its commands
//! are run by the suite `page_commands`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use prony_tests::{
    NO_FLAG, Tool,
    pages::{Line, Page, page, pages, root},
    side_by_side,
};

/// The pages of the book, in order.
fn chapters() -> Vec<PathBuf> {
    let summary = page("docs/SUMMARY.md");
    summary.links().iter().map(|(_, target)| summary.place(target)).collect()
}

#[test]
fn every_page_is_in_the_book_once() {
    let chapters = chapters();
    let once: BTreeSet<&PathBuf> = chapters.iter().collect();
    assert_eq!(once.len(), chapters.len(), "a page stands twice in docs/SUMMARY.md");
    let is_missing = |page: &&Page| page.path != Path::new("docs/SUMMARY.md") && !once.contains(&page.path);
    let lines: Vec<String> = pages().iter().filter(is_missing).map(chapter).collect();
    assert!(lines.is_empty(), "docs/SUMMARY.md lacks these lines:\n{}", lines.join("\n"));
}

/// The line of a page in the summary.
fn chapter(page: &Page) -> String {
    let title = page.text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or_default();
    format!("- [{title}]({})", from_docs(&page.path))
}

/// A path as a page in `docs` names it.
fn from_docs(path: &Path) -> String {
    match path.strip_prefix("docs") {
        Ok(below) => below.display().to_string(),
        Err(_) => format!("../{}", path.display()),
    }
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_and_to_the_books_own_pages() {
    let chapters: BTreeSet<PathBuf> = chapters().into_iter().collect();
    let mut dead = Vec::new();
    let mut count = 0;
    for page in pages() {
        for (line, target) in page.links() {
            count += 1;
            let place = page.place(&target);
            let is_page = place.extension().is_some_and(|extension| extension == "md");
            let here = format!("{}:{line}: ({target})", page.path.display());
            if !root().join(&place).is_file() {
                dead.push(format!("{here}: there is no such file"));
            } else if is_page && !chapters.contains(&place) {
                dead.push(format!(
                    "{here}: the page is not in docs/SUMMARY.md, so that the book does not have it"
                ));
            } else if let Some((_, wanted)) = target.split_once('#')
                && is_page
                && !Page::read(place).anchors().contains(wanted)
            {
                dead.push(format!("{here}: there is no such heading"));
            }
        }
    }
    assert!(count > 100, "only {count} links are read");
    assert!(dead.is_empty(), "{dead:#?}");
}

/// `prony COMMAND --flag` within a text: the command's help has the flag.
#[test]
fn the_flags_of_commands_within_a_text_exist() {
    let mut flags: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for page in pages() {
        for (number, line, kind) in page.lines() {
            if matches!(kind, Line::Code(_)) {
                continue;
            }
            for words in line.split('`').skip(1).step_by(2).filter_map(|code| code.strip_prefix("prony ")) {
                let command =
                    words.split(' ').take_while(|word| is_name(word)).take(2).collect::<Vec<_>>().join(" ");
                let named = words.split([' ', '=']).filter(|word| word.starts_with("--") && word.len() > 2);
                let here = format!("{}:{number}", page.path.display());
                let all = flags.entry(command).or_default();
                all.extend(named.map(|flag| (flag.trim_end_matches(',').to_owned(), here.clone())));
            }
        }
    }
    let flags: Vec<(String, BTreeSet<(String, String)>)> =
        flags.into_iter().filter(|(command, all)| !command.is_empty() && !all.is_empty()).collect();
    assert!(flags.len() > 15, "only {} commands are read", flags.len());
    let missing = side_by_side(&flags, |(command, flags)| {
        let help = help(command);
        let missing = flags.iter().filter(|(flag, _)| flag != "--help" && !has_flag(&help, flag));
        let missing: Vec<String> =
            missing.map(|(flag, here)| format!("{here}: `prony {command}` has no `{flag}`")).collect();
        (!missing.is_empty()).then(|| missing.join("\n"))
    });
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

/// Whether a word may be the name of a command.
fn is_name(word: &str) -> bool {
    !word.is_empty()
        && !word.starts_with('-')
        && word.chars().all(|sign| sign.is_ascii_lowercase() || sign == '-')
}

/// What `prony COMMAND --help` says: of both words, or of the first one where the second is no command.
fn help(command: &str) -> String {
    let words: Vec<&str> = command.split(' ').collect();
    let mut runs = [&words[..], &words[..1]].into_iter().map(|words| Tool::new(words).arg("--help").run());
    let shown = runs.find(|run| run.code == 0);
    shown.unwrap_or_else(|| panic!("`prony {command}` is no command")).stdout
}

fn has_flag(help: &str, flag: &str) -> bool {
    help.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '-').any(|word| word == flag)
}

/// The tables that lead from other tools to prony name flags that it has.
#[test]
fn the_flags_that_other_tools_lead_to_exist() {
    let helps = ["profile", "search", "compare"].map(help).concat();
    let page = page("docs/FROM_OTHER_TOOLS.md");
    let mut count = 0;
    let mut unknown = Vec::new();
    for row in page.text.lines().filter(|line| line.starts_with("| `")) {
        let (_, cell) = row.trim_end_matches('|').rsplit_once('|').unwrap();
        let code = cell.split('`').skip(1).step_by(2);
        for flag in code.flat_map(|code| code.split([' ', '='])).filter(|word| word.starts_with("--")) {
            count += 1;
            unknown.extend((!has_flag(&helps, flag)).then_some((flag, row)));
        }
    }
    assert!(count > 60, "only {count} flags are read");
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// The flags of other tools in the same tables are taken, or refused with what to use in their place.
#[test]
fn the_flags_of_other_tools_are_taken_or_lead_to_ours() {
    let page = page("docs/FROM_OTHER_TOOLS.md");
    let rows = page.text.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.trim_start_matches('|').split(" | ").next());
    let words =
        cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).flat_map(|code| code.split([' ', '=']));
    let flags: BTreeSet<&str> = words.filter(|word| word.starts_with('-')).collect();
    assert!(flags.len() > 100, "only {} flags are read", flags.len());
    let flags: Vec<&str> = flags.into_iter().collect();
    let nowhere = side_by_side(&flags, |&flag| {
        let said = Tool::new(["profile", flag, NO_FLAG]).run().stderr;
        let is_unknown = said.contains(&format!("unknown flag `{flag}`"));
        let leads_to_ours = said.contains("\nhelp: use `--") || said.contains("\nhelp: leave it out: ");
        (is_unknown && !leads_to_ours).then(|| format!("{flag}: {said}"))
    });
    assert!(nowhere.is_empty(), "\n{}", nowhere.join("\n"));
}

/// The sources of the host, with texts that go over several lines in one.
fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push_str(&sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            for line in fs::read_to_string(&path).unwrap().lines() {
                let line = if all.ends_with('\\') { line.trim_start() } else { line };
                all.truncate(all.trim_end_matches('\\').len());
                all.push_str(line);
                if !line.ends_with('\\') {
                    all.push('\n');
                }
            }
        }
    }
    all
}

/// Each message in the tables of the page is one of prony's.
#[test]
fn the_messages_of_troubleshooting_are_those_of_the_program() {
    let sources = sources(&root().join("host/src"));
    let page = page("docs/TROUBLESHOOTING.md");
    let (messages, _) = page.text.split_once("\n## Numbers that surprise\n").unwrap();
    let rows = messages.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: Vec<&str> = rows.map(|row| row.split(" |").next().unwrap().trim_matches('`').trim()).collect();
    assert!(rows.len() > 30, "only {} messages are read", rows.len());
    let unknown: Vec<&&str> = rows.iter().filter(|message| !sources.contains(**message)).collect();
    assert!(unknown.is_empty(), "prony never says {unknown:#?}");
}

/// The page of definitions is what the program prints.
#[test]
fn the_page_of_definitions_is_that_of_the_program() {
    let printed = Tool::new(["metrics", "--markdown"]).run();
    let page = page("docs/METRIC_DEFINITIONS.md");
    assert!(
        printed.succeeds().stdout == page.text,
        "docs/METRIC_DEFINITIONS.md is not what `prony metrics --markdown` prints: write it anew by that command"
    );
}
