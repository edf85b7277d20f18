//! One load: a mock server in a process of its own, a run against it in this one, and what the two say of each other.

use std::{
    io,
    num::{NonZeroU32, NonZeroU64},
    path::Path,
    sync::Arc,
};

use serde_json::Value;

use super::{
    compare::compare,
    evidence::{json, lines, truth},
    results::{Load, Rung},
};
use crate::{
    clock::Clock,
    config::{
        environment::Environment,
        error::ConfigErrors,
        flags::ProfileFlags,
        resolve::{EndpointFacts, Resolved, resolve},
        spec::RunSpec,
    },
    plan::{Phase, Plan},
    plugin::{PluginError, Registry},
    record::recorder::RecorderError,
    report::{self, ReportError, file_names},
    run::{
        ExecuteError, Execution, Folder, Observer, RunOutcome, Snapshot,
        ending::Ending,
        execute,
        mock::{MockError, MockProcess},
        usage,
    },
    screen::Screen,
};

/// Tokens of a stream's answer.
const STREAM_TOKENS: u32 = 50;

/// How often each stream is used.
const REQUESTS_PER_STREAM: u64 = 2;

/// Length of a rung with a rate, in seconds.
const RATE_SECONDS: u64 = 2;

/// Why there is no calibration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CalibrateError {
    /// No server to measure.
    #[error(transparent)]
    Mock(#[from] MockError),
    /// The endpoint cannot be used.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// Results cannot be kept for a moment, or the server does not say what it knows.
    #[error("compare client and server")]
    Files(#[source] io::Error),
    /// The load cannot be put on a server in this API format.
    #[error("measure {load}")]
    Config { load: Load, source: ConfigErrors },
    /// The run could not begin.
    #[error("measure {load}")]
    Run { load: Load, source: Box<ExecuteError> },
    /// Its journal is not whole.
    #[error("measure {load}")]
    Recorder { load: Load, source: RecorderError },
    /// There is no report of it.
    #[error("measure {load}")]
    Report { load: Load, source: ReportError },
    /// The run ended before its time.
    #[error("measure {load}: the run ended before its time: {reason}")]
    Ended {
        load: Load,
        /// Why it ended.
        reason: String,
    },
    /// Client or server said nothing that can be compared.
    #[error("compare client and server: they have no request in common")]
    Nothing,
}

/// What every load is measured with.
#[derive(Debug)]
pub(crate) struct Instruments {
    pub(crate) registry: Arc<Registry>,
    /// What a child process is told about its log, on its command line.
    pub(crate) log_words: Vec<&'static str>,
    /// API format, as its manifest spells it.
    pub(crate) endpoint_type: String,
    /// Cores that this process may use.
    pub(crate) cores: usize,
}

/// Puts the load on a server of its own and compares.
pub(super) fn measure(load: Load, instruments: &Instruments) -> Result<Rung, CalibrateError> {
    let mut mock = MockProcess::start(&server_flags(load))?;
    let url = mock.url()?;
    let folder = tempfile::tempdir().map_err(CalibrateError::Files)?;
    let dir = folder.path().join("run");
    run(load, plan(load, instruments, &url, &dir)?, instruments)?;
    let summary = json(&dir.join(file_names::SUMMARY)).map_err(CalibrateError::Files)?;
    let records = lines(&dir.join(file_names::REQUESTS)).map_err(CalibrateError::Files)?;
    let truth = truth(&url).map_err(CalibrateError::Files)?;
    rung(load, &summary, &records, &truth).ok_or(CalibrateError::Nothing)
}

/// Executes the plan, and writes its report.
fn run(load: Load, plan: Plan, instruments: &Instruments) -> Result<(), CalibrateError> {
    usage::forget_peak();
    let execution = Execution {
        settings: None,
        plan,
        folder: Folder::Named { overwrite: false },
        registry: &instruments.registry,
        log_words: instruments.log_words.clone(),
        command: "prony calibrate".to_owned(),
        clock: Clock::start(),
        server: None,
        used_before: usage::of_this_process(),
        ends_saturated: false,
    };
    let failed = |source| CalibrateError::Run { load, source: Box::new(source) };
    let RunOutcome { run, ended } = execute(execution, &mut Log).map_err(failed)?;
    let ending = ended.map_err(|source| CalibrateError::Recorder { load, source })?;
    if let Some(reason) = ending.as_ref().map(Ending::reason) {
        return Err(CalibrateError::Ended { load, reason });
    }
    let unreported = |source| CalibrateError::Report { load, source };
    match report::generate_at_end(&run.dir, &run.header.run_id, Screen::UNLIMITED).map_err(unreported)? {
        (_, Some(error)) => Err(unreported(error)),
        (_, None) => Ok(()),
    }
}

/// Passes on what a run has to say.
struct Log;

impl Observer for Log {
    fn notice(&mut self, text: &str) {
        tracing::info!("{text}");
    }

    fn phase_started(&mut self, _phase: &Phase) {}

    fn snapshot(&mut self, _snapshot: &Snapshot) {}

    fn phase_ended(&mut self) {}
}

fn rung(load: Load, summary: &Value, records: &[Value], truth: &Value) -> Option<Rung> {
    let send_ms = match load {
        // A closed loop has no schedule to be late for.
        Load::Streams(_) | Load::OtherTokens(_) => 0.0,
        Load::Rate(_) => summary["send_lateness"]["p99"].as_f64()?,
    };
    let tokens =
        summary["total_output_tokens"]["avg"].as_f64().or_else(|| truth["tokens_sent_total"].as_f64())?;
    let client = &summary["client"];
    Some(Rung {
        load,
        errors: compare(records, truth, send_ms)?,
        tokens_per_s: summary["output_token_throughput"]["avg"].as_f64()?,
        cpu_us_per_token: busy_ms(&client["workers"]).map(|busy| busy * 1e3 / tokens),
        peak_memory_bytes: client["peak_memory_bytes"].as_u64(),
        verdict: client["verdict"].as_str()?.to_owned(),
    })
}

fn busy_ms(workers: &Value) -> Option<f64> {
    let busy = |worker: &Value| Some(worker["busy_share"].as_f64()? * worker["wall_ms"].as_f64()?);
    workers.as_array()?.iter().map(busy).sum()
}

fn server_flags(load: Load) -> Vec<&'static str> {
    match load {
        Load::Streams(_) => vec!["--ttft-ms", "50", "--itl-ms", "10"],
        // Half as many tokens as the client counts, six of its tokens first: to subtract those from the usage would be
        // off by 3 ms.
        Load::OtherTokens(_) => {
            let counting = ["--usage-tokens-per-word", "0.5", "--bundle-first", "6"];
            [["--ttft-ms", "50", "--itl-ms", "10"], counting].concat()
        }
        Load::Rate(_) => vec!["--ttft-ms", "5", "--itl-ms", "0"],
    }
}

