//! From the files of bodies of several nodes to that of their run: [`merge_bodies`].
//!
//! Lines of one node stand behind those of the other, each as the node has written it: secrets are masked already, and what was sent stays as it was,
//! byte for byte. What changes is what a record of the run has otherwise as well: instants are on the run's clock, and workers have their
//! numbers among those of all nodes.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, ErrorKind, Read},
    path::Path,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::{ClockShift, NodeFacts, merge::NodeJournal, raw::RawFile};

/// The longest line, in bytes. A longer one, which may come from anywhere, is several that make no sense.
const LONGEST_LINE: u64 = 256 << 20;

/// A line, as far as it is looked at.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    metadata: Map<String, Value>,
    start_perf_ns: u64,
    #[serde(borrow)]
    request_headers: &'a RawValue,
    status: Option<u16>,
    responses: Vec<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_cut: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// Appends what a node has kept, if it has kept any bodies. A line that is not whole, since its writer was killed, is missing.
pub(super) fn merge_bodies(file: &mut RawFile, node: &NodeJournal) {
    let path = node.dir.join(file.name());
    if let Err(error) = append(file, &path, node) {
        file.lack_one();
        tracing::warn!(%error, path = %path.display(), "bodies of an agent cannot be read");
    }
}

fn append(file: &mut RawFile, path: &Path, node: &NodeJournal) -> io::Result<()> {
    let mut lines = match File::open(path) {
        Ok(lines) => BufReader::new(lines),
        // It had no request.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut line = Vec::new();
    while lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? > 0 {
        match moved(&line, file.wall_start_ns(), &node.facts, &node.clock) {
            Ok(moved) => file.append(&moved),
            Err(error) => {
                file.lack_one();
                tracing::warn!(%error, path = %path.display(), "a line of bodies makes no sense");
            }
        }
        line.clear();
    }
    Ok(())
}

/// A line of a node as one of the run.
fn moved(
    line: &[u8],
    wall_start_ns: u64,
    facts: &NodeFacts,
    clock: &ClockShift,
) -> serde_json::Result<String> {
    let mut line: Line<'_> = serde_json::from_slice(line)?;
    let scheduled = line.metadata.get("credit_issued_ns").and_then(Value::as_u64);
    let scheduled = scheduled.map_or(line.start_perf_ns, |wall_ns| wall_ns.saturating_sub(wall_start_ns));
    let by = clock.of_request(scheduled, line.start_perf_ns);
    let move_in = |object: &mut Map<String, Value>, key: &str| {
        if let Some(value) = object.get_mut(key)
            && let Some(ns) = value.as_u64()
        {
            *value = ns.saturating_add_signed(by).into();
        }
    };
    for key in ["credit_issued_ns", "request_start_ns", "request_end_ns"] {
        move_in(&mut line.metadata, key);
    }
    line.responses.iter_mut().for_each(|response| move_in(response, "perf_ns"));
    line.start_perf_ns = line.start_perf_ns.saturating_add_signed(by);
    if let Some(worker) = line.metadata.get_mut("worker_id")
        && let Some(number) = worker.as_str().and_then(|id| id.strip_prefix("worker_")?.parse::<u32>().ok())
    {
        *worker = format!("worker_{}", number.saturating_add(facts.first_worker)).into();
    }
    if facts.node > 0 {
        line.metadata.insert("node".to_owned(), facts.node.into());
    }
    serde_json::to_string(&line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::ExportLevel, record::RunHeader};

    const WALL: u64 = 1_000_000;

    fn line(number: u64, payload: &str) -> String {
        format!(
            "{{\"metadata\":{{\"session_num\":{number},\"credit_issued_ns\":{},\"request_start_ns\":{},\"request_end_ns\":{},\
             \"worker_id\":\"worker_1\"}},\"start_perf_ns\":200,\"request_headers\":{{\"payload\":\"x\"}},\"status\":200,\
             \"responses\":[{{\"perf_ns\":300,\"text\":\"a\"}}],\"payload\":{payload}}}\n",
            WALL + 190,
            WALL + 200,
            WALL + 310
        )
    }

    fn node(dir: &Path) -> NodeJournal {
        let facts = NodeFacts { node: 1, first_worker: 4, ..NodeFacts::default() };
        NodeJournal { dir: dir.to_owned(), facts, clock: ClockShift(vec![(0, -50)]) }
    }

    /// What a node with this text in its file adds to that of a run: its lines, and how many are missing.
    fn merged(text: Option<&str>) -> (Vec<String>, u64) {
        let (of_run, of_node) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut header = RunHeader::lost();
        header.settings.exports.level = ExportLevel::Raw;
        header.wall_start_ns = WALL;
        let mut file = RawFile::of(of_run.path(), &header).unwrap();
        if let Some(text) = text {
            std::fs::write(of_node.path().join(file.name()), text).unwrap();
        }
        merge_bodies(&mut file, &node(of_node.path()));
        file.flush();
        let text = std::fs::read_to_string(of_run.path().join(file.name())).unwrap_or_default();
        (text.lines().map(str::to_owned).collect(), file.missing())
    }

    #[test]
    fn instants_and_workers_are_those_of_the_run_and_the_rest_is_as_it_was() {
        let (lines, missing) = merged(Some(&line(7, "{\"temperature\":1.50, \"n\": 1e2}")));
        assert_eq!((lines.len(), missing), (1, 0));
        assert!(lines[0].ends_with(",\"payload\":{\"temperature\":1.50, \"n\": 1e2}}"), "{}", lines[0]);
        let found: Value = serde_json::from_str(&lines[0]).unwrap();
        let metadata = &found["metadata"];
        assert_eq!(metadata["credit_issued_ns"], WALL + 140);
        assert_eq!(metadata["request_start_ns"], WALL + 150);
        assert_eq!(metadata["request_end_ns"], WALL + 260);
        assert_eq!((&metadata["worker_id"], &metadata["node"]), (&"worker_5".into(), &1.into()));
        assert_eq!((&found["start_perf_ns"], &found["responses"][0]["perf_ns"]), (&150.into(), &250.into()));
        assert_eq!(found["request_headers"]["payload"], "x");
        assert!(found.get("is_cut").is_none() && found.get("error").is_none(), "{found}");
    }

    #[test]
    fn a_line_that_is_cut_is_missing_and_the_others_are_there() {
        let (whole, cut) = (line(1, "{}"), line(2, "{}"));
        let (lines, missing) = merged(Some(&format!("{whole}{}", &cut[..cut.len() / 2])));
        assert_eq!((lines.len(), missing), (1, 1));
    }

    #[test]
    fn a_node_without_bodies_adds_none() {
        assert_eq!(merged(None), (Vec::new(), 0));
    }
}
