//! `prony config expand`: the runs that a file with several values of a setting means.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::{
    cli::{
        exit::{Exit, Failure},
        experiment::{self, Cells},
        settings::{self, Asked},
        terminal,
    },
    config::{flags::ChoiceParser, keys::in_file, redact, run_file::values_shown, units::Choice},
    experiment::Cell,
    screen::counted,
};

/// Which file, and what of it.
#[derive(Debug, Args)]
pub(super) struct ExpandArgs {
    /// The file of settings to expand.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Print all settings of each combination, and not only those with several values.
    #[arg(long)]
    full: bool,

    /// Print the combination with this number alone; they count from 0.
    #[arg(long, value_name = "N")]
    index: Option<usize>,

    /// Form of the output: `text`, `yaml` or `json` [default: text].
    #[arg(long, value_name = "FORM", value_parser = ChoiceParser::<Form>::new())]
    format: Option<Form>,
}

/// How combinations are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Text,
    Yaml,
    Json,
}

impl Choice for Form {
    const NAMES: &'static [(&'static str, Self)] =
        &[("text", Self::Text), ("yaml", Self::Yaml), ("json", Self::Json)];
}

/// Prints the combinations of values that a file asks for, in their order.
pub(super) fn run(args: &ExpandArgs) -> Result<Exit, Failure> {
    let asked = settings::of_file(&args.file)?;
    asked.warn();
    let Cells { list, repeats } = experiment::cells_of(&asked)?;
    let count = list.len();
    let listed: Vec<(usize, Cell, Asked)> = list
        .into_iter()
        .enumerate()
        .filter(|(at, _)| args.index.is_none_or(|index| index == *at))
        .map(|(at, (cell, asked))| (at, cell, asked))
        .collect();
    if let (Some(index), []) = (args.index, listed.as_slice()) {
        let message = format!("print the combination {index}: there are {count}, and they count from 0");
        return Err(Failure::new(Exit::Usage, message).with_hint(format!("use a number below {count}")));
    }
    let cells: Vec<Value> =
        listed.iter().map(|(at, cell, asked)| described(*at, cell, asked, args.full)).collect();
    let text = match args.format.unwrap_or_default() {
        Form::Json => format!("{:#}\n", Value::Array(cells)),
        Form::Yaml => cells.iter().map(as_yaml).collect(),
        Form::Text => as_text(&listed, &cells, count, repeats),
    };
    terminal::print(&text)?;
    Ok(Exit::Success)
}

/// A combination: its number, its name, its values, and perhaps all settings.
fn described(at: usize, cell: &Cell, asked: &Asked, is_full: bool) -> Value {
    let values = cell.values.iter().map(|(setting, value)| (in_file(&setting.name), value.as_str().into()));
    let mut described = json!({"index": at, "name": cell.name, "values": values.collect::<Map<_, _>>()});
    if is_full {
        described["settings"] = Value::Object(settings_of(asked).collect());
    }
    described
}

fn settings_of(asked: &Asked) -> impl Iterator<Item = (String, Value)> + '_ {
    let set = asked.keys.iter().filter_map(|key| Some((key, asked.words.get(&key.name)?)));
    set.map(|(key, values)| (key.in_file(), values_shown(key, values, &asked.references)))
}

/// A mapping of a list. What JSON calls a value is one in YAML.
fn as_yaml(cell: &Value) -> String {
    let Some(parts) = cell.as_object() else { return String::new() };
    let lines = parts.iter().map(|(key, value)| match value.as_object() {
        Some(pairs) if !pairs.is_empty() => {
            let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}: {value}")).collect();
            format!("{key}:\n    {}", pairs.join("\n    "))
        }
        _ => format!("{key}: {value}"),
    });
    format!("- {}\n", lines.collect::<Vec<_>>().join("\n  "))
}

fn as_text(listed: &[(usize, Cell, Asked)], cells: &[Value], count: usize, repeats: u32) -> String {
    let each = counted(u64::from(repeats), "run");
    let runs = if repeats > 1 { format!(", {each} of each") } else { String::new() };
    let combinations = listed.iter().zip(cells).map(|((at, cell, _), described)| {
        let nothing = || "no setting has several values".to_owned();
        let label = if cell.values.is_empty() { nothing() } else { cell.label() };
        let settings = described["settings"].as_object().into_iter().flatten().map(|(key, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("      {key}: {value}\n")
        });
        format!("{at:>4}  {}\n{}", redact::shown(&label), settings.collect::<Vec<_>>().concat())
    });
    format!("{}{runs}\n{}", counted(count as u64, "combination"), combinations.collect::<Vec<_>>().concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_as_yaml_is_yaml() {
        let cell =
            json!({"index": 0, "name": "a_b", "values": {"phases.a.concurrency": "4"}, "settings": {}});
        let text = as_yaml(&cell);
        let expected =
            "- index: 0\n  name: \"a_b\"\n  values:\n    phases.a.concurrency: \"4\"\n  settings: {}\n";
        assert_eq!(text, expected);
    }
}
