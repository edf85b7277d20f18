//! The settings of runs, and whether those of two sides are the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use serde_json::Value;

use super::{
    Side,
    side::{SideError, SideRun},
};
use crate::{bounded, config::yaml, report::file_names};

/// Settings that may differ: what is compared and how it is reached, where results go, and what is done around a run.
const MAY_DIFFER: [&str; 14] = [
    "url",
    "api_key",
    "proxy",
    "random_seed",
    "artifact_dir",
    "overwrite",
    "ui",
    "server_metrics",
    "server_metrics_header",
    "before_run",
    "after_run",
    "before_phase",
    "after_phase",
    "hook_timeout",
];

/// The settings of a run by key, without those that may differ; none where it has no file of them, as older runs.
pub(super) fn read(dir: &Path) -> Result<BTreeMap<String, Value>, SideError> {
    let path = dir.join(file_names::SETTINGS);
    let unread = |source| SideError::Settings { path: path.clone(), source };
    let bytes = match bounded::read(&path, yaml::MOST_MEGABYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(unread(error)),
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut settings: BTreeMap<String, Value> =
        yaml::parse(&text).map_err(|error| unread(io::Error::new(io::ErrorKind::InvalidData, error.text)))?;
    settings.retain(|key, _| !MAY_DIFFER.contains(&key.as_str()));
    Ok(settings)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_target_is_and_what_is_done_around_a_run_may_differ_and_headers_may_not() {
        let dir = tempfile::tempdir().unwrap();
        let text = "url: http://a\nheader: 'X-Key:${SECRET_OF_HEADER}'\nserver_metrics: http://a/metrics\nafter_run: echo\nosl: 4\n";
        std::fs::write(dir.path().join(file_names::SETTINGS), text).unwrap();
        let settings = read(dir.path()).unwrap();
        assert_eq!(settings.keys().collect::<Vec<_>>(), ["header", "osl"]);
    }
}
