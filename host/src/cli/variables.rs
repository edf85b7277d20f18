//! Flags of commands in variables of the environment: `PRONY_RECORD_URL=http://h` is `prony record --url http://h`.
//!
//! The settings of a run have variables that hold for each command that makes runs ([`crate::config::variables`]), and `agent` has
//! its own. For all other flags, what the variables say is put behind the name of the command, as if it were typed there. So a
//! value means the same in both places, and is refused for the same reasons. What is typed stands over a variable, and so does
//! what is typed and excludes the flag of a variable.

use std::ffi::OsString;

use clap::{Arg, Command, error::ContextKind};

use super::{exit::Failure, refusal, settings::at};
use crate::{
    config::{
        keys::{Key, Keys, variable},
        near::near,
        variables::{COMMANDS, values},
        words::{Setting, Shape, shape},
    },
    plugin::{check, docs},
};

/// Commands that have all settings of a run as flags as well.
const WITH_SETTINGS: [&str; 2] = ["config", "search"];

/// Flags of a search beside which its variables say nothing, by the names of their fields.
const QUESTIONS: [&str; 3] = ["resume", "search_recipe", "search_metric"];

/// A command line with what variables add to it.
#[derive(Debug, Default)]
pub(super) struct Completed {
    pub(super) words: Vec<OsString>,
    /// The long names of the flags that are added, each with its variable.
    added: Vec<(String, String)>,
    /// Variables of the command that mean nothing to it, as sentences.
    pub(super) warnings: Vec<String>,
}

impl Completed {
    fn without_variables(words: Vec<OsString>) -> Self {
        Self { words, ..Self::default() }
    }

    /// A failure, with the variable in front of it if `error`, from which it was made, is about the flag of one.
    pub(super) fn placed(&self, failure: Failure, error: &clap::Error) -> Failure {
        let flag = refusal::context(error, ContextKind::InvalidArg).and_then(|flag| flag.split(' ').next());
        let name = flag.and_then(|flag| flag.strip_prefix("--"));
        match self.added.iter().find(|(long, _)| name == Some(long.as_str())) {
            Some((_, variable)) => at(variable, failure),
            None => failure,
        }
    }

    /// Which variables are a part of the command line, as a sentence: an error may be about the flag of one, which nobody typed.
    pub(super) fn note(&self) -> Option<String> {
        let names: Vec<String> = self.added.iter().map(|(_, variable)| format!("`{variable}`")).collect();
        let has_any = !names.is_empty();
        has_any.then(|| format!("these variables are a part of the command line: {}", names.join(", ")))
    }
}

/// Adds what variables say about the flags of the command. `root` is what the words are read with.
///
/// # Errors
/// The variable of a switch says neither yes nor no.
pub(super) fn complete(
    mut words: Vec<OsString>,
    root: &Command,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Completed, Failure> {
    let Some(place) = Place::of(&words, root) else { return Ok(Completed::without_variables(words)) };
    let set = place.set(environment);
    if set.is_empty() || asks_for_help(&words) {
        return Ok(Completed::without_variables(words));
    }
    let typed = typed(&words[place.begin..], place.command, root);
    if typed.iter().any(|arg| is_said_by_a_parent(arg) || place.has_its_question_in(arg)) {
        return Ok(Completed::without_variables(words));
    }
    let gives_way = |arg: &Arg| {
        typed.iter().any(|other| other.get_id() == arg.get_id() || exclude(arg, other, place.command))
    };
    let (mut said, mut added) = (Vec::new(), Vec::new());
    for (variable, arg) in flags(place.command, &place.path) {
        let value = set.iter().find(|(name, _)| *name == variable).map(|(_, value)| value.clone());
        let (Some(value), Some(long)) = (value, arg.get_long()) else { continue };
        if gives_way(arg) {
            continue;
        }
        if let Some(values) = values(&variable, value, shape(arg))? {
            said.extend(as_words(long, arg, values));
            added.push((long.to_owned(), variable));
        }
    }
    let warnings = without_effect(&set, place.top);
    let behind = words.split_off(place.begin);
    words.extend(said.into_iter().chain(behind));
    Ok(Completed { words, added, warnings })
}

/// The command of a command line.
struct Place<'a> {
    command: &'a Command,
    /// The one right below the program that it is, or belongs to.
    top: &'a Command,
    /// Their names, with dashes between them: `plugins-check`.
    path: String,
    /// Where the words behind its name begin.
    begin: usize,
}

