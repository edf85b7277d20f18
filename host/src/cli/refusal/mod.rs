//! What to say in place of clap's own words when a command line is refused.
//!
//! clap suggests whatever is spelled a little like what was typed. Here, a name that other tools use leads to ours, one
//! of AIPerf's that is not built is called so, and only near names are suggested.

mod foreign;
mod of_plot;
mod of_tools;
mod unbuilt;

use std::{any::TypeId, error::Error as _, ffi::OsString, path::PathBuf};

use clap::{
    Arg, ArgAction, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::exit::{Exit, Failure};
use crate::{
    config::{lengths::LengthsError, near::near, rate_series::RateSeriesError, redact, units::UnitError},
    explain::Explain,
    plugin::PluginError,
};

/// What to say about an error of clap's; nothing where its own words are as good.
///
/// `words` is the command line, and `root` what it was read with.
pub(super) fn of(error: &clap::Error, words: &[OsString], root: &Command) -> Option<Failure> {
    let line = Line::read(words, root);
    match error.kind() {
        ErrorKind::UnknownArgument => Some(line.unknown_argument(context(error, ContextKind::InvalidArg)?)),
        ErrorKind::TooManyValues => {
            let flag = context(error, ContextKind::InvalidArg)?.split(' ').next()?;
            line.command.get_arguments().find(|arg| is_switch(arg) && is_named(arg, flag)).map(no_value)
        }
        ErrorKind::InvalidSubcommand => {
            Some(line.unknown_command(context(error, ContextKind::InvalidSubcommand)?))
        }
        ErrorKind::InvalidValue => unknown_choice(error),
        ErrorKind::MissingRequiredArgument => line.missing_argument(),
        ErrorKind::ValueValidation => list_in_a_search(error, line.command).or_else(|| wrong_value(error)),
        ErrorKind::InvalidUtf8 => not_text(words, line.command),
        ErrorKind::ArgumentConflict => conflict(error),
        _ => None,
    }
}

/// What to say about an endpoint that there is not. A name that other tools use leads to ours.
pub(super) fn unknown_endpoint(name: &str, error: PluginError) -> Failure {
    let ours = match &error {
        PluginError::UnknownName { known, .. } => {
            foreign::endpoint(name).filter(|ours| known.iter().any(|name| name == ours))
        }
        _ => None,
    };
    let failure = Failure::from(error);
    match ours {
        Some(ours) => failure.with_hint(format!("did you mean `{ours}`? `prony plugins endpoint` lists all")),
        None => failure,
    }
}

/// What to do in place of a flag that there is not, and whether it is one of AIPerf's; nothing where no tool has it.
pub(super) fn known_elsewhere(flag: &str) -> Option<(bool, String)> {
    let of_aiperf = unbuilt::flag(flag).map(|hint| (true, hint.to_owned()));
    of_aiperf.or_else(|| foreign::flag(flag, None).map(|hint| (false, hint)))
}

/// What clap says of an error.
pub(super) fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        _ => None,
    }
}

