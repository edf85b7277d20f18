//! All commands, and the flags that stand before them.

use clap::{Parser, Subcommand};

use super::{
    agent::AgentArgs,
    calibrate::CalibrateArgs,
    collect::CollectArgs,
    compare::CompareArgs,
    completions::CompletionsArgs,
    config::ConfigArgs,
    dataset::DatasetArgs,
    doctor::DoctorArgs,
    export::ExportArgs,
    lock::LockArgs,
    logging::LogFlags,
    man::ManArgs,
    metrics::MetricsArgs,
    mock_server::MockServerArgs,
    plot::PlotArgs,
    plugins::PluginsArgs,
    record::RecordArgs,
    report::ReportArgs,
    runs::{RunsArgs, ShowArgs},
    schema::SchemaArgs,
    search::SearchArgs,
    service::ServiceArgs,
    speed_bench_report::SpeedBenchReportArgs,
};
use crate::config::flags::ProfileFlags;

const EXIT_CODES: &str = "\
Exit codes:
  0  success               4  the target does not answer
  1  the run failed        5  an objective or a gate is broken
  2  usage, configuration  6  the run is incomplete, or runs do not decide
  3  a plugin is at fault  130  interrupted (Ctrl-C); 143 by SIGTERM; 129 by SIGHUP";

const EXAMPLES: &str = "\
Examples:
  prony profile --mock
  prony profile --model m --streaming --concurrency 8 --request-count 200
  prony profile --model m --streaming --request-rate 5 --benchmark-duration 1m";

/// How a search goes, and how it ends.
const SEARCH: &str = "\
The lowest load is run first, then twice as much, until one breaks an objective. Each further run is where all runs together say that \
the edge may be, until it is known as closely as --precision asks or --max-runs are made. The answer is a load with an interval. All \
flags of `prony profile` say what a run is; without --request-count, --benchmark-duration and --num-conversations it lasts 30 s. \
`prony search --resume DIR` goes on with a search that was ended. Some of AIPerf's recipes and --search-metric are sweeps: they leave \
an experiment behind, and `prony profile --resume DIR` goes on with one.

The exit code is 0 when the load is found, 1 when even the lowest one breaks an objective, and 6 when the runs do not decide.

Example:
  prony search --model m --streaming --over rate --range 1..200 --slo 'time_to_first_token p99 < 500ms' --slo 'error_rate < 1%'";

/// What an agent does, and how it ends.
const AGENT: &str = "\
An agent connects to the NATS server and waits there for runs, one after the other. It keeps its own journal of each, and sends it to the \
controller when the load is over. A broken connection is mended by itself. Ctrl-C or SIGTERM ends it, and a run that it is in: requests in \
flight are waited for, and nothing that was measured is lost. docs/MANY_MACHINES.md says more.

The exit code is 0 after --runs runs, 2 for a command line that cannot be used, 4 when the NATS server does not answer at the start, 1 \
when the agent cannot go on, 130 after Ctrl-C, 143 after SIGTERM and 129 after SIGHUP.

Example:
  prony agent --nats nats://controller:4222 --labels site-a";

/// What a comparison says, and how it ends.
const COMPARE: &str = "\
A change is the median of all ratios of a run of one side and a run of the other (Hodges and Lehmann), with its interval (Mann and \
Whitney). It is better or worse when the whole interval lies beyond the margin, the same when it lies within, and undecided \
otherwise. A decision takes 4 runs a side, which decide the first number only; 5 or 6 decide the others as well.

The exit code is 0, or with --gate 5 when a gate is broken and 6 when the runs do not decide.

Example:
  prony profile -f run.yaml --num-profile-runs 5 --artifact-dir before
  prony profile -f run.yaml --num-profile-runs 5 --artifact-dir after
  prony compare before after --gate 'time_to_first_token.p99 +5%'";

/// What exports are for.
const EXPORT: &str = "\
Everything is read from the journal, a part at a time: a run of a million requests needs no more memory than a short one. \
docs/RECORDS_PARQUET.md lists the columns.

The exit code is 0, or 6 when the run is incomplete or its journal is damaged: what there is of it is written.

Example:
  prony export artifacts/RUN --format parquet
  prony export artifacts/RUN --format chrome-trace -o trace.json";

/// What is collected, and how that ends.
const COLLECT: &str = "\
An agent keeps the journal of its part of each run, and `agent.json` beside it, until the controller has all of it. This command \
writes the journal and the report that the controller would have written: from folders that were copied to this machine, or from the \
agents that wait at a NATS server. The agents keep what they have.

The exit code is 0; 6 when agents are missing, were killed or left the run early, or a journal is damaged: what there is is \
reported; 2 when a folder is none of an agent's, the folders are of different runs, or no agent keeps anything of the run; and 4 when \
the NATS server does not answer, or no agent does.

Examples:
  prony collect from-a/RUN from-b/RUN --into collected
  prony collect --nats nats://HOST:4222
  prony collect --nats nats://HOST:4222 --run 3f2a --into collected";

/// What is locked, and how that is used.
const LOCK: &str = "\
All plugins that are found are locked, for the platform of this machine. What is locked for others stays, and so does what is not \
found, unless `--prune` removes it. No library is opened. Each change is printed with the SHA-256 before and after it. With `--locked`, \
or `PRONY_LOCKED=true`, `prony profile` and other commands that measure then open nothing else. `prony plugins check`, `prony record`, \
`prony doctor` and `prony dataset` look at no lock. docs/SECURITY.md says what a lock covers.