/// The run that puts the load on the server.
fn plan(load: Load, instruments: &Instruments, url: &str, dir: &Path) -> Result<Plan, CalibrateError> {
    let usual = ProfileFlags {
        model: vec!["mock-model".to_owned()],
        url: vec![url.to_owned()],
        endpoint_type: Some(instruments.endpoint_type.clone()),
        streaming: true,
        isl: Some(50),
        no_server_metrics: true,
        no_proxy: true,
        export_http_trace: true,
        random_seed: Some(42),
        use_server_token_count: !matches!(load, Load::OtherTokens(_)),
        artifact_dir: Some(dir.to_owned()),
        ..ProfileFlags::default()
    };
    let flags = match load {
        Load::Streams(streams) | Load::OtherTokens(streams) => ProfileFlags {
            concurrency: NonZeroU32::new(u32::try_from(streams).unwrap_or(u32::MAX)),
            osl: Some(STREAM_TOKENS),
            request_count: NonZeroU64::new(REQUESTS_PER_STREAM * streams),
            ..usual
        },
        Load::Rate(rate) => ProfileFlags {
            request_rate: Some(rate as f64),
            osl: Some(1),
            request_count: NonZeroU64::new(RATE_SECONDS * rate),
            ..usual
        },
    };
    let entry = instruments.registry.endpoint(&instruments.endpoint_type)?;
    let environment = Environment { cores: instruments.cores, ..Environment::default() };
    let endpoint =
        EndpointFacts { name: &entry.name, metadata: &entry.metadata, own_inputs: &[], metrics: &[] };
    match resolve(&RunSpec::new(&flags, None), endpoint, &environment) {
        Ok(Resolved { plan, .. }) => Ok(plan),
        Err(source) => Err(CalibrateError::Config { load, source }),
    }
}
