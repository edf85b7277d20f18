//! Commands that stand within the texts of the pages: the program reads each of them, and those that need nothing special are run
//! as they stand there.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use prony_tests::{
    MockServer, Tool, commands_of, finish,
    pages::{Line, pages},
    program, shell, side_by_side,
};

/// What is run, in this order in one folder, and what is added where it may end with something else than 0.
const RUN: &[(&str, &str)] = &[
    ("prony profile -f run.yaml", ""),
    ("prony profile -f run.yaml --request-count 5", ""),
    ("prony profile --mock --request-count 1 --ui none", ""),
    ("prony profile --mock --reset-kv-cache --server-profiler", ""),
    ("prony runs", ""),
    ("prony show last", ""),
    ("prony config check run.yaml", ""),
    ("prony config show -f run.yaml", ""),
    ("prony config expand run.yaml", ""),
    ("prony config schema", ""),
    ("prony config init agents", ""),
    ("prony config init phases", ""),
    ("prony config init slo-search", ""),
    ("prony plugins", ""),
    ("prony plugins --json", ""),
    ("prony plugins endpoint", ""),
    ("prony plugins graph", ""),
    ("prony plugins graph --json", ""),
    ("prony plugins show endpoint chat", ""),
    ("prony plugins show endpoint chat --json", ""),
    ("prony plugins validate", ""),
    ("prony plugins validate --json", ""),
    ("prony plugins new acme-chat", ""),
    ("prony lock", ""),
    ("prony lock --prune", ""),
    ("prony metrics", ""),
    ("prony metrics --absent", ""),
    ("prony metrics --json", ""),
    ("prony metrics time_to_first_token", ""),
    ("prony schema --list", ""),
    ("prony schema conformance", ""),
    ("prony schema conformance-trace", ""),
    ("prony profile -h", ""),
    ("prony help profile", ""),
    ("prony --version", ""),
    // It speaks of the machine of the test.
    ("prony doctor --json", " || test $? -eq 1"),
    // Two runs a side tell of no difference.
    ("prony compare before after --gate 'time_to_first_token.p99 +5%'", " || test $? -eq 5 -o $? -eq 6"),
    // It writes over the file that the others use.
    ("prony config init > run.yaml", ""),
];

/// The same, where a text has a word for something of the reader's, and what is typed then.
const FILLED: &[(&str, &str)] = &[
    ("prony report DIR", "prony report run"),
    ("prony report DIR --messages", "prony report run --messages"),
    ("prony report DIR --compat aiperf", "prony report run --compat aiperf"),
    ("prony plot RUN", "prony plot run"),
    ("prony plot DIR…", "prony plot run again"),
    ("prony export RUN --format chrome-trace", "prony export run --format chrome-trace"),
    ("prony export RUN --format parquet", "prony export run --format parquet"),
    ("prony show DIR", "prony show before"),
    ("prony profile --resume DIR", "prony profile --resume before"),
    ("prony profile -f RUN_DIR/plan.yaml", "prony profile -f run/plan.yaml"),
    ("prony config explain KEY", "prony config explain request_rate"),
    ("prony config check FILE", "prony config check run.yaml"),
    ("prony metrics TAG", "prony metrics time_to_first_token"),
    ("prony schema NAME", "prony schema run"),
    ("prony dataset inspect FILE", "prony dataset inspect day.jsonl"),
    ("prony dataset validate FILE", "prony dataset validate day.jsonl"),
    ("prony dataset convert FILE", "prony dataset convert day.jsonl"),
    ("prony dataset anonymise FILE -o OUT", "prony dataset anonymise day.jsonl -o public.jsonl"),
    ("prony completions SHELL", "prony completions bash"),
    ("prony man DIR", "prony man pages"),
    ("prony plugins show endpoint NAME", "prony plugins show endpoint chat"),
    ("prony plugins docs NAME", "prony plugins docs chat"),
    ("prony service NAME --help", "prony service live_api --help"),
    ("prony doctor --concurrency N", "prony doctor --concurrency 8 || test $? -eq 1"),
];

