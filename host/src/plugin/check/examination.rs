//! What came out for one library.

use std::path::{Path, PathBuf};

use prony_plugin_api::{
    conformance::{Report, Verdict},
    descriptor::Descriptor,
};
use serde::{Serialize, Serializer};

use super::{Rung, Speed, Window};

/// Everything that was found out about one library.
#[derive(Debug, Serialize)]
pub(crate) struct Examination {
    #[serde(serialize_with = "as_text")]
    pub(crate) library: PathBuf,
    /// Digits of the SHA-256 of its file, if that is a library.
    pub(crate) sha256: Option<String>,
    /// Size of its file.
    pub(crate) bytes: Option<u64>,
    /// Which hosts open it, if it says what it is.
    pub(crate) abi: Option<Window>,
    /// What it says about itself.
    pub(crate) descriptor: Option<Descriptor>,
    /// The `plugins.yaml` that says how its streams are framed, if one was found.
    pub(crate) manifest: Option<String>,
    /// How far it got on the loading ladder.
    pub(crate) rungs: Vec<Rung>,
    /// What it does under load, for each exported type.
    pub(crate) types: Vec<TypeReport>,
    /// Exported types with which none of the chosen cases is made.
    pub(crate) skipped: Vec<String>,
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

/// A path that is no UTF-8 is written as well as it can be.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

impl Examination {
    /// The worst of everything.
    pub(crate) fn verdict(&self) -> Verdict {
        let rungs = self.rungs.iter().map(|rung| rung.verdict);
        let types = self.types.iter().map(|one| one.report.verdict());
        let warned = if self.warnings.is_empty() { Verdict::Ok } else { Verdict::Warn };
        // Nothing was tried where nothing was chosen.
        let chosen =
            if self.types.is_empty() && !self.skipped.is_empty() { Verdict::Unchecked } else { Verdict::Ok };
        rungs.chain(types).chain([warned, chosen]).max().unwrap_or_default()
    }
}
