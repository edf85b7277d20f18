//! The bodies of requests and responses of a run with agents: `--export-level raw`.

use prony_tests::{MockServer, NatsServer};
use serde_json::Value;

use super::{Agents, controller};

#[test]
fn bodies_of_all_agents_are_in_one_file_and_agree_with_the_records() {
    let Some(nats) = NatsServer::if_here() else { return };
    let agents = Agents::start(&nats, &["a", "b"]);
    let server = MockServer::start(["--tokens", "2", "--ttft-ms", "5"]);
    let load = ["--concurrency", "4", "--request-count", "40", "--osl", "2", "--export-level", "raw"];
    let run = controller(&nats, server.url(), "2").args(load).run();
    let raw = run.succeeds().read("profile_export_raw.jsonl");
    let lines: Vec<Value> = raw.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 40);
    let records = run.records();
    for line in &lines {
        let of_line = &line["metadata"];
        let same = |record: &&Value| record["metadata"]["x_request_id"] == of_line["x_request_id"];
        let of_record = &records.iter().find(same).unwrap()["metadata"];
        for key in ["node", "worker_id", "session_num", "request_start_ns", "request_end_ns"] {
            assert_eq!(of_line[key], of_record[key], "{key}: {line}");
        }
        assert_eq!((&line["payload"]["model"], &line["status"]), (&"m".into(), &200.into()));
        assert!(!line["responses"].as_array().unwrap().is_empty(), "{line}");
    }
    assert!(lines.iter().any(|line| line["metadata"]["node"] == 1), "both agents have sent some");
    assert!(agents.kept().is_empty() && !run.artifact("agents").exists(), "what came is in the run's folder");
}
