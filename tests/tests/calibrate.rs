//! The tool measures itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use prony_tests::{MockServer, Tool};
use serde_json::Value;

/// Whether a rung holds depends on the machine and on what else it does; that each is measured does not.
#[test]
fn every_rung_that_was_climbed_is_told_and_kept() {
    let run = Tool::new(["calibrate", "--streams", "4,2", "--rates", "20", "--json"]).run();
    run.succeeds();
    let calibration: Value = serde_json::from_str(&run.stdout).unwrap();
    let rungs = calibration["rungs"].as_array().unwrap();
    assert_eq!(rungs[0]["load"], serde_json::json!({ "streams": 2 }), "the lowest comes first");
    assert_eq!(rungs.last().unwrap()["load"], serde_json::json!({ "rate": 20 }));
    let otherwise =
        rungs.iter().find(|rung| rung["load"] == serde_json::json!({ "other_tokens": 2 })).unwrap();
    // To subtract tokens of two counters would be off by more than 3 ms.
    assert!(otherwise["errors"]["inter_token_ms"].as_f64().unwrap() < 2.0, "{otherwise}");
    assert_eq!(otherwise["errors"]["failed"], 0, "{otherwise}");
    for rung in rungs {
        assert!(rung["errors"]["first_token_ms"].as_f64().unwrap() > 0.0, "{rung}");
        assert!(rung["tokens_per_s"].as_f64().unwrap() > 0.0, "{rung}");
        assert!(rung["cpu_us_per_token"].as_f64().unwrap() > 0.0, "{rung}");
    }
    let kept = fs::read_to_string(run.dir().join("state/prony/calibration/chat.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), calibration);
}

/// Each API format is calibrated by itself, and a run in another one is not doubted for it.
#[test]
fn an_api_format_has_a_calibration_of_its_own() {
    for endpoint in ["messages", "llamacpp-completion"] {
        let tool = Tool::new(["calibrate", "--streams", "2", "--rates", "20", "--endpoint-type", endpoint]);
        let run = tool.run();
        run.succeeds();
        let file = format!("calibration/{}.json", endpoint.replace('-', "_"));
        assert!(run.stdout.contains(&file), "{}", run.stdout);
        assert!(run.dir().join("state/prony").join(file).is_file());
    }
}

#[test]
fn an_api_format_without_streams_cannot_be_calibrated() {
    let run = Tool::new(["calibrate", "--endpoint-type", "kserve_v2"]).run();
    run.ends_with(1);
    assert!(
        run.stderr.contains("stream from the endpoint `kserve_v2`: its responses come in one piece"),
        "{}",
        run.stderr
    );
}

fn keep(dir: &Path, streams: u64) {
    let cores = std::thread::available_parallelism().unwrap().get();
    let calibration = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"), "endpoint_type": "chat", "cores": cores, "rungs": [],
        "limits": { "streams": streams, "tokens_per_s": 1000.0, "rate": 100 },
    });
    fs::create_dir_all(dir.join("state/prony/calibration")).unwrap();
    fs::write(dir.join("state/prony/calibration/chat.json"), calibration.to_string()).unwrap();
}

#[test]
fn a_run_beyond_what_was_calibrated_is_doubted() {
    let server = MockServer::start([]);
    for (streams, doubted) in [(3, true), (4, false)] {
        let tool = Tool::profile(&server).args(["--concurrency", "4", "--request-count", "4", "--osl", "1"]);
        keep(tool.dir(), streams);
        let run = tool.run();
        run.succeeds();
        let doubt = "4 streams may be too many for this machine: `prony calibrate` found results accurate up to 3 streams";
        assert_eq!(run.stderr.contains(doubt), doubted, "{}", run.stderr);
    }
}

#[test]
fn a_calibration_that_cannot_be_read_is_none() {
    let server = MockServer::start([]);
    let tool = Tool::profile(&server).args(["--request-count", "1", "--osl", "1"]);
    fs::create_dir_all(tool.dir().join("state/prony/calibration")).unwrap();
    fs::write(tool.dir().join("state/prony/calibration/chat.json"), "{").unwrap();
    let run = tool.run();
    assert_eq!(run.succeeds().stderr, "");
}
