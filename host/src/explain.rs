//! What an error says to the user besides its text. Each error that a user can meet says it beside its own definition; which
//! exit code an error means is decided by the command line.

use std::error::Error;

/// An error that is shown to the user.
pub(crate) trait Explain: Error {
    /// What the user can do next. Empty where the text of the error already says it.
    fn hint(&self) -> String;

    /// Whether the text is a sentence of its own. Otherwise it is a fragment that fits after "failed to".
    fn is_statement(&self) -> bool {
        false
    }
}
