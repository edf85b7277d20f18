//! `prony profile`: one benchmark, from flags to the report of its journal.

use std::{
    ffi::OsStr,
    io::IsTerminal,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use prony_plugin_api::{ErrorDetails, metadata::EndpointMetadata};
use rand::{TryRng, rngs::SysRng};
use uuid::Uuid;

use super::{
    exit::{Exit, Explain, Failure, Form},
    limits,
    logging::LogFlags,
    outcome::outcome,
    recorded, refusal,
    report::{self, Written},
    terminal,
};
use crate::{
    calibrate::{self, Calibration},
    clock::Clock,
    config::{
        content,
        environment::Environment,
        error::ConfigError,
        flags::{ProfileFlags, Ui},
        proxy::ProxyEnvironment,
        redact::{self, Redactor},
        resolve::{Resolved, resolve},
        target::API_KEY_VARIABLE,
    },
    dataset::{self, AcceptanceError, Conversation, DatasetError, Tokenizer, TokenizerError},
    node::{self, Class, LoadedEndpoint, Loading, NodeError},
    plan::{DatasetConfig, Plan, Ramp},
    plugin::{self, Category, DiscoveryOptions, PluginError, Registry},
    record::{
        Capabilities, PolicyRecord, RunHeader,
        journal::{JournalError, Misplaced},
        recorder::RecorderError,
    },
    report::again_from_the_journal,
    run::{
        Interrupt, Lock, RunError, artifact_dir, conduct,
        folder_error::ArtifactDirError,
        lifecycle::Ending,
        mock::{MockError, MockProcess},
        models::{self, ModelError},
        progress::Display,
        services::{self, ChoiceError},
        setup::{self, Run},
        until_interrupted,
    },
    seed::Seed,
};

/// The dialect when the user names none.
pub(super) const DEFAULT_ENDPOINT: &str = "chat";

/// Measures a server.
pub(super) fn run(flags: &ProfileFlags, log: &LogFlags) -> Result<Exit, Failure> {
    terminal::keep_standard_output();
    limits::leave_no_core();
    // First, so that it comes up while everything else is prepared.
    let answer = flags.mock_answer.as_deref();
    // Read here as well: the other process has no way to say what is wrong with it.
    let is_whole =
        answer.map(|file| recorded::read(file, None)).transpose()?.is_some_and(|it| !it.is_stream());
    let words: Vec<&OsStr> =
        answer.into_iter().flat_map(|file| ["--answer".as_ref(), file.as_os_str()]).collect();
    let mut mock = flags.mock.then(|| MockProcess::start(&words)).transpose()?;
    let discovery = DiscoveryOptions::from_env(flags.plugins.clone()).with_policy(flags.plugin_policy);
    let registry = Arc::new(Registry::discover(&discovery)?);
    for problem in registry.problems() {
        let what = if problem.is_one_entry() { "an entry" } else { "a plugin package" };
        terminal::warn(&format!("{what} was skipped: failed to {}", plugin::chain(problem)));
    }
    let loading = Loading { registry: &registry, log_words: log.words() };
    let (run, endpoint) = prepare(flags, &loading, mock.as_mut(), is_whole)?;
    let ending = conduct(&run, endpoint, &registry);
    registry.restore_process_state();
    drop(mock);
    let ending = match ending {
        Err(error @ RunError::Recorder(_)) => return Err(report_the_rest(&run, error)),
        ending => ending?,
    };
    let is_interrupted = matches!(ending, Some(Ending::Interrupted(_)));
    let report = match write_report(&run, is_interrupted)? {
        Ok(Written { missing: Some(failure), .. }) => return Err(failure),
        Ok(Written { report, missing: None }) => report,
        Err(interrupt) => return Ok(interrupt.into()),
    };
    match ending {
        Some(Ending::Interrupted(interrupt)) => Ok(interrupt.into()),
        Some(
            ending @ (Ending::EndpointPoisoned(_)
            | Ending::EndpointHangs { .. }
            | Ending::EndpointDied { .. }),
        ) => {
            terminal::warn(&format!("the run ended before its time: {}", ending.reason()));
            Ok(Exit::Plugin)
        }
        Some(ending @ (Ending::ServerGone { .. } | Ending::Deadline(_))) => {
            terminal::warn(&format!("the run ended before its time: {}", ending.reason()));
            outcome(&report)
        }
        Some(Ending::ServiceRefused { name, message, hint }) => {
            let what = format!("start the service `{name}` with these options: {message}");
            Err(Failure::new(Exit::Usage, what).with_hint(hint))
        }
        Some(Ending::ServiceLost(_) | Ending::WorkerLost(_) | Ending::JournalLost) => Ok(Exit::Failed),
        Some(Ending::Requested(_)) | None => outcome(&report),
    }
}

/// The journal could not be written to its end. What stands in it is reported all the same; where there is no room for that,
/// either, the two have one reason and are one failure.
fn report_the_rest(run: &Run, error: RunError) -> Failure {
    let failure = Failure::from(error);
    match write_report(run, false) {
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
fn write_report(run: &Run, is_interrupted: bool) -> Result<Result<Written, Interrupt>, Failure> {
    let (dir, run_id) = (run.dir.clone(), run.header.run_id.clone());
    let warn =
        || terminal::warn("interrupted while the report is being written; interrupt again to end at once");
    let warnings: &[&dyn Fn()] = if is_interrupted { &[] } else { &[&warn] };
    let again = format!("`prony report {}` writes it from the journal", dir.display());
    match until_interrupted(warnings, move || report::write_at_end(&dir, &run_id)) {
        // If its journal cannot be read under its name, somebody may have moved it.
        Ok(Ok(written)) => written.map(Ok).map_err(|failure| run.misplaced().map_or(failure, Failure::from)),
        Ok(Err(interrupt)) => {
            terminal::warn(&format!("the report was not written to its end: {again}"));
            Ok(Err(interrupt))
        }
        Err(error) => Err(Failure::new(Exit::Failed, "write the report").caused_by(&error).with_hint(again)),
    }
}

/// Everything before the first request. `answers_whole` says that the mock server sends a recorded response that is no
/// stream: none is asked for then, unless the user does.
fn prepare(
    flags: &ProfileFlags,
    loading: &Loading<'_>,
    mock: Option<&mut MockProcess>,
    answers_whole: bool,
) -> Result<(Run, LoadedEndpoint), Failure> {
    // The deadline counts from here.
    let clock = Clock::start();
    let registry = loading.registry;
    let name = flags.endpoint_type.as_deref().unwrap_or(DEFAULT_ENDPOINT);
    let entry = registry.endpoint(name).map_err(|error| refusal::unknown_endpoint(name, error))?;
    let metadata = &entry.metadata;
    let mut resolved = plan(flags, &entry.name, metadata)?;
    resolved.plan.target.streaming &= flags.streaming || !answers_whole;
    for warning in setup::read_endpoint_options(registry, &mut resolved.plan.target)? {
        terminal::warn(&warning);
    }
    content::check_payloads(&resolved.plan)?;
    let services = services::choose(registry, &resolved.plan)?;
    services.warnings.iter().for_each(|warning| terminal::warn(warning));
    let tokenizer = load_tokenizer(&resolved.plan, metadata)?;
    let counter = tokenizer.clone().filter(|_| !resolved.plan.target.use_server_token_count);
    registry.note_process_state();
    let here = std::env::current_dir();
    let mut endpoint = LoadedEndpoint::load(loading, &resolved.plan)?;
    registry.restore_process_state();
    let dataset = make_dataset(&resolved.plan, metadata, tokenizer.as_deref())?;
    let redactor = redact::learn(dataset::secrets(&dataset));
    if let Some(mock) = mock {
        resolved.aim_at(&mock.url()?);
    }
    let mut config = resolved.plan;
    config.dataset.set_entries(dataset.len());
    let target = node::plan_target(&config, metadata).map_err(|error| wrong_target(&error))?;
    let known = Arc::clone(registry);
    let wait = move || {
        // The program answers signals by now.
        known.note_signal_handlers();
        let is_there = endpoint.await_target(&config, &target, &dataset, clock);
        (is_there, endpoint, config, target, dataset)
    };
    let (is_there, endpoint, mut config, target, dataset) = unless_interrupted(wait)?;
    is_there?;
    registry.restore_process_state();
    let (dir, lock) = claim_dir(flags, &config, clock)?;
    config.artifact_dir.clone_from(&dir);
    // Absolute from here on, wherever a plugin may go.
    let dir = here.map_or_else(|_| dir.clone(), |here| here.join(&dir));
    let run = Run {
        header: RunHeader {
            plugin_policy: policy(registry),
            plugins: registry.used(&[(Category::Endpoint, &config.target.endpoint_type)]),
            capabilities: setup::capabilities(registry, &config, metadata),
            ..header(&config, tokenizer.as_deref(), clock, &redactor)
        },
        services: services.wanted(&config, registry),
        redactor,
        display: display(flags),
        dataset,
        config,
        clock,
        dir,
        lock,
        journal: OnceLock::new(),
        tokenizer: counter,
        target,
    };
    Ok((run, endpoint))
}

/// Waits for something before the first request. After an interrupt there is nothing to write.
fn unless_interrupted<T: Send + 'static>(wait: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let waited = until_interrupted(&[], wait)
        .map_err(|error| Failure::new(Exit::Failed, "wait for the server").caused_by(&error))?;
    waited.map_err(|interrupt| {
        Failure::statement(interrupt.into(), "interrupted while waiting for the server: nothing was measured")
    })
}

/// Turns flags into a configuration and tells the user what is odd about it.
///
/// `name` and `endpoint` are the manifest entry that `--endpoint-type` means.
fn plan(flags: &ProfileFlags, name: &str, endpoint: &EndpointMetadata) -> Result<Resolved, Failure> {
    let facts = facts()?;
    let mut resolved = resolve(flags, endpoint, name, &facts)?;
    // Before anything is asked of a server, or said.
    redact::learn(redact::of_config(&resolved.plan));
    redact::learn(redact::of_environment());
    if resolved.plan.target.lacks_model() {
        let model = models::the_only_one(&resolved.plan)?;
        resolved = resolve(&ProfileFlags { model: vec![model], ..flags.clone() }, endpoint, name, &facts)?;
    }
    resolved.warnings.iter().for_each(|warning| terminal::warn(warning));
    let calibration = calibrate::load(&resolved.plan.target.endpoint_type);
    if let Some(doubt) = calibration.and_then(|calibration| doubts(&calibration, &resolved.plan)) {
        terminal::warn(&doubt);
    }
    Ok(resolved)
}

/// Why the load is beyond what was calibrated, if it is.
fn doubts(calibration: &Calibration, config: &Plan) -> Option<String> {
    config.phases.iter().find_map(|phase| {
        let streams = phase.load.most_in_flight().filter(|_| config.target.streaming).map(u64::from);
        let rate = phase.load.rate().map(Ramp::most);
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
    let api_key = std::env::var_os(API_KEY_VARIABLE).map(|key| key.to_string_lossy().into_owned());
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let mut aiperf_variables: Vec<String> = names.filter(|name| name.starts_with("AIPERF_")).collect();
    aiperf_variables.sort_unstable();
    Ok(Environment { cores, seed: seed.into(), proxies: ProxyEnvironment::read(), api_key, aiperf_variables })
}

/// The dataset, all of which the endpoint takes.
fn make_dataset(
    config: &Plan,
    endpoint: &EndpointMetadata,
    tokenizer: Option<&Tokenizer>,
) -> Result<Arc<[Conversation]>, Failure> {
    let dataset = dataset::build(&config.dataset, tokenizer, Seed::new(config.random_seed))?;
    dataset::check_accepted(&dataset, endpoint, &config.target.endpoint_type)?;
    let shared = dataset::shared_media(&dataset).filter(|_| is_generated(config));
    let other_streaming = dataset::other_streaming(&dataset, config.target.streaming);
    shared.iter().chain(&other_streaming).for_each(|warning| terminal::warn(warning));
    Ok(dataset.into())
}

fn is_generated(config: &Plan) -> bool {
    matches!(config.dataset, DatasetConfig::Synthetic { .. } | DatasetConfig::Rankings { .. })
}

/// The run's tokenizer, if anything in it is counted or generated in tokens.
fn load_tokenizer(
    config: &Plan,
    endpoint: &EndpointMetadata,
) -> Result<Option<Arc<Tokenizer>>, TokenizerError> {
    let needed = is_generated(config) || endpoint.tokenizes_input || endpoint.produces_tokens;
    needed.then(|| Tokenizer::load(&config.tokenizer).map(Arc::new)).transpose()
}

fn claim_dir(flags: &ProfileFlags, config: &Plan, clock: Clock) -> Result<(PathBuf, Lock), ArtifactDirError> {
    if flags.artifact_dir.is_some() {
        artifact_dir::claim(&config.artifact_dir, flags.overwrite)
    } else {
        artifact_dir::dated(&config.artifact_dir, clock.wall_start_ns())
    }
}

fn header(config: &Plan, tokenizer: Option<&Tokenizer>, clock: Clock, redactor: &Redactor) -> RunHeader {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let command = redact::command_line(words.iter().map(String::as_str)).join(" ");
    RunHeader {
        run_id: Uuid::new_v4().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config: redact::config(config, redactor),
        command: redactor.mask(&command).into_owned(),
        tokenizer: tokenizer.map(|used| format!("{} sha256:{}", used.name(), used.fingerprint())),
        wall_start_ns: clock.wall_start_ns(),
        capabilities: Capabilities::default(),
        plugin_policy: PolicyRecord::default(),
        plugins: Vec::new(),
    }
}

fn policy(registry: &Registry) -> PolicyRecord {
    let policy = registry.policy();
    PolicyRecord { name: policy.policy.name().to_owned(), set_by: policy.source.to_string() }
}

fn display(flags: &ProfileFlags) -> Display {
    match flags.ui {
        Some(Ui::None) => Display::Nothing,
        Some(Ui::Simple) | None if std::io::stderr().is_terminal() => Display::Bar,
        Some(Ui::Simple) | None => Display::Lines,
    }
}

fn form(is_statement: bool) -> Form {
    if is_statement { Form::Statement } else { Form::Attempt }
}

fn wrong_target(error: &ErrorDetails) -> Failure {
    let failure = Failure::new(Exit::Usage, format!("use the target: {}", error.message));
    Failure { hint: Some(error.hint.clone()).filter(|hint| !hint.is_empty()), ..failure }
}

impl Explain for ConfigError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(ConfigError::hint(self))
    }

    fn form(&self) -> Form {
        form(self.is_statement())
    }
}

impl Explain for TokenizerError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(TokenizerError::hint(self)).filter(|hint| !hint.is_empty())
    }

    fn form(&self) -> Form {
        form(self.is_statement())
    }
}