/// A command line, and the command that its words lead to.
struct Line<'a> {
    words: Vec<&'a str>,
    command: &'a Command,
    /// The names of that command, from below the program's on.
    path: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn read(words: &'a [OsString], root: &'a Command) -> Self {
        let words: Vec<&str> = words.iter().skip(1).filter_map(|word| word.to_str()).collect();
        let (mut command, mut path) = (root, Vec::new());
        for word in words.iter().filter(|word| !word.starts_with('-')) {
            let Some(next) = command.find_subcommand(word) else { continue };
            command = next;
            path.push(*word);
        }
        Self { words, command, path }
    }

    /// Whether the command takes the settings of a run, which other tools have as well.
    fn makes_runs(&self) -> bool {
        matches!(self.path[..], ["profile" | "search"])
    }

    fn unknown_argument(&self, typed: &str) -> Failure {
        let flag = typed.split('=').next().unwrap_or(typed);
        if !flag.starts_with('-') {
            return self.word_behind_a_switch(typed).unwrap_or_else(|| self.unexpected(typed));
        }
        let of_plot = of_plot::flag(flag).filter(|_| self.path == ["plot"]);
        if let Some(hint) = unbuilt::flag(flag).filter(|_| self.makes_runs()).or(of_plot) {
            let message = format!("`{flag}` of AIPerf is not supported yet");
            return Failure::statement(Exit::Usage, message).with_hint(hint);
        }
        let hint = foreign::flag(flag, self.value_of(flag)).filter(|_| self.makes_runs());
        let hint = hint.or_else(|| {
            let (typed, flags) = (flag.strip_prefix("--")?, self.flags());
            near(typed, flags.iter().map(String::as_str)).map(|near| format!("did you mean `--{near}`?"))
        });
        let all = || format!("`{} --help` lists what there is", self.name());
        let message = format!("unknown flag `{flag}`");
        Failure::statement(Exit::Usage, message).with_hint(hint.unwrap_or_else(all))
    }

    /// The value of a flag that is typed, if it has one.
    fn value_of(&self, flag: &str) -> Option<&str> {
        self.words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix(flag)? {
            "" => self.words.get(at + 1).copied().filter(|word| !word.starts_with('-')),
            rest => rest.strip_prefix('='),
        })
    }

    /// `--streaming true`: to clap, `true` is a word that nobody asked for.
    fn word_behind_a_switch(&self, word: &str) -> Option<Failure> {
        let pairs = self.words.windows(2).filter(|pair| pair[1] == word);
        let mut switches = pairs.filter_map(|pair| {
            self.command.get_arguments().find(|arg| is_switch(arg) && is_named(arg, pair[0]))
        });
        switches.next().map(no_value)
    }

    /// `profile http://host`: a word that belongs to no flag.
    fn unexpected(&self, word: &str) -> Failure {
        let shown = redact::url(word);
        let hint = if self.makes_runs() && word.contains("://") {
            format!("did you mean `--url {shown}`?")
        } else {
            format!("put a flag in front of it; `{} --help` lists what there is", self.name())
        };
        Failure::statement(Exit::Usage, format!("unexpected word `{shown}`")).with_hint(hint)
    }

    /// `profle`: what other tools call it, what is near, or where all of them are listed.
    fn unknown_command(&self, typed: &str) -> Failure {
        if let Some(hint) = unbuilt::command(typed).filter(|_| self.path.is_empty()) {
            let message = format!("the command `{typed}` of AIPerf is not supported yet");
            return Failure::statement(Exit::Usage, message).with_hint(hint);
        }
        let foreign = foreign::command(typed).filter(|_| self.path.is_empty()).map(str::to_owned);
        let commands = self.command.get_subcommands().filter(|command| !command.is_hide_set());
        let near = near(typed, commands.map(Command::get_name));
        let hint = foreign.or_else(|| near.map(|near| format!("did you mean `{} {near}`?", self.name())));
        let all = || format!("`{} --help` lists what there is", self.name());
        Failure::statement(Exit::Usage, format!("unknown command `{typed}`"))
            .with_hint(hint.unwrap_or_else(all))
    }

    /// `plugins show chat`: the category was left out.
    fn missing_argument(&self) -> Option<Failure> {
        if self.path != ["plugins", "show"] {
            return None;
        }
        let name = self
            .words
            .iter()
            .skip_while(|word| **word != "show")
            .skip(1)
            .find(|word| !word.starts_with('-'))?;
        let (message, hint) = match *name {
            "endpoint" | "service" => (
                format!("which {name} to show is missing"),
                format!("write `prony plugins show {name} NAME`"),
            ),
            name => (
                format!("the category of `{name}` is missing"),
                format!("write `prony plugins show endpoint {name}`, or `service` in place of `endpoint`"),
            ),
        };
        Some(Failure::statement(Exit::Usage, message).with_hint(hint))
    }

    /// Names of the command's flags without their dashes, aliases and all, but for what is hidden.
    fn flags(&self) -> Vec<String> {
        let shown = self.command.get_arguments().filter(|arg| !arg.is_hide_set());
        let names = shown.flat_map(|arg| {
            arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default()).collect::<Vec<_>>()
        });
        names.map(str::to_owned).collect()
    }

    fn name(&self) -> String {
        ["prony"].iter().chain(&self.path).copied().collect::<Vec<_>>().join(" ")
    }
}

fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Count)
}

fn is_named(arg: &Arg, flag: &str) -> bool {
    let long = || flag.strip_prefix("--").is_some_and(|name| arg.get_long() == Some(name));
    let short = || {
        flag.strip_prefix('-').is_some_and(|name| arg.get_short().is_some_and(|c| *name == *c.to_string()))
    };
    long() || short()
}

fn no_value(switch: &Arg) -> Failure {
    let flag = match (switch.get_long(), switch.get_short()) {
        (Some(long), _) => format!("--{long}"),
        (None, short) => format!("-{}", short.unwrap_or_default()),
    };
    Failure::statement(Exit::Usage, format!("`{flag}` takes no value"))
        .with_hint(format!("write `{flag}` alone, or leave it out"))
}

