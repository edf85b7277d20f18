//! Why a text cannot be what names of exported files begin with: [`PrefixError`].

use super::spec::Origin;
use crate::explain::Explain;

/// Text that no name of a file can begin with.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("use the value of `{by}` for names of files: {reason}")]
pub(crate) struct PrefixError {
    pub(super) by: Origin,
    pub(super) reason: &'static str,
}

impl Explain for PrefixError {
    fn hint(&self) -> String {
        format!("give `{}` a name such as `monday`; `--artifact-dir` is where the files go", self.by)
    }
}
