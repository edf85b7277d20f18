//! `docs/PLUGIN_MESSAGES.md` and `docs/PLUGIN_MANIFEST.md` are made from the types of the contract: their names, fields and
//! comments as the sources of `plugin-api` have them. What these types really read and write is compared with the pages.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod manifest;
mod messages;
mod source;

use std::fs;

use prony_tests::pages::{page, root};

use source::Source;

/// The keys in the first cells of the tables of a text.
fn keys(text: &str) -> Vec<&str> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).collect()
}

/// The names that the header lists between these words of it. What it says of one stands in brackets behind it.
fn listed(before: &str, behind: &str) -> Vec<String> {
    let header = fs::read_to_string(root().join("plugin-api/include/prony_plugin.h")).unwrap();
    let (_, rest) = header.split_once(before).unwrap();
    let (list, _) = rest.split_once(behind).unwrap();
    let name = |entry: &str| {
        let name = entry.split('(').next().unwrap_or_default().trim();
        name.strip_prefix("and ").unwrap_or(name).to_owned()
    };
    list.split(',').map(name).collect()
}

/// The guide explains the facts that the contract lists, and the header for C names them: those of a request, and those of a run.
#[test]
fn the_guide_has_every_fact_of_the_contract() {
    let guide = &page("plugin-api/README.md").text;
    let of_a_request = Source::comment_of("endpoint.rs", "pub fn facts_json(");
    let (_, table) = guide.split_once("| fact of a request | is |\n|---|---|\n").unwrap();
    let table = table.split("\n\n").next().unwrap();
    assert_eq!(keys(table), keys(&of_a_request));
    assert_eq!(listed("each of which may be absent: ", ". README.md"), keys(&of_a_request));

    let of_a_run = Source::comment_of("service.rs", "pub fn run_facts(");
    let (_, table) = guide.split_once("| fact of a run | is |\n|---|---|\n").unwrap();
    let table = table.split("\n\n").next().unwrap();
    assert_eq!(keys(table), keys(&of_a_run));
    assert_eq!(listed("The run as a JSON object, without secrets: ", ", whose fields"), keys(&of_a_run));
}
