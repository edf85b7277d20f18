//! What agents have measured, on its way into the journal of their run.

use std::{fs, path::Path};

use super::event_source::EventSource;
use crate::record::{
    NodeFacts,
    merge::{Merged, NodeJournal},
    recorder::RecorderHandle,
};

/// What became of it, for the end of the run.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// What the report should say.
    pub(super) notes: Vec<String>,
    /// Why the run is not whole, if it is not.
    pub(super) reason: Option<String>,
}

/// Has what agents have measured become part of the journal. Their own journals go when all of it is there.
pub(super) async fn merge(
    recorder: &RecorderHandle,
    journals: Vec<NodeJournal>,
    events: &mut EventSource,
) -> Collected {
    if journals.is_empty() {
        return Collected::default();
    }
    let folders: Vec<_> = journals.iter().map(|journal| journal.dir.clone()).collect();
    let merged = recorder.merge(journals);
    let not_whole = |reason: String| Collected { notes: Vec::new(), reason: Some(reason) };
    match events.unless_interrupted(move || merged.recv()).await {
        Some(Ok(Ok(Merged { nodes, notes, .. }))) => {
            let missing: Vec<String> = nodes.iter().filter_map(what_is_missing).collect();
            if missing.is_empty() {
                folders.iter().for_each(|folder| remove(folder));
            }
            Collected { notes, reason: (!missing.is_empty()).then(|| missing.join("; ")) }
        }
        Some(Ok(Err(error))) => not_whole(format!("what agents have measured is not whole: {error}")),
        // Its alarm has said why the recorder is gone.
        Some(Err(_)) => Collected::default(),
        None => not_whole(
            "what agents have measured was not waited for: `prony collect` brings it together".to_owned(),
        ),
    }
}

/// What is missing of an agent, if anything is.
fn what_is_missing(node: &NodeFacts) -> Option<String> {
    let name = node.called();
    let lost = node.lost.as_ref().map(|loss| format!("the agent `{name}` was lost: {}", loss.reason));
    let missing =
        || node.missing_bytes.map(|bytes| format!("{bytes} bytes of the agent `{name}` are missing"));
    lost.or_else(missing)
        .or_else(|| node.damage.as_ref().map(|damage| format!("of the agent `{name}`: {damage}")))
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        tracing::warn!(%error, folder = %folder.display(), "a journal that is in the run's is still there");
    }
    // The last one takes the folder of all along; it is not empty before.
    if let Some(all) = folder.parent() {
        let _ = fs::remove_dir(all);
    }
}
