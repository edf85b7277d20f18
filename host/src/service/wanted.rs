//! What is wanted of a service.

/// A service that a run wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) entry: String,
    /// The entry name, with the instance's number if there are several.
    pub(crate) name: String,
    /// Its death ends the run.
    pub(crate) required: bool,
    /// It runs in a process of its own.
    pub(crate) isolated: bool,
    /// The user has named it: options that it refuses are the user's to correct.
    pub(crate) is_asked_for: bool,
    /// The text of a JSON object.
    pub(crate) options: String,
}
