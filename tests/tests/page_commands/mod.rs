//! The commands of the documentation: each is run as it stands on its page, against a mock server.
//!
//! Blocks of a page are typed one after the other into one folder, so that a later command finds what an earlier one has made.
//! Only what a test cannot have is changed: servers have another address ([`REPLACED`]), and loads are small ([`smaller`]). What
//! is not run here stands in [`LEFT`], and is at least read by the program.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tables;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs, iter,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use prony_tests::{
    MockServer, Tool, commands_of, finished_within, library,
    pages::{Block, Page, page, pages, pages_of_examples, root},
    program, shell, side_by_side,
};
use tempfile::TempDir;

use tables::{
    BEFORE, ELSEWHERE, ENDS, FILES, GIVEN, LEFT, LEFT_OUT, MOST, PLACES, REPLACED, SERVER, SMALLER, STAND_INS,
};

/// How long a block of commands may take. Most take a second, on a machine that does nothing else.
const TIMEOUT: Duration = Duration::from_secs(150);

/// How the names of API formats begin that the reader has just built.
const OF_THE_READER: &[&str] = &["acme_chat", "example_vendor"];

/// All pages whose commands are looked at.
fn all_pages() -> impl Iterator<Item = &'static Page> {
    pages().iter().chain(pages_of_examples())
}

fn is_left(page: &Page, block: &Block) -> bool {
    LEFT.iter().any(|left| page.path == Path::new(left.page) && block.text.contains(left.holds))
}

/// The blocks of a page that have commands of ours.
fn blocks(page: &Page) -> Vec<Block> {
    let mut blocks = page.blocks();
    blocks.retain(|block| !commands_of(&block.text).is_empty());
    blocks
}

/// A text with another value behind each of these flags.
fn with_values(text: &str, flag: &str, value: impl Fn(&str) -> String) -> String {
    let mark = format!("{flag} ");
    let mut parts = text.split(mark.as_str());
    let mut changed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (old, rest) = part.split_at(part.find(char::is_whitespace).unwrap_or(part.len()));
        changed.push_str(&mark);
        changed.push_str(&value(old));
        changed.push_str(rest);
    }
    changed
}

/// What a page says, with a load that shows that the command works: a dozen requests, or a second.
fn smaller(text: &str) -> String {
    let mut text = text.to_owned();
    for (flag, most) in MOST {
        let at_most = |number: u32| number.min(*most).to_string();
        text = with_values(&text, flag, |old| old.parse::<u32>().map_or_else(|_| old.to_owned(), at_most));
    }
    for (old, new) in SMALLER {
        text = text.replace(old, new);
    }
    with_values(&text, "--benchmark-duration", |_| "1s".to_owned())
}

/// What is typed in the place of what a page says.
fn typed(page: &str, text: &str, server: &str) -> String {
    let mut text = text.to_owned();
    for (_, shown, here, _) in REPLACED.iter().filter(|(of, ..)| *of == page) {
        text = text.replace(shown, here);
    }
    text = text.replace(LEFT_OUT, "--model llama --url SERVER --streaming --request-count 12");
    for place in PLACES.iter().chain([&SERVER]) {
        text = text.replace(place, server);
    }
    smaller(&text)
}

#[test]
fn loads_get_smaller_and_nothing_else_changes() {
    let text = "prony profile --url HOST --request-count 1000 --warmup-request-count 1 \\\n  --benchmark-duration 5m\n";
    let expected = "prony profile --url http://h:1 --request-count 12 --warmup-request-count 1 \\\n  --benchmark-duration 1s\n";
    assert_eq!(typed("docs/CLASSES.md", text, "http://h:1"), expected);
}

/// What stands for prony in a shell: it writes down how each command ends, wherever in a line it stands. Where `ANY_END` is set, a
/// command that may end so ends well for the shell, which goes on.
fn noted(ends: &Path) -> String {
    let (prony, ends) = (program().display(), ends.display());
    let mut noted = format!(
        "'{prony}' \"$@\"\ncode=$?\nprintf '%s prony %s\\n' \"$code\" \"$*\" >> '{ends}'\n\
         [ -n \"$ANY_END\" ] || exit \"$code\"\ncase \"prony $*\" in\n"
    );
    for (part, codes, _) in ENDS {
        let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
        let _ = writeln!(noted, "*'{part}'*) case $code in {}) exit 0 ;; esac ;;", codes.join("|"));
    }
    noted.push_str("esac\nexit \"$code\"");
    noted
}

/// A folder in which the commands of a page are typed.
struct Folder {
    page: String,
    server: String,
    all: TempDir,
}

impl Folder {
    /// A new one, with the files that the reader of the page has.
    fn of(page: &Page, server: &str) -> Self {
        let all = tempfile::tempdir().unwrap();
        let here = Self { page: page.path.display().to_string(), server: server.to_owned(), all };
        for name in ["bin", "page"] {
            fs::create_dir(here.path(name)).unwrap();
        }
        for (name, commands) in STAND_INS {
            here.program(name, commands);
        }
        here.program("prony", &noted(&here.path("ends")));
        for (_, files) in GIVEN.iter().filter(|(of, _)| *of == here.page) {
            for file in *files {
                here.give(file);
            }
        }
        here
    }

