//! `docs/PLUGIN_MESSAGES.md` and `docs/PLUGIN_MANIFEST.md` are made from the types of the contract: their names, fields and
//! comments as the sources of `plugin-api` have them. What these types really read and write is compared with the pages.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod manifest;
mod messages;
mod source;

use std::fs;

use prony_tests::pages::{page, root};

use source::Source;

/// Compares a page with what it is made from, and writes it where it is missing.
fn compare(name: &str, made: &str) {
    let file = root().join("docs").join(name);
    let kept = fs::read_to_string(&file).unwrap_or_default();
    if kept.is_empty() {
        fs::write(&file, made).unwrap();
    }
    assert!(
        kept == made,
        "docs/{name} is not what the sources say: remove it, run this test, look at what it wrote, and run it again"
    );
}

/// The keys in the first cells of the tables of a text.
fn keys(text: &str) -> Vec<&str> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).collect()
}

/// The guide explains the facts that the contract lists: those of a request, and those of a run.
#[test]
fn the_guide_has_every_fact_of_the_contract() {
    let guide = &page("plugin-api/README.md").text;
    let of_a_request = Source::comment_of("endpoint.rs", "pub fn facts_json(");
    let (_, table) = guide.split_once("| fact of a request | is |\n|---|---|\n").unwrap();
    let table = table.split("\n\n").next().unwrap();
    assert_eq!(keys(table), keys(&of_a_request));

    let of_a_run = Source::comment_of("service.rs", "pub fn run_facts(");
    let (_, table) = guide.split_once("| fact of a run | is |\n|---|---|\n").unwrap();
    let table = table.split("\n\n").next().unwrap();
    assert_eq!(keys(table), keys(&of_a_run));
}
