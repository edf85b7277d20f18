//! Results of other tools as runs of a side.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    bounded,
    experiment::{best::Key, measured::Measured},
};

/// The summary of AIPerf in the folder of a run.
const AIPERF: &str = "profile_export_aiperf.json";

/// Largest file of results that is read, in megabytes. One with all requests of a large run has hundreds.
const MOST_MEGABYTES: u64 = 1024;

/// Numbers of `vllm bench serve --save-result`, and what they are called here. Its `tpot` is the mean gap between tokens of a request,
/// which is an inter-token latency here, and its `itl` is of single gaps.
const VLLM_TIMES: [(&str, &str); 4] = [
    ("ttft", "time_to_first_token"),
    ("tpot", "inter_token_latency"),
    ("itl", "inter_chunk_latency"),
    ("e2el", "request_latency"),
];

const VLLM_STATISTICS: [(&str, &str); 7] = [
    ("mean", "avg"),
    ("median", "p50"),
    ("std", "std"),
    ("p90", "p90"),
    ("p95", "p95"),
    ("p99", "p99"),
    ("p99.9", "p99.9"),
];

const VLLM_RATES: [(&str, &str, &str); 2] = [
    ("request_throughput", "request_throughput", "requests/sec"),
    ("output_throughput", "output_token_throughput", "tokens/sec"),
];

/// The file of results that stands at a path, if another tool wrote it: the file itself, or the one in AIPerf's folder.
pub(super) fn file_at(path: &Path) -> Option<PathBuf> {
    let inside = path.join(AIPERF);
    if inside.is_file() { Some(inside) } else { path.is_file().then(|| path.to_owned()) }
}

/// The numbers of such a file.
///
/// # Errors
/// It cannot be read, or is of no tool that is known.
pub(super) fn read(path: &Path) -> io::Result<Measured> {
    let found: Value = serde_json::from_slice(&bounded::read(path, MOST_MEGABYTES)?)?;
    let measured =
        if found["request_throughput"].is_number() { of_vllm(&found) } else { Measured::of(&found) };
    if measured.numbers.is_empty() {
        let message = "it has no results of AIPerf, of vLLM or of prony";
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(measured)
}

fn of_vllm(found: &Value) -> Measured {
    let mut numbers = Vec::new();
    let mut units = BTreeMap::new();
    for (theirs, ours) in VLLM_TIMES {
        for (name, statistic) in VLLM_STATISTICS {
            let number = found[format!("{name}_{theirs}_ms")].as_f64();
            numbers.extend(number.map(|number| (Key::new(ours, statistic), number)));
        }
        units.insert(ours.to_owned(), "ms".to_owned());
    }
    for (theirs, ours, unit) in VLLM_RATES {
        numbers.extend(found[theirs].as_f64().map(|number| (Key::new(ours, "avg"), number)));
        units.insert(ours.to_owned(), unit.to_owned());
    }
    Measured { numbers, units, incomplete: None, slo: Vec::new() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_json(content: &Value) -> io::Result<Measured> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content.to_string()).unwrap();
        read(file.path())
    }

    #[test]
    fn results_of_vllm_have_our_names() {
        let measured = read_json(&json!({
            "backend": "vllm", "completed": 100, "request_throughput": 4.5, "output_throughput": 900.25,
            "mean_ttft_ms": 31.5, "median_ttft_ms": 30.0, "p99_ttft_ms": 60.5, "median_tpot_ms": 8.25,
        }));
        let measured = measured.unwrap();
        let get = |metric: &str, statistic: &str| measured.get(&Key::new(metric, statistic));
        assert_eq!(get("time_to_first_token", "p50"), Some(30.0));
        assert_eq!(get("inter_token_latency", "p50"), Some(8.25));
        assert_eq!(get("output_token_throughput", "avg"), Some(900.25));
        assert_eq!(get("request_latency", "p50"), None);
    }

    #[test]
    fn results_of_aiperf_are_read_and_another_file_is_refused() {
        let measured = read_json(&json!({
            "schema_version": "1.4", "aiperf_version": "0.13.0", "is_complete": true,
            "time_to_first_token": { "unit": "ms", "avg": 34.24, "p50": 33.9 },
        }));
        assert_eq!(measured.unwrap().get(&Key::new("time_to_first_token", "p50")), Some(33.9));
        let error = read_json(&json!({ "hello": 1 })).unwrap_err();
        assert!(error.to_string().contains("no results"), "{error}");
    }
}
