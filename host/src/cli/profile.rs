//! `prony profile`: the runs of this process, from their settings to their ends.

use std::{ffi::OsStr, sync::Arc};

use super::{
    charts, dry_run,
    exit::{Exit, Failure},
    limits,
    logging::LogFlags,
    recorded,
    report::Shown,
    resolved::{check, discover, with_model},
    run_end::{NoResult, end},
    settings::Asked,
    terminal,
    view::View,
};
use crate::{
    clock::Clock,
    config::{redact, resolve::Resolved},
    plan::Plan,
    plugin::Registry,
    record::ProcessUsage,
    run::{ExecuteError, Execution, Folder, Observer, execute, mock::MockProcess, usage},
};

/// Measures a server.
pub(super) fn run(asked: &Asked, log: &LogFlags) -> Result<Exit, Failure> {
    let flags = &asked.flags;
    own_the_process();
    if asked.has_mistakes() {
        let registry = discover(flags).map_err(|failure| asked.failure_with(failure))?;
        check(asked, &registry)?;
    }
    let server = Server::of(asked).map_err(|failure| beside_the_rest(asked, failure))?;
    let registry = discover(flags)?;
    // The deadline counts from here.
    let clock = Clock::start();
    let plan = planned(asked, &registry, &server, &mut terminal::warn)?;
    if let Some(most) = flags.dry_run {
        return dry_run::run(plan, &registry, most, flags);
    }
    let folder = match flags.artifact_dir {
        Some(_) => Folder::Named { overwrite: flags.overwrite },
        None => Folder::Dated,
    };
    let (log_words, command) = (log.words(), command());
    let execution = Execution {
        settings: Some(repeatable(asked, &plan)),
        plan,
        folder,
        registry: &registry,
        log_words,
        command,
        clock,
        server: server.process,
        used_before: ProcessUsage::default(),
        ends_saturated: false,
    };
    let mut observer = View::of(flags).observer(String::new());
    let outcome = execute(execution, &mut *observer);
    // Before anything is printed: a dashboard gives the terminal back.
    drop(observer);
    let outcome = outcome?;
    let dir = outcome.run.dir.clone();
    let exit = end(outcome, Shown::of(flags.format, flags.quiet))?;
    charts::automatic(flags.plots, &dir, || charts::of_run(&dir))?;
    Ok(exit)
}

/// What several runs of one process have in common.
pub(super) struct Common {
    pub(super) registry: Arc<Registry>,
    /// What a child process is told about its log, on its command line.
    pub(super) log_words: Vec<&'static str>,
}

/// How one of several runs is carried out.
pub(super) struct HowRun {
    /// How it would be asked for alone, without secrets.
    pub(super) command: String,
    /// It ends before its time where the server cannot keep up with the load.
    pub(super) ends_saturated: bool,
}

/// One of several runs of this process: it has a folder, and its table is not printed. `warn` hears what is odd about it.
pub(super) fn run_one_of_several(
    asked: &Asked,
    common: &Common,
    how: HowRun,
    observer: &mut dyn Observer,
    warn: &mut dyn FnMut(&str),
) -> Result<Exit, NoResult> {
    usage::forget_peak();
    let server = Server::of(asked).map_err(NoResult::NotBegun)?;
    let clock = Clock::start();
    let plan = planned(asked, &common.registry, &server, warn).map_err(NoResult::NotBegun)?;
    let execution = Execution {
        settings: Some(repeatable(asked, &plan)),
        plan,
        folder: Folder::Named { overwrite: false },
        registry: &common.registry,
        log_words: common.log_words.clone(),
        command: how.command,
        clock,
        server: server.process,
        used_before: usage::of_this_process(),
        ends_saturated: how.ends_saturated,
    };
    let outcome = execute(execution, observer).map_err(|error| match error {
        ExecuteError::Folder(_) => NoResult::Unkept(error.into()),
        error => NoResult::NotBegun(error.into()),
    })?;
    end(outcome, Shown::Kept)
}

/// Results go to standard output and nothing else does; a crash leaves no core.
pub(super) fn own_the_process() {
    terminal::keep_standard_output();
    limits::leave_no_core();
}

/// The mock server of a run, if it has one.
struct Server {
    process: Option<MockProcess>,
    /// Its responses are no streams.
    is_whole: bool,
}

impl Server {
    /// Starts it: it comes up while everything else is prepared.
    fn of(asked: &Asked) -> Result<Self, Failure> {
        let flags = &asked.flags;
        let answer = flags.mock_answer.as_deref();
        // Read here as well: the other process has no way to say what is wrong with it.
        let read = answer.map(|file| recorded::read(file, None)).transpose();
        let read = read.map_err(|error| asked.placed("mock-answer", error.into()))?;
        let is_whole = read.is_some_and(|it| !it.is_stream());
        let words: Vec<&OsStr> =
            answer.into_iter().flat_map(|file| ["--answer".as_ref(), file.as_os_str()]).collect();
        let sends = flags.dry_run.is_none();
        let process = (flags.mock && sends).then(|| MockProcess::start(&words)).transpose()?;
        Ok(Self { process, is_whole })
    }
}

/// Why there is no mock server, with what else is wrong with the settings. Where that is anything, a response that cannot be read is
/// among it.
fn beside_the_rest(asked: &Asked, failure: Failure) -> Failure {
    match discover(&asked.flags) {
        Ok(registry) => check(asked, &registry).err().unwrap_or(failure),
        Err(other) => Failure { beside: vec![failure], ..other },
    }
}

/// The plan of a run. `warn` hears what is odd about it.
fn planned(
    asked: &Asked,
    registry: &Registry,
    server: &Server,
    warn: &mut dyn FnMut(&str),
) -> Result<Plan, Failure> {
    let Resolved { mut plan, warnings } = with_model(asked, registry)?;
    for warning in &warnings {
        warn(warning);
    }
    // None is asked for where the mock server sends a response that is no stream, unless the user does.
    plan.target.streaming &= asked.flags.streaming || !server.is_whole;
    Ok(plan)
}

/// The settings as a file that sends the same again.
fn repeatable(asked: &Asked, plan: &Plan) -> String {
    // The one that the server lists, where nobody named one.
    let is_listed = asked.flags.model.is_empty() && !asked.flags.mock && plan.classes.is_empty();
    asked.repeatable(plan.random_seed, is_listed.then_some(plan.target.model.as_str()))
}

/// The command line, without secrets.
fn command() -> String {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    redact::command_line(words.iter().map(String::as_str)).join(" ")
}
