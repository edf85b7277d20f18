//! A manifest while it is checked: what could be read of it, and what was found.

use std::sync::Arc;

use super::finding::{Finding, Severity};
use crate::plugin::{
    entry::{Category, Class, Origin},
    integrity::Digest,
    manifest::Manifest,
};

/// An entry, as far as it could be read.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) category: Category,
    pub(super) name: String,
    pub(super) class: Class,
    pub(super) integrity: Option<Digest>,
    pub(super) line: Option<usize>,
    /// It is right in itself, and not a guess at what was meant.
    pub(super) is_whole: bool,
}

/// One manifest, as far as it could be read.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) origin: Arc<Origin>,
    /// What is right in it.
    pub(super) manifest: Manifest,
    /// Its text, by lines.
    pub(super) lines: Vec<String>,
    /// Its entries, and those that are wrong and still name a library.
    pub(super) subjects: Vec<Subject>,
    pub(super) findings: Vec<Finding>,
}

impl Examined {
    /// A manifest of which nothing is read yet.
    pub(super) fn new(origin: Arc<Origin>) -> Self {
        let manifest = Manifest { endpoints: Vec::new(), services: Vec::new() };
        Self { origin, manifest, lines: Vec::new(), subjects: Vec::new(), findings: Vec::new() }
    }

    /// Adds a finding about this manifest.
    pub(super) fn find(&mut self, severity: Severity, line: Option<usize>, text: String, hint: String) {
        let file = self.origin.manifest.clone();
        self.findings.push(Finding { file, line, severity, text, hint });
    }
}
