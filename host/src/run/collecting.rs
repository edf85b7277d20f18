//! What agents have measured, on its way into the journal of their run.

use super::event_source::EventSource;
use crate::record::{NodeJournal, recorder::RecorderHandle};

/// Has what agents have measured become part of the journal. What the report should say of it.
pub(super) async fn merge(recorder: &RecorderHandle, journals: Vec<NodeJournal>, events: &mut EventSource) -> Vec<String> {
    if journals.is_empty() {
        return Vec::new();
    }
    let merged = recorder.merge(journals);
    match events.unless_interrupted(move || merged.recv()).await {
        Some(Ok(Ok(merged))) => merged.notes,
        Some(Ok(Err(error))) => vec![format!("what agents have measured is not whole: {error}")],
        // Its alarm has said why the recorder is gone.
        Some(Err(_)) => Vec::new(),
        None => vec!["what agents have measured was not waited for: `prony collect` brings it together".to_owned()],
    }
}
