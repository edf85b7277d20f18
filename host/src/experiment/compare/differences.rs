//! Whether the runs of two sides have the same settings.

use std::collections::BTreeSet;

use serde_json::Value;

use super::side::{Side, SideRun};

/// A setting that two runs do not have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) setting: String,
    /// Its values in both runs, as JSON; nothing where it is not set.
    pub(crate) values: [Option<String>; 2],
}

/// In what the runs of the same cells differ, of both sides and within a side: each run is compared with the first one. Sides whose
/// cells have other names have none in common.
pub(crate) fn differences(first: &Side, second: &Side) -> Vec<Difference> {
    let mut found: Vec<Difference> = Vec::new();
    for (name, runs) in &first.cells {
        let Some(others) = second.cells.get(name) else { continue };
        // Of other tools' runs and of old ones no settings are known.
        let mut known = runs.iter().chain(others).filter(|run| !run.settings.is_empty());
        let Some(reference) = known.next() else { continue };
        for difference in known.flat_map(|run| differences_of(reference, run)) {
            if !found.contains(&difference) {
                found.push(difference);
            }
        }
    }
    found
}

fn differences_of(one: &SideRun, other: &SideRun) -> Vec<Difference> {
    let keys: BTreeSet<&String> = one.settings.keys().chain(other.settings.keys()).collect();
    let differ = keys.into_iter().filter(|key| one.settings.get(*key) != other.settings.get(*key));
    differ
        .map(|key| Difference {
            setting: key.clone(),
            values: [one, other].map(|run| run.settings.get(key).map(Value::to_string)),
        })
        .collect()
}
