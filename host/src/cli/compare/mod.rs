//! `prony compare A B...`: whether one side is better than another one, by their runs.

mod against;
mod args;
mod comparison;
mod printed;

use std::path::Path;

pub(super) use self::{against::Read, args::CompareArgs};
use self::{
    comparison::{Comparison, GateResult},
    printed::printed,
};
use super::{
    exit::{Exit, Failure, HasExit},
    logging::LogFlags,
    terminal,
};
use crate::experiment::{
    Key,
    compare::{
        self, GateState, Question, Side, SideError,
        question::{self, Gate, QuestionError},
    },
    is_experiment,
};

impl HasExit for SideError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl HasExit for QuestionError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// Compares, and prints the answer. `read` is how a command line of runs is read.
pub(super) fn run(args: &CompareArgs, log: &LogFlags, read: Read) -> Result<Exit, Failure> {
    let wanted = args.metrics.iter().map(|text| question::key(text)).collect::<Result<Vec<_>, _>>()?;
    let keys = if wanted.is_empty() { question::usual_keys() } else { wanted.clone() };
    let gates = args.gates.iter().map(|text| question::gate(text)).collect::<Result<Vec<_>, _>>()?;
    let margin = question::margin(&args.margin)?;
    let question = Question { keys, margin, level: level(args.confidence_level)? };
    let (mut sides, differ_on_purpose, measured) = match (&args.against, args.sides.as_slice()) {
        (Some(urls), _) => match against::measured(args, urls, log, read)? {
            (Some(sides), exit) => (sides, true, exit),
            (None, exit) => return Ok(exit),
        },
        (None, [only]) => (cells_of(only)?, true, Exit::Success),
        (None, dirs) => {
            let sides = dirs.iter().map(|dir| Side::read(dir)).collect::<Result<Vec<_>, _>>()?;
            (sides, false, Exit::Success)
        }
    };
    wanted.iter().try_for_each(|key| sides.iter().try_for_each(|side| require_number(side, key)))?;
    for unread in compare::read_requests(&mut sides, &question.keys) {
        terminal::explain(&unread.into());
    }
    let Some((first, others)) = sides.split_first() else { return Ok(Exit::Usage) };
    let anyway = args.anyway || differ_on_purpose;
    let comparisons = others.iter().map(|second| comparison(first, second, &question, &gates, anyway));
    let comparisons = comparisons.collect::<Result<Vec<_>, _>>()?;
    terminal::print(&printed(&comparisons, args.format)?)?;
    let worst = comparisons.iter().flat_map(|one| &one.gates).map(|gate| gate.state).max();
    Ok(match worst {
        Some(GateState::Broken) => Exit::Objective,
        Some(GateState::CannotTell) => Exit::Incomplete,
        Some(GateState::Kept) | None => measured,
    })
}

/// The combinations of values of an experiment, as sides.
fn cells_of(dir: &Path) -> Result<Vec<Side>, Failure> {
    let (sides, empty) = if is_experiment(dir) { Side::of_cells(dir)? } else { Default::default() };
    if let [_, _, ..] = sides.as_slice() {
        for cell in empty {
            terminal::warn(&format!("`{cell}` has no complete run, and is left out"));
        }
        return Ok(sides);
    }
    let what = format!("`{}` is one side: there is nothing to compare it with", dir.display());
    Err(Failure::statement(Exit::Usage, what).with_hint(
        "name two folders, or an experiment with several combinations of values (`--sweep`, `--variant`)",
    ))
}

fn level(level: f64) -> Result<f64, Failure> {
    if (0.5..1.0).contains(&level) {
        return Ok(level);
    }
    Err(Failure::new(Exit::Usage, format!("use `--confidence-level {level}`"))
        .with_hint("it is a probability from 0.5 to below 1, as 0.95"))
}

/// A number that was asked for by name must be there.
fn require_number(side: &Side, key: &Key) -> Result<(), Failure> {
    if side.has(key) {
        return Ok(());
    }
    let number = format!("{} {}", key.metric, key.statistic);
    Err(Failure::statement(Exit::Usage, format!("no run of `{}` has the number `{number}`", side.name))
        .with_hint("`prony metrics` says what each metric needs"))
}

fn comparison(
    first: &Side,
    second: &Side,
    question: &Question,
    gates: &[Gate],
    anyway: bool,
) -> Result<Comparison, Failure> {
    if !anyway {
        refuse_differences(first, second)?;
    }
    let rows = compare::compare(first, second, question);
    if rows.is_empty() {
        let what = if first.has_cells_of(second) { "number" } else { "combination of values" };
        return Err(Failure::statement(
            Exit::Usage,
            format!("`{}` and `{}` have no {what} in common", first.name, second.name),
        )
        .with_hint("compare runs of the same load; `--metric` says what is compared"));
    }
    let gates =
        gates.iter().map(|gate| judged(gate, first, second, question.level)).collect::<Result<_, _>>()?;
    Ok(Comparison {
        first: first.name.clone(),
        second: second.name.clone(),
        left_out: [first.left_out, second.left_out],
        not_results: first.strange.iter().chain(&second.strange).cloned().collect(),
        rows,
        gates,
    })
}

fn refuse_differences(first: &Side, second: &Side) -> Result<(), Failure> {
    let differences = compare::differences(first, second);
    if differences.is_empty() {
        return Ok(());
    }
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
    let list = differences.iter().map(|difference| {
        let [one, other] = &difference.values;
        format!("{}: {} and {}", difference.setting, shown(one), shown(other))
    });
    Err(Failure::statement(
        Exit::Usage,
        format!(
            "runs of `{}` and `{}` have other settings: {}",
            first.name,
            second.name,
            list.collect::<Vec<_>>().join("; ")
        ),
    )
    .with_hint("a difference would not be the server's alone; `--anyway` compares them as they are"))
}

fn judged(gate: &Gate, first: &Side, second: &Side, level: f64) -> Result<GateResult, Failure> {
    let (state, rows) = compare::gated(gate, first, second, level).ok_or_else(|| {
        let what = format!(
            "`{}` and `{}` do not both have the number of `--gate '{}'`",
            first.name, second.name, gate.text
        );
        Failure::statement(Exit::Usage, what).with_hint("`prony metrics` says what each metric needs")
    })?;
    Ok(GateResult { gate: gate.text.clone(), state, rows })
}
