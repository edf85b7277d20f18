//! Command lines with lists in the place of values, which the usual reader refuses.

use std::ffi::OsString;

use clap::FromArgMatches;

use super::{help, logging::LogFlags};
use crate::config::words::{Words, is_about_list, unread};

/// What is typed where a command line was refused because of a list in the place of a value.
///
/// # Errors
/// It is another command, was refused for another reason, or cannot be read even so.
pub(super) fn typed_with_lists(
    words: &[OsString],
    refused: clap::Error,
) -> Result<(Words, LogFlags), clap::Error> {
    match typed(words) {
        _ if !is_about_list(&refused) => Err(refused),
        Ok((settings, _)) if settings.lists().is_empty() => Err(refused),
        typed => typed,
    }
}

/// What is typed behind `prony profile`, with all values as texts.
///
/// # Errors
/// It cannot be read even so.
fn typed(words: &[OsString]) -> Result<(Words, LogFlags), clap::Error> {
    let command = help::command().mut_subcommand("profile", unread);
    let matches = command.try_get_matches_from(words)?;
    let profile = matches.subcommand_matches("profile").map(Words::typed);
    Ok((profile.unwrap_or_default(), LogFlags::from_arg_matches(&matches)?))
}
