//! The documentation: all of it is in the book, its links lead somewhere, and its commands are the program's.
//!
//! A block of commands with the mark `run` (```` ```sh run ````) is run as typed, in an empty folder, against the mock server.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, iter,
    path::{Component, Path, PathBuf},
    sync::LazyLock,
    thread,
};

use prony_tests::{Run, Tool, finish, program, shell};

/// No flag: whatever stands before it is read, and nothing is run.
const NO_FLAG: &str = "--this-is-no-flag";

/// Left out where a page shows what matters only.
const LEFT_OUT: &str = "…";

/// The API format that the reader of a page writes himself, in the line above.
const OF_THE_READER: &str = "acme_chat";

/// Files of the reader's, which commands of the pages name.
const FILES: &[(&str, &str)] = &[
    ("run.yaml", "model: llama\nurl: http://localhost:8000\nstreaming: true\n"),
    ("bodies.jsonl", "{\"model\": \"m\", \"input\": \"Hello\"}\n"),
    ("prompts.jsonl", "{\"text\": \"Hello\", \"output_length\": 4}\n"),
    ("talks.jsonl", "{\"turns\": [{\"text\": \"Hello\"}, {\"text\": \"And then?\", \"delay\": 1500}]}\n"),
    (
        "trace.jsonl",
        "{\"timestamp\": 0, \"input_length\": 600, \"output_length\": 20, \"hash_ids\": [1, 2]}\n\
         {\"timestamp\": 500, \"input_length\": 700, \"output_length\": 20, \"hash_ids\": [1, 3]}\n",
    ),
    (
        "day.jsonl",
        "{\"prony_sessions\": 1}\n{\"id\": \"a\", \"starts_ns\": 0, \"steps\": [{\"messages\": [{\"role\": \"user\", \"parts\": \
         [{\"kind\": \"text\", \"data\": \"Hello\"}]}], \"max_tokens\": 4}]}\n",
    ),
    ("rates.json", "{\"points\": [{\"time_s\": 0, \"qps\": 5}, {\"time_s\": 60, \"qps\": 20}]}\n"),
];

/// A page, by its place in the repository.
struct Page {
    path: PathBuf,
    text: String,
}

/// What a line of a page is.
enum Line<'page> {
    /// Text, without what stands between backticks.
    Prose(String),
    /// Within a block, by what stands behind the backticks that begin it.
    Code(&'page str),
}

impl Page {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        Self { path, text }
    }

    /// Its lines but those that begin and end a block, with their numbers.
    fn lines(&self) -> Vec<(usize, &str, Line<'_>)> {
        let mut block = None;
        let mut lines = Vec::new();
        for (number, line) in iter::zip(1.., self.text.lines()) {
            match (line.trim_start().strip_prefix("```"), block) {
                (Some(mark), None) => block = Some(mark.trim()),
                (Some(_), Some(_)) => block = None,
                (None, Some(mark)) => lines.push((number, line, Line::Code(mark))),
                (None, None) => {
                    let prose = line.split('`').step_by(2).collect();
                    lines.push((number, line, Line::Prose(prose)));
                }
            }
        }
        lines
    }

    /// Where its links lead, with the numbers of their lines; without those to other sites.
    fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for (number, _, line) in self.lines() {
            let Line::Prose(prose) = line else { continue };
            let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            let here = targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
            links.extend(here.map(|target| (number, target.to_owned())));
        }
        links
    }

    /// The place of what a link of it leads to. A link that begins with `#` leads to the page itself.
    fn place(&self, target: &str) -> PathBuf {
        let file = target.split('#').next().unwrap();
        if file.is_empty() {
            return self.path.clone();
        }
        let mut place = PathBuf::new();
        for part in self.path.parent().unwrap().join(file).components() {
            match part {
                Component::ParentDir => assert!(place.pop(), "{}: {target} leads out", self.path.display()),
                part => place.push(part),
            }
        }
        place
    }

    /// The anchors of its headings, as GitHub and mdBook make them.
    fn anchors(&self) -> BTreeSet<String> {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let mut anchors = BTreeSet::new();
        for (_, line, kind) in self.lines() {
            if !line.starts_with('#') || matches!(kind, Line::Code(_)) {
                continue;
            }
            let anchor = anchor(line.trim_start_matches('#').trim());
            let times = seen.entry(anchor.clone()).or_default();
            anchors.insert(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
            *times += 1;
        }
        anchors
    }

    /// Its blocks of commands, with the numbers of the lines above them, whether they are to be run, and what stands in them.
    fn blocks(&self) -> Vec<(usize, bool, String)> {
        let mut blocks: Vec<(usize, bool, String)> = Vec::new();
        let (mut last, mut goes_on) = (0, false);
        for (number, line, kind) in self.lines() {
            let Line::Code(mark) = kind else { continue };
            let mut words = mark.split([' ', ',']);
            let language = words.next().unwrap_or_default();
            let typed = match language {
                "sh" | "bash" => line,
                "console" if goes_on => line,
                // Behind a `$` stands what is typed; the rest is what is printed.
                "console" => line.strip_prefix("$ ").unwrap_or_default(),
                _ => continue,
            };
            if blocks.is_empty() || number != last + 1 {
                blocks.push((number - 1, words.any(|word| word == "run"), String::new()));
            }
            last = number;
            goes_on = typed.ends_with('\\');
            let (_, _, text) = blocks.last_mut().unwrap();
            text.push_str(typed);
            text.push('\n');
        }
        blocks
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The Markdown files of a folder and below it, in order.
fn markdown(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let place = path.strip_prefix(root()).unwrap().to_owned();
        if path.is_dir() {
            found.extend(markdown(place.to_str().unwrap()));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(place);
        }
    }
    found.sort();
    found
}

/// What users and developers read.
static PAGES: LazyLock<Vec<Page>> = LazyLock::new(|| {
    let host = markdown("host").into_iter().filter(|path| path.parent() == Some(Path::new("host")));
    let others = ["README.md", "plugin-api/README.md"].map(PathBuf::from);
    markdown("docs").into_iter().chain(host).chain(others).map(Page::read).collect()
});

fn page(path: &str) -> &'static Page {
    PAGES.iter().find(|page| page.path == Path::new(path)).unwrap()
}

