//! The libraries that a manifest names, looked at without running any of their code.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use prony_plugin_api::version::TARGET;

use super::{
    examined::{Examined, Subject},
    finding::Severity,
    probe::Target,
};
use crate::{
    config::policy::PluginPolicy,
    explain::Explain,
    lockfile::Lockfile,
    plugin::{
        entry::{Category, Tier},
        fault::Fault,
        ladder::{self, Hashing, Survey, Surveys},
        libraries::find_in,
        policy::PolicyInForce,
        trust::Trust,
    },
};

/// Adds findings about the libraries of a manifest, which are looked for in these folders. Returns what may be opened.
/// Without a policy, a missing hash is no finding. With a lock file, each of them must be what was locked.
pub(super) fn check(
    one: &mut Examined,
    folders: &[PathBuf],
    policy: Option<&PolicyInForce>,
    lock: Option<&Lockfile>,
    trust: &Trust,
) -> Vec<Target> {
    let name = policy.map(|policy| policy.policy).unwrap_or_default();
    descriptions(one);
    let mut checks = LibraryChecks { surveys: Surveys::default(), seen: HashSet::new(), lock, trust };
    // What is wrong with the manifest's own folder was said of the manifest.
    checks.seen.extend(one.findings.iter().map(|finding| finding.text.clone()));
    let mut targets = Vec::new();
    for subject in one.subjects.clone() {
        let is_locked = lock.is_some_and(|lock| lock.has_library(&subject.class.library, TARGET));
        let sound = is_locked || policy.is_none_or(|policy| pinned(one, &subject, policy));
        let elsewhere = name == PluginPolicy::Any || subject.integrity.is_some() || lock.is_some();
        let folders = if elsewhere { folders } else { &folders[..folders.len().min(1)] };
        let target = checks.check(one, &subject, folders);
        let allowed = one.origin.tier == Tier::BuiltIn || name != PluginPolicy::Builtin;
        targets.extend(target.filter(|_| sound && allowed));
    }
    targets
}

fn descriptions(one: &mut Examined) {
    let described = |text: &String| !text.trim().is_empty();
    let endpoints = one.manifest.endpoints.iter().map(|entry| (&entry.name, &entry.description));
    let services = one.manifest.services.iter().map(|entry| (&entry.name, &entry.description));
    let bare: Vec<String> = endpoints
        .chain(services)
        .filter(|(_, description)| !described(description))
        .map(|(name, _)| name.clone())
        .collect();
    for name in bare {
        let line = one.subjects.iter().find(|subject| subject.name == name).and_then(|subject| subject.line);
        let hint = "say in one sentence what it is: `prony plugins` shows it".to_owned();
        one.find(Severity::Warning, line, format!("`{name}` has no description"), hint);
    }
}

/// Whether the policy lets the entry be used.
fn pinned(one: &mut Examined, subject: &Subject, policy: &PolicyInForce) -> bool {
    if subject.integrity.is_some() || one.origin.tier == Tier::BuiltIn || !subject.is_whole {
        return true;
    }
    let hint = "`prony plugins add` writes it when it installs a plugin package".to_owned();
    let demanded = policy.policy == PluginPolicy::Pinned;
    let (severity, text) = if demanded {
        (Severity::Error, format!("`{}` has no `integrity`, and {policy} leaves it out", subject.name))
    } else {
        let risk = "a library that is exchanged is not noticed";
        (Severity::Warning, format!("`{}` has no `integrity`: {risk}", subject.name))
    };
    one.find(severity, subject.line, text, hint);
    !demanded
}

/// What was seen of each library.
struct LibraryChecks<'a> {
    surveys: Surveys,
    /// What was said already: several entries may share a library, and several libraries a folder.
    seen: HashSet<String>,
    lock: Option<&'a Lockfile>,
    trust: &'a Trust,
}

impl LibraryChecks<'_> {
    fn check(&mut self, one: &mut Examined, subject: &Subject, folders: &[PathBuf]) -> Option<Target> {
        let library = match find_in(&subject.class, folders) {
            Ok(library) => library,
            Err(fault) => {
                self.tell(one, subject, None, &fault);
                return None;
            }
        };
        let trust = self.trust;
        let survey = self.surveys.of(&library, trust, Hashing::Wanted);
        for fault in &survey.faults {
            self.tell(one, subject, Some(&library), fault);
        }
        let mut sound = survey.faults.is_empty();
        for fault in faults_of_entry(&survey, subject, self.lock) {
            sound = false;
            self.tell(one, subject, Some(&library), &fault);
        }
        if let Some(debug) = survey.descriptor.as_ref().filter(|descriptor| descriptor.opt_level == "0") {
            let text = format!("the library `{}` is a debug build, many times slower", library.display());
            if self.seen.insert(text.clone()) {
                let hint = debug.language.optimised_build().to_owned();
                one.find(Severity::Warning, subject.line, text, hint);
            }
        }
        sound.then(|| Target {
            manifest: one.origin.manifest.clone(),
            line: subject.line,
            category: subject.category.name().to_owned(),
            name: subject.name.clone(),
            type_name: subject.class.type_name.clone(),
            library,
            // What was compared with the lock file is what is opened.
            sha256: subject
                .integrity
                .or(survey.digest.filter(|_| self.lock.is_some()))
                .map(|digest| digest.to_string()),
        })
    }

    fn tell(&mut self, one: &mut Examined, subject: &Subject, library: Option<&PathBuf>, fault: &Fault) {
        let text = match library {
            // These name what they are about.
            _ if path_of(fault).is_some() => fault.to_string(),
            Some(library) => format!("the library `{}`: {fault}", library.display()),
            None => fault.to_string(),
        };
        if self.seen.insert(text.clone()) {
            one.find(Severity::Error, subject.line, text, fault.hint());
        }
    }
}

/// What is wrong between the library and this entry.
fn faults_of_entry(survey: &Survey, subject: &Subject, lock: Option<&Lockfile>) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Some(descriptor) = &survey.descriptor {
        faults.extend(ladder::exports(descriptor, subject.category, &subject.class.type_name).err());
    }
    if let (Some(expected), Some(found)) = (subject.integrity, survey.digest)
        && expected != found
    {
        faults.push(Fault::Integrity { expected, found });
    }
    if let (Some(lock), Some(found)) = (lock, survey.digest) {
        let checked = lock.check_library(&subject.class.library, TARGET, &found.sum());
        faults.extend(checked.map_err(Fault::Locked).err());
    }
    faults
}

impl Target {
    /// The category of its entry.
    pub(super) fn category(&self) -> Option<Category> {
        Category::named(&self.category)
    }
}

/// Whether two findings would say the same: a folder that is open to everyone is reported once.
fn path_of(fault: &Fault) -> Option<&Path> {
    match fault {
        Fault::Writable { path, .. } | Fault::Owner { path, .. } => Some(path),
        _ => None,
    }
}