impl Explain for DatasetError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(DatasetError::hint(self)).filter(|hint| !hint.is_empty())
    }

    fn form(&self) -> Form {
        form(self.is_statement())
    }
}

impl Explain for AcceptanceError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(AcceptanceError::hint(self))
    }
}

impl Explain for PluginError {
    fn exit(&self) -> Exit {
        if self.is_usage() { Exit::Usage } else { Exit::Plugin }
    }

    fn hint(&self) -> Option<String> {
        Some(PluginError::hint(self)).filter(|hint| !hint.is_empty())
    }

    fn form(&self) -> Form {
        form(self.is_statement())
    }
}

impl Explain for ChoiceError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(ChoiceError::hint(self))
    }

    fn form(&self) -> Form {
        form(self.is_statement())
    }
}

impl Explain for ModelError {
    fn exit(&self) -> Exit {
        if matches!(self, Self::Unreachable { .. }) { Exit::Unreachable } else { Exit::Usage }
    }

    fn hint(&self) -> Option<String> {
        Some(ModelError::hint(self)).filter(|hint| !hint.is_empty())
    }

    fn form(&self) -> Form {
        form(self.is_statement())
    }
}

impl Explain for MockError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }

    fn hint(&self) -> Option<String> {
        Some("run `prony mock-server` to see what it says".to_owned())
    }
}

