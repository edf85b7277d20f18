//! `prony calibrate`: how far this program can be believed on this machine.

use std::thread;

use clap::Args;
use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_FULL_CONDENSED};

use super::{
    exit::{Exit, Explain, Failure},
    profile::DEFAULT_ENDPOINT,
    refusal, terminal,
};
use crate::{
    calibrate::{
        self, BOUND_MS, CalibrateError, Calibration, Limits, Load, OTHER_TOKENS_STREAMS, RATES, Rung,
        STREAMS, StoreError,
    },
    plugin::{DiscoveryOptions, Registry},
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

    /// Dialect to calibrate, one that streams.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_ENDPOINT)]
    pub(super) endpoint_type: String,

    /// Print the calibration as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Climbs the ladder, prints the table and keeps it for `prony profile`.
pub(super) fn run(args: &CalibrateArgs) -> Result<Exit, Failure> {
    let streams = ladder(&args.streams, &STREAMS, Load::Streams);
    let other_tokens = args.streams.iter().min().copied().unwrap_or(OTHER_TOKENS_STREAMS);
    let rates = ladder(&args.rates, &RATES, Load::Rate);
    let ladders = [streams, vec![Load::OtherTokens(other_tokens)], rates];
    let told = |rung: &Rung| tracing::info!(load = %rung.load, "measured");
    let calibration = Calibration::climb(cores(), &endpoint_type(args)?, ladders, told)?;
    let path = calibrate::save(&calibration)?;
    if args.json {
        let text = serde_json::to_string_pretty(&calibration);
        let text = text.map_err(|error| Failure::new(Exit::Failed, "write JSON").caused_by(&error))?;
        terminal::print(&(text + "\n"))?;
    } else {
        let (table, verdict) = (table(&calibration.rungs), verdict(calibration.limits));
        terminal::print(&format!("{table}\n\n{verdict}\n\nwrote {}\n", path.display()))?;
    }
    Ok(Exit::Success)
}

/// The dialect's name as its manifest spells it: a run looks for its calibration under that.
fn endpoint_type(args: &CalibrateArgs) -> Result<String, Failure> {
    let registry = Registry::discover(&DiscoveryOptions::from_env(Vec::new()))?;
    let name = &args.endpoint_type;
    let entry = registry.endpoint(name).map_err(|error| refusal::unknown_endpoint(name, error))?;
    Ok(entry.name.clone())
}

/// The rungs that the user chose, from the lowest on, or the usual ones.
fn ladder(chosen: &[u64], usual: &[u64], load: impl Fn(u64) -> Load) -> Vec<Load> {
    let mut rungs = if chosen.is_empty() { usual.to_vec() } else { chosen.to_vec() };
    rungs.sort_unstable();
    rungs.into_iter().map(load).collect()
}

/// Cores that this process may use.
pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn table(rungs: &[Rung]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header([
        "load",
        "tokens/s",
        "first token off by (p99, ms)",
        "ITL off by (p99, ms)",
        "sent late by (p99, ms)",
        "CPU of workers (us/token)",
        "memory (MB)",
        "client",
    ]);
    for rung in rungs {
        let number = |value: f64, digits: usize| {
            Cell::new(format!("{value:.digits$}")).set_alignment(CellAlignment::Right)
        };
        let send = match rung.load {
            Load::Streams(_) | Load::OtherTokens(_) => Cell::new("-").set_alignment(CellAlignment::Right),
            Load::Rate(_) => number(rung.errors.send_ms, 3),
        };
        let memory =
            rung.peak_memory_bytes.map_or_else(|| Cell::new("?"), |bytes| number(bytes as f64 / 1e6, 0));
        table.add_row([
            Cell::new(rung.load),
            number(rung.tokens_per_s, 0),
            number(rung.errors.first_token_ms, 3),
            number(rung.errors.inter_token_ms, 3),
            send,
            rung.cpu_us_per_token.map_or_else(|| Cell::new("?"), |cost| number(cost, 1)),
            memory,
            Cell::new(&rung.verdict),
        ]);
    }
    table
}

fn verdict(limits: Limits) -> String {
    let told = |what: Option<String>| what.unwrap_or_else(|| "none that was tried".to_owned());
    let streams = limits.streams.zip(limits.tokens_per_s);
    format!(
        "errors stay below {BOUND_MS} ms up to: {}; {}",
        told(streams.map(|(streams, tokens)| format!("{streams} streams ({tokens:.0} tokens/s)"))),
        told(limits.rate.map(|rate| format!("{rate} requests/s"))),
    )
}

impl Explain for CalibrateError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Mock(_) | Self::Client(_) => {
                Some("look at the system's limits and the temporary folder".to_owned())
            }
            Self::Failed { .. } => Some("`prony profile --mock` shows whether a run works at all".to_owned()),
            Self::Nothing => None,
        }
    }
}

impl Explain for StoreError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }

    fn hint(&self) -> Option<String> {
        Some("set XDG_STATE_HOME to the absolute path of a folder of yours".to_owned())
    }
}
