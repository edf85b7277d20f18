//! The report as JSON: what `--json` prints and `--report` writes. `docs/schemas/conformance.json` describes it.

use prony_plugin_api::{
    conformance::Verdict,
    version::{EPOCH, MINOR, TARGET},
};
use serde_json::{Value, json};

use crate::{
    fingerprint,
    plugin::check::{Examination, Plan},
};

/// Version of the report: within a major version, keys are only ever added.
const VERSION: &str = "1.1";

/// The report of some libraries, and how they were checked. Options may hold secrets: they are named, and not told.
pub(super) fn report(examinations: &[Examination], verdict: Verdict, plan: &Plan) -> Value {
    let libraries: Vec<Value> = examinations.iter().map(library).collect();
    json!({
        "schema_version": VERSION,
        "prony": {
            "version": env!("CARGO_PKG_VERSION"),
            "contract": format!("{EPOCH}.{MINOR}"),
            "platform": TARGET,
        },
        "seed": plan.seed,
        "mutations": plan.mutations,
        "deadline_seconds": plan.deadline.as_secs(),
        "option_names": option_names(&plan.options),
        "recordings": plan.recordings.iter().map(recording).collect::<Vec<Value>>(),
        "cases": plan.selection,
        "all_cases": plan.selection.is_whole(),
        "verdict": verdict,
        "libraries": libraries,
    })
}

/// The examination of one library: with its verdict, and that of each type.
fn library(examination: &Examination) -> Value {
    let mut library = json!(examination);
    library["verdict"] = json!(examination.verdict());
    for (place, one) in examination.types.iter().enumerate() {
        library["types"][place]["verdict"] = json!(one.report.verdict());
    }
    library
}

fn recording((name, bytes): &(String, Vec<u8>)) -> Value {
    // Bytes in memory can always be read.
    let digest = fingerprint::of(&mut bytes.as_slice()).ok();
    let digits = digest.map(|(digest, _)| fingerprint::hex(&digest));
    json!({"name": name, "bytes": bytes.len(), "sha256": digits})
}

fn option_names(options: &str) -> Vec<String> {
    let options: Value = serde_json::from_str(options).unwrap_or_default();
    options.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_options_are_not_told() {
        let plan = Plan { options: r#"{"key": "secret", "region": "eu"}"#.to_owned(), ..Plan::default() };
        let report = report(&[], Verdict::Ok, &plan);
        assert_eq!(report["option_names"], json!(["key", "region"]));
        assert!(!report.to_string().contains("secret"));
    }

    // printf abc | sha256sum
    #[test]
    fn a_recording_is_told_by_its_digest() {
        let one = recording(&("a.sse".to_owned(), b"abc".to_vec()));
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(one, json!({"name": "a.sse", "bytes": 3, "sha256": digest}));
    }
}
