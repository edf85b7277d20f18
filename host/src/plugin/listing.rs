//! What there is, as values to be shown: winners, those they shadow, and what the manifests say of each.

use std::{path::PathBuf, sync::Arc};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    catalogue::{Candidate, Kind, conflict},
    entry::{Category, Class, Entry, Isolation, Origin},
    fault::Fault,
    integrity::Digest,
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

#[derive(Debug)]
pub(crate) struct ListedEntry {
    pub(crate) category: Category,
    /// `library:Type`.
    pub(crate) class: Class,
    /// One sentence.
    pub(crate) description: String,
    /// The highest wins.
    pub(crate) priority: i32,
    /// It asks for a process of its own.
    pub(crate) isolated: bool,
    /// What its library must hash to.
    pub(crate) integrity: Option<Digest>,
    /// Its library, or why there is none.
    pub(crate) library: Result<PathBuf, Fault>,
    /// Its metadata, defaults filled in, in the order of the contract.
    pub(crate) metadata: Map<String, Value>,
    /// The manifest it stands in.
    pub(crate) origin: Arc<Origin>,
}

impl Listed {
    pub(super) fn of<K: Kind>(candidates: &[Candidate<K>], libraries: &Libraries) -> Self {
        let entries =
            candidates.iter().map(|candidate| ListedEntry::of(K::CATEGORY, &candidate.entry, libraries));
        Self {
            category: K::CATEGORY,
            name: candidates.first().map(|winner| winner.entry.name.clone()).unwrap_or_default(),
            entries: entries.collect(),
            conflicting: conflict(candidates).is_some(),
        }
    }
}

/// How an entry stands to the others of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntryState {
    Used,
    /// Another one is used; the reason fits after "because".
    Shadowed {
        /// The manifest of the one that is used.
        by: PathBuf,
        /// Why that one goes before, as a piece of a sentence.
        reason: &'static str,
    },
    /// It and this other one have equal right, so that neither is used.
    Conflict {
        /// The other's manifest.
        with: PathBuf,
    },
}

impl EntryState {
    /// Its name in JSON.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Shadowed { .. } => "shadowed",
            Self::Conflict { .. } => "conflict",
        }
    }
}

impl Listed {
    /// How the entry at this position stands.
    pub(crate) fn state(&self, position: usize) -> EntryState {
        let manifest =
            |at: usize| self.entries.get(at).map(|entry| entry.origin.manifest.clone()).unwrap_or_default();
        match position {
            0 if self.conflicting => EntryState::Conflict { with: manifest(1) },
            1 if self.conflicting => EntryState::Conflict { with: manifest(0) },
            0 => EntryState::Used,
            _ => EntryState::Shadowed { by: manifest(0), reason: self.reason(position) },
        }
    }

    /// Why the first entry goes before the one at this position.
    fn reason(&self, position: usize) -> &'static str {
        let priority = |at: usize| self.entries.get(at).map(|entry| entry.priority);
        if priority(0) == priority(position) {
            "at equal priority an external plugin package goes before the built-in one"
        } else {
            "its priority is higher"
        }
    }
}

impl ListedEntry {
    fn of<M: Serialize>(category: Category, entry: &Entry<M>, libraries: &Libraries) -> Self {
        Self {
            category,
            class: entry.class.clone(),
            description: entry.description.clone(),
            priority: entry.priority,
            isolated: entry.isolation == Isolation::Process,
            integrity: entry.integrity,
            library: libraries.locate(entry),
            metadata: fields(&entry.metadata),
            origin: Arc::clone(&entry.origin),
        }
    }
}

/// The fields of a struct.
fn fields(metadata: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(metadata) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
