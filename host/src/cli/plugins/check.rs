//! `prony plugins check LIBRARY...`: whether a library does what the contract says, whatever is done to it.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use prony_plugin_api::{conformance::Verdict, testing::Recording};
use serde_json::{Value, json};

use crate::{
    cli::{
        exit::{Exit, Failure, HasExit},
        terminal,
    },
    explain::Explain,
    plugin::check::{CHILD_FLAG, Examination, ExamineError, Plan, Rung, Speed, examine, run_as_child},
};

/// What is not measured.
const NOT_COUNTED: &str = "note: a library allocates by itself, so its allocations cannot be counted from outside; \
    `CountingAllocator` of the contract crate counts them in its own tests";

/// What to check.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 when every library conforms, 3 when one does not, 2 when one is not \
    there, or needs other --options to be checked.\nWarnings count with --deny-warnings only.\nThe library runs in child processes: what crashes or blocks them is a finding.")]
pub(super) struct CheckArgs {
    /// Libraries, such as `target/release/libacme_chat.so`.
    #[arg(value_name = "LIBRARY", required_unless_present = "as_child")]
    libraries: Vec<PathBuf>,
    /// Replay this recorded response: a stream, a JSON body or a raw HTTP response. Can be given several times.
    #[arg(long = "replay", value_name = "FILE")]
    recordings: Vec<PathBuf>,
    /// The library's plugins.yaml, which says how its streams are framed. Without it: the nearest one beside the library or in
    /// a folder above that names it.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Options for the plugin, a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    options: String,
    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = Plan::default().seed)]
    seed: u64,
    /// How many corrupted events to try.
    #[arg(long, value_name = "N", default_value_t = Plan::default().mutations)]
    mutations: u32,
    /// How many seconds one call may take before it counts as a hang.
    #[arg(long, value_name = "SECONDS", default_value_t = Plan::default().deadline.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    deadline: u64,
    /// Do not conform when there is a warning.
    #[arg(long)]
    deny_warnings: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// Do what the parent on standard input asks for.
    #[arg(long = CHILD_FLAG.trim_start_matches('-'), hide = true)]
    as_child: bool,
}

/// Checks.
pub(super) fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    if args.as_child {
        let ended = run_as_child();
        return ended.map(|()| Exit::Success).map_err(|error| {
            Failure::new(Exit::Usage, "examine a library as a child")
                .caused_by(&error)
                .with_hint("this flag is for `prony plugins check` itself")
        });
    }
    let plan = plan(args)?;
    let mut examinations = Vec::new();
    for library in &args.libraries {
        let examination = examine(library.clone(), &plan)?;
        if !args.json {
            terminal::print(&terminal::screen().reflow(&text(&examination)))?;
        }
        examinations.push(examination);
    }
    let worst = examinations.iter().map(Examination::verdict).max().unwrap_or_default();
    if args.json {
        let libraries: Vec<Value> = examinations.iter().map(in_json).collect();
        let report = json!({"schema_version": "1.0", "verdict": worst, "libraries": libraries});
        terminal::print(&format!("{report:#}\n"))?;
    }
    match worst {
        Verdict::Ok => Ok(Exit::Success),
        Verdict::Warn if !args.deny_warnings => Ok(Exit::Success),
        Verdict::Warn | Verdict::Fail => Ok(Exit::Plugin),
        Verdict::Unchecked => {
            let what = format!("check anything: a plugin does not take the options `{}`", args.options);
            Err(Failure::new(Exit::Usage, what)
                .with_hint("give those that it needs with `--options`, a library at a time"))
        }
    }
}

impl HasExit for ExamineError {
    fn exit(&self) -> Exit {
        match self {
            Self::Child(_) => Exit::Failed,
            Self::Manifest(_) | Self::NoLibrary(_) => Exit::Usage,
        }
    }
}

impl Explain for ExamineError {
    fn hint(&self) -> String {
        match self {
            Self::Child(_) => "check the limits on processes, memory and open files (`ulimit -a`)".to_owned(),
            Self::Manifest(error) => error.hint(),
            Self::NoLibrary(error) => error.hint(),
        }
    }
}