impl<'a> Place<'a> {
    /// The command that is typed; nothing where there is none whose flags have variables.
    fn of(words: &[OsString], root: &'a Command) -> Option<Self> {
        let known: Vec<&Arg> = root.get_arguments().collect();
        let mut found: Option<Self> = None;
        let mut at = 1;
        while let Some(word) = words.get(at).and_then(|word| word.to_str()).filter(|word| *word != "--") {
            at += 1;
            if word.starts_with('-') {
                // The flags of the log may stand in front of a command, with their values.
                at += named(word, &known).1;
                continue;
            }
            let above = found.as_ref().map_or(root, |place| place.command);
            let Some(command) = above.find_subcommand(word) else { break };
            let name = command.get_name();
            found = Some(match found {
                Some(Self { top, path, .. }) => {
                    Self { command, top, path: format!("{path}-{name}"), begin: at }
                }
                None => Self { command, top: command, path: name.to_owned(), begin: at },
            });
        }
        found.filter(|place| COMMANDS.contains(&place.top.get_name()) && !place.command.is_hide_set())
    }

    /// Whether this flag says what a search looks for: by itself, or by the folder of a search that goes on. Many others are refused with it.
    fn has_its_question_in(&self, arg: &Arg) -> bool {
        self.path == "search" && QUESTIONS.contains(&arg.get_id().as_str())
    }

    /// The variables that are of its `top`, with their values. One that is set to nothing is not set.
    fn set(&self, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<(String, OsString)> {
        let first = variable(&format!("{}-", self.top.get_name()));
        let named =
            environment.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        named.filter(|(name, value)| name.starts_with(&first) && !value.is_empty()).collect()
    }
}

/// Whether a parent says all that its child is to know: it alone types this flag.
fn is_said_by_a_parent(arg: &Arg) -> bool {
    let flags = [check::CHILD_FLAG, docs::CHILD_FLAG].map(|flag| flag.trim_start_matches('-'));
    arg.get_long().is_some_and(|long| flags.contains(&long))
}

/// Help depends on no variable.
fn asks_for_help(words: &[OsString]) -> bool {
    words.iter().take_while(|word| *word != "--").any(|word| word == "--help" || word == "-h")
}

/// The flags of a command that have variables which are its own, with these.
fn flags<'a>(command: &'a Command, path: &str) -> Vec<(String, &'a Arg)> {
    let has_settings = WITH_SETTINGS.contains(&path.split('-').next().unwrap_or_default());
    let settings = if has_settings { Setting::names() } else { Vec::new() };
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set() && !arg.is_global_set());
    let own = shown.filter_map(|arg| arg.get_long().map(|long| (long, arg)));
    let own = own.filter(|(long, _)| !settings.iter().any(|name| name == long));
    own.map(|(long, arg)| (variable_of(path, long), arg)).collect()
}

/// The variable of a flag. A flag that begins with the name of its command does not say it twice: `PRONY_SEARCH_SPACE`.
fn variable_of(path: &str, long: &str) -> String {
    let long = long.strip_prefix(path).and_then(|long| long.strip_prefix('-')).unwrap_or(long);
    variable(&format!("{path}-{long}"))
}

/// The variables of a command and of those below it.
fn all(command: &Command, path: &str) -> Vec<String> {
    let mut all: Vec<String> = flags(command, path).into_iter().map(|(variable, _)| variable).collect();
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        all.extend(self::all(below, &format!("{path}-{}", below.get_name())));
    }
    all
}

