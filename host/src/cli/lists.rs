//! Command lines with lists in the place of values, or with wrong values, which the usual reader refuses.

use std::ffi::OsString;

use clap::{FromArgMatches, error::ErrorKind};

use super::{
    help,
    logging::LogFlags,
    search::{Question, SearchFlags},
};
use crate::config::words::{Words, is_about_list, unread, unread_settings};

/// What is typed, and for what.
pub(super) struct Typed {
    pub(super) settings: Words,
    pub(super) log: LogFlags,
    pub(super) purpose: Purpose,
}

/// What becomes of the settings.
#[derive(Debug)]
pub(super) enum Purpose {
    /// They are measured.
    Profile,
    /// They are those of a sweep, of which this says what it is for.
    Search(Box<SearchFlags>),
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
        Ok(typed) if typed.settings.lists().is_empty() || is_one_search(&typed.purpose) => Err(refused),
        typed => typed,
    }
}

/// What is typed where a command line with settings was refused because of one value of them, which is no list. There may be more that is
/// wrong with settings: who reads them one by one can tell all of it.
pub(super) fn typed_with_a_wrong_value(words: &[OsString], refused: &clap::Error) -> Option<Typed> {
    let is_about_a_value = matches!(refused.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
    if !is_about_a_value || is_about_list(refused) {
        return None;
    }
    // Other commands have no settings here.
    typed(words).ok().filter(|typed| !typed.settings.is_empty())
}

/// Its runs follow from each other, so that no other one can be a part of it.
fn is_one_search(purpose: &Purpose) -> bool {
    matches!(purpose, Purpose::Search(flags) if !Question::of(flags).is_sweep())
}

/// What is typed behind `prony profile`, `prony search` or `prony config show`, with all values of settings as texts.
///
/// # Errors
/// It cannot be read even so.
pub(super) fn typed(words: &[OsString]) -> Result<Typed, clap::Error> {
    let command = help::command()
        .mut_subcommand("profile", unread)
        .mut_subcommand("search", unread_settings)
        .mut_subcommand("config", |config| config.mut_subcommand("show", unread));
    let matches = command.try_get_matches_from(words)?;
    let show = matches.subcommand_matches("config").and_then(|config| config.subcommand_matches("show"));
    let search = matches.subcommand_matches("search");
    let purpose = match (show, search) {
        (Some(show), _) => Purpose::Show { is_json: show.get_flag("json") },
        (None, Some(search)) => Purpose::Search(Box::new(SearchFlags::from_arg_matches(search)?)),
        (None, None) => Purpose::Profile,
    };
    let settings = show.or(search).or_else(|| matches.subcommand_matches("profile")).map(Words::typed);
    let log = LogFlags::from_arg_matches(&matches)?;
    Ok(Typed { settings: settings.unwrap_or_default(), log, purpose })
}
