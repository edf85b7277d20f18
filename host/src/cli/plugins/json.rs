//! What there is, as JSON: the one place that names the keys of `list --json` and `show --json`.
//!
//! `list`: `schema_version`, `plugin_policy` (`name`, `set_by`), `packs` (`manifest`, `tier`, `endpoints`, `services`:
//! counts), `endpoints` and `services` (lists of names as below), `problems` (`file`, `text`).
//!
//! `show`, and each name of a list: `category`, `name`, `conflicting`, and `entries`, the one that is used first. An
//! entry: `state` (`used`, `shadowed`, `conflict`), `by` and `reason` if it is not used, `manifest`, `tier`, `class`,
//! `description`, `priority`, `isolation` (`none`, `process`), `integrity`, `metadata`, and `library`: `file`, `faults`
//! (`text`, `hint`; empty in a sound one), and as far as it can be read `size`, `sha256`, `package`, `version`,
//! `contract`, `needs_contract`, `rustc`, `opt_level`, `target`, `panic`, `capabilities` (what it says that it uses: `network`, `files`,
//! `threads`, `environment`; null: not stated), `options` (a JSON Schema), and of a service
//! `subscriptions` and `publishes` (null: unknown).
//!
//! Compatibility: within a `schema_version`, keys are only ever added.

use serde_json::{Map, Value, json};

use crate::plugin::{Category, EntryState, Inspection, Inspections, Listed, ListedEntry, Registry, chain};

/// Version of the objects that `--json` prints: within it, keys are only ever added.
pub(super) const JSON_VERSION: u32 = 1;

/// A JSON object as it is printed.
pub(super) fn write_json(object: &Value) -> String {
    format!("{object:#}\n")
}

/// Everything of the categories that are asked for.
pub(super) fn everything(registry: &Registry, asked: impl Fn(Category) -> bool) -> Value {
    let mut object = Map::new();
    object.insert("schema_version".to_owned(), JSON_VERSION.into());
    object.insert("plugin_policy".to_owned(), policy(registry));
    let packs = registry.packs().iter().map(|pack| {
        json!({
            "manifest": pack.origin.manifest, "tier": pack.origin.tier.to_string(),
            "endpoints": pack.endpoints, "services": pack.services,
        })
    });
    object.insert("packs".to_owned(), packs.collect());
    let mut inspections = Inspections::new();
    for category in Category::ALL.into_iter().filter(|category| asked(*category)) {
        let listed = registry.list(category);
        let names = listed.iter().map(|listed| Value::Object(name(listed, &mut inspections))).collect();
        object.insert(format!("{category}s"), names);
    }
    object.insert("problems".to_owned(), problems(registry));
    Value::Object(object)
}

/// Everything of one name.
pub(super) fn entry(listed: &Listed, registry: &Registry) -> Value {
    let mut object = Map::new();
    object.insert("schema_version".to_owned(), JSON_VERSION.into());
    object.insert("plugin_policy".to_owned(), policy(registry));
    object.extend(name(listed, &mut Inspections::new()));
    object.insert("problems".to_owned(), problems(registry));
    Value::Object(object)
}

fn policy(registry: &Registry) -> Value {
    let policy = registry.policy();
    json!({ "name": policy.policy.name(), "set_by": policy.source.to_string() })
}

/// What was skipped.
pub(super) fn problems(registry: &Registry) -> Value {
    let problems = registry.problems().iter();
    problems
        .map(|problem| json!({ "file": problem.place(), "text": format!("failed to {}", chain(problem)) }))
        .collect()
}

fn name(listed: &Listed, inspections: &mut Inspections) -> Map<String, Value> {
    let entries = listed.entries.iter().enumerate();
    let entries: Value =
        entries.map(|(at, entry)| one(entry, &listed.state(at), &inspections.whole(entry))).collect();
    let object = json!({
        "category": listed.category.name(), "name": listed.name, "conflicting": listed.conflicting, "entries": entries,
    });
    match object {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn one(entry: &ListedEntry, state: &EntryState, inspection: &Inspection) -> Value {
    let (by, reason) = match state {
        EntryState::Used => (None, None),
        EntryState::Shadowed { by, reason } => (Some(by), Some(*reason)),
        EntryState::Conflict { with } => (Some(with), Some("neither has a higher priority")),
    };
    json!({
        "state": state.name(), "by": by, "reason": reason,
        "manifest": entry.origin.manifest, "tier": entry.origin.tier.to_string(),
        "class": entry.class.to_string(), "description": entry.description, "priority": entry.priority,
        "isolation": if entry.isolated { "process" } else { "none" },
        "integrity": entry.integrity.map(|digest| digest.to_string()),
        "metadata": entry.metadata, "library": library(entry, inspection),
    })
}

fn library(entry: &ListedEntry, inspection: &Inspection) -> Value {
    let mut object = Map::new();
    object.insert("file".to_owned(), json!(entry.library.as_ref().ok()));
    let faults = inspection.faults().iter().map(|(text, hint)| json!({ "text": text, "hint": hint }));
    object.insert("faults".to_owned(), faults.collect());
    object.extend(inspection.facts(entry.category).into_iter().map(|(name, fact)| (name.to_owned(), fact)));
    Value::Object(object)
}
