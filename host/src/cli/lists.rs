//! Command lines with lists in the place of values, which the usual reader refuses.

use std::ffi::OsString;

use clap::FromArgMatches;

use super::{help, logging::LogFlags};
use crate::config::words::{Words, is_about_list, unread};

/// What is typed, and for what.
pub(super) struct Typed {
    pub(super) settings: Words,
    pub(super) log: LogFlags,
    pub(super) purpose: Purpose,
}

/// What becomes of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// They are measured.
    Profile,
    /// They are listed.
    Show { is_json: bool },
}

/// What is typed where a command line was refused because of a list in the place of a value.
///
/// # Errors
/// It is another command, was refused for another reason, or cannot be read even so.
pub(super) fn typed_with_lists(words: &[OsString], refused: clap::Error) -> Result<Typed, clap::Error> {
    match typed(words) {
        _ if !is_about_list(&refused) => Err(refused),
        Ok(typed) if typed.settings.lists().is_empty() => Err(refused),
        typed => typed,
    }
}

/// What is typed behind `prony profile` or `prony config show`, with all values as texts.
///
/// # Errors
/// It cannot be read even so.
pub(super) fn typed(words: &[OsString]) -> Result<Typed, clap::Error> {
    let command = help::command()
        .mut_subcommand("profile", unread)
        .mut_subcommand("config", |config| config.mut_subcommand("show", unread));
    let matches = command.try_get_matches_from(words)?;
    let show = matches.subcommand_matches("config").and_then(|config| config.subcommand_matches("show"));
    let purpose = show.map_or(Purpose::Profile, |show| Purpose::Show { is_json: show.get_flag("json") });
    let settings = show.or_else(|| matches.subcommand_matches("profile")).map(Words::typed);
    let log = LogFlags::from_arg_matches(&matches)?;
    Ok(Typed { settings: settings.unwrap_or_default(), log, purpose })
}
