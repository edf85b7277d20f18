//! Settings as words, read as the command line is read.

use std::ffi::OsString;

use super::super::{
    exit::{Exit, Failure},
    help, refusal,
};
use crate::config::{flags::ProfileFlags, words::Words};

/// Reads them.
///
/// # Errors
/// What is wrong with the first one that cannot be read, as the command line says it.
pub(super) fn flags_of(settings: &Words) -> Result<ProfileFlags, Failure> {
    settings.flags().map_err(|error| {
        let words: Vec<OsString> =
            ["prony", "profile"].map(OsString::from).into_iter().chain(settings.line()).collect();
        let text = || error.to_string();
        refusal::of(&error, &words, &help::command())
            .unwrap_or_else(|| Failure::statement(Exit::Usage, text().trim_start_matches("error: ").trim()))
    })
}
