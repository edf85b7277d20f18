//! The command line: the way in, and the one place that decides what the user reads and which code the process ends
//! with.
//!
//! Each command has a file of its own and gives an `Exit` or a `Failure`. Parsing opens nothing: help and version depend
//! neither on the environment nor on plugins.

mod agent;
mod agent_lines;
mod bar;
mod calibrate;
mod charts;
mod collect;
mod command_line;
mod compare;
mod completions;
mod config;
mod dashboard;
mod dataset;
mod doctor;
mod dry_run;
mod exit;
mod exit_codes;
mod experiment;
mod export;
mod help;
mod limits;
mod lists;
mod lock;
mod log_file;
mod log_line;
mod logging;
mod man;
mod metrics;
mod mock_server;
mod names;
mod nats_access;
mod nats_server;
mod option_rows;
mod outcome;
mod plot;
mod plugins;
mod precedence;
mod profile;
mod progress;
mod record;
mod recorded;
mod refusal;
mod report;
mod resolved;
mod run_end;
mod runs;
mod schema;
mod search;
mod selftest;
mod service;
mod settings;
mod speed_bench_report;
mod terminal;
mod variables;
mod view;
mod worker;

use std::{ffi::OsString, path::Path, process::ExitCode, time::Duration};

use clap::{ArgMatches, FromArgMatches};

use self::{
    command_line::{Cli, Command},
    exit::{Exit, Failure},
    lists::{Purpose, Typed},
    logging::LogFlags,
    variables::Completed,
};
use crate::{experiment::is_experiment, plugin, run::survive_size_limit, stderr};

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // Else what is said of a panic on this thread may be behind the end of the process.
    let _flushed = stderr::FlushedAtEnd;
    let _logged = log_file::FlushedAtEnd;
    let exit = run(std::env::args_os()).unwrap_or_else(|failure| {
        terminal::explain(&failure);
        failure.exit
    });
    // First, as it may have to say that it cannot be written.
    log_file::flush();
    stderr::flush();
    plugin::end(exit as u8)
}