/// The flags and other words of a command that are typed behind its name.
fn typed<'a>(words: &[OsString], command: &'a Command, root: &'a Command) -> Vec<&'a Arg> {
    let known: Vec<&Arg> = command.get_arguments().chain(root.get_arguments()).collect();
    let mut typed = Vec::new();
    let mut rest = words.iter().map(|word| word.to_string_lossy());
    while let Some(word) = rest.next() {
        let is_end = word == "--";
        if word.len() > 1 && word.starts_with('-') && !is_end {
            let (flags, values) = named(&word, &known);
            typed.extend(flags);
            rest.by_ref().take(values).for_each(drop);
        } else {
            // Words behind `--` are those of an argument that takes no others, where there is one.
            let is_word = |arg: &&Arg| arg.is_positional() && arg.is_last_set() == is_end;
            typed.extend(command.get_arguments().filter(is_word));
        }
        if is_end {
            break;
        }
    }
    typed.retain(|arg| !arg.is_global_set());
    typed
}

/// The flags that a word names, and how many of the words behind it are their values.
fn named<'a>(word: &str, known: &[&'a Arg]) -> (Vec<&'a Arg>, usize) {
    let Some(long) = word.strip_prefix("--") else { return named_by_letters(word, known) };
    let (name, is_whole) = match long.split_once('=') {
        Some((name, _)) => (name, true),
        None => (long, false),
    };
    let is_it =
        |arg: &Arg| arg.get_long() == Some(name) || arg.get_all_aliases().unwrap_or_default().contains(&name);
    let flag = known.iter().copied().find(|arg| is_it(arg));
    let values = flag.filter(|_| !is_whole).map_or(0, most_needed);
    (flag.into_iter().collect(), values)
}

/// The same of `-qo FILE`.
fn named_by_letters<'a>(word: &str, known: &[&'a Arg]) -> (Vec<&'a Arg>, usize) {
    let mut flags = Vec::new();
    let mut letters = word.chars().skip(1);
    while let Some(letter) = letters.next() {
        let Some(flag) = known.iter().copied().find(|arg| arg.get_short() == Some(letter)) else { break };
        flags.push(flag);
        let values = most_needed(flag);
        if values > 0 {
            let is_whole = letters.next().is_some();
            return (flags, if is_whole { 0 } else { values });
        }
    }
    (flags, 0)
}

/// How many values a flag has at least where it stands.
fn most_needed(flag: &Arg) -> usize {
    match shape(flag) {
        Shape::Switch => 0,
        Shape::Single | Shape::List => flag.get_num_args().map_or(1, |range| range.min_values()),
    }
}

/// Whether two flags of a command exclude each other.
fn exclude(one: &Arg, other: &Arg, command: &Command) -> bool {
    let names = |one: &Arg, other: &Arg| {
        command.get_arg_conflicts_with(one).into_iter().any(|arg| arg.get_id() == other.get_id())
    };
    names(one, other) || names(other, one)
}

/// A flag with its values as words. One that takes several at once has them behind it, and any other one is repeated.
fn as_words(long: &str, arg: &Arg, values: Vec<OsString>) -> Vec<OsString> {
    let flag = OsString::from(format!("--{long}"));
    if values.is_empty() || most_needed(arg) > 1 {
        return std::iter::once(flag).chain(values).collect();
    }
    let with_value = |value: OsString| {
        let mut word = flag.clone();
        word.push("=");
        word.push(value);
        word
    };
    values.into_iter().map(with_value).collect()
}

