//! `prony profile`: from flags to a plan, and from a run's end to its report and exit code.

use std::{ffi::OsStr, sync::Arc};

use rand::{TryRng, rngs::SysRng};

use super::{
    charts, dry_run,
    exit::{Exit, Failure},
    limits,
    logging::LogFlags,
    names::{self, Located},
    outcome::{held, outcome},
    recorded, refusal,
    report::{self, Shown, Written},
    settings::{Asked, flags_of},
    terminal,
    view::View,
};
use crate::{
    calibrate::{self, Calibration},
    clock::Clock,
    config::{
        environment::Environment,
        error::ConfigErrors,
        flags::{PluginFlags, ProfileFlags, Ui},
        keys::API_KEY_VARIABLE,
        proxy::ProxyEnvironment,
        redact,
        resolve::{EndpointFacts, Resolved, resolve},
        spec::RunSpec,
    },
    metrics::objectives,
    plan::Plan,
    plugin::{self, Category, DiscoveryOptions, LockChoice, OptionSchema, Registry},
    record::{ProcessUsage, recorder::RecorderError},
    report::{Report, again_from_the_journal, why_incomplete},
    run::{
        ExecuteError, Execution, Folder, Interrupt, Observer, RunError, RunOutcome, ending::Ending, execute,
        mock::MockProcess, models, setup::Run, until_interrupted, usage,
    },
};

/// The API format when the user names none.
pub(super) const DEFAULT_ENDPOINT: &str = "chat";

/// Measures a server.
pub(super) fn run(asked: &Asked, log: &LogFlags) -> Result<Exit, Failure> {
    let flags = &asked.flags;
    own_the_process();
    if asked.has_mistakes() {
        check(asked, &*discover(flags)?)?;
    }
    let server = Server::of(flags)?;
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

/// Why a run has no result.
pub(super) enum Lost {
    /// What it measured could not be kept, or not all of it.
    Unkept(Failure),
    /// There is nothing to be kept.
    Nothing(Failure),
    /// Nothing was sent.
    NotBegun(Failure),
}

impl From<Lost> for Failure {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Unkept(failure) | Lost::Nothing(failure) | Lost::NotBegun(failure) => failure,
        }
    }
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
) -> Result<Exit, Lost> {
    usage::forget_peak();
    let server = Server::of(&asked.flags).map_err(Lost::NotBegun)?;
    let clock = Clock::start();
    let plan = planned(asked, &common.registry, &server, warn).map_err(Lost::NotBegun)?;
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
        ExecuteError::Folder(_) => Lost::Unkept(error.into()),
        error => Lost::NotBegun(error.into()),
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
    fn of(flags: &ProfileFlags) -> Result<Self, Failure> {
        let answer = flags.mock_answer.as_deref();
        // Read here as well: the other process has no way to say what is wrong with it.
        let is_whole =
            answer.map(|file| recorded::read(file, None)).transpose()?.is_some_and(|it| !it.is_stream());
        let words: Vec<&OsStr> =
            answer.into_iter().flat_map(|file| ["--answer".as_ref(), file.as_os_str()]).collect();
        let sends = flags.dry_run.is_none();
        let process = (flags.mock && sends).then(|| MockProcess::start(&words)).transpose()?;
        Ok(Self { process, is_whole })
    }
}

