//! Executing a plan: from the endpoint's library to the last frame of the journal. [`execute`] is the one way to run.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use prony_plugin_api::{ErrorDetails, metadata::EndpointMetadata};
use uuid::Uuid;

use super::{
    Interrupt, Lock,
    artifact_dir::{self, OldFiles},
    conductor::{RunError, conduct},
    ending::Ending,
    folder_error::ArtifactDirError,
    hooks::{
        Limit, PlannedHooks, Step, StepFailure,
        blocking::{self, CarriedOut},
    },
    host, inputs,
    mock::{MockError, MockProcess},
    observer::Observer,
    services::{self, ChoiceError},
    setup::{self, Run},
    until_interrupted,
    with_timeout::with_timeout,
};
use crate::{
    clock::Clock,
    config::redact,
    dataset::{self, DatasetError, Opened, Purpose, Source, Tokenizer, TokenizerError},
    node::{self, LoadedEndpoint, Loading, NodeError},
    plan::{ClassKind, DatasetConfig, Plan},
    plugin::{Category, PluginError, Registry},
    record::{
        Mark, PolicyRecord, ProcessUsage, RESET_KV_CACHE, RunHeader, recorder::RecorderError, settings,
    },
    report,
    request::target::TargetPlan,
    seed::Seed,
};

/// A plan, and what it takes to carry it out.
pub(crate) struct Execution<'a> {
    /// What is to be done.
    pub(crate) plan: Plan,
    /// Where the run's folder comes from.
    pub(crate) folder: Folder,
    pub(crate) registry: &'a Arc<Registry>,
    /// What a child process is told about its log, on its command line.
    pub(crate) log_words: Vec<&'static str>,
    /// How the run was asked for.
    pub(crate) command: String,
    /// Its settings as a file that repeats it, if it is one that can be repeated.
    pub(crate) settings: Option<String>,
    /// The run's clock: its deadline counts from there.
    pub(crate) clock: Clock,
    /// What this process had used of the machine for other runs.
    pub(crate) used_before: ProcessUsage,
    /// The run ends before its time where the server cannot keep up with the load.
    pub(crate) ends_saturated: bool,
    /// A server of ours to measure, which may still be starting; it ends with the run.
    pub(crate) server: Option<MockProcess>,
}

/// Where the folder of a run comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Folder {
    /// It is the one that the plan names.
    Named {
        /// The results of an earlier run in it go.
        overwrite: bool,
    },
    /// It is a new one, whose name is the plan's with the date.
    Dated,
}