impl Explain for NodeError {
    fn exit(&self) -> Exit {
        match self.class() {
            Class::Usage => Exit::Usage,
            Class::Plugin => Exit::Plugin,
            Class::Unreachable => Exit::Unreachable,
            Class::Failed => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(NodeError::hint(self)).filter(|hint| !hint.is_empty())
    }

    fn form(&self) -> Form {
        form(matches!(self, Self::Plugin(error) if error.is_statement()))
    }
}

impl Explain for ArtifactDirError {
    fn exit(&self) -> Exit {
        match self {
            Self::HasRun(_) | Self::NotEmpty(_) | Self::NotAFolder(_) | Self::Busy { .. } => Exit::Usage,
            Self::Io { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(ArtifactDirError::hint(self).to_owned())
    }

    fn form(&self) -> Form {
        form(self.is_statement())
    }
}

impl Explain for Misplaced {
    fn exit(&self) -> Exit {
        Exit::Failed
    }

    fn hint(&self) -> Option<String> {
        Some(Misplaced::hint(self))
    }

    fn form(&self) -> Form {
        Form::Statement
    }
}

impl Explain for RunError {
    fn exit(&self) -> Exit {
        match self {
            Self::Node(error) => error.exit(),
            _ => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Journal(JournalError::Create { .. }) => {
                Some("choose an `--artifact-dir` of its own for each run, on a disk with room".to_owned())
            }
            Self::Recorder(RecorderError::Panicked) => {
                Some("please report this, with the response that caused it if you can".to_owned())
            }
            Self::Recorder(RecorderError::Journal(JournalError::Cut { .. })) => {
                Some("its records up to the cut are reported; leave the folder of a run alone".to_owned())
            }
            Self::Journal(_) | Self::Recorder(_) => {
                Some("make room on the disk; what was measured until then is reported".to_owned())
            }
            Self::Node(error) => Explain::hint(error),
            Self::EventLoop(_) => {
                Some("raise the limits on threads and open files (`ulimit -u`, `ulimit -n`)".to_owned())
            }
        }
    }
}
