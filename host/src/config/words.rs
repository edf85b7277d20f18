//! Settings as words of a command line, before any of them is read.
//!
//! A command line, a file and the environment say the same settings in different places. Each becomes a list of names and texts
//! here; the lists are put over each other, and one reader, that of the command line, reads what is left. So a value means the
//! same wherever it stands.

use std::{error::Error as _, ffi::OsString};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, parser::ValueSource, value_parser};

use super::{flags::ProfileFlags, units::UnitError};

/// What stands of one setting in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// The long name of its flag, without the dashes: `request-rate`.
    pub(crate) name: String,
    /// Its values, each as one word; none of a switch.
    pub(crate) values: Vec<OsString>,
}

/// Settings by their names, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words(Vec<Said>);

/// How many values a setting has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// It is on where it stands.
    Switch,
    /// It has one value.
    Single,
    /// It has one or more values.
    List,
}

/// A setting as it is known before any value of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The long name of its flag, without the dashes.
    pub(crate) name: String,
    pub(crate) shape: Shape,
}

impl Setting {
    /// The names of all settings.
    pub(crate) fn names() -> Vec<String> {
        settings().get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
    }
}

impl Words {
    /// These settings, each once.
    pub(crate) fn of(said: impl IntoIterator<Item = Said>) -> Self {
        Self(said.into_iter().collect())
    }

    /// What was typed, of the settings that `profile` has. `matches` come from a command whose values are all texts:
    /// [`unread`].
    pub(crate) fn typed(matches: &ArgMatches) -> Self {
        let command = settings();
        let typed = command.get_arguments().filter_map(|arg| {
            let id = arg.get_id().as_str();
            let is_typed = matches.value_source(id) == Some(ValueSource::CommandLine);
            let name = arg.get_long().filter(|_| is_typed)?.to_owned();
            let values = match shape(arg) {
                Shape::Switch => Vec::new(),
                Shape::Single | Shape::List => {
                    matches.get_raw(id).into_iter().flatten().map(OsString::from).collect()
                }
            };
            Some(Said { name, values })
        });
        Self(typed.collect())
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Said> {
        self.0.iter()
    }

    /// The values of a setting, if it is set.
    pub(crate) fn get(&self, name: &str) -> Option<&[OsString]> {
        self.0.iter().find(|said| said.name == name).map(|said| said.values.as_slice())
    }

    /// Sets a setting, in the place of what it was.
    pub(crate) fn set(&mut self, said: Said) {
        match self.0.iter_mut().find(|other| other.name == said.name) {
            Some(other) => *other = said,
            None => self.0.push(said),
        }
    }

    /// Takes a setting out.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Said> {
        let at = self.0.iter().position(|said| said.name == name)?;
        Some(self.0.remove(at))
    }

    /// These settings, and those of `weaker` that are not among them.
    #[must_use]
    pub(crate) fn over(mut self, weaker: Self) -> Self {
        for said in weaker.0 {
            if self.get(&said.name).is_none() {
                self.0.push(said);
            }
        }
        self
    }

    /// Those of them whose names are like this.
    pub(crate) fn only(&self, is_one: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|said| is_one(&said.name)).cloned().collect())
    }

    /// Settings of one number or time that have a list of them, and that list.
    pub(crate) fn lists(&self) -> Vec<(&str, &str)> {
        let listed = self.0.iter().filter_map(|said| {
            let [value] = said.values.as_slice() else { return None };
            let text = value.to_str().filter(|text| text.contains(',') || text.contains(".."))?;
            let error = Self(vec![said.clone()]).flags().err()?;
            is_about_list(&error).then_some((said.name.as_str(), text))
        });
        listed.collect()
    }

    /// Takes out the settings that have such a list.
    pub(crate) fn take_lists(&mut self) -> Self {
        let names: Vec<String> = self.lists().into_iter().map(|(name, _)| name.to_owned()).collect();
        let (lists, others) =
            std::mem::take(&mut self.0).into_iter().partition(|said| names.contains(&said.name));
        self.0 = others;
        Self(lists)
    }

    /// The same in the order of the help.
    #[must_use]
    pub(crate) fn in_order(mut self) -> Self {
        let names = Setting::names();
        self.0.sort_by_key(|said| names.iter().position(|name| *name == said.name));
        self
    }

    /// There are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a command line without the name of a program.
    pub(crate) fn line(&self) -> Vec<OsString> {
        let words = self.0.iter().flat_map(|Said { name, values }| {
            let with_value = |value: &OsString| {
                let mut word = OsString::from(format!("--{name}="));
                word.push(value);
                word
            };
            let switch = values.is_empty().then(|| OsString::from(format!("--{name}")));
            switch.into_iter().chain(values.iter().map(with_value)).collect::<Vec<_>>()
        });
        words.collect()
    }

    /// Reads them.
    ///
    /// # Errors
    /// The first one that cannot be read, as the command line says it.
    pub(crate) fn flags(&self) -> Result<ProfileFlags, clap::Error> {
        let words = std::iter::once(OsString::from("profile")).chain(self.line());
        settings().try_get_matches_from(words).and_then(|matches| ProfileFlags::from_arg_matches(&matches))
    }
}