/// Variables that begin like those of a command and are none, as sentences.
fn without_effect(set: &[(String, OsString)], top: &Command) -> Vec<String> {
    let known = all(top, top.get_name());
    let settings: Vec<String> = Keys::all().iter().map(Key::variable).collect();
    let names = set.iter().map(|(name, _)| name);
    let unknown = names.filter(|name| !known.contains(name) && !settings.contains(name));
    let first = variable(&format!("{}-", top.get_name()));
    // The settings of a run have the same variables for all commands.
    let setting = |name: &str| {
        let rest = name.strip_prefix(first.as_str()).filter(|_| WITH_SETTINGS.contains(&top.get_name()))?;
        Some(variable(rest)).filter(|name| settings.contains(name))
    };
    let sentence = |name: &String| {
        let near = || near(name, known.iter().map(String::as_str)).map(str::to_owned);
        let hint = match setting(name).or_else(near) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("`prony {} --help` lists the flags, of which each has one", top.get_name()),
        };
        format!("the variable `{name}` has no effect: {hint}")
    };
    unknown.map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::*;
    use crate::cli::help;

    fn completed(line: &str, variables: &[(&str, &str)]) -> Result<Completed, Failure> {
        let words = line.split_whitespace().map(OsString::from).collect();
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        complete(words, &help::command(), variables)
    }

    #[rstest]
    #[case::required("prony record", "RECORD_URL=http://h", "prony record --url=http://h")]
    #[case::switch("prony metrics", "METRICS_JSON=yes", "prony metrics --json")]
    #[case::off("prony metrics", "METRICS_JSON=0", "prony metrics")]
    #[case::nothing("prony metrics", "METRICS_JSON=", "prony metrics")]
    #[case::list("prony lock", "LOCK_TOKENIZER=a\nb", "prony lock --tokenizer=a --tokenizer=b")]
    #[case::two_at_once("prony compare", "COMPARE_AGAINST=a\nb", "prony compare --against a b")]
    #[case::below("prony plugins check a.so", "PLUGINS_CHECK_SEED=7", "prony plugins check --seed=7 a.so")]
    #[case::of_another_command("prony plugins check a.so", "PLUGINS_SHOW_JSON=1", "prony plugins check a.so")]
    #[case::behind_the_log(
        "prony --log-level debug -v report D",
        "REPORT_QUIET=1",
        "prony --log-level debug -v report --quiet D"
    )]
    #[case::in_front_of_the_end(
        "prony compare --against a b -- --isl 5",
        "COMPARE_REPEATS=3",
        "prony compare --repeats=3 --against a b -- --isl 5"
    )]
    #[case::with_nothing_else(
        "prony compare -- --isl 5",
        "COMPARE_AGAINST=a\nb",
        "prony compare --against a b -- --isl 5"
    )]
    #[case::search("prony search --mock", "SEARCH_OVER=rate", "prony search --over=rate --mock")]
    #[case::goes_on("prony search --resume D", "SEARCH_OVER=rate", "prony search --resume D")]
    #[case::recipe(
        "prony search --search-recipe prefill-ttft-curve",
        "SEARCH_RANGE=1..8",
        "prony search --search-recipe prefill-ttft-curve"
    )]
    #[case::metric(
        "prony search --search-metric request_throughput",
        "SEARCH_RECIPE=concurrency-ramp",
        "prony search --search-metric request_throughput"
    )]
    #[case::not_twice("prony search", "SEARCH_SPACE=x", "prony search --search-space=x")]
    #[case::setting("prony search", "SEARCH_ISL=5", "prony search")]
    #[case::profile("prony profile", "PROFILE_ISL=5", "prony profile")]
    #[case::hidden(
        "prony plugins check --as-child",
        "PLUGINS_CHECK_SEED=7",
        "prony plugins check --as-child"
    )]
    #[case::help("prony record --help", "RECORD_URL=h", "prony record --help")]
    #[case::no_command("prony", "RECORD_URL=h", "prony")]
    #[case::unknown_command("prony recrod", "RECORD_URL=h", "prony recrod")]
    fn a_variable_is_a_flag_behind_its_command(
        #[case] line: &str,
        #[case] variable: &str,
        #[case] expected: &str,
    ) {
        let (name, value) = variable.split_once('=').unwrap();
        let name = format!("PRONY_{name}");
        let words = completed(line, &[(name.as_str(), value)]).unwrap().words;
        let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
        assert_eq!(words.join(" "), expected);
    }

    #[rstest]
    #[case::long("prony record --url a", "RECORD_URL=b")]
    #[case::long_with_its_value("prony record --url=a", "RECORD_URL=b")]
    #[case::short("prony record -u a", "RECORD_URL=b")]
    #[case::letters("prony record -ku a", "RECORD_URL=b")]
    #[case::alias("prony lock --lock a", "LOCK_OUTPUT=b")]
    #[case::excluded("prony record --insecure", "RECORD_CA_CERT=b")]
    #[case::excludes("prony mock-server --ttft-ms 5", "MOCK_SERVER_SERVICE_MS=5")]
    #[case::excluded_by_a_word("prony compare a b", "COMPARE_AGAINST=a\nb")]
    fn what_is_typed_stands_over_a_variable(#[case] line: &str, #[case] variable: &str) {
        let (name, value) = variable.split_once('=').unwrap();
        let name = format!("PRONY_{name}");
        let words = completed(line, &[(name.as_str(), value)]).unwrap().words;
        let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
        assert_eq!(words.join(" "), line);
    }

    #[test]
    fn what_is_none_of_a_commands_variables_is_a_warning() {
        let variables = [
            ("PRONY_EXPORT_LEVEL", "raw"),
            ("PRONY_EXPORT_FROMAT", "parquet"),
            ("PRONY_EXPORT_X", "5"),
            ("PRONY_RECORD_X", "5"),
        ];
        let warnings = completed("prony export D", &variables).unwrap().warnings;
        assert_eq!(
            warnings,
            [
                "the variable `PRONY_EXPORT_FROMAT` has no effect: did you mean `PRONY_EXPORT_FORMAT`?",
                "the variable `PRONY_EXPORT_X` has no effect: `prony export --help` lists the flags, of which each has one"
            ]
        );
    }

    #[test]
    fn a_setting_of_a_run_has_no_command_in_its_variable() {
        let warnings = completed("prony search --mock", &[("PRONY_SEARCH_ISL", "5")]).unwrap().warnings;
        let expected = "the variable `PRONY_SEARCH_ISL` has no effect: did you mean `PRONY_ISL`?";
        assert_eq!(warnings, [expected]);
        // What says where settings are has none.
        let warnings = completed("prony search --mock", &[("PRONY_SEARCH_RESUME", "D")]).unwrap().warnings;
        assert!(warnings.len() == 1 && !warnings[0].contains("`PRONY_RESUME`"), "{warnings:?}");
    }

    /// A misspelled name of the flags of searches would be in no help, and no variable would give way.
    #[test]
    fn each_question_of_a_search_is_a_flag_of_it() {
        let root = help::command();
        let search = root.find_subcommand("search").unwrap();
        for id in QUESTIONS {
            assert!(search.get_arguments().any(|arg| arg.get_id() == id), "{id}");
        }
    }

    #[test]
    fn the_variables_of_a_command_line_are_named() {
        let variables = [("PRONY_RECORD_CA_CERT", "ca.pem")];
        let note = completed("prony record --url http://h", &variables).unwrap().note();
        let expected = "these variables are a part of the command line: `PRONY_RECORD_CA_CERT`";
        assert_eq!(note.as_deref(), Some(expected));
        assert_eq!(completed("prony record --url http://h", &[]).unwrap().note(), None);
    }

    #[test]
    fn a_switch_is_on_or_off() {
        let failure = completed("prony metrics", &[("PRONY_METRICS_JSON", "maybe")]).unwrap_err();
        assert_eq!(failure.message, "`PRONY_METRICS_JSON` takes `true` or `false`, and this is `maybe`");
    }

    /// `selftest` has no flags, `service` those of a plugin, and the others have variables of their own.
    #[test]
    fn each_command_has_variables() {
        let root = help::command();
        let shown = root.get_subcommands().filter(|command| !command.is_hide_set()).map(Command::get_name);
        let others = ["agent", "profile", "selftest", "service"];
        let names: BTreeSet<&str> = shown.filter(|name| !others.contains(name)).collect();
        assert_eq!(names, BTreeSet::from(COMMANDS));
    }

    #[test]
    fn each_variable_is_of_one_flag() {
        let root = help::command();
        let mut seen: BTreeSet<String> = Setting::names().iter().map(|name| variable(name)).collect();
        let commands = root.get_subcommands().filter(|command| COMMANDS.contains(&command.get_name()));
        for variable in commands.flat_map(|command| all(command, command.get_name())) {
            assert!(seen.insert(variable.clone()), "{variable} is of two flags");
        }
    }
}
