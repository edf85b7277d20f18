//! Checks manifests and their libraries, and tells everything that it finds rather than the first.
//!
//! The noun is the [`Finding`]. Nothing here runs a plugin's code but [`probe`], which is made to be run in a process
//! that may crash.

mod conflicts;
mod examined;
mod finding;
mod format;
mod libraries;
pub(crate) mod probe;

use std::{
    collections::HashSet,
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    discovery::{self, DiscoveryOptions, SearchLocation},
    entry::{Origin, Tier},
    error::PluginError,
    manifest::{self, FILE_NAME},
    policy::PolicyInForce,
    trust::Trust,
};
use crate::{config::policy::PluginPolicy, explain::Explain};
use examined::Examined;
pub(crate) use finding::{Finding, Severity};
use probe::Target;

/// Everything about some manifests.
#[derive(Debug, Default)]
pub(crate) struct Validation {
    /// The manifests that were looked at, from low to high.
    pub(crate) manifests: Vec<PathBuf>,
    /// What is wrong with them, in the order of files and lines.
    pub(crate) findings: Vec<Finding>,
    /// What may be opened to find out more.
    pub(crate) targets: Vec<Target>,
}

impl Validation {
    /// How many findings are as grave as this.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Puts the findings in the order of files and lines.
    pub(crate) fn sort(&mut self) {
        let place = |file: &Path| self.manifests.iter().position(|other| other == file);
        self.findings.sort_by_key(|finding| (place(&finding.file), finding.line));
    }
}

/// Checks these manifests or folders of packs; without any, all that are discovered.
///
/// # Errors
/// The plugin policy or the lock file cannot be read.
pub(crate) fn validate(options: &DiscoveryOptions, paths: &[PathBuf]) -> Result<Validation, PluginError> {
    let policy = options.policy.decide()?;
    let lock = options.lock.read()?;
    let (places, problems) = discovery::places(options);
    let trust = Trust::of_this_process();
    let mut all: Vec<Examined> = Vec::new();
    for place in once_each(places) {
        if place.tier == Tier::BuiltIn || policy.policy != PluginPolicy::Builtin {
            all.push(examine(&place, &trust));
        } else if paths.is_empty() {
            all.push(unread(&place, &policy));
        }
    }
    let mut wanted: HashSet<PathBuf> = all.iter().map(|one| one.origin.manifest.clone()).collect();
    if !paths.is_empty() {
        wanted.clear();
        for path in paths {
            let manifest = manifest_of(path);
            let real = manifest.canonicalize().unwrap_or_else(|_| manifest.clone());
            if wanted.insert(real.clone()) && !all.iter().any(|one| one.origin.manifest == real) {
                all.push(examine(&SearchLocation { manifest, tier: Tier::CommandLine, packs: None }, &trust));
            }
        }
    }
    let mut validation = Validation::default();
    conflicts::find(&mut all, &wanted);
    for mut one in all.into_iter().filter(|one| wanted.contains(&one.origin.manifest)) {
        let own =
            if paths.is_empty() { own_folder(&one.origin) } else { built_folders(&one.origin.manifest) };
        let folders: Vec<PathBuf> = own.into_iter().chain(options.library_folders()).collect();
        validation.targets.extend(libraries::check(
            &mut one,
            &folders,
            Some(&policy),
            lock.as_deref(),
            &trust,
        ));
        validation.manifests.push(one.origin.manifest.clone());
        validation.findings.extend(one.findings);
    }
    if paths.is_empty() {
        validation.findings.extend(problems.iter().map(|problem| Finding {
            file: problem.place().to_owned(),
            line: None,
            severity: Severity::Error,
            text: format!("failed to {}", super::chain(problem)),
            hint: "correct PRONY_PLUGIN_PATH, or make the folder readable".to_owned(),
        }));
    }
    validation.sort();
    Ok(validation)
}

/// Checks one manifest by itself, its libraries in these folders. A missing hash is no finding: this is for those who
/// write them.
pub(super) fn validate_one(manifest: &Path, folders: &[PathBuf]) -> Validation {
    let place = SearchLocation { manifest: manifest.to_owned(), tier: Tier::CommandLine, packs: None };
    let trust = Trust::of_this_process();
    let mut one = examine(&place, &trust);
    let targets = libraries::check(&mut one, folders, None, None, &trust);
    let manifests = vec![one.origin.manifest.clone()];
    let mut validation = Validation { manifests, findings: one.findings, targets };
    validation.sort();
    validation
}

/// The manifest that a path of the user's means.
pub(super) fn manifest_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() }
}

fn once_each(places: Vec<SearchLocation>) -> impl Iterator<Item = SearchLocation> {
    let mut seen = HashSet::new();
    places.into_iter().filter(move |place| match place.manifest.canonicalize() {
        Ok(real) => seen.insert(real),
        Err(_) => true,
    })
}

fn own_folder(origin: &Origin) -> Vec<PathBuf> {
    origin.manifest.parent().map(Path::to_owned).into_iter().collect()
}

/// Where the libraries of a manifest that the user names are looked for first: beside it, and where cargo builds those of a
/// crate.
pub(super) fn built_folders(manifest: &Path) -> Vec<PathBuf> {
    let Some(folder) = manifest.parent() else { return Vec::new() };
    let mut folders = vec![folder.to_owned()];
    if folder.join("Cargo.toml").exists() {
        let target = env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
        let target = target.map_or_else(|| folder.join("target"), PathBuf::from);
        folders.extend([target.join("release"), target.join("debug")]);
    }
    folders
}

fn examine(place: &SearchLocation, trust: &Trust) -> Examined {
    let real = place.manifest.canonicalize().unwrap_or_else(|_| place.manifest.clone());
    let origin = Arc::new(Origin { manifest: real, tier: place.tier });
    let mut one = Examined::new(origin);
    for fault in discovery::distrust(place, &one.origin.manifest, trust) {
        one.find(Severity::Error, None, fault.to_string(), fault.hint());
    }
    match manifest::read_file(&one.origin.manifest) {
        Ok(text) => format::check(&mut one, &text),
        Err(problem) => {
            let error = manifest::ManifestError { file: one.origin.manifest.clone(), line: None, problem };
            one.find(Severity::Error, None, error.problem.to_string(), error.hint());
        }
    }
    one
}

fn unread(place: &SearchLocation, policy: &PolicyInForce) -> Examined {
    let manifest = place.manifest.canonicalize().unwrap_or_else(|_| place.manifest.clone());
    let mut one = Examined::new(Arc::new(Origin { manifest, tier: place.tier }));
    let hint = "name its file to check it all the same".to_owned();
    one.find(Severity::Warning, None, format!("it is not read: {policy} leaves it out"), hint);
    one
}