fn run(words: impl IntoIterator<Item = OsString>) -> Result<Exit, Failure> {
    let mut command = help::command();
    let words = as_search(words.into_iter().collect());
    let completed = variables::complete(words, &command, std::env::vars_os())?;
    let parsed = command
        .try_get_matches_from_mut(&completed.words)
        .and_then(|matches| Cli::from_arg_matches(&matches).map(|cli| (cli, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return run_otherwise(&completed, &command, error),
    };
    // The log of a child is its parent's, and no thread of it starts before the kernel denies it what its service does not state.
    if !matches!(cli.command, Command::Service(_)) {
        stderr::start();
        logging::init(&cli.log)?;
    }
    prepare()?;
    // Before variables and other settings are warned of.
    terminal::be_quiet_if(asks_for_quiet(&cli.command));
    warn_of(&completed.warnings);
    if shares_work(&cli.command) {
        limits::start_shared_threads()?;
    }
    if opens_libraries(&cli.command) {
        plugin::when_an_opening_hangs(opening_hangs);
    }
    carry_out(cli, &matches, command).inspect_err(|failure| note_variables(&completed, failure))
}

/// Does what a command line asks for, which was read as `cli`, from `matches` of `command`.
fn carry_out(cli: Cli, matches: &ArgMatches, command: clap::Command) -> Result<Exit, Failure> {
    match cli.command {
        Command::Profile(flags) => {
            let matches = matches.subcommand_matches("profile").unwrap_or(matches);
            profile_or_experiment(&settings::asked(matches, flags.config.as_deref())?, &cli.log)
        }
        Command::Search(args) => {
            let matches = matches.subcommand_matches("search").unwrap_or(matches);
            search::run(&args, matches, &cli.log)
        }
        Command::Agent(args) => agent::run(&args, &cli.log),
        Command::Config(args) => config::run(&args, matches),
        Command::Report(args) if !args.messages && is_experiment(&args.dir) => match args.of_single_runs() {
            Some(flag) => Err(report::names_an_experiment(flag, &args.dir)),
            None => experiment::report(&args.dir, args.shown()),
        },
        Command::Report(args) => report::run(&args),
        Command::Collect(args) => collect::run(&args),
        Command::Plot(args) => plot::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Runs(args) => runs::list(&args),
        Command::Show(args) => runs::show(&args),
        Command::Compare(args) => {
            let read: compare::Read = |words| lists::typed(words).map(|typed| (typed.settings, typed.log));
            compare::run(&args, &cli.log, read)
        }
        Command::Metrics(args) => metrics::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::SpeedBenchReport(args) => speed_bench_report::run(&args),
        Command::Dataset(args) => dataset::run(&args),
        Command::Plugins(args) => plugins::run(&args),
        Command::Lock(args) => lock::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Calibrate(args) => calibrate::run(&args, &cli.log),
        Command::Doctor(args) => doctor::run(&args),
        Command::Selftest => selftest::run(),
        Command::MockServer(args) => mock_server::run(*args),
        Command::Service(args) => service::run(&args, &cli.log, command),
        Command::Worker => worker::run(),
        Command::NatsServer => nats_server::run(),
        Command::Completions(args) => completions::run(&args, &help::command()),
        Command::Man(args) => man::run(&args, help::command()),
    }
}

/// Does what a command line asks for that the usual reader refuses: it has lists, asks for help, or is wrong.
fn run_otherwise(
    completed: &Completed,
    command: &clap::Command,
    error: clap::Error,
) -> Result<Exit, Failure> {
    let with_lists = |typed| {
        run_with_lists(typed, &completed.warnings).inspect_err(|failure| note_variables(completed, failure))
    };
    let error = match lists::typed_with_lists(&completed.words, error) {
        Ok(typed) => return with_lists(typed),
        Err(error) => error,
    };
    if let Some(refused) = refusal::of(&error, &completed.words, command) {
        return match lists::typed_with_a_wrong_value(&completed.words, &error) {
            Some(typed) => with_lists(typed),
            None => Err(completed.placed(refused, &error)),
        };
    }
    // What goes to standard output is help.
    if error.use_stderr() {
        completed.note().iter().for_each(|note| terminal::warn(note));
    }
    terminal::answer(&error)
}

/// Says which variables are a part of the command line, in front of an error that may be about the flag of one.
fn note_variables(completed: &Completed, failure: &Failure) {
    if failure.exit == Exit::Usage {
        completed.note().iter().for_each(|note| terminal::warn(note));
    }
}

fn warn_of(warnings: &[String]) {
    for warning in warnings {
        terminal::warn(warning);
    }
}

/// Whether a command that makes runs is to say nothing but errors.
fn asks_for_quiet(command: &Command) -> bool {
    match command {
        Command::Profile(flags) => flags.quiet,
        Command::Search(args) => args.is_quiet(),
        _ => false,
    }
}

/// It shares large work between the cores.
fn shares_work(command: &Command) -> bool {
    if let Command::Plugins(args) = command {
        return args.shares_work();
    }
    matches!(
        command,
        Command::Profile(_)
            | Command::Search(_)
            | Command::Agent(_)
            | Command::Report(_)
            | Command::Collect(_)
            | Command::Plot(_)
            | Command::Export(_)
            | Command::Compare(_)
            | Command::Calibrate(_)
            | Command::Selftest
            | Command::Worker
    )
}

/// It opens libraries, and nobody watches how long that takes: a child is watched by its parent.
fn opens_libraries(command: &Command) -> bool {
    matches!(
        command,
        Command::Profile(_)
            | Command::Search(_)
            | Command::Agent(_)
            | Command::Compare(_)
            | Command::Calibrate(_)
    )
}

/// AIPerf has no command for a search: there, flags of `profile` ask for one. Some ask for a sweep, which `search` makes of them.
fn as_search(mut words: Vec<OsString>) -> Vec<OsString> {
    let names = search::names_of_aiperf();
    let is_one = |word: &OsString| {
        let name = word.to_str().and_then(|word| word.strip_prefix("--"));
        name.and_then(|name| name.split('=').next())
            .is_some_and(|name| names.iter().any(|known| known == name))
    };
    if let Some(at) = words.iter().position(|word| word == "profile")
        && words[at..].iter().any(is_one)
    {
        words[at] = "search".into();
    }
    words
}

/// Carries out a command line that clap refuses: it has lists, or several wrong values, all of which are then told. `warnings` are about
/// variables.
fn run_with_lists(Typed { settings, log, purpose }: Typed, warnings: &[String]) -> Result<Exit, Failure> {
    stderr::start();
    logging::init(&log)?;
    prepare()?;
    if let Purpose::Show { is_json } = purpose {
        warn_of(warnings);
        return config::show_with_lists(settings, is_json);
    }
    limits::start_shared_threads()?;
    plugin::when_an_opening_hangs(opening_hangs);
    terminal::be_quiet_if(settings.get("quiet").is_some());
    warn_of(warnings);
    if let Purpose::Search(flags) = purpose {
        return search::of_words(&flags, settings, &log);
    }
    profile_or_experiment(&settings::of_words(settings)?, &log)
}

/// Before the first runtime, which cannot say what it lacks.
fn prepare() -> Result<(), Failure> {
    limits::allow_many_files()?;
    survive_size_limit()
        .map_err(|error| Failure::new(Exit::Failed, "prepare for a limit of file sizes").caused_by(&error))
}

/// Says what a library does to this process that does not finish to open, and gives the code with which the process ends.
fn opening_hangs(library: &Path, longest: Duration) -> u8 {
    let what = format!(
        "failed to open the library `{}`: its initialisers have not returned within {} s",
        library.display(),
        longest.as_secs()
    );
    let failure = Failure::statement(Exit::Plugin, what).with_hint(
        "report it to the plugin's vendor; with `--isolate NAME` it has a process of its own, which can be ended",
    );
    terminal::explain(&failure);
    // First, as in `main`.
    log_file::flush();
    stderr::flush();
    failure.exit as u8
}

/// One run, or the several that lists of values and some flags ask for.
fn profile_or_experiment(asked: &settings::Asked, log: &LogFlags) -> Result<Exit, Failure> {
    terminal::be_quiet_if(asked.flags.quiet);
    asked.warn();
    if asked.is_experiment() { experiment::run(asked, log) } else { profile::run(asked, log) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        help::command().debug_assert();
    }

    fn long_help(path: &[&str]) -> String {
        let mut command = help::command().term_width(100);
        command.build();
        let command =
            path.iter().fold(&mut command, |command, name| command.find_subcommand_mut(name).unwrap());
        command.render_long_help().to_string()
    }

    #[test]
    fn top_level_help() {
        insta::assert_snapshot!(long_help(&[]));
    }

    #[test]
    fn profile_help() {
        insta::assert_snapshot!(long_help(&["profile"]));
    }
}