/// The plan of a run. `warn` hears what is odd about it.
fn planned(
    asked: &Asked,
    registry: &Registry,
    server: &Server,
    warn: &mut dyn FnMut(&str),
) -> Result<Plan, Failure> {
    let Resolved { mut plan, warnings } = resolve_flags(asked, registry)?;
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

/// The plugins that the settings allow.
pub(super) fn discover(flags: &ProfileFlags) -> Result<Arc<Registry>, Failure> {
    let PluginFlags { manifests, plugin_policy, locked, lock } = &flags.plugins;
    let discovery = DiscoveryOptions::from_env(manifests.clone()).with_policy(*plugin_policy);
    // The environment has said its word among the settings.
    let discovery = discovery.with_lock(LockChoice::of(*locked, lock.as_deref()));
    let registry = Arc::new(Registry::discover(&discovery)?);
    for problem in registry.problems() {
        let what = if problem.is_one_entry() { "an entry" } else { "a plugin package" };
        terminal::warn(&format!("{what} was skipped: failed to {}", plugin::chain(problem)));
    }
    Ok(registry)
}

/// The command line, without secrets.
fn command() -> String {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    redact::command_line(words.iter().map(String::as_str)).join(" ")
}

/// Writes and prints the report of a run that is over, and says how the process ends if it has no other.
fn end(RunOutcome { run, ended }: RunOutcome, shown: Shown) -> Result<Exit, Lost> {
    let ending = ended.map_err(|error| Lost::Unkept(report_the_rest(&run, error, shown)))?;
    let is_interrupted = matches!(ending, Some(Ending::Interrupted(_)));
    let report = match write_report(&run, is_interrupted, shown).map_err(Lost::Unkept)? {
        Ok(Written { missing: Some(failure), .. }) => return Err(Lost::Unkept(failure)),
        Ok(Written { report, missing: None }) => report,
        Err(interrupt) => return Ok(interrupt.into()),
    };
    let ended = exit_of(ending, &report);
    // One of several is judged by what it belongs to, which reads in its summary what became of its objectives.
    match ended {
        ended if shown == Shown::Kept => ended,
        Ok(exit) => Ok(held(if_whole(exit, &report), &report)),
        Err(lost) => {
            if let Lost::Nothing(failure) = &lost {
                held(failure.exit, &report);
            }
            Err(lost)
        }
    }
}

/// A run that lacks a part of what was asked for is no success.
fn if_whole(exit: Exit, report: &Report) -> Exit {
    if exit == Exit::Success && why_incomplete(report).is_some() { Exit::Incomplete } else { exit }
}

/// How the process ends by the end of a run, whatever its objectives are.
fn exit_of(ending: Option<Ending>, report: &Report) -> Result<Exit, Lost> {
    let early = |why: &str| terminal::say_why(&format!("the run ended before its time: {why}"));
    let by_itself = || outcome(report).map_err(Lost::Nothing);
    match ending {
        Some(Ending::Interrupted(interrupt)) => Ok(interrupt.into()),
        Some(
            ending @ (Ending::EndpointPoisoned(_)
            | Ending::EndpointHangs { .. }
            | Ending::EndpointDied { .. }),
        ) => {
            early(&ending.reason());
            Ok(Exit::Plugin)
        }
        Some(Ending::StepFailed { reason, hint }) if report.profiling.outcomes.succeeded == 0 => {
            Err(Lost::Nothing(Failure::statement(Exit::Failed, reason).with_hint(hint)))
        }
        Some(Ending::StepFailed { reason, hint }) => {
            early(&format!("{reason}{}", in_brackets(&hint)));
            by_itself()
        }
        Some(
            ending @ (Ending::ServerGone { .. }
            | Ending::Unformatted { .. }
            | Ending::TooManyFailed { .. }
            | Ending::Requested(_)
            | Ending::Deadline(_)),
        ) => {
            early(&ending.reason());
            by_itself()
        }
        Some(Ending::ServiceRefused { name, message, hint }) => {
            let what = format!("start the service `{name}` with these options: {message}");
            Err(Lost::NotBegun(Failure::new(Exit::Usage, what).with_hint(hint)))
        }
        Some(
            ending @ (Ending::ServiceLost(_)
            | Ending::AgentLost { .. }
            | Ending::WorkerLost(_)
            | Ending::JournalLost),
        ) => {
            early(&ending.reason());
            Ok(Exit::Failed)
        }
        Some(Ending::Saturated { .. }) | None => by_itself(),
    }
}

/// What is to be done, behind a sentence.
fn in_brackets(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!(" ({hint})") }
}

/// The journal could not be written to its end. What stands in it is reported all the same; where there is no room for that,
/// either, the two have one reason and are one failure.
fn report_the_rest(run: &Run, error: RecorderError, shown: Shown) -> Failure {
    let failure = Failure::from(RunError::Recorder(error));
    match write_report(run, false, shown) {
        Ok(Ok(Written { missing: Some(_), .. })) => failure.with_hint(again_from_the_journal(&run.dir)),
        Ok(_) => failure,
        Err(unreported) => {
            terminal::explain(&unreported);
            failure
        }
    }
}

/// Writes and prints the report. An interrupt instead when the user does not want to wait for it: the second one in a row
/// says so, and the first may have been that of the run.
fn write_report(
    run: &Run,
    is_interrupted: bool,
    shown: Shown,
) -> Result<Result<Written, Interrupt>, Failure> {
    let (dir, run_id) = (run.dir.clone(), run.header.run_id.clone());
    let warn =
        || terminal::warn("interrupted while the report is being written; interrupt again to end at once");
    let warnings: &[&dyn Fn()] = if is_interrupted { &[] } else { &[&warn] };
    let again = format!("`prony report {}` writes it from the journal", dir.display());
    match until_interrupted(warnings, move || report::write_at_end(&dir, &run_id, shown)) {
        // If its journal cannot be read under its name, somebody may have moved it.
        Ok(Ok(written)) => written.map(Ok).map_err(|failure| run.misplaced().map_or(failure, Failure::from)),
        Ok(Err(interrupt)) => {
            terminal::say_why(&format!("the report was not written to its end: {again}"));
            Ok(Err(interrupt))
        }
        Err(error) => Err(Failure::new(Exit::Failed, "write the report").caused_by(&error).with_hint(again)),
    }
}

/// Whether settings make a run, as far as that is known without asking a server.
///
/// # Errors
/// They do not.
pub(super) fn check(asked: &Asked, registry: &Registry) -> Result<(), Failure> {
    resolved(asked, &asked.flags, registry).map(drop)
}

