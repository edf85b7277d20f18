//! Commands that stand within the texts of the pages: those that need nothing special are run as they stand there, and the program
//! reads all others.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use prony_tests::{
    MockServer, Tool, commands_of, finish,
    pages::{DAY, Line, pages},
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
    ("prony plot DIR", "prony plot cells"),
    ("prony plot DIR…", "prony plot run again"),
    ("prony export RUN --format chrome-trace", "prony export run --format chrome-trace"),
    ("prony export RUN --format parquet", "prony export run --format parquet"),
    ("prony show DIR", "prony show before"),
    ("prony profile --resume DIR", "prony profile --resume before"),
    ("prony profile -f RUN_DIR/plan.yaml", "prony profile -f run/plan.yaml"),
    ("prony profile -f FOLDER/plan.yaml", "prony profile -f again/plan.yaml"),
    ("prony config explain KEY", "prony config explain request_rate"),
    ("prony config check FILE", "prony config check run.yaml"),
    ("prony metrics TAG", "prony metrics time_to_first_token"),
    ("prony schema NAME", "prony schema run"),
    ("prony schema FILE", "prony schema run/profile_export_prony.json"),
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

/// The same, where a text leaves something out or to choose, and what the program reads then.
const SHORTENED: &[(&str, &str)] = &[
    ("prony collect FOLDER... --into DIR", "prony collect FOLDER --into DIR"),
    (
        "prony compare --against OLD NEW --gate …",
        "prony compare --against OLD NEW --gate 'time_to_first_token.p99 +5%'",
    ),
    (
        "prony compare before after --gate …",
        "prony compare before after --gate 'time_to_first_token.p99 +5%'",
    ),
    ("prony plugins new --language c|cpp|go|zig", "prony plugins new --language c"),
    ("prony plugins new NAME --language c|cpp|go|zig", "prony plugins new NAME --language c"),
    ("prony plugins validate [PATH…]", "prony plugins validate PATH"),
    (
        "prony profile --agents label=kubernetes:3 --nats nats://nats:4222 …",
        "prony profile --agents label=kubernetes:3 --nats nats://nats:4222",
    ),
    ("prony profile --slo …", "prony profile --slo 'time_to_first_token p99 < 1s'"),
    ("prony profile …", "prony profile --model m"),
    ("prony profile … && upload", "prony profile --model m"),
    ("prony speed-bench-report DIR…", "prony speed-bench-report DIR"),
];

/// What their reader has done before.
const BEFORE: &str = "\
prony profile -f run.yaml --request-count 4 --artifact-dir run
prony profile -f run.yaml --request-count 4 --artifact-dir again
prony profile -f run.yaml --num-profile-runs 2 --artifact-dir before
prony profile -f run.yaml --num-profile-runs 2 --artifact-dir after
prony profile -f run.yaml --concurrency 1,2 --artifact-dir cells
";

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

/// Whether nothing is left out, and nothing is left to choose.
fn is_whole(code: &str) -> bool {
    !["…", "...", "[", "|"].iter().any(|sign| code.contains(sign))
}

#[test]
fn what_is_left_out_is_known() {
    assert!(is_whole("prony metrics time_to_first_token") && is_whole("prony report DIR"));
    let shortened =
        ["prony profile …", "prony plugins validate [PATH…]", "prony plugins new --language c|cpp"];
    assert!(!shortened.into_iter().any(is_whole));
}

/// What is to be read in the place of a mention that is not run.
fn to_read(code: &str) -> Result<&str, String> {
    match SHORTENED.iter().find(|(shown, _)| *shown == code) {
        Some((_, read)) => Ok(*read),
        None if is_whole(code) => Ok(code),
        None => Err(format!("`{code}` is not whole: it needs a row of `SHORTENED`, or of `FILLED`")),
    }
}

/// What the program says against a command, if it says anything.
fn against(code: &str) -> Option<String> {
    let commands = match to_read(code) {
        Ok(read) => commands_of(read),
        Err(said) => return Some(said),
    };
    let tool = Tool::new(commands.first()?);
    tool.file("run.yaml", "model: llama\nurl: http://localhost:8000\n");
    tool.unread()
}

#[test]
fn the_program_reads_every_command_within_a_text() {
    let mentions = mentions();
    let gone: Vec<&str> =
        SHORTENED.iter().map(|(shown, _)| *shown).filter(|shown| !mentions.contains_key(shown)).collect();
    assert!(gone.is_empty(), "no text has {gone:#?}");
    let is_run = |code: &str| RUN.iter().chain(FILLED).any(|(run, _)| *run == code);
    // A longer one says the same and more.
    let is_part = |code: &str| mentions.keys().any(|other| other.starts_with(&format!("{code} ")));
    let read: Vec<(&str, &String)> = mentions
        .iter()
        .map(|(code, place)| (*code, place))
        .filter(|(code, _)| !is_run(code) && !is_part(code))
        .collect();
    assert!(read.len() > 30, "only {} commands are read", read.len());
    let wrong = side_by_side(&read, |(code, place)| {
        let said = against(code)?;
        Some(format!("{place}: `{code}`: {said}"))
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
    // Two requests show that a command works.
    let output = finish(shell(folder.path(), programs, &typed).env("PRONY_REQUEST_COUNT", "2"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", output.status);
}