fn plan(args: &CheckArgs) -> Result<Plan, Failure> {
    if !serde_json::from_str(&args.options).is_ok_and(|options: Value| options.is_object()) {
        return Err(Failure::new(
            Exit::Usage,
            format!("read `--options {}`: it is no JSON object", args.options),
        )
        .with_hint("write something like `--options '{\"region\": \"eu\"}'`"));
    }
    let recordings = args.recordings.iter().map(|file| recording(file)).collect::<Result<_, _>>()?;
    Ok(Plan {
        options: args.options.clone(),
        recordings,
        manifest: args.manifest.clone(),
        seed: args.seed,
        mutations: args.mutations,
        deadline: Duration::from_secs(args.deadline),
    })
}

/// Name and contents of a recording that can be read.
fn recording(file: &Path) -> Result<(String, Vec<u8>), Failure> {
    let failure = || Failure::new(Exit::Usage, format!("read the recording `{}`", file.display()));
    let bytes = std::fs::read(file).map_err(|error| {
        failure().caused_by(&error).with_hint("name a file that `curl -sN … > FILE` wrote")
    })?;
    let refused = |reason: &str, hint: &str| {
        Failure::new(Exit::Usage, format!("read the recording `{}`: {reason}", file.display()))
            .with_hint(hint)
    };
    // What the manifest says changes how a recording is split, never whether it can be read.
    let read = Recording::read(&bytes)
        .map_err(|error| refused(error.message.rsplit(": ").next().unwrap_or(&error.message), &error.hint))?;
    let is_error = matches!(read, Recording::Body(status, _) if status >= 400);
    if read.is_empty() && !is_error {
        return Err(refused(
            "it is empty below its head",
            "record it again with `curl -siN`, and see whether the server sends a response",
        ));
    }
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    Ok((name, bytes))
}

/// The examination of one library, for programs: with its verdict, and that of each type.
fn in_json(examination: &Examination) -> Value {
    let mut library = json!(examination);
    library["verdict"] = json!(examination.verdict());
    for (place, one) in examination.types.iter().enumerate() {
        library["types"][place]["verdict"] = json!(one.report.verdict());
    }
    library
}

/// The examination of one library, for people.
fn text(examination: &Examination) -> String {
    let mut lines = vec![heading(examination)];
    lines.extend(examination.manifest.as_ref().map(|file| format!("  manifest {}", file.display())));
    lines.extend(examination.rungs.iter().map(rung));
    for one in &examination.types {
        lines.push(format!("{} {}", one.category, one.report));
        lines.extend(one.speed.as_ref().map(speed));
    }
    if examination.types.iter().any(|one| one.speed.is_some()) {
        lines.push(NOT_COUNTED.to_owned());
    }
    lines.extend(examination.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.push(format!("{} {}", examination.library.display(), examination.verdict().phrase()));
    lines.iter().fold(String::new(), |mut text, line| {
        // Writing into a text cannot fail.
        let _ = writeln!(text, "{line}");
        text
    }) + "\n"
}

fn heading(examination: &Examination) -> String {
    let library = examination.library.display();
    match &examination.descriptor {
        None => library.to_string(),
        Some(plugin) => format!(
            "{library}: {} {}, contract {}.{}, {}, opt-level {}",
            plugin.name, plugin.version, plugin.epoch, plugin.minor, plugin.rustc, plugin.opt_level
        ),
    }
}

fn rung(rung: &Rung) -> String {
    let Rung { name, verdict, text, hint } = rung;
    if *verdict == Verdict::Ok {
        return format!("  {verdict:<5} {name}");
    }
    format!("  {verdict:<5} {name}\n          {text}\n          help: {hint}")
}

/// What was measured, and what was not.
fn speed(speed: &Speed) -> String {
    let Speed { recording, unit, ns_per_unit, ns_per_request, growth_units, growth_bytes } = speed;
    let mut text = format!("  speed {ns_per_unit:.0} ns per {unit} of `{recording}` (median of 11 batches)");
    if let Some(ns) = ns_per_request {
        // Writing into a text cannot fail.
        let _ = write!(text, ", {ns:.0} ns per request of 100 words");
    }
    if let Some(bytes) = growth_bytes {
        let plural = if unit == "body" { "bodies" } else { "events" };
        let _ = write!(text, "\n  memory +{} kB resident over {growth_units} {plural}", bytes / 1024);
    }
    text
}
