//! Traces and datasets of other tools: what is found in them, and what is sent.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::PathBuf};

use prony_tests::{MockServer, Tool, fixtures};
use rstest::rstest;
use serde_json::Value;

fn traces() -> PathBuf {
    fixtures().join("traces")
}

fn sample(name: &str) -> PathBuf {
    traces().join(name)
}

fn inspect(name: &str) -> Value {
    let run = Tool::new(["dataset", "inspect", "--json"]).arg(sample(name)).run();
    serde_json::from_str(&run.succeeds().stdout).unwrap()
}

#[test]
fn a_sample_of_each_format_is_inspected_as_other_code_counts_it() {
    let expected: Value = serde_json::from_slice(&fs::read(sample("expected.json")).unwrap()).unwrap();
    let mut differences = Vec::new();
    for (name, expected) in expected.as_object().unwrap() {
        let found = inspect(name);
        for (key, expected) in expected.as_object().unwrap() {
            let is_equal = match (expected.as_f64(), found[key].as_f64()) {
                (Some(expected), Some(found)) => (expected - found).abs() < 1e-5,
                _ => *expected == found[key],
            };
            if !is_equal {
                differences.push(format!("{name}: {key} is {}, not {expected}", found[key]));
            }
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}