    /// Types a block, after what its reader has done before it. What is wrong with how they end, if anything is.
    fn type_block(&self, block: &Block) -> Result<(), String> {
        let is_needed = |page: &str, part: &str| page == self.page && block.text.contains(part);
        for (_, _, commands, _) in BEFORE.iter().filter(|(page, part, ..)| is_needed(page, part)) {
            self.run(commands).map_err(|said| format!("before the block: {said}"))?;
        }
        self.run(&block.text)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.all.path().join(name)
    }

    /// Puts a program of the shell's into the first folder of its path.
    fn program(&self, name: &str, commands: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{commands}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn give(&self, file: &str) {
        let path = self.path("page").join(file);
        let (_, text) = FILES.iter().find(|(name, _)| path.ends_with(name)).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, typed(&self.page, text, &self.server)).unwrap();
    }

    /// Types commands. What is wrong with how they end, if anything is.
    fn run(&self, commands: &str) -> Result<(), String> {
        let ends = self.path("ends");
        fs::write(&ends, "").unwrap();
        let commands = typed(&self.page, commands, &self.server);
        let mut shell = shell(&self.path("page"), &self.path("bin"), &commands);
        // A command that may fail on the machine of the test does not end the block, unless the block says itself what follows.
        shell.env("ANY_END", if commands.contains("||") { "" } else { "yes" });
        shell.env("ROOT", root()).env("LIBRARY", library("example-vendor"));
        shell.env("SERVICE", library("example-vendor-service"));
        shell.env("OLD_URL", &self.server).env("NEW_URL", &self.server);
        shell.env("GITHUB_STEP_SUMMARY", "summary.md").env("TERM", "dumb");
        // Chance could leave a second of an open load without any request.
        shell.env("PRONY_RANDOM_SEED", "42");
        let output = finished_within(TIMEOUT, &mut shell, b"")?;
        let ends: Vec<(i32, String)> = fs::read_to_string(ends).unwrap().lines().filter_map(end).collect();
        let mut wrong = String::new();
        for (code, command) in ends.iter().filter(|(code, command)| !may_end(*code, command)) {
            let _ = writeln!(wrong, "`{command}` ends with {code}");
        }
        let expected = commands_of(&commands).len();
        if ends.len() != expected {
            let _ = writeln!(wrong, "{} of {expected} commands are carried out", ends.len());
        }
        if !output.status.success() {
            let _ = writeln!(wrong, "the shell ends with {}", output.status);
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        Err(format!("{wrong}{commands}\n{}", said.concat()))
    }
}

/// A line of what the program's stand-in writes down.
fn end(line: &str) -> Option<(i32, String)> {
    let (code, command) = line.split_once(' ')?;
    Some((code.parse().ok()?, command.to_owned()))
}

fn may_end(code: i32, command: &str) -> bool {
    let mut codes = ENDS.iter().filter(|(part, ..)| command.contains(part)).map(|(_, codes, _)| *codes);
    codes.next().unwrap_or(&[0]).contains(&code)
}

/// Types the blocks of a page.
fn type_page(page: &Page, server: &str) -> Result<(), String> {
    let here = Folder::of(page, server);
    let mut wrong = String::new();
    for block in blocks(page).iter().filter(|block| !is_left(page, block)) {
        // A job of a pipeline has a folder of its own, and so has each plugin that is begun.
        let is_alone = block.is_pipeline || block.text.starts_with("prony plugins new");
        let typed =
            if is_alone { Folder::of(page, server).type_block(block) } else { here.type_block(block) };
        if let Err(said) = typed {
            let _ = writeln!(wrong, "{}:{}: {said}", page.path.display(), block.line);
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// A fast server, which has GPUs and an API of its own besides.
fn server(folder: &Path) -> MockServer {
    let answer = folder.join("answer.json");
    fs::write(&answer, "{\"outputs\": [{\"text\": \"Good day\"}]}\n").unwrap();
    MockServer::start(["--gpus", "2", "--path", "/say", "--answer", answer.to_str().unwrap()])
}

#[test]
fn every_command_of_the_pages_runs() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path());
    let url = server.url();
    let is_run = |page: &&Page| blocks(page).iter().any(|block| !is_left(page, block));
    let mut run: Vec<&Page> = all_pages().filter(is_run).collect();
    // The page with the most commands does not begin when the others are over.
    run.sort_by_key(|page| {
        Reverse(blocks(page).iter().map(|block| commands_of(&block.text).len()).sum::<usize>())
    });
    assert!(run.len() > 20, "only {} pages have commands that are run", run.len());
    let wrong = side_by_side(&run, |page| type_page(page, url).err());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A command line in a folder with the files that pages name.
fn tool(words: &[String]) -> Tool {
    let tool = Tool::new(words);
    for (name, text) in FILES {
        tool.file(name, text);
    }
    tool
}

/// What is wrong with a command of ours, if anything is. Nothing is sent.
fn unread(words: &[String]) -> Option<String> {
    let is_profile = words.first().is_some_and(|command| command == "profile");
    let of_the_reader = |word: &String| OF_THE_READER.iter().any(|name| word.starts_with(name));
    if is_profile && !words.iter().any(of_the_reader) {
        let run = tool(words).args(["--dry-run", "1"]).run();
        // It does not go with everything: then it is enough that the words are read.
        if run.code == 0 || !run.stderr.contains("`--dry-run`") {
            return (run.code != 0).then_some(run.stderr);
        }
    }
    tool(words).unread()
}

#[test]
fn the_program_reads_every_command_that_is_not_run() {
    // Several pages have the same.
    let mut left: BTreeMap<Vec<String>, String> = BTreeMap::new();
    for page in all_pages() {
        for block in blocks(page).iter().filter(|block| is_left(page, block)) {
            let here = format!("{}:{}", page.path.display(), block.line);
            left.extend(commands_of(&block.text).into_iter().map(|words| (words, here.clone())));
        }
    }
    let left: Vec<(Vec<String>, String)> = left.into_iter().collect();
    let wrong = side_by_side(&left, |(words, here)| {
        unread(words).map(|said| format!("{here}: `prony {}`: {said}", words.join(" ")))
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Whether a line of a shell has a command of ours somewhere, and be it in a container.
fn names_us(line: &str) -> bool {
    let mut commands = line.split("prony ").skip(1);
    commands.any(|rest| rest.starts_with(|sign: char| sign.is_ascii_lowercase()))
}

/// A command that is not seen would neither be run nor be missed.
#[test]
fn every_command_of_the_pages_is_seen() {
    let mut unseen: Vec<String> = Vec::new();
    for block in all_pages().flat_map(Page::blocks) {
        let text = block.text.replace("\\\n", " ");
        let lines = text.lines().filter(|line| names_us(line) && commands_of(line).is_empty());
        unseen.extend(lines.map(str::to_owned));
    }
    let is_known = |line: &String| ELSEWHERE.iter().any(|(part, _)| line.contains(part));
    let unknown: Vec<&String> = unseen.iter().filter(|line| !is_known(line)).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    for (part, _) in ELSEWHERE {
        assert!(unseen.iter().any(|line| line.contains(part)), "no page has `{part}`");
    }
}

/// A row of a table which is about nothing any more hides what it should say.
#[test]
fn every_row_of_the_tables_is_about_a_page() {
    let holds = |path: &str, part: &str| {
        let page = all_pages().find(|page| page.path == Path::new(path));
        page.is_some_and(|page| blocks(page).iter().any(|block| block.text.contains(part)))
    };
    let left = LEFT.iter().map(|left| (left.page, left.holds));
    let replaced = REPLACED.iter().map(|(page, shown, ..)| (*page, *shown));
    let given = GIVEN.iter().flat_map(|(page, files)| iter::repeat(*page).zip(files.iter().copied()));
    let before = BEFORE.iter().map(|(page, part, ..)| (*page, *part));
    let rows: BTreeSet<(&str, &str)> = left.chain(replaced).chain(given).chain(before).collect();
    let idle: Vec<_> = rows.into_iter().filter(|(page, part)| !holds(page, part)).collect();
    assert!(idle.is_empty(), "{idle:#?}");
    let all: String = all_pages().flat_map(blocks).map(|block| block.text).collect();
    let parts = ENDS.iter().map(|(part, ..)| *part).chain(SMALLER.iter().map(|(old, _)| *old));
    let parts =
        parts.chain(MOST.iter().map(|(flag, _)| *flag)).chain(STAND_INS.iter().map(|(name, _)| *name));
    let parts = parts.chain(PLACES.iter().copied()).chain([LEFT_OUT]);
    let idle: Vec<&str> = parts.filter(|part| !all.contains(part)).collect();
    assert!(idle.is_empty(), "{idle:#?}");
    let files = FILES.iter().map(|(name, _)| *name);
    let is_given =
        |name: &&str| GIVEN.iter().any(|(_, given)| given.iter().any(|path| path.ends_with(*name)));
    let idle: Vec<&str> = files.filter(|name| !is_given(name)).collect();
    assert!(idle.is_empty(), "{idle:#?}");
}

/// What a page shows of a file is what its reader has.
#[test]
fn a_file_that_a_page_shows_is_given_as_it_is_shown() {
    let (_, text) = FILES.iter().find(|(name, _)| *name == "talks.jsonl").unwrap();
    assert!(page("docs/CONVERSATIONS.md").text.contains(text), "docs/CONVERSATIONS.md has another {text}");
}
