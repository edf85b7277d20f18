//! What a library says about itself, for those who want to see it: read from its file, without running any of its code.

use std::{borrow::Borrow, rc::Rc};

use prony_plugin_api::{
    descriptor::{Descriptor, Language},
    version::EPOCH,
};
use serde_json::{Value, json};

use super::{
    entry::Category,
    fault::Fault,
    integrity::Digest,
    ladder::{self, Hashing, Survey, Surveys},
    listing::ListedEntry,
    trust::Trust,
};
use crate::explain::Explain;

/// The fact of what a library says that it uses; null where it does not say it.
pub(crate) const CAPABILITIES: &str = "capabilities";

/// The same in words.
pub(crate) fn uses<S: Borrow<str>>(capabilities: Option<&[S]>) -> String {
    match capabilities {
        None => "not stated".to_owned(),
        Some([]) => "nothing beside memory and processor".to_owned(),
        Some(words) => words.join(", "),
    }
}

/// A library seen from one entry.
#[derive(Debug)]
pub(crate) struct Inspection {
    survey: Rc<Survey>,
    /// Everything that keeps the entry from being used, each with what to do about it.
    faults: Vec<(String, String)>,
    /// Messages of a service: what it hears and what it says, where its descriptor tells.
    pub(crate) messages: Messages,
    options: Option<Value>,
}

/// The messages of a service. Unknown where a library is older than the keys that tell, or cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Messages {
    /// Types that it hears.
    pub(crate) subscriptions: Option<Vec<String>>,
    /// Types that it says it publishes.
    pub(crate) publishes: Option<Vec<String>>,
}

/// Looks at the libraries of entries, and at each file once.
#[derive(Debug)]
pub(crate) struct Inspections {
    surveys: Surveys,
    trust: Trust,
}

impl Inspections {
    /// None was made yet.
    pub(crate) fn new() -> Self {
        Self { surveys: Surveys::default(), trust: Trust::of_this_process() }
    }

    /// Everything that is known of the library of an entry.
    pub(crate) fn whole(&mut self, entry: &ListedEntry) -> Inspection {
        self.look(entry, Hashing::Wanted)
    }

    /// The same without the hash of its file, unless the entry has one to compare it with.
    pub(crate) fn brief(&mut self, entry: &ListedEntry) -> Inspection {
        let hashing = if entry.integrity.is_some() { Hashing::Wanted } else { Hashing::LeftOut };
        self.look(entry, hashing)
    }

    fn look(&mut self, entry: &ListedEntry, hashing: Hashing) -> Inspection {
        match &entry.library {
            Ok(library) => Inspection::new(entry, self.surveys.of(library, &self.trust, hashing)),
            Err(fault) => Inspection {
                survey: Rc::default(),
                faults: vec![words(fault)],
                messages: Messages::default(),
                options: None,
            },
        }
    }
}

impl Inspection {
    /// Looks at the library of one entry.
    pub(crate) fn of(entry: &ListedEntry) -> Self {
        Inspections::new().whole(entry)
    }

    fn new(entry: &ListedEntry, survey: Rc<Survey>) -> Self {
        let mut faults: Vec<(String, String)> = survey.faults.iter().map(words).collect();
        let exported = survey
            .descriptor
            .as_ref()
            .map(|descriptor| ladder::exports(descriptor, entry.category, &entry.class.type_name));
        let (mut messages, mut options) = (Messages::default(), None);
        match exported {
            Some(Ok(exported)) => {
                messages.subscriptions.clone_from(&exported.subscriptions);
                messages.publishes.clone_from(&exported.publishes);
                options = serde_json::from_str(&exported.options).ok();
            }
            Some(Err(fault)) => faults.push(words(&fault)),
            None => {}
        }
        faults.extend(mismatch(entry.integrity, survey.digest).as_ref().map(words));
        Self { survey, faults, messages, options }
    }

    /// What keeps the entry from being used, each with what to do about it.
    pub(crate) fn faults(&self) -> &[(String, String)] {
        &self.faults
    }

    /// JSON Schema of the options of the entry's type, where its descriptor can be read.
    pub(crate) fn options(&self) -> Option<&Value> {
        self.options.as_ref()
    }

    /// What is known of the library, by name, in the order in which it is shown.
    pub(crate) fn facts(&self, category: Category) -> Vec<(&'static str, Value)> {
        let mut facts: Vec<(&'static str, Value)> = Vec::new();
        facts.extend(self.survey.size.map(|size| ("size", size.into())));
        facts.extend(self.survey.digest.map(|digest| ("sha256", digest.to_string().into())));
        if let Some(descriptor) = &self.survey.descriptor {
            // What a library in C does not say is left out.
            facts.extend(own_words(descriptor).into_iter().filter(|(_, value)| *value != ""));
            facts.push((CAPABILITIES, json!(descriptor.capabilities)));
        }
        facts.extend(self.options.clone().map(|options| ("options", options)));
        if category == Category::Service && self.survey.descriptor.is_some() {
            facts.push(("subscriptions", json!(self.messages.subscriptions)));
            facts.push(("publishes", json!(self.messages.publishes)));
        }
        facts
    }
}

fn words(fault: &Fault) -> (String, String) {
    (fault.to_string(), fault.hint())
}

fn mismatch(expected: Option<Digest>, found: Option<Digest>) -> Option<Fault> {
    let (expected, found) = (expected?, found?);
    (expected != found).then_some(Fault::Integrity { expected, found })
}

fn own_words(descriptor: &Descriptor) -> [(&'static str, Value); 8] {
    let compiler = match descriptor.language {
        Language::Rust => "rustc",
        Language::C => "compiler",
    };
    [
        ("package", descriptor.name.as_str().into()),
        ("version", descriptor.version.as_str().into()),
        ("contract", format!("{EPOCH}.{}", descriptor.minor).into()),
        ("needs_contract", format!("{EPOCH}.{}", descriptor.min_host_minor).into()),
        (compiler, descriptor.rustc.as_str().into()),
        ("opt_level", descriptor.opt_level.as_str().into()),
        ("target", descriptor.target.as_str().into()),
        ("panic", descriptor.panic.as_str().into()),
    ]
}
