//! `docs/FLAGS.md` against the program: what it calls built is taken, and what it calls refused is refused by name.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{collections::BTreeSet, fs, path::Path, thread};

use prony_tests::{NO_FLAG, Tool};

/// A row of the page.
struct Row {
    flags: Vec<String>,
    is_built: bool,
    text: String,
    line: String,
}

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

fn rows() -> Vec<Row> {
    let page = file("docs/FLAGS.md");
    let rows = page.lines().filter(|line| line.starts_with("| `-")).map(|line| {
        let mut cells = line.trim_matches('|').splitn(3, '|').map(str::trim);
        let flags = cells.next().unwrap().split_whitespace().map(|flag| flag.trim_matches('`').to_owned());
        let flags = flags.collect();
        let state = cells.next().unwrap();
        assert!(["built", "refused"].contains(&state), "docs/FLAGS.md: `{state}` is no state: {line}");
        let text = cells.next().unwrap().to_owned();
        Row { flags, is_built: state == "built", text, line: line.to_owned() }
    });
    rows.collect()
}

/// What is to be changed about a flag's row, if anything is.
fn wrong(row: &Row, flag: &str) -> Option<String> {
    let run = Tool::new(["profile", flag, NO_FLAG]).run();
    let is_refused = run.stderr.contains(&format!("`{flag}` of AIPerf is not supported yet"));
    let is_unknown = run.stderr.contains(&format!("unknown flag `{flag}`"));
    let row_says = &row.line;
    match (row.is_built, is_refused, is_unknown) {
        _ if run.code != 2 => Some(format!("`{flag}`: exit code {}, and not 2: {}", run.code, run.stderr)),
        (true, false, false) | (false, true, false) => None,
        (false, false, false) => Some(format!(
            "`{flag}` is built now. In docs/FLAGS.md, write `built` into its row (or give it a row of its own), with what it \
             means and what differs from AIPerf, in place of:\n    {row_says}"
        )),
        (true, true, _) => Some(format!(
            "`{flag}` is refused. In docs/FLAGS.md, write `refused` into its row (or give it a row of its own), with the reason, \
             in place of:\n    {row_says}"
        )),
        (_, _, true) => Some(format!(
            "`{flag}` is unknown to the program: list it in cli/refusal/unbuilt.rs, or correct the row:\n    {row_says}"
        )),
    }
}

#[test]
fn each_row_says_what_the_program_does() {
    let rows = rows();
    let all: Vec<(&Row, &String)> =
        rows.iter().flat_map(|row| row.flags.iter().map(move |flag| (row, flag))).collect();
    let wrong: Vec<String> = thread::scope(|scope| {
        let part = |part| {
            scope.spawn(move || {
                let wrong = |(row, flag): &(&Row, &String)| wrong(row, flag);
                <[(&Row, &String)]>::iter(part).filter_map(wrong).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = all.chunks(all.len().div_ceil(4)).map(part).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_flag_that_the_program_refuses_has_a_row_and_every_row_a_text() {
    let rows = rows();
    let in_page: Vec<&str> = rows.iter().flat_map(|row| &row.flags).map(String::as_str).collect();
    let known: BTreeSet<&str> = in_page.iter().copied().collect();
    assert_eq!(known.len(), in_page.len(), "a flag of docs/FLAGS.md has two rows");
    assert!(known.len() >= 300, "only {} flags are read from docs/FLAGS.md", known.len());
    let source = file("host/src/cli/refusal/unbuilt.rs");
    let lists = source.split("#[cfg(test)]").next().unwrap();
    let refused = lists.split('"').filter(|text| text.starts_with('-') && !text.contains(' '));
    let missing: Vec<&str> = refused.filter(|flag| !known.contains(flag)).collect();
    assert!(missing.is_empty(), "docs/FLAGS.md has no row for {missing:?}");
    let empty: Vec<&String> = rows.iter().filter(|row| row.text.len() < 4).map(|row| &row.line).collect();
    assert!(empty.is_empty(), "rows without a text: {empty:?}");
}

/// Names that the help shows stand there under `built`; aliases that it does not show are checked by the program itself.
#[test]
fn what_is_built_stands_in_the_help() {
    // `profile` with a flag of a search is one.
    let helps = ["profile", "search"].map(|command| Tool::new([command, "--help"]).run());
    let names = |sign: char| !sign.is_ascii_alphanumeric() && sign != '-';
    let shown: BTreeSet<&str> = helps.iter().flat_map(|help| help.stdout.split(names)).collect();
    for row in rows().iter().filter(|row| row.is_built) {
        let is_shown = row.flags.iter().any(|flag| shown.contains(flag.as_str()));
        assert!(
            is_shown,
            "neither `prony profile --help` nor `prony search --help` shows a flag of this row:\n    {}",
            row.line
        );
    }
}

/// The page's last table: what is built has a help, and what is refused is refused by name. It misses none of the refused ones.
#[test]
fn each_command_is_what_its_row_says() {
    let page = file("docs/FLAGS.md");
    let (_, table) = page.split_once("\n## Commands\n").unwrap();
    let mut listed: BTreeSet<&str> = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').splitn(3, '|').map(str::trim).collect();
        for command in cells[0].split_whitespace().map(|command| command.trim_matches('`')) {
            listed.insert(command);
            if cells[1] == "built" {
                Tool::new([command, "--help"]).run().succeeds();
            } else {
                let run = Tool::new([command]).run();
                let refusal = format!("the command `{command}` of AIPerf is not supported yet");
                assert!(run.code == 2 && run.stderr.contains(&refusal), "`{command}`: {}", run.stderr);
            }
        }
    }
    let source = file("host/src/cli/refusal/unbuilt.rs");
    let (_, commands) = source.split_once("const COMMANDS").unwrap();
    let (commands, _) = commands.split_once("\n];").unwrap();
    let refused = commands.lines().filter_map(|line| line.trim().trim_start_matches('(').strip_prefix('"'));
    let names = refused.filter_map(|text| text.split_once("\",")).map(|(name, _)| name);
    let missing: Vec<&str> = names.filter(|name| !name.contains(' ') && !listed.contains(name)).collect();
    assert!(missing.is_empty(), "docs/FLAGS.md has no row for {missing:?}");
}
