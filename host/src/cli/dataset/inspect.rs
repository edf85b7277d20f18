//! `prony dataset inspect FILE`: what is in an input file.

use clap::Args;

use super::{file::FileArgs, reshaping::ReshapingArgs};
use crate::{
    cli::{
        exit::{Exit, Failure},
        terminal,
    },
    dataset::inspect::{Contents, Spread},
};

/// Which file, and how its contents are shown.
#[derive(Args, Debug)]
pub(super) struct InspectArgs {
    #[command(flatten)]
    file: FileArgs,

    /// Print one JSON object. What the format does not say is null.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    reshaping: ReshapingArgs,
}

/// Prints the contents.
pub(super) fn run(args: &InspectArgs) -> Result<Exit, Failure> {
    let contents = Contents::from(&args.reshaping.read(&args.file)?);
    let text = if args.json {
        serde_json::to_string_pretty(&contents)
            .map_err(|error| Failure::new(Exit::Failed, "write the contents as JSON").caused_by(&error))?
            + "\n"
    } else {
        lines(&contents)
    };
    terminal::print(&text)?;
    Ok(Exit::Success)
}

/// A line for each number that the format says.
fn lines(contents: &Contents) -> String {
    let count = |count: u64| Some(count.to_string());
    let of = |spread: Option<Spread>| {
        let Spread { min, mean, median, max } = spread?;
        Some(format!("min {min:.1}, mean {mean:.1}, median {median:.1}, max {max:.1}"))
    };
    let rows = [
        ("format", Some(contents.format.to_owned())),
        ("sessions", count(contents.sessions)),
        ("requests", count(contents.requests)),
        ("requests a session", of(contents.steps)),
        ("input tokens", contents.input_tokens.and_then(count)),
        ("input length", of(contents.input_length)),
        ("output tokens", contents.output_tokens.and_then(count)),
        ("output length", of(contents.output_length)),
        ("span, s", contents.span_s.map(|span| format!("{span:.3}"))),
        ("gaps, s", of(contents.gap_s)),
        ("tool calls", contents.tools.and_then(count)),
        ("forks", contents.forks.and_then(count)),
        ("theoretical hit rate", contents.theoretical_hit_rate.map(|rate| format!("{:.1} %", rate * 100.0))),
    ];
    let line = |(name, value): (&str, Option<String>)| {
        format!("{name:<21} {}\n", value.unwrap_or_else(|| "-".to_owned()))
    };
    rows.into_iter().map(line).collect()
}