/// A run that has begun and is over. What was measured is in its journal.
pub(crate) struct RunOutcome {
    /// The run. Its folder stays locked as long as it is there.
    pub(crate) run: Run,
    /// Why it ended before its time, if it did; an error when its journal could not be written to the end.
    pub(crate) ended: Result<Option<Ending>, RecorderError>,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecuteError {
    /// The endpoint or a service cannot be used.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// An option of a plugin makes no sense.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// Nothing counts tokens.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// There is nothing to send.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The workers' node cannot work, or the target cannot be measured.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The server of ours did not start.
    #[error(transparent)]
    Mock(#[from] MockError),
    /// Requests cannot be sent to the target.
    #[error("use the target: {}", .0.message)]
    Target(ErrorDetails),
    /// There is no folder for the results.
    #[error(transparent)]
    Folder(#[from] ArtifactDirError),
    /// The run could not begin.
    #[error(transparent)]
    Run(RunError),
    /// What has to be done before the run has failed.
    #[error("{}", .0.reason)]
    Step(StepFailure),
    /// A signal ended it before the first request.
    #[error("interrupted before the first request: nothing was measured")]
    Interrupted(Interrupt),
    /// There was no time left to measure anything.
    #[error("the deadline of {deadline_s} s (`--deadline`) was over before {what}: nothing was measured")]
    Late {
        deadline_s: f64,
        /// What was to be done by then, as a half-sentence.
        what: &'static str,
    },
    /// A bug of ours: the configuration is no JSON.
    #[error("describe the configuration")]
    Describe(#[source] serde_json::Error),
    /// There is no thread left.
    #[error("wait for the server")]
    Wait(#[source] std::io::Error),
    /// A request that is to be listed cannot be made.
    #[error("make a request: {}", .0.message)]
    Unformatted(ErrorDetails),
    /// The list of requests cannot be written.
    #[error("list the requests")]
    List(#[source] std::io::Error),
}

/// Carries out a plan. `observer` hears of it while it goes on.
///
/// # Errors
/// Nothing was measured.
pub(crate) fn execute(
    mut execution: Execution<'_>,
    observer: &mut dyn Observer,
) -> Result<RunOutcome, ExecuteError> {
    let registry = execution.registry;
    let mut server = execution.server.take();
    let (run, endpoint) = prepare(execution, server.as_mut(), observer)?;
    let ended = conduct(&run, endpoint, registry, observer);
    registry.restore_process_state();
    match ended {
        Ok(ending) => {
            if ending.is_none() {
                inputs::write_if_wanted(&run, registry, observer);
            }
            Ok(RunOutcome { run, ended: Ok(ending) })
        }
        Err(RunError::Recorder(error)) => Ok(RunOutcome { run, ended: Err(error) }),
        Err(error) => {
            let time = (run.plan.deadline(), run.clock);
            blocking::end_without_a_run(&run.hooks, &error.to_string(), time, observer);
            Err(ExecuteError::Run(error))
        }
    }
}

/// Everything before the first request.
fn prepare(
    execution: Execution<'_>,
    server: Option<&mut MockProcess>,
    observer: &mut dyn Observer,
) -> Result<(Run, LoadedEndpoint), ExecuteError> {
    let Execution {
        mut plan, folder, registry, log_words, command, clock, used_before, ends_saturated, ..
    } = execution;
    let file_of_settings = execution.settings;
    let entry = registry.endpoint(&plan.target.endpoint_type)?;
    let metadata = &entry.metadata;
    let loading = Loading { registry, log_words };
    for warning in setup::read_endpoint_options(registry, &mut plan.target)? {
        observer.notice(&warning);
    }
    let services = services::choose(registry, &plan)?;
    services.warnings.iter().for_each(|warning| observer.notice(warning));
    services.names().try_for_each(|name| registry.check_locked_service(name))?;
    let tokenizer = load_tokenizer(&plan, metadata, registry)?;
    price_markers(&mut plan, tokenizer.as_deref());
    registry.note_process_state();
    let here = std::env::current_dir();
    let of_agents = LoadedEndpoint::of_agents(&plan, registry, &mut |text| observer.notice(text))?;
    let endpoint = match of_agents {
        Some(agents) => agents,
        None => LoadedEndpoint::load(&loading, &plan)?,
    };
    registry.restore_process_state();
    let (source, warnings) = open_with_timeout(&mut plan, metadata, tokenizer.as_ref(), (registry, clock))?;
    for warning in &warnings {
        observer.notice(warning);
    }
    let redactor = redact::learn(source.secrets());
    if let Some(server) = server {
        plan.aim_at(&server.url()?);
    }
    source.len().into_iter().for_each(|count| plan.dataset.set_entries(count));
    let counts = tokenizer.is_some();
    let target = node::plan_target(&plan, metadata).map_err(ExecuteError::Target)?;
    let hooks = PlannedHooks::of(&plan).map_err(ExecuteError::Target)?;
    let asked = Asked { endpoint, plan, target, source, counts };
    let beginning = Beginning { registry, folder, clock, here: here.ok(), observer };
    let Ready { asked, hooks, marks, claimed } = beginning.get_ready(asked, hooks)?;
    let Asked { endpoint, mut plan, target, source, .. } = asked;
    let Claimed { dir, absolute, lock, .. } = claimed;
    plan.artifact_dir = dir;
    let dir = absolute;
    if let Some(text) = file_of_settings {
        write_settings(&dir, &text, observer);
    }
    let (mut settings, described) =
        settings::described(&redact::plan(&plan, &redactor)).map_err(ExecuteError::Describe)?;
    settings.recorded_hit_rate = source.recorded_hit_rate();
    let header = RunHeader {
        run_id: Uuid::new_v4().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        settings,
        config: described,
        command: redactor.mask(&command).into_owned(),
        tokenizer: tokenizer.as_ref().map(|used| format!("{} sha256:{}", used.name(), used.fingerprint())),
        wall_start_ns: clock.wall_start_ns(),
        capabilities: setup::capabilities(registry, &plan, metadata),
        plugin_policy: policy(registry),
        plugins: registry.used(&[(Category::Endpoint, &plan.target.endpoint_type)]),
        host: Some(host::facts()),
    };
    let run = Run {
        header,
        services: services.wanted(&plan, registry),
        redactor,
        source,
        tokenizer: tokenizer.filter(|_| !plan.target.use_server_token_count),
        plan,
        clock,
        dir,
        lock,
        journal: OnceLock::new(),
        used_before,
        ends_saturated,
        target,
        hooks,
        marks,
    };
    Ok((run, endpoint))
}

/// What the server is waited for with.
struct Asked {
    endpoint: LoadedEndpoint,
    plan: Plan,
    target: Arc<TargetPlan>,
    source: Arc<Source>,
    /// Something counts tokens.
    counts: bool,
}

impl Asked {
    /// Waits until the server is there, as long as the run is told to.
    fn wait(mut self, registry: &Arc<Registry>, clock: Clock) -> Result<Self, ExecuteError> {
        let known = Arc::clone(registry);
        let wait = move || {
            // The program answers signals by now.
            known.note_signal_handlers();
            let Self { endpoint, plan, target, source, counts } = &mut self;
            let is_there = endpoint.await_target(plan, target, source, *counts, clock, &known);
            (is_there, self)
        };
        let waited = until_interrupted(&[], wait).map_err(ExecuteError::Wait)?;
        let (is_there, asked) = waited.map_err(ExecuteError::Interrupted)?;
        is_there?;
        registry.restore_process_state();
        Ok(asked)
    }
}

/// A run whose server is there.
struct Ready {
    asked: Asked,
    hooks: PlannedHooks,
    /// What was done before it.
    marks: Vec<Mark>,
    claimed: Claimed,
}

/// What has to be done before a run, and with what.
struct Beginning<'a> {
    registry: &'a Arc<Registry>,
    folder: Folder,
    clock: Clock,
    /// The working folder, if it is known.
    here: Option<PathBuf>,
    observer: &'a mut dyn Observer,
}

impl Beginning<'_> {
    /// Carries out the command before the run, which may start the server, waits for the server, and has it empty its cache. The
    /// folder is made when the server is there, or for the command.
    fn get_ready(mut self, asked: Asked, mut hooks: PlannedHooks) -> Result<Ready, ExecuteError> {
        let mut marks = Vec::new();
        let mut early = None;
        if hooks.begin_early() {
            let claimed = self.claim(&asked.plan)?;
            hooks = hooks.in_folder(&claimed.absolute);
            if let Some(command) = hooks.before_run() {
                marks.push(self.carry_out(command, &asked.plan)?);
            }
            early = Some(claimed);
        }
        let deadline = asked.plan.deadline();
        let asked = match self.wait(asked, &hooks, &mut marks) {
            Ok(asked) => asked,
            Err(error) => {
                if early.is_some() {
                    let time = (deadline, self.clock);
                    blocking::end_without_a_run(&hooks, &error.to_string(), time, self.observer);
                }
                return Err(error);
            }
        };
        let claimed = match early {
            Some(claimed) => claimed,
            None => self.claim(&asked.plan)?,
        };
        // What an earlier run has measured is kept until this one can measure.
        let new: Vec<&str> = marks.iter().filter_map(|mark| mark.output.as_deref()).collect();
        claimed.old.remove(&claimed.absolute, &new)?;
        let hooks = hooks.in_folder(&claimed.absolute);
        Ok(Ready { asked, hooks, marks, claimed })
    }

    fn wait(
        &mut self,
        asked: Asked,
        hooks: &PlannedHooks,
        marks: &mut Vec<Mark>,
    ) -> Result<Asked, ExecuteError> {
        let asked = asked.wait(self.registry, self.clock)?;
        for call in hooks.reset() {
            marks.push(self.carry_out(call, &asked.plan)?);
        }
        Ok(asked)
    }

    /// Carries out what must be done, within the run's deadline. From here on an interrupt is the run's to hear: the command
    /// after the run is carried out although somebody ends what comes next.
    fn carry_out(&mut self, step: Step, plan: &Plan) -> Result<Mark, ExecuteError> {
        let deadline = plan.deadline();
        self.observer.hears_interrupts(true);
        let carried_out = blocking::carry_out(step.within(Limit::until(deadline, self.clock)), self.clock);
        let CarriedOut { done, interrupt } = carried_out.map_err(ExecuteError::Wait)?;
        match (interrupt, done.failure) {
            (Some(interrupt), _) => Err(ExecuteError::Interrupted(interrupt)),
            (None, Some(_)) if done.is_late => Err(late(deadline.unwrap_or_default(), before(&done.mark))),
            (None, Some(failure)) => Err(ExecuteError::Step(failure)),
            (None, None) => Ok(done.mark),
        }
    }

    fn claim(&self, plan: &Plan) -> Result<Claimed, ArtifactDirError> {
        let artifact_dir::Claimed { dir, lock, old } = claim(self.folder, plan, self.clock)?;
        let absolute = self.here.as_ref().map_or_else(|| dir.clone(), |here| here.join(&dir));
        Ok(Claimed { dir, absolute, lock, old })
    }
}

/// There was no time left.
fn late(deadline: Duration, what: &'static str) -> ExecuteError {
    ExecuteError::Late { deadline_s: deadline.as_secs_f64(), what }
}

/// What a step does, as [`late`] says it.
fn before(mark: &Mark) -> &'static str {
    if mark.name == RESET_KV_CACHE {
        "the caches of the servers were empty (`--reset-kv-cache`)"
    } else {
        "the command of `--before-run` was over"
    }
}

/// The folder of a run.
struct Claimed {
    /// As the plan names it.
    dir: PathBuf,
    /// The same wherever a plugin may go.
    absolute: PathBuf,
    lock: Lock,
    /// What goes when the run begins.
    old: OldFiles,
}

/// Notes what markers of conversations cost, if there are any and something counts them: generated texts leave room for them.
pub(super) fn price_markers(plan: &mut Plan, tokenizer: Option<&Tokenizer>) {
    if let Some(tokenizer) = tokenizer.filter(|_| !plan.cache_bust.is_none()) {
        plan.price_markers(dataset::marker_cost(plan.cache_bust, tokenizer));
    }
}

/// What requests say, and what is to be said of it.
type OpenedDataset = (Arc<Source>, Vec<String>);

/// The same as [`open_dataset`], but not after the run's deadline: a thousand videos may take an hour.
fn open_with_timeout(
    plan: &mut Plan,
    endpoint: &EndpointMetadata,
    tokenizer: Option<&Arc<Tokenizer>>,
    (registry, clock): (&Arc<Registry>, Clock),
) -> Result<OpenedDataset, ExecuteError> {
    let Some(deadline) = plan.deadline() else {
        return Ok(open_dataset(plan, endpoint, tokenizer, registry)?);
    };
    let (mut own, endpoint, tokenizer) = (plan.clone(), endpoint.clone(), tokenizer.cloned());
    let registry = Arc::clone(registry);
    let work = move || (open_dataset(&mut own, &endpoint, tokenizer.as_ref(), &registry), own);
    let left = deadline.saturating_sub(Duration::from_nanos(clock.now()));
    let opened = with_timeout(left, work).map_err(ExecuteError::Wait)?;
    let (opened, own) = opened.ok_or_else(|| late(deadline, "the content of the requests was made"))?;
    *plan = own;
    Ok(opened?)
}

/// The dataset, all of which the endpoint takes, and which is what was locked, if it must be.
pub(super) fn open_dataset(
    plan: &mut Plan,
    endpoint: &EndpointMetadata,
    tokenizer: Option<&Arc<Tokenizer>>,
    registry: &Registry,
) -> Result<OpenedDataset, DatasetError> {
    let name = &plan.target.endpoint_type;
    let order = plan.session_order();
    let is_marked = !plan.cache_bust.is_none();
    let has_extra_inputs = !plan.target.extra_inputs.is_empty();
    let streaming = plan.target.streaming;
    let classes = match plan.classes.kind {
        _ if plan.classes.is_empty() => None,
        ClassKind::Class => Some("--class"),
        ClassKind::Model => Some("--model"),
        ClassKind::Category => None,
    };
    let filling = plan.phases.iter().find_map(|phase| phase.rules.filling);
    let purpose = Purpose {
        endpoint,
        name,
        streaming,
        has_extra_inputs,
        classes,
        is_marked,
        filling,
        order,
        lock: registry.locked(),
    };
    let seed = Seed::new(plan.random_seed);
    let Opened { source, warnings } = dataset::open_for(purpose, &plan.dataset, tokenizer, seed)?;
    if plan.classes.is_empty() {
        plan.classes = source.categories();
    }
    Ok((Arc::new(source.dealt(&plan.classes, order.sampling(), seed)), warnings))
}

/// The run's tokenizer, if anything in it is counted or generated in tokens: what was locked, if it must be.
pub(super) fn load_tokenizer(
    plan: &Plan,
    endpoint: &EndpointMetadata,
    registry: &Registry,
) -> Result<Option<Arc<Tokenizer>>, TokenizerError> {
    let is_generated =
        matches!(plan.dataset, DatasetConfig::Synthetic { .. } | DatasetConfig::Rankings { .. });
    let needed = is_generated || endpoint.tokenizes_input || endpoint.produces_tokens;
    needed.then(|| Tokenizer::of_plan(plan, registry.locked()).map(Arc::new)).transpose()
}

fn claim(folder: Folder, plan: &Plan, clock: Clock) -> Result<artifact_dir::Claimed, ArtifactDirError> {
    match folder {
        Folder::Named { overwrite } => artifact_dir::claim(&plan.artifact_dir, overwrite),
        Folder::Dated => artifact_dir::dated(&plan.artifact_dir, clock.wall_start_ns()),
    }
}

/// A run without the file that repeats it is as good a measurement.
fn write_settings(dir: &Path, text: &str, observer: &mut dyn Observer) {
    let path = dir.join(report::SETTINGS);
    if let Err(error) = std::fs::write(&path, text) {
        observer.notice(&format!("`{}` could not be written: {error}", path.display()));
    }
}

fn policy(registry: &Registry) -> PolicyRecord {
    let policy = registry.policy();
    PolicyRecord { name: policy.policy.name().to_owned(), set_by: policy.source.to_string() }
}
