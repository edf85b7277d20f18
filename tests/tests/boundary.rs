//! The fixtures' libraries as files: what a host reads of them before it opens any.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::fs;

use prony_plugin_api::{
    descriptor::{Descriptor, SCHEMA},
    version::{EPOCH, MINOR},
};
use rstest::rstest;

fn library(package: &str) -> Vec<u8> {
    fs::read(prony_tests::library(package)).unwrap()
}

fn find(library: &[u8], text: &str) -> Option<usize> {
    library.windows(text.len()).position(|window| window == text.as_bytes())
}

fn contains(library: &[u8], text: &str) -> bool {
    find(library, text).is_some()
}

#[rstest]
#[case("bad-panics", r#"{"schema":1,"name":"bad-panics","version":"#)]
#[case("bad-layout", r#"{"schema":1,"name":"bad-layout","version":"#)]
#[case("bad-contract", r#"{"schema":2,"name":"bad-contract","version":"0.1.0","epoch":2,"#)]
fn a_plugin_carries_its_descriptor_in_its_file(#[case] package: &str, #[case] descriptor: &str) {
    assert!(contains(&library(package), descriptor));
}

#[test]
fn a_descriptor_tells_the_contract_that_the_library_was_built_with() {
    let library = library("bad-panics");
    let start = find(&library, "{\"schema\":").unwrap();
    let mut values = serde_json::Deserializer::from_slice(&library[start..]).into_iter::<Descriptor>();
    let descriptor = values.next().unwrap().unwrap();
    assert_eq!((descriptor.schema, descriptor.epoch, descriptor.minor), (SCHEMA, EPOCH, MINOR));
    assert_eq!((descriptor.name.as_str(), descriptor.min_host_minor), ("bad-panics", 0));
}

#[test]
fn the_export_macro_writes_every_exported_type() {
    let library = library("bad-panics");
    assert!(contains(&library, r#""endpoints":[{"type":"PanickingEndpoint","options":"{\"properties\": "#));
    assert!(contains(
        &library,
        r#""services":[{"type":"PanickingService","options":"{}","subscriptions":["phase_started","phase_ended"],"publishes":[]}]}"#
    ));
}

#[test]
fn a_library_that_is_no_plugin_has_neither_descriptor_nor_entry() {
    let library = library("bad-no-entry");
    assert!(!contains(&library, ".prony.plugin"));
    assert!(!contains(&library, "prony_plugin_root_v"));
}
