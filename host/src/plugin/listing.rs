//! What there is, as values to be shown: winners, those they shadow, and what the manifests say of each.

use std::{path::PathBuf, sync::Arc};

use serde::Serialize;

use super::{
    catalogue::{Candidate, Kind, conflict},
    entry::{Category, Entry, Isolation, Origin},
    libraries::Libraries,
};

/// Everything of one name.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Where the name is.
    pub(crate) category: Category,
    /// The name, as the winner spells it.
    pub(crate) name: String,
    /// The winner, then those it shadows, in the order in which they would be tried.
    pub(crate) entries: Vec<ListedEntry>,
    /// The first two have equal right, so that the name cannot be used.
    pub(crate) conflicting: bool,
}

/// One entry.
#[derive(Debug)]
pub(crate) struct ListedEntry {
    /// `library:Type`.
    pub(crate) class: String,
    /// One sentence.
    pub(crate) description: String,
    /// The highest wins.
    pub(crate) priority: i32,
    /// It asks for a process of its own.
    pub(crate) isolated: bool,
    /// What its library must hash to.
    pub(crate) integrity: Option<String>,
    /// Its library, or why there is none.
    pub(crate) library: Result<PathBuf, String>,
    /// Its metadata, defaults filled in, in the order of the contract.
    pub(crate) metadata: Vec<(String, String)>,
    /// The manifest it stands in.
    pub(crate) origin: Arc<Origin>,
}

impl Listed {
    pub(super) fn of<K: Kind>(candidates: &[Candidate<K>], libraries: &Libraries) -> Self {
        let entries = candidates.iter().map(|candidate| ListedEntry::of(&candidate.entry, libraries));
        Self {
            category: K::CATEGORY,
            name: candidates.first().map(|winner| winner.entry.name.clone()).unwrap_or_default(),
            entries: entries.collect(),
            conflicting: conflict(candidates).is_some(),
        }
    }
}

impl ListedEntry {
    fn of<M: Serialize>(entry: &Entry<M>, libraries: &Libraries) -> Self {
        Self {
            class: entry.class.to_string(),
            description: entry.description.clone(),
            priority: entry.priority,
            isolated: entry.isolation == Isolation::Process,
            integrity: entry.integrity.map(|digest| digest.to_string()),
            library: libraries.locate(entry).map_err(|fault| fault.to_string()),
            metadata: fields(&entry.metadata),
            origin: Arc::clone(&entry.origin),
        }
    }
}

/// The fields of a flat struct, as text.
fn fields(metadata: &impl Serialize) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(metadata) else { return Vec::new() };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    fields.into_iter().map(|(name, value)| (name, text(value))).collect()
}
