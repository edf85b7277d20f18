//! What was done around the load, as the report tells it.

use super::*;
use crate::record::Mark;

fn mark(name: &str, from_ms: u64, to_ms: u64) -> Mark {
    Mark {
        name: name.into(),
        begin_ns: from_ms * MS,
        end_ns: to_ms * MS,
        outcome: "ok".into(),
        ..Mark::default()
    }
}

#[test]
fn marks_have_their_instants_on_the_clock_of_the_phases() {
    let mut frames = sound_frames();
    let failed = Mark {
        phase: Some(1),
        outcome: "timed_out".into(),
        reason: Some("it took longer than 1 s".into()),
        output: Some("hooks/2-after_phase.txt".into()),
        ..mark("after_phase", 1200, 2200)
    };
    frames.insert(1, Frame::Mark(mark("reset_kv_cache", 0, 30)));
    frames.insert(frames.len() - 1, Frame::Mark(failed));
    let dir = write(&frames);
    let report = generate(dir.path()).unwrap();
    let summary = summary(dir.path());
    let start = report.header.wall_start_ns;
    assert_eq!(
        summary["marks"],
        serde_json::json!([
            {
                "name": "reset_kv_cache", "begin_ns": start, "end_ns": start + 30 * MS, "duration_s": 0.03, "outcome": "ok"
            },
            {
                "name": "after_phase", "phase": 1, "begin_ns": start + 1200 * MS, "end_ns": start + 2200 * MS,
                "duration_s": 1.0, "outcome": "timed_out", "reason": "it took longer than 1 s",
                "output": "hooks/2-after_phase.txt"
            },
        ])
    );
    let line = "around the load: reset kv cache (0.03 s), after profiling (1.00 s, timed out)";
    assert!(text(dir.path(), file_names::CONSOLE).lines().any(|shown| shown.trim_start() == line));
}

#[test]
fn a_run_without_any_has_no_word_of_them() {
    let dir = write(&sound_frames());
    generate(dir.path()).unwrap();
    assert_eq!(summary(dir.path()).get("marks"), None);
    assert!(!text(dir.path(), file_names::CONSOLE).contains("around the load"));
}
