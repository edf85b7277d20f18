//! `docs/PLUGIN_HEADER.md` is what `prony_plugin.h` says: its rules as text, its tables as code, and of its helpers what they are
//! called with.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{fmt::Write, fs};

use prony_tests::pages::{compare, root};

const BEGINNING: &str = "# The header for C

This page is made from `plugin-api/include/prony_plugin.h`, which is the contract for libraries in C and in languages that can make
C functions. `prony plugins new NAME --language c|cpp|go|zig` puts the header into the folder of a new plugin.
[The guide](../plugin-api/README.md#in-c) says how to begin, and [PLUGIN_ABI.md](PLUGIN_ABI.md) which versions go together.
";

/// How the line before a part of the header begins.
const PART: &str = "/* -----";

/// The part whose functions are shown without what they do.
const HELPERS: &str = "helpers";

fn header() -> String {
    fs::read_to_string(root().join("plugin-api/include/prony_plugin.h")).unwrap()
}

/// The page that belongs to a header.
fn page(header: &str) -> String {
    let (rules, code) = header.split_once("\n */\n").unwrap();
    let (_licence, rules) = rules.split_once("Apache-2.0\n").unwrap();
    let mut page = BEGINNING.to_owned();
    rules.lines().for_each(|line| page.push_str(&rule(line)));
    let code = code.split("#ifdef __cplusplus\n}").next().unwrap();
    let begin = code.find("/* The contract's epoch").unwrap();
    let mut title = "Versions and marks".to_owned();
    let mut block = String::new();
    for line in code[begin..].lines().chain([PART]) {
        if !line.starts_with(PART) {
            writeln!(block, "{line}").unwrap();
            continue;
        }
        let shown = if title.to_lowercase() == HELPERS { signatures(&block) } else { block };
        write!(page, "\n## {title}\n\n```c\n{}\n```\n", shown.trim()).unwrap();
        title = capital(line.trim_matches(['/', '*', ' ', '-']));
        block = String::new();
    }
    page
}

/// A line of the comment at the beginning: a heading is written in capitals, and its text stands two characters in.
fn rule(line: &str) -> String {
    let text = line.trim_start_matches(" *").trim_start_matches(' ');
    let indent = line.len() - line.trim_start_matches([' ', '*']).len();
    if text.len() > 1 && text.chars().all(|sign| sign.is_ascii_uppercase() || sign == ' ') {
        format!("## {}\n\n", capital(&text.to_lowercase()))
    } else if text.is_empty() {
        "\n".to_owned()
    } else {
        // Two for the comment, one or three for the text; what is more belongs to a list.
        format!("{}{text}\n", " ".repeat(indent.saturating_sub(5)))
    }
}

fn capital(text: &str) -> String {
    let mut signs = text.chars();
    let first = signs.next().map(|sign| sign.to_ascii_uppercase());
    first.into_iter().chain(signs).collect()
}

/// The comments and the first lines of functions.
fn signatures(block: &str) -> String {
    let (mut shown, mut is_inside) = (String::new(), false);
    for line in block.lines() {
        if line.starts_with("static inline") {
            writeln!(shown, "{};", line.trim_end_matches(" {")).unwrap();
            is_inside = true;
        } else if !is_inside {
            writeln!(shown, "{line}").unwrap();
        }
        is_inside &= line != "}";
    }
    shown
}

#[test]
fn the_page_of_the_header_is_what_the_header_says() {
    compare("PLUGIN_HEADER.md", &page(&header()));
}

/// What an endpoint may be given at most, as the program has it.
#[test]
fn the_header_says_how_large_what_comes_in_may_be() {
    let header = header();
    assert_eq!(prony_plugin_api::sse::MAX_EVENT_BYTES, 64 << 20);
    assert!(header.contains("What `event` is given has at most 64 MiB"), "the limit of an event");
    let wire = fs::read_to_string(root().join("host/src/request/wire.rs")).unwrap();
    assert!(wire.contains("const MAX_BODY_BYTES: usize = 512 << 20;"), "another limit of a body");
    assert!(header.contains("What `body` is given has at most\n *   512 MiB."), "the limit of a body");
}