/// Turns settings into a plan; a server is asked for its model where none is named.
fn resolve_flags(asked: &Asked, registry: &Registry) -> Result<Resolved, Failure> {
    let flags = &asked.flags;
    let mut resolved = resolved(asked, flags, registry)?;
    // Before anything is asked of a server, or said.
    redact::learn(redact::of_config(&resolved.plan));
    redact::learn(redact::of_environment());
    if resolved.plan.target.lacks_model() && flags.dry_run.is_some() {
        return Err(dry_run::needs_a_model());
    }
    if resolved.plan.target.lacks_model() {
        let model = models::the_only_one(&resolved.plan)?;
        let flags = ProfileFlags { model: vec![model], ..flags.clone() };
        let seed = resolved.plan.random_seed;
        resolved = self::resolved(asked, &flags, registry)?;
        resolved.plan.random_seed = seed;
    }
    let calibration = calibrate::load(&resolved.plan.target.endpoint_type);
    resolved.warnings.extend(calibration.and_then(|calibration| doubts(&calibration, &resolved.plan)));
    Ok(resolved)
}

/// A plan, as far as no server has to be asked.
///
/// # Errors
/// Everything that is wrong with the settings.
pub(super) fn resolved(
    asked: &Asked,
    flags: &ProfileFlags,
    registry: &Registry,
) -> Result<Resolved, Failure> {
    match try_resolve(asked, flags, registry) {
        Ok(Err(errors)) => Err(asked.failure(Some(errors))),
        Err(failure) => Err(asked.failure_with(failure)),
        _ if asked.has_mistakes() => Err(asked.failure(None)),
        Ok(Ok(resolved)) => Ok(resolved),
    }
}

fn try_resolve(
    asked: &Asked,
    flags: &ProfileFlags,
    registry: &Registry,
) -> Result<Result<Resolved, ConfigErrors>, Failure> {
    let name = flags.endpoint_type.as_deref().unwrap_or(DEFAULT_ENDPOINT);
    let unknown = |error| asked.placed("endpoint-type", refusal::unknown_endpoint(name, error));
    let entry = registry.endpoint(name).map_err(unknown)?;
    let own_inputs = own_inputs(flags, registry, &entry.name)?;
    let metrics = objectives::facts();
    let endpoint = EndpointFacts {
        name: &entry.name,
        metadata: &entry.metadata,
        own_inputs: &own_inputs,
        metrics: &metrics,
    };
    let key = std::env::var_os(API_KEY_VARIABLE).map(|key| key.to_string_lossy().into_owned());
    let located = names::located(flags).map_err(|(name, failure)| asked.placed(name, failure));
    let Located { tokenizer, dataset } = located?;
    let spec = RunSpec::new(flags, key.as_deref()).of(&asked.origins).located(tokenizer, dataset);
    let spec = spec.with_phases(&asked.origins, flags_of)?;
    Ok(resolve(&spec, endpoint, &facts()?))
}

/// Extra inputs that the endpoint takes as options. Looked up where there are extra inputs: it needs the library's descriptor.
fn own_inputs(flags: &ProfileFlags, registry: &Registry, endpoint: &str) -> Result<Vec<String>, Failure> {
    if flags.extra_inputs.is_empty() {
        return Ok(Vec::new());
    }
    let schema = OptionSchema::of(&registry.describe(Category::Endpoint, endpoint)?);
    Ok(schema.extra_inputs().map(str::to_owned).collect())
}

/// Why the load is beyond what was calibrated, if it is.
fn doubts(calibration: &Calibration, plan: &Plan) -> Option<String> {
    plan.phases.iter().find_map(|phase| {
        let streams = phase.load.most_in_flight().filter(|_| plan.target.streaming).map(u64::from);
        let rate = phase.load.most_rate();
        calibration.doubts(cores(), streams, rate)
    })
}

/// Cores that this process may use.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn facts() -> Result<Environment, Failure> {
    let cores = cores();
    // 32 bits, so that the seed is short enough to be typed again.
    let seed = SysRng.try_next_u32().map_err(|error| {
        Failure::new(Exit::Failed, "draw a random seed from the system")
            .caused_by(&error)
            .with_hint("name one with `--random-seed`")
    })?;
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let mut aiperf_variables: Vec<String> = names.filter(|name| name.starts_with("AIPERF_")).collect();
    aiperf_variables.sort_unstable();
    Ok(Environment { cores, seed: seed.into(), proxies: ProxyEnvironment::read(), aiperf_variables })
}

/// Has warnings left out where these typed flags want it so. To be called before other settings are read, which may be warned of as well.
///
/// # Errors
/// They want progress to be shown, too.
pub(super) fn hush(flags: &ProfileFlags) -> Result<(), Failure> {
    let shown = match flags.ui {
        Some(Ui::Simple) => Some("simple"),
        Some(Ui::Dashboard) => Some("dashboard"),
        Some(Ui::None) | None => None,
    };
    if let Some(shown) = shown.filter(|_| flags.quiet) {
        let what = format!("use `--quiet` together with `--ui {shown}`: no progress is shown then");
        return Err(Failure::new(Exit::Usage, what).with_hint("leave out one of them"));
    }
    terminal::be_quiet_if(flags.quiet);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quiet_shows_no_progress() {
        for ui in [Ui::Simple, Ui::Dashboard] {
            let flags = ProfileFlags { quiet: true, ui: Some(ui), ..ProfileFlags::default() };
            assert_eq!(hush(&flags).unwrap_err().exit, Exit::Usage);
        }
    }
}