/// Two flags that exclude each other, or one that is given twice.
fn conflict(error: &clap::Error) -> Option<Failure> {
    let other = match error.get(ContextKind::PriorArg)? {
        ContextValue::String(other) => other,
        ContextValue::Strings(others) => others.first()?,
        _ => return None,
    };
    // clap names a flag with the placeholder of its value, and one that counts with dots: `--verbose...`.
    let named = |text: &str| text.split([' ', '.']).next().unwrap_or_default().to_owned();
    let (flag, other) = (named(context(error, ContextKind::InvalidArg)?), named(other));
    Some(if flag == other {
        Failure::statement(Exit::Usage, format!("`{flag}` is given more than once"))
            .with_hint("give it once; the help says which flags may be repeated")
    } else {
        excluding(&flag, &other)
    })
}

/// Two settings that exclude each other, as the user named them.
pub(super) fn excluding(one: &str, other: &str) -> Failure {
    Failure::new(Exit::Usage, format!("use `{one}` together with `{other}`"))
        .with_hint(format!("leave out `{one}` or `{other}`"))
}

/// A value that is none of those that there are, or none at all.
fn unknown_choice(error: &clap::Error) -> Option<Failure> {
    // clap names a flag with the placeholder of its value, and a word by its placeholder alone: `<SHELL>`.
    let flag = context(error, ContextKind::InvalidArg)?.split(' ').next()?.trim_matches(['<', '>']);
    let Some(ContextValue::Strings(choices)) = error.get(ContextKind::ValidValue) else { return None };
    let all = format!("choose one of: {}", choices.join(", "));
    let value = context(error, ContextKind::InvalidValue).filter(|value| !value.is_empty());
    Some(match value {
        None => Failure::statement(Exit::Usage, format!("`{flag}` needs a value")).with_hint(all),
        Some(value) => {
            let near = near(value, choices.iter().map(String::as_str));
            let hint = near.map_or(all, |near| format!("did you mean `{near}`?"));
            Failure::new(Exit::Usage, format!("use `{flag} {value}`: there is no such choice"))
                .with_hint(hint)
        }
    })
}

/// Which word is not text. clap does not say.
fn not_text(words: &[OsString], command: &Command) -> Option<Failure> {
    let takes_bytes = |flag: &str| {
        let arg = command.get_arguments().find(|arg| is_named(arg, flag));
        arg.is_some_and(|arg| arg.get_value_parser().type_id() == TypeId::of::<PathBuf>())
    };
    let pairs = words.iter().zip(words.iter().skip(1)).filter(|(_, word)| word.to_str().is_none());
    let mut flags = pairs.map(|(before, word)| {
        let (before, word) = (before.to_string_lossy(), word.to_string_lossy());
        match word.split_once('=').filter(|_| word.starts_with('-')) {
            Some((flag, value)) => (flag.to_owned(), value.to_owned()),
            None => (before.into_owned(), word.into_owned()),
        }
    });
    let (flag, value) = flags.find(|(flag, _)| !takes_bytes(flag))?;
    let what = if flag.starts_with('-') { format!("the value of `{flag}`") } else { "a word".to_owned() };
    let message = format!("{what} is not UTF-8 text: `{value}`");
    let hint = "type it in UTF-8; only the names of files may hold other bytes";
    Some(Failure::statement(Exit::Usage, message).with_hint(hint))
}

fn wrong_value(error: &clap::Error) -> Option<Failure> {
    // clap names the flag with the placeholder of its value: `--isl <TOKENS>`.
    let flag = context(error, ContextKind::InvalidArg)?.split(' ').next()?;
    if let Some(error) = error.source()?.downcast_ref::<RateSeriesError>() {
        return Some(Failure::new(Exit::Usage, format!("read `{flag}`: {error}")).with_hint(error.hint()));
    }
    if let Some(error) = error.source()?.downcast_ref::<LengthsError>() {
        return Some(Failure::new(Exit::Usage, format!("read `{flag}`: {error}")).with_hint(error.hint()));
    }
    let reason = error.source()?.downcast_ref::<UnitError>()?;
    let value = context(error, ContextKind::InvalidValue)?;
    let message = format!("use `{flag} {value}`: {reason}");
    let failure = Failure::new(Exit::Usage, message);
    let hint = Some(reason.hint()).filter(|hint| !hint.is_empty());
    Some(Failure { hint, ..failure })
}

/// What to say about a list of values where a search is asked for, be it in the words of `profile`.
fn list_in_a_search(error: &clap::Error, command: &Command) -> Option<Failure> {
    let is_list = error.source()?.downcast_ref::<UnitError>() == Some(&UnitError::Sweep);
    if command.get_name() != "search" || !is_list {
        return None;
    }
    let flag = context(error, ContextKind::InvalidArg)?.split(' ').next()?;
    let message = format!("a search takes one value of `{}`", flag.trim_start_matches('-'));
    let hint = "give one value; for several, make a search for each";
    Some(Failure::statement(Exit::Usage, message).with_hint(hint))
}

#[cfg(test)]
mod tests;
