//! [`Change`]: what locking again has changed.

use std::fmt;

use super::Sum;

/// What is different in a lock file now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// What kind of thing it is.
    pub(crate) what: &'static str,
    pub(crate) name: String,
    /// What was demanded of it, if it was locked. Where neither this nor `after` is there, only its version is another.
    pub(crate) before: Option<Sum>,
    /// What is demanded of it now, if it is locked.
    pub(crate) after: Option<Sum>,
}

impl Change {
    /// The change of one thing; `None` where nothing is different.
    pub(super) fn of(
        what: &'static str,
        name: impl Into<String>,
        before: Option<&Sum>,
        after: Option<&Sum>,
    ) -> Option<Self> {
        (before != after).then(|| Self {
            what,
            name: name.into(),
            before: before.cloned(),
            after: after.cloned(),
        })
    }

    /// A thing of which the version is another, and perhaps nothing else.
    pub(super) fn of_version(what: &'static str, name: impl Into<String>) -> Self {
        Self { what, name: name.into(), before: None, after: None }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, name, .. } = self;
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "changed {what} `{name}`: {after}, before {before}"),
            (None, Some(after)) => write!(f, "added {what} `{name}`: {after}"),
            (Some(before), None) => write!(f, "removed {what} `{name}`, before {before}"),
            (None, None) => write!(f, "changed the version of the {what} `{name}`"),
        }
    }
}
