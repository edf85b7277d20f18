//! `prony calibrate`: how far this program can be believed on this machine.

use std::sync::Arc;

use clap::Args;

use super::{
    exit::{Exit, Failure, HasExit},
    limits,
    logging::LogFlags,
    refusal,
    resolved::{DEFAULT_ENDPOINT, cores},
    terminal,
};
use crate::{
    calibrate::{
        self, BOUND_MS, CalibrateError, Calibration, Instruments, Limits, Load, OTHER_TOKENS_STREAMS, RATES,
        Rung, STREAMS, StoreError,
    },
    explain::Explain,
    plugin::{DiscoveryOptions, Registry},
    run::until_interrupted,
    screen::{Align, Table, counted},
};

/// How to show it.
#[derive(Args, Debug)]
pub(super) struct CalibrateArgs {
    /// Streams to try at a time, ascending [default: 1 to 4000].
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) streams: Vec<u64>,

    /// Requests a second to try, ascending [default: 100 to 10000].
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) rates: Vec<u64>,

    /// API format to calibrate, one that streams.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_ENDPOINT)]
    pub(super) endpoint_type: String,

    /// Print the calibration as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Climbs the ladder, prints the table and keeps it for `prony profile`.
pub(super) fn run(args: &CalibrateArgs, log: &LogFlags) -> Result<Exit, Failure> {
    terminal::keep_standard_output();
    limits::leave_no_core();
    let streams = ladder(&args.streams, &STREAMS, Load::Streams);
    let other_tokens = args.streams.iter().min().copied().unwrap_or(OTHER_TOKENS_STREAMS);
    let rates = ladder(&args.rates, &RATES, Load::Rate);
    let ladders = [streams, vec![Load::OtherTokens(other_tokens)], rates];
    let instruments = instruments(args, log)?;
    let climb = move || {
        let report = |rung: &Rung| tracing::info!(load = %rung.load, "measured");
        Calibration::climb(&instruments, ladders, report)
    };
    let climbed = until_interrupted(&[], climb)
        .map_err(|error| Failure::new(Exit::Failed, "wait for the calibration").caused_by(&error))?;
    let calibration = match climbed {
        Ok(calibration) => calibration?,
        Err(interrupt) => return Ok(interrupt.into()),
    };
    let path = calibrate::save(&calibration)?;
    if args.json {
        let text = serde_json::to_string_pretty(&calibration);
        let text = text.map_err(|error| Failure::new(Exit::Failed, "write JSON").caused_by(&error))?;
        terminal::print(&(text + "\n"))?;
    } else {
        let screen = terminal::screen();
        let table = table(&calibration.rungs).lines(screen.table_width()).join("\n");
        let verdict = screen.paragraph("", &verdict(calibration.limits));
        terminal::print(&format!("{table}\n\n{verdict}\n\nwrote {}\n", path.display()))?;
    }
    Ok(Exit::Success)
}

/// The endpoint goes by the name that its manifest spells: a run looks for its calibration under that.
fn instruments(args: &CalibrateArgs, log: &LogFlags) -> Result<Instruments, Failure> {
    let registry = Arc::new(Registry::discover(&DiscoveryOptions::from_env(Vec::new()))?);
    let name = &args.endpoint_type;
    let entry = registry.endpoint(name).map_err(|error| refusal::unknown_endpoint(name, error))?;
    let endpoint_type = entry.name.clone();
    Ok(Instruments { registry, log_words: log.words(), endpoint_type, cores: cores() })
}

/// The rungs that the user chose, from the lowest on, or the usual ones.
fn ladder(chosen: &[u64], usual: &[u64], load: impl Fn(u64) -> Load) -> Vec<Load> {
    let mut rungs = if chosen.is_empty() { usual.to_vec() } else { chosen.to_vec() };
    rungs.sort_unstable();
    rungs.into_iter().map(load).collect()
}

fn table(rungs: &[Rung]) -> Table {
    let numbers = [
        "tokens/s",
        "first token off by (p99, ms)",
        "ITL off by (p99, ms)",
        "sent late by (p99, ms)",
        "CPU of workers (us/token)",
        "memory (MB)",
    ];
    let table = Table::new().column("load", Align::Left).at_least("10000 requests/s".len());
    let table = numbers.into_iter().fold(table, |table, name| table.column(name, Align::Right));
    let mut table = table.column("client", Align::Left);
    for rung in rungs {
        let number = |value: f64, digits: usize| format!("{value:.digits$}");
        let unknown = || "?".to_owned();
        table.row([
            rung.load.to_string(),
            number(rung.tokens_per_s, 0),
            number(rung.errors.first_token_ms, 3),
            number(rung.errors.inter_token_ms, 3),
            match rung.load {
                Load::Streams(_) | Load::OtherTokens(_) => "-".to_owned(),
                Load::Rate(_) => number(rung.errors.send_ms, 3),
            },
            rung.cpu_us_per_token.map_or_else(unknown, |cost| number(cost, 1)),
            rung.peak_memory_bytes.map_or_else(unknown, |bytes| number(bytes as f64 / 1e6, 0)),
            rung.verdict.clone(),
        ]);
    }
    table
}

fn verdict(limits: Limits) -> String {
    let streams = limits.streams.zip(limits.tokens_per_s);
    let streams = match streams {
        Some((streams, tokens)) => format!("up to {} ({tokens:.0} tokens/s)", counted(streams, "stream")),
        None => "with no tested number of streams".to_owned(),
    };
    let rate = match limits.rate {
        Some(rate) => format!("up to {rate} requests/s"),
        None => "with no tested request rate".to_owned(),
    };
    format!("error below {BOUND_MS} ms: {streams}; {rate}")
}

impl HasExit for CalibrateError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

impl Explain for CalibrateError {
    fn hint(&self) -> String {
        match self {
            Self::Mock(_) | Self::Files(_) => {
                "look at the system's limits and the temporary folder".to_owned()
            }
            Self::Plugin(error) => error.hint(),
            Self::Config { source, .. } => source.first.hint(),
            Self::Run { source, .. } => source.hint(),
            Self::Recorder { .. } | Self::Report { .. } | Self::Ended { .. } => {
                "`prony profile --mock` shows whether a run works at all".to_owned()
            }
            Self::Nothing => String::new(),
        }
    }
}

impl HasExit for StoreError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

impl Explain for StoreError {
    fn hint(&self) -> String {
        "set XDG_STATE_HOME to the absolute path of a folder of yours".to_owned()
    }
}
