//! `prony compare A B...`: whether one side is better than another one, by their runs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{
    exit::{Exit, Failure, HasExit},
    terminal,
};
use crate::experiment::Key;
use crate::experiment::compare::{
    self, Answer, GateState, Question, Row, Side, SideError,
    question::{self, Gate, QuestionError},
    text,
};

/// What is compared.
#[derive(Args, Debug)]
pub(super) struct CompareArgs {
    /// Folders: of a run, of an experiment (`--num-profile-runs 5`), or one with folders of runs in it. The others are
    /// compared with the first one.
    #[arg(value_name = "DIR", required = true, num_args = 2..)]
    sides: Vec<PathBuf>,

    /// A number that is compared, as in `time_to_first_token.p99`; may be repeated. The first one decides; the others are
    /// judged together, so that none of them is a difference by chance.
    #[arg(long = "metric", value_name = "TAG[.STATISTIC]")]
    metrics: Vec<String>,

    /// Differences within this share count as none. Where runs of one side differ by more, that is the margin (not of gates).
    #[arg(long, value_name = "SHARE", default_value = "2%")]
    margin: String,

    /// Probability with which an interval holds the difference.
    #[arg(long, value_name = "P", default_value_t = 0.95)]
    confidence_level: f64,

    /// End with exit code 5 if this number is worse by more than this share, as in `time_to_first_token.p99 +5%`; with 6 if the
    /// runs do not tell. May be repeated.
    #[arg(long = "gate", value_name = "TAG[.STATISTIC] +SHARE", allow_hyphen_values = true)]
    gates: Vec<String>,

    /// Compare runs whose settings differ as well.
    #[arg(long)]
    anyway: bool,

    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table.
    Text,
    /// A table for a pull request.
    Markdown,
    /// An object with the array `comparisons`.
    Json,
    /// `JUnit` XML: a test case for each number and gate. A number that is worse is a failure, and so is a gate that is not kept: that is
    /// broken, or of which the runs do not tell.
    Junit,
}

/// A side against the first one.
#[derive(Debug, Serialize)]
struct Comparison {
    first: String,
    second: String,
    /// Runs that failed or were cut short, of both sides.
    left_out: [usize; 2],
    /// Files of JSON beside the runs that are no results.
    not_results: Vec<PathBuf>,
    rows: Vec<Row>,
    gates: Vec<GateResult>,
}

/// What became of a gate.
#[derive(Debug, Serialize)]
struct GateResult {
    gate: String,
    state: GateState,
    /// Of each cell.
    rows: Vec<Row>,
}

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

/// Compares, and prints the answer.
pub(super) fn run(args: &CompareArgs) -> Result<Exit, Failure> {
    let keys = args.metrics.iter().map(|text| question::key(text)).collect::<Result<Vec<_>, _>>()?;
    let wanted = keys.clone();
    let keys = if keys.is_empty() { question::usual_keys() } else { keys };
    let gates = args.gates.iter().map(|text| question::gate(text)).collect::<Result<Vec<_>, _>>()?;
    let margin = question::margin(&args.margin)?;
    let question = Question { keys, margin, level: level(args.confidence_level)? };
    let sides = args.sides.iter().map(|dir| Side::read(dir)).collect::<Result<Vec<_>, _>>()?;
    let Some((first, others)) = sides.split_first() else { return Ok(Exit::Usage) };
    wanted.iter().try_for_each(|key| sides.iter().try_for_each(|side| expect(side, key)))?;
    let comparisons = others.iter().map(|second| comparison(first, second, &question, &gates, args.anyway));
    let comparisons = comparisons.collect::<Result<Vec<_>, _>>()?;
    terminal::print(&printed(&comparisons, args.format)?)?;
    let worst = comparisons.iter().flat_map(|one| &one.gates).map(|gate| gate.state).max();
    Ok(match worst {
        Some(GateState::Broken) => Exit::Objective,
        Some(GateState::CannotTell) => Exit::Incomplete,
        Some(GateState::Kept) | None => Exit::Success,
    })
}

fn level(level: f64) -> Result<f64, Failure> {
    if (0.5..1.0).contains(&level) {
        return Ok(level);
    }
    Err(Failure::new(Exit::Usage, format!("use `--confidence-level {level}`"))
        .with_hint("it is a probability from 0.5 to below 1, as 0.95"))
}

/// A number that was asked for by name must be there.
fn expect(side: &Side, key: &Key) -> Result<(), Failure> {
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

fn printed(comparisons: &[Comparison], format: Format) -> Result<String, Failure> {
    Ok(match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&serde_json::json!({ "comparisons": comparisons }))
                .map_err(|error| Failure::new(Exit::Failed, "write JSON").caused_by(&error))?;
            text + "\n"
        }
        Format::Junit => junit(comparisons),
        Format::Text | Format::Markdown => {
            comparisons.iter().map(|comparison| paragraph(comparison, format)).collect::<Vec<_>>().join("\n")
        }
    })
}

fn paragraph(comparison: &Comparison, format: Format) -> String {
    let Comparison { first, second, left_out, not_results, rows, gates } = comparison;
    let is_markdown = format == Format::Markdown;
    let title = format!("{second} against {first}");
    let title = if is_markdown { format!("### {title}\n\n") } else { format!("{title}\n\n") };
    let table = if is_markdown { text::markdown(rows) } else { text::table(rows, terminal::screen()) };
    let headline = text::headline(rows, is_markdown).map(|line| line + "\n\n").unwrap_or_default();
    let mut blocks = vec![title + &headline + &table];
    let left_out: usize = left_out.iter().sum();
    if left_out > 0 {
        blocks.push(format!("{left_out} of the runs failed or were cut short, and are left out.\n"));
    }
    blocks.extend(
        not_results.iter().map(|file| format!("`{}` has no results, and is left out.\n", file.display())),
    );
    blocks.extend(
        gates.iter().map(|GateResult { gate, state, .. }| format!("gate `{gate}`: {}\n", state.word())),
    );
    blocks.join("\n")
}

/// One suite for each pair of sides, as most build servers read them.
fn junit(comparisons: &[Comparison]) -> String {
    let suite = |comparison: &Comparison| {
        let Comparison { first, second, rows, gates, .. } = comparison;
        let case = |name: String, failure: Option<String>| {
            let name = escaped(&name);
            match failure {
                Some(why) => format!(
                    "    <testcase name=\"{name}\"><failure message=\"{}\"/></testcase>\n",
                    escaped(&why)
                ),
                None => format!("    <testcase name=\"{name}\"/>\n"),
            }
        };
        let of_row = |row: &Row| {
            let name = format!("{} {} {}", row.cell, row.metric, row.statistic).trim().to_owned();
            case(name, (row.answer == Answer::Worse).then(|| text::in_words(row)))
        };
        let of_gate = |gate: &GateResult| {
            let why = gate.rows.iter().map(text::in_words).collect::<Vec<_>>().join("; ");
            case(
                format!("gate {}", gate.gate),
                (gate.state != GateState::Kept).then(|| format!("{}: {why}", gate.state.word())),
            )
        };
        let cases: String = rows.iter().map(of_row).chain(gates.iter().map(of_gate)).collect();
        let failures = cases.matches("<failure ").count();
        let name = escaped(&format!("{second} against {first}"));
        let tests = rows.len() + gates.len();
        format!(
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">\n{cases}  </testsuite>\n"
        )
    };
    let suites: String = comparisons.iter().map(suite).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n{suites}</testsuites>\n")
}

/// A text as the value of an attribute.
fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}