/// The pages of the book, in order.
fn chapters() -> Vec<PathBuf> {
    let summary = page("docs/SUMMARY.md");
    summary.links().iter().map(|(_, target)| summary.place(target)).collect()
}

fn anchor(heading: &str) -> String {
    // Of a link, its text is the heading.
    let mut text = String::new();
    for (at, part) in heading.split("](").enumerate() {
        let part = if at == 0 { part } else { part.split_once(')').map_or("", |(_, rest)| rest) };
        text.push_str(part);
    }
    let keep = |sign: char| {
        let stays = sign.is_alphanumeric() || matches!(sign, '_' | '-');
        if stays { Some(sign) } else { sign.is_whitespace().then_some('-') }
    };
    text.to_lowercase().chars().filter_map(keep).collect()
}

#[test]
fn every_page_is_in_the_book_once() {
    let chapters = chapters();
    let once: BTreeSet<&PathBuf> = chapters.iter().collect();
    assert_eq!(once.len(), chapters.len(), "a page stands twice in docs/SUMMARY.md");
    let is_missing = |page: &&Page| page.path != Path::new("docs/SUMMARY.md") && !once.contains(&page.path);
    let lines: Vec<String> = PAGES.iter().filter(is_missing).map(chapter).collect();
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
    for page in &*PAGES {
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

/// What stands in a shell's line, cut into commands of words. What is written to files, and comments, are left out.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut is_file = false;
    let mut quote = None;
    let mut signs = line.chars().peekable();
    while let Some(sign) = signs.next() {
        match (quote, sign) {
            (Some(open), _) if sign == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(sign);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(signs.next()),
            (None, '#') if word.is_none() => break,
            (None, '&' | '|' | ';' | '<' | '>' | '(' | ')') => {
                let is_redirection = matches!(sign, '<' | '>');
                // The number of a stream.
                let number = |word: &String| word.chars().all(|digit| digit.is_ascii_digit());
                word = word.filter(|word| !(is_redirection && number(word)));
                keep(&mut commands, &mut word, &mut is_file);
                while signs.next_if(|next| "&|;<>()".contains(*next)).is_some() {}
                is_file = is_redirection;
                if !is_redirection {
                    commands.push(Vec::new());
                }
            }
            (None, _) if sign.is_whitespace() => keep(&mut commands, &mut word, &mut is_file),
            _ => word.get_or_insert_default().push(sign),
        }
    }
    keep(&mut commands, &mut word, &mut is_file);
    commands
}

/// Ends a word. The name of a file that is written to is none of the command's.
fn keep(commands: &mut [Vec<String>], word: &mut Option<String>, is_file: &mut bool) {
    if let (Some(word), Some(command)) = (word.take(), commands.last_mut())
        && !std::mem::take(is_file)
    {
        command.push(word);
    }
}

/// Whether a word sets a variable of the environment.
fn is_variable(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    name.starts_with(|sign: char| sign.is_ascii_uppercase()) && !name.contains('-')
}

/// The words behind `prony`, where a command is one of ours.
fn ours(command: &[String]) -> Option<&[String]> {
    let command = &command[command.iter().take_while(|word| is_variable(word)).count()..];
    let (program, words) = command.split_first()?;
    (program == "prony" || program.ends_with("/prony")).then_some(words)
}

/// All commands of ours in a block, each on a line of its own or several in one.
fn commands_of(block: &str) -> Vec<Vec<String>> {
    let joined = block.replace("\\\n", " ");
    let all: Vec<Vec<String>> = joined.lines().flat_map(commands).collect();
    all.iter().filter_map(|command| ours(command)).map(<[String]>::to_vec).collect()
}

#[test]
fn a_line_is_cut_as_a_shell_cuts_it() {
    let line = "A=1 prony profile --slo 'a < 1' \\\n  -q > out 2>&1 && ./bin/prony show last | head # prony runs\necho prony\n";
    let expected = [vec!["profile", "--slo", "a < 1", "-q"], vec!["show", "last"]];
    assert_eq!(commands_of(line), expected);
}

#[test]
fn a_heading_has_the_anchor_of_its_text() {
    assert_eq!(anchor("What `--slo` says, of [a run](RUN.md#x) (once)"), "what---slo-says-of-a-run-once");
}

/// Runs a command line in a folder with the files that pages name.
fn tried(words: &[String], flags: &[&str]) -> Run {
    let tool = Tool::new(words).args(flags);
    for (name, text) in FILES {
        tool.file(name, text);
    }
    tool.run()
}

/// What is wrong with a command of ours, if anything is. Nothing is sent.
fn wrong(words: &[String]) -> Option<String> {
    if let Some(at) = words.iter().position(|word| word == "--") {
        // `compare` has flags of `profile` behind it.
        let behind: Vec<String> =
            iter::once("profile".to_owned()).chain(words[at + 1..].iter().cloned()).collect();
        return wrong(&words[..at]).or_else(|| wrong(&behind));
    }
    let shown: Vec<String> = words.iter().filter(|word| *word != LEFT_OUT).cloned().collect();
    let is_whole = shown.len() == words.len() && !words.iter().any(|word| word == OF_THE_READER);
    if is_whole && words.first().is_some_and(|command| command == "profile") {
        let is_dry = words.iter().any(|word| word == "--dry-run");
        let run = tried(words, if is_dry { &[] } else { &["--dry-run", "1"] });
        // Neither several runs nor a report go with it: then it is enough that the words are read.
        if run.code == 0 || !run.stderr.contains("`--dry-run`") {
            return (run.code != 0).then_some(run.stderr);
        }
    }
    let run = tried(&shown, &[NO_FLAG]);
    let is_read = run.stderr.contains(&format!("unknown flag `{NO_FLAG}`"));
    let is_help = run.code == 0 && words.iter().any(|word| word == "--help" || word == "--version");
    (!is_read && !is_help).then_some(run.stderr)
}

/// What comes of each, in four threads: most of the time is waiting.
fn side_by_side<T: Sync, U: Send>(all: &[T], each: impl Fn(&T) -> Option<U> + Sync) -> Vec<U> {
    let each = &each;
    thread::scope(|scope| {
        let parts = all.chunks(all.len().div_ceil(4).max(1));
        let threads: Vec<_> =
            parts.map(|part| scope.spawn(move || part.iter().filter_map(each).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn the_program_takes_every_command_of_the_pages() {
    let mut typed: Vec<(String, Vec<String>)> = Vec::new();
    for page in &*PAGES {
        for (line, _, block) in page.blocks().into_iter().filter(|(_, is_run, _)| !is_run) {
            let here = format!("{}:{line}", page.path.display());
            typed.extend(commands_of(&block).into_iter().map(|words| (here.clone(), words)));
        }
    }
    assert!(typed.len() > 60, "only {} commands are read", typed.len());
    let wrong = side_by_side(&typed, |(here, words)| {
        wrong(words).map(|said| format!("{here}: `prony {}`: {said}", words.join(" ")))
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// `prony COMMAND --flag` within a text: the command's help has the flag.
#[test]
fn the_flags_of_commands_within_a_text_exist() {
    let mut flags: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for page in &*PAGES {
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

/// Runs a block of commands in an empty folder, as somebody types it who has prony on his path.
fn run(block: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let output = finish(&mut shell(folder.path(), program().parent().unwrap(), block));
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{block}\n{}\n{}", output.status, said.concat()))
    }
}

#[test]
fn the_blocks_that_are_marked_so_run() {
    let mut blocks: Vec<(String, String)> = Vec::new();
    for page in &*PAGES {
        let marked = page.blocks().into_iter().filter(|(_, is_run, _)| *is_run);
        blocks.extend(marked.map(|(line, _, block)| (format!("{}:{line}", page.path.display()), block)));
    }
    assert!(blocks.len() > 3, "only {} blocks are marked", blocks.len());
    let failed = side_by_side(&blocks, |(here, block)| run(block).err().map(|why| format!("{here}: {why}")));
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
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