The exit code is 0 when the file is written, 1 when it cannot be, and 2 when something that is named is not there.

Example:
  prony lock --tokenizer org/Name --input-file day.jsonl
  prony profile --locked --tokenizer org/Name --input-file day.jsonl --model m";

/// What a recording is, and how it ends.
const RECORD: &str = "\
Requests of the chat, completions, responses and messages APIs become steps of sessions; others are passed on and counted. \
Without --keep-text the file has lengths, times and ids of shared blocks, and no text. Headers are never written.

Ctrl-C or SIGTERM ends the recording and writes the file; a second one does not wait for requests in flight. The exit code is \
0 when the file is written, 1 when it cannot be, and 2 when nothing could be recorded.

Example:
  prony record --listen 127.0.0.1:9000 --url http://localhost:8000 -o day.jsonl
  prony dataset inspect day.jsonl
  prony profile --url http://localhost:8000 --input-file day.jsonl --fixed-schedule";

/// What is looked at, and how that ends.
const DOCTOR: &str = "\
Processors, memory, clocks, network, files and the installation are looked at; nothing is sent, changed or run, and no special \
rights are needed. Each line has a word: `ok`; `note` for what cannot be found out here or matters to some runs only; `warn` where \
numbers may be worse than they could be; `fail` where runs of that size do not work. docs/DOCTOR.md lists all of them.

The exit code is 0 when nothing fails, and 1 otherwise.

Example:
  prony doctor --concurrency 4000 --tokenizer org/Name";

/// What is tried, and how that ends.
const SELFTEST: &str = "\
All plugins that came with the program are opened, and short runs are made against the embedded mock server: a streamed chat, another \
API format, an endpoint in a process of its own, and, where `nats-server` is installed, a run whose load an agent sends. What they \
report is compared with what the server did. Everything is written into a temporary folder, which is removed.

The exit code is 0 when no check fails, and 1 otherwise.";

/// How a time is typed.
const TIMES: &str = "\
TIME is a number of seconds, or has a unit: 500ms, 60s, 1m, 1h.";

/// Measures LLM inference servers under load.
#[derive(Debug, Parser)]
#[command(name = "prony", version, max_term_width = 100)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Cli {
    /// What is logged, of every command.
    #[command(flatten)]
    pub(super) log: LogFlags,

    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a load test and report latency, throughput and errors.
    #[command(after_help = format!("{TIMES}\n\n{EXAMPLES}"), allow_negative_numbers = true)]
    Profile(Box<ProfileFlags>),
    /// Find the highest load that keeps to objectives.
    #[command(after_help = SEARCH, allow_negative_numbers = true)]
    Search(Box<SearchArgs>),
    /// Send the load of runs that `prony profile --agents` makes from another machine.
    #[command(after_help = AGENT)]
    Agent(Box<AgentArgs>),
    /// Write configuration files, check and explain them.
    Config(ConfigArgs),
    /// Regenerate the report of a run from its journal.
    Report(ReportArgs),
    /// Make the report of a run on several machines from what its agents kept.
    #[command(after_help = COLLECT)]
    Collect(Box<CollectArgs>),
    /// List the runs of a folder with their headlines, the newest first.
    Runs(RunsArgs),
    /// Print the table of a run.
    Show(ShowArgs),
    /// Write the charts of runs, experiments and searches as SVG and PNG files.
    Plot(PlotArgs),
    /// Write the records of a run as Parquet, or its sessions as a timeline for Perfetto.
    #[command(after_help = EXPORT)]
    Export(ExportArgs),
    /// Say whether one side is better than another one, by their runs.
    #[command(after_help = COMPARE)]
    Compare(CompareArgs),
    /// Explain the metrics: definition, formula, what is left out, how they mislead.
    Metrics(MetricsArgs),
    /// Print the JSON Schema of a file that prony writes.
    Schema(SchemaArgs),
    /// Compare runs over SPEED-Bench, category by category.
    SpeedBenchReport(SpeedBenchReportArgs),
    /// Look at input files: what is in them, what is wrong with them.
    Dataset(DatasetArgs),
    /// Record what clients ask a server, as sessions that `profile` can replay: a proxy between them.
    #[command(after_help = RECORD)]
    Record(Box<RecordArgs>),
    /// List plugins, install, check and write them.
    Plugins(PluginsArgs),
    /// Write down which plugins, tokenizers and datasets runs may open, by the SHA-256 of their files.
    #[command(after_help = LOCK)]
    Lock(LockArgs),
    /// Measure up to which load results are accurate on this machine.
    Calibrate(CalibrateArgs),
    /// Look at what would spoil a measurement on this machine, and say what to do about it.
    #[command(after_help = DOCTOR)]
    Doctor(DoctorArgs),
    /// Try whether the installation works, in some seconds.
    #[command(after_help = SELFTEST)]
    Selftest,
    /// Run a mock LLM server whose latencies are known.
    MockServer(Box<MockServerArgs>),
    /// Describe a service: `prony service NAME --help`.
    Service(ServiceArgs),
    /// Hold the workers of a run whose endpoint is isolated; started by `profile`.
    #[command(hide = true)]
    Worker,
    /// Hold the `nats-server` of a run on several machines; started by `profile`.
    #[command(hide = true)]
    NatsServer,
    /// Print a completion script for a shell.
    Completions(CompletionsArgs),
    /// Write a man page for each command.
    Man(ManArgs),
}
