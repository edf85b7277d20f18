//! What came out for one library.

use std::path::PathBuf;

use prony_plugin_api::{
    conformance::{Report, Verdict},
    descriptor::Descriptor,
};
use serde::Serialize;

use super::{Rung, Speed};

/// Everything that was found out about one library.
#[derive(Debug, Serialize)]
pub(crate) struct Examination {
    pub(crate) library: PathBuf,
    /// What it says about itself.
    pub(crate) descriptor: Option<Descriptor>,
    /// The `plugins.yaml` that says how its streams are framed, if one was found.
    pub(crate) manifest: Option<PathBuf>,
    /// How far it got on the loading ladder.
    pub(crate) rungs: Vec<Rung>,
    /// What it does under load, for each exported type.
    pub(crate) types: Vec<TypeReport>,
    /// What is allowed, and probably not meant.
    pub(crate) warnings: Vec<String>,
}

/// What one exported type does.
#[derive(Debug, Serialize)]
pub(crate) struct TypeReport {
    /// `endpoint` or `service`.
    pub(crate) category: &'static str,
    /// The suite's report.
    #[serde(flatten)]
    pub(crate) report: Report,
    /// How fast it is, where that was measured.
    pub(crate) speed: Option<Speed>,
}

impl Examination {
    /// The worst of everything.
    pub(crate) fn verdict(&self) -> Verdict {
        let rungs = self.rungs.iter().map(|rung| rung.verdict);
        let types = self.types.iter().map(|one| one.report.verdict());
        let warned = if self.warnings.is_empty() { Verdict::Ok } else { Verdict::Warn };
        rungs.chain(types).chain([warned]).max().unwrap_or_default()
    }
}