/// Whether a value was refused because it is a list of such values.
pub(crate) fn is_about_list(error: &clap::Error) -> bool {
    let reason = error.source().and_then(|reason| reason.downcast_ref::<UnitError>());
    reason == Some(&UnitError::Sweep)
}

/// A command that has all settings of `profile` as flags.
pub(crate) fn settings() -> Command {
    ProfileFlags::augment_args(Command::new("profile").allow_negative_numbers(true))
}

/// The same command, with values that are any text.
pub(crate) fn unread(command: Command) -> Command {
    command.mut_args(unread_arg)
}

/// A command that has all settings and other flags besides, with settings that are any text.
pub(crate) fn unread_settings(command: Command) -> Command {
    let settings = settings();
    let names: Vec<&str> = settings.get_arguments().map(|arg| arg.get_id().as_str()).collect();
    command.mut_args(|arg| if names.contains(&arg.get_id().as_str()) { unread_arg(arg) } else { arg })
}

fn unread_arg(arg: Arg) -> Arg {
    match shape(&arg) {
        Shape::Switch => arg,
        Shape::Single | Shape::List => arg.value_parser(value_parser!(OsString)),
    }
}

/// How many values a flag has.
pub(crate) fn shape(arg: &Arg) -> Shape {
    match arg.get_action() {
        ArgAction::Set => Shape::Single,
        ArgAction::Append => Shape::List,
        _ => Shape::Switch,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn typed(line: &str) -> Words {
        let words = std::iter::once("profile").chain(line.split_whitespace());
        Words::typed(&unread(settings()).try_get_matches_from(words).unwrap())
    }

    #[rstest]
    #[case::nothing("", "")]
    #[case::short("-m a -u h:1", "--model=a --url=h:1")]
    #[case::alias("--num-requests 5", "--request-count=5")]
    #[case::switch("--streaming", "--streaming")]
    #[case::list("-m a,b -m c", "--model=a --model=b --model=c")]
    #[case::many("--header A:1 B:2", "--header=A:1 --header=B:2")]
    #[case::unreadable("--concurrency 1,2 --isl x", "--concurrency=1,2 --isl=x")]
    #[case::value_that_may_be_missing("--dry-run", "--dry-run=10")]
    fn a_command_line_is_its_settings(#[case] line: &str, #[case] expected: &str) {
        let words: Vec<OsString> = expected.split_whitespace().map(OsString::from).collect();
        assert_eq!(typed(line).line(), words);
    }

    #[test]
    fn stronger_settings_stand_over_weaker_ones() {
        let line = typed("--isl 5 --header A:1").over(typed("--isl 6 --osl 7 --header B:1")).line();
        assert_eq!(line, ["--header=A:1", "--isl=5", "--osl=7"]);
    }

    #[rstest]
    #[case("--concurrency 1,2 --isl 5 --osl 1..8x2 -m a,b", "concurrency=1,2 osl=1..8x2")]
    #[case(
        "--benchmark-duration 10s,1m --request-rate 0.5,1",
        "request-rate=0.5,1 benchmark-duration=10s,1m"
    )]
    #[case("--concurrency 1,x --isl-distribution uniform:1,9 --audio-depths 8,16", "")]
    fn lists_of_numbers_are_found(#[case] line: &str, #[case] expected: &str) {
        let words = typed(line);
        let lists = words.lists().into_iter().map(|(name, text)| format!("{name}={text}"));
        assert_eq!(lists.collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn settings_are_read_as_a_command_line_is() {
        let flags = typed("--concurrency 8 -m a,b --streaming").flags().unwrap();
        assert_eq!(
            (flags.concurrency.map(u32::from), flags.model.len(), flags.streaming),
            (Some(8), 2, true)
        );
        assert!(typed("--concurrency 1,2").flags().is_err());
    }
}
