//! The fixtures' libraries as files: what a host reads of them before it opens any.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{fs, path::PathBuf};

use rstest::rstest;

/// Where cargo puts the libraries that this package depends on: beside the tests, not beside the programs.
fn library(stem: &str) -> Vec<u8> {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};

    let tests: PathBuf = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    fs::read(tests.join(format!("{DLL_PREFIX}{stem}{DLL_SUFFIX}"))).unwrap()
}

fn contains(library: &[u8], text: &str) -> bool {
    library.windows(text.len()).any(|window| window == text.as_bytes())
}

#[rstest]
#[case("bad_panics", r#"{"schema":1,"name":"bad-panics","version":"#)]
#[case("bad_layout", r#"{"schema":1,"name":"bad-layout","version":"#)]
#[case("bad_contract", r#"{"schema":2,"name":"bad-contract","version":"0.1.0","epoch":2,"#)]
fn a_plugin_carries_its_descriptor_in_its_file(#[case] stem: &str, #[case] descriptor: &str) {
    assert!(contains(&library(stem), descriptor));
}

#[test]
fn the_export_macro_writes_every_exported_type() {
    let library = library("bad_panics");
    assert!(contains(&library, r#""endpoints":[{"type":"PanickingEndpoint","options":"{\"properties\": "#));
    assert!(contains(&library, r#""services":[{"type":"PanickingService","options":"{}"}]}"#));
}

#[test]
fn a_library_that_is_no_plugin_has_neither_descriptor_nor_entry() {
    let library = library("bad_no_entry");
    assert!(!contains(&library, ".prony.plugin"));
    assert!(!contains(&library, "prony_plugin_root_v"));
}
