//! Where a setting stands in a configuration file, as errors name it.

use std::{fmt, path::Path};

use super::yaml::Spot;

/// The name of a configuration file.
///
/// It is kept until the process ends: a process reads one or two of them, and whoever speaks of a place can copy it. It is small,
/// since errors have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileName(&'static String);

impl FileName {
    /// The name of a file as the user gave it.
    pub(crate) fn of(path: &Path) -> Self {
        Self(Box::leak(Box::new(path.to_string_lossy().into_owned())))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A place in a configuration file. It is shown as `run.yaml:3:14`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(super) file: FileName,
    pub(super) spot: Spot,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spot { line, column } = self.spot;
        write!(f, "{}:{line}:{column}", self.file)
    }
}