/// A recording of the reader's.
const DAY: &str = "\
{\"prony_sessions\": 1}
{\"id\": \"a\", \"starts_ns\": 0, \"steps\": [{\"messages\": [{\"role\": \"user\", \"parts\": [{\"kind\": \"text\", \"data\": \"Hello\"}]}]}]}
";

/// What their reader has done before.
const BEFORE: &str = "\
prony profile -f run.yaml --request-count 4 --artifact-dir run
prony profile -f run.yaml --request-count 4 --artifact-dir again
prony profile -f run.yaml --num-profile-runs 2 --artifact-dir before
prony profile -f run.yaml --num-profile-runs 2 --artifact-dir after
";

/// No flag: whatever stands before it is read, and nothing is run.
const NO_FLAG: &str = "--this-is-no-flag";

/// The commands within the texts, as they stand there, with a place of each. Pages that the program writes say the same over and
/// over.
fn mentions() -> BTreeMap<&'static str, String> {
    let mut mentions = BTreeMap::new();
    for page in pages().iter().filter(|page| !page.path.starts_with("docs/plugins")) {
        for (number, line, kind) in page.lines() {
            if matches!(kind, Line::Code(_)) {
                continue;
            }
            for code in line.split('`').skip(1).step_by(2).filter(|code| code.starts_with("prony ")) {
                mentions.entry(code).or_insert_with(|| format!("{}:{number}", page.path.display()));
            }
        }
    }
    mentions
}

/// Whether nothing is left out, and no word stands for one of the reader's, such as `DIR`.
fn is_whole(code: &str) -> bool {
    let is_open = ["…", "...", "[", "|"].iter().any(|sign| code.contains(sign));
    let stands_for =
        |part: &str| !part.is_empty() && part.chars().all(|sign| sign.is_ascii_uppercase() || sign == '_');
    !is_open && !code.split([' ', '/', '=']).any(stands_for)
}

#[test]
fn words_for_the_readers_own_are_known() {
    assert!(is_whole("prony metrics time_to_first_token") && is_whole("prony profile -f run.yaml"));
    let open = ["prony report DIR", "prony profile -f RUN_DIR/plan.yaml", "prony plugins validate [PATH…]"];
    assert!(!open.into_iter().any(is_whole));
}

#[test]
fn the_program_reads_every_command_within_a_text() {
    let is_run = |code: &str| RUN.iter().any(|(run, _)| *run == code);
    let read: Vec<(&str, String)> =
        mentions().into_iter().filter(|(code, _)| is_whole(code) && !is_run(code)).collect();
    assert!(read.len() > 40, "only {} commands are read", read.len());
    let wrong = side_by_side(&read, |(code, place)| {
        let commands = commands_of(code);
        let words = commands.first()?;
        let tool = Tool::new(words).arg(NO_FLAG);
        tool.file("run.yaml", "model: llama\nurl: http://localhost:8000\n");
        let run = tool.run();
        let is_read = run.stderr.contains(&format!("unknown flag `{NO_FLAG}`"));
        (!is_read).then(|| format!("{place}: `{code}`: {}", run.stderr))
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn commands_within_a_text_run() {
    let mentions = mentions();
    let shown = RUN.iter().chain(FILLED).map(|(shown, _)| *shown);
    let gone: Vec<&str> = shown.filter(|shown| !mentions.contains_key(shown)).collect();
    assert!(gone.is_empty(), "no text has {gone:#?}");

    let (folder, server) = (tempfile::tempdir().unwrap(), MockServer::start([]));
    let run = format!("model: llama\nurl: {}\nstreaming: true\n", server.url());
    fs::write(folder.path().join("run.yaml"), run).unwrap();
    fs::write(folder.path().join("day.jsonl"), DAY).unwrap();
    // The shell says what it does, so that the command is seen that failed.
    let mut typed = format!("set -x\n{BEFORE}");
    for (_, command) in FILLED {
        let _ = writeln!(typed, "{command}");
    }
    for (command, end) in RUN {
        let _ = writeln!(typed, "{command}{end}");
    }
    let programs: &Path = program().parent().unwrap();
    let output = finish(&mut shell(folder.path(), programs, &typed));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", output.status);
}
