//! What agents have measured, on its way into the journal of their run.

use std::{fs, path::PathBuf};

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
    /// Folders of agents, all of which is in the journal.
    pub(super) folders: Vec<PathBuf>,
}

impl Collected {
    /// The user did not want to wait for it.
    pub(super) fn not_waited_for(is_of_agents: bool) -> Self {
        let note = "what agents have measured was not waited for: `prony collect` brings together what they have kept";
        Self { notes: is_of_agents.then(|| note.to_owned()).into_iter().collect(), ..Self::default() }
    }
}

/// Has what agents have measured become part of the journal.
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
    let not_whole = |reason: String| Collected { reason: Some(reason), ..Collected::default() };
    match events.unless_interrupted(move || merged.recv()).await {
        Some(Ok(Ok(Merged { nodes, notes, .. }))) => {
            let missing: Vec<String> = nodes.iter().filter_map(what_is_missing).collect();
            let is_whole = missing.is_empty();
            let reason = (!is_whole).then(|| missing.join("; "));
            Collected { notes, reason, folders: if is_whole { folders } else { Vec::new() } }
        }
        Some(Ok(Err(error))) => not_whole(format!("what agents have measured is not whole: {error}")),
        // Its alarm has said why the recorder is gone.
        Some(Err(_)) => Collected::default(),
        None => Collected::not_waited_for(true),
    }
}

/// What is missing of an agent, if anything is.
fn what_is_missing(node: &NodeFacts) -> Option<String> {
    let name = node.called();
    let lost = node.lost.as_ref().map(|loss| format!("the agent `{name}` {}", loss.says()));
    let missing =
        || node.missing_bytes.map(|bytes| format!("{bytes} bytes of the agent `{name}` are missing"));
    lost.or_else(missing)
        .or_else(|| node.damage.as_ref().map(|damage| format!("of the agent `{name}`: {damage}")))
}

/// Removes folders of agents when the journal is on the disk that all of it stands in.
pub(super) fn remove(folders: &[PathBuf]) {
    for folder in folders {
        if let Err(error) = fs::remove_dir_all(folder) {
            tracing::warn!(%error, folder = %folder.display(), "a journal that is in the run's is still there");
        }
        // The last one takes the folder of all along; it is not empty before.
        if let Some(all) = folder.parent() {
            let _ = fs::remove_dir(all);
        }
    }
}
