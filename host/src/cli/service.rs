//! `prony service NAME`: what a service is, for a person who asks; and the service itself, for a parent that has started
//! this process to isolate it.

use clap::{Args, Command};
use serde_json::Value;

use super::{
    exit::{Exit, Failure, HasExit},
    logging::{self, LogFlags},
    option_rows,
    plugins::SearchArgs,
    terminal,
};
use crate::{
    child,
    explain::Explain,
    plugin::{Category, Inspection, Isolation, Listed, ListedEntry, PluginError, Registry},
    screen::Screen,
    service::isolated::{ServeError, serve},
};

/// What to run, or to explain.
#[derive(Args, Debug)]
#[command(disable_help_flag = true)]
pub(super) struct ServiceArgs {
    /// Name of the service, as `prony plugins` lists it.
    #[arg(value_name = "NAME", required_unless_present = "help")]
    name: Option<String>,

    /// Say what this service is, which options it takes and how to start it; opens no library.
    #[arg(short, long)]
    help: bool,

    #[command(flatten)]
    search: SearchArgs,
}

/// Runs the service for the parent, or answers the person.
pub(super) fn run(args: &ServiceArgs, log: &LogFlags, command_line: Command) -> Result<Exit, Failure> {
    match (&args.name, args.help) {
        // A child's lines go to its parent; it has no log of its own.
        (Some(_), false) if let Ok(parent) = child::parent() => {
            serve(parent)?;
            Ok(Exit::Success)
        }
        (Some(name), help) => {
            logging::init(log)?;
            let registry = Registry::discover(&args.search.options())?;
            let listed = registry.describe(Category::Service, name)?;
            if !help {
                return Err(alone(&listed.name));
            }
            let isolation = registry.isolation(Category::Service, &listed.name)?;
            let dispute = registry.service(&listed.name).err();
            terminal::print(&explanation(&listed, isolation, dispute.as_ref()))?;
            Ok(Exit::Success)
        }
        (None, _) => {
            terminal::print(&general_help(command_line))?;
            Ok(Exit::Success)
        }
    }
}

fn alone(name: &str) -> Failure {
    Failure::new(Exit::Usage, format!("run the service `{name}` by itself: a service runs beside a load"))
        .with_hint(format!(
            "`prony profile --service {name}` starts it; `prony service {name} --help` says what it is"
        ))
}

/// What clap would print.
fn general_help(mut command_line: Command) -> String {
    command_line.build();
    command_line
        .find_subcommand_mut("service")
        .map(|command| command.render_long_help().to_string())
        .unwrap_or_default()
}

/// The whole answer.
fn explanation(listed: &Listed, isolation: Isolation, dispute: Option<&PluginError>) -> String {
    let Some(winner) = listed.entries.first() else { return String::new() };
    let library = Inspection::of(winner);
    let metadata = winner.metadata.iter().map(|(name, value)| (name.clone(), shown(value)));
    let sections = [
        (format!("service {}", listed.name), facts(winner, isolation, &library, dispute)),
        ("metadata".to_owned(), metadata.collect()),
        ("options".to_owned(), library.options().map(option_rows::of).unwrap_or_default()),
        ("how to start it".to_owned(), how_to_start(listed, winner, isolation)),
    ];
    let screen = terminal::screen();
    let sections = sections.into_iter().filter(|(_, rows)| !rows.is_empty());
    sections.map(|(title, rows)| section(&title, rows, screen)).collect::<Vec<_>>().join("\n")
}

fn section(title: &str, rows: Vec<(String, String)>, screen: Screen) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name, value]).collect();
    let lines = [title.to_owned()].into_iter().chain(screen.list(&rows));
    lines.map(|line| line + "\n").collect()
}

fn facts(
    entry: &ListedEntry,
    isolation: Isolation,
    library: &Inspection,
    dispute: Option<&PluginError>,
) -> Vec<(String, String)> {
    let file = match &entry.library {
        Ok(file) => file.display().to_string(),
        Err(_) => "missing".to_owned(),
    };
    let place = match isolation {
        Isolation::None => "the process of prony",
        Isolation::Process => "a process of its own",
    };
    let mut facts = vec![
        ("description", entry.description.clone()),
        ("class", entry.class.to_string()),
        ("library", file),
        ("manifest", format!("{} ({})", entry.origin.manifest.display(), entry.origin.tier)),
        ("runs in", place.to_owned()),
    ];
    let about = library.facts(entry.category).into_iter().filter(|(name, _)| *name != "options");
    facts.extend(about.map(|(name, value)| (name, shown(&value))));
    let dispute = dispute.map(|error| format!("failed to {error}; {}", error.hint()));
    facts.extend(dispute.map(|dispute| ("cannot be used", dispute)));
    facts.extend(library.faults().iter().map(|(fault, _)| ("cannot be used", fault.clone())));
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A value in the way a person writes it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "unknown".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn how_to_start(listed: &Listed, entry: &ListedEntry, isolation: Isolation) -> Vec<(String, String)> {
    let name = &listed.name;
    let is = |key: &str| entry.metadata.get(key) == Some(&Value::Bool(true));
    let row = |command: String, what: &str| (command, what.to_owned());
    let mut rows = Vec::new();
    if is("auto_start") {
        rows.push(row("prony profile".to_owned(), "starts it with every run"));
    } else {
        rows.push(row(format!("prony profile --service {name}"), "starts it"));
    }
    if is("auto_start") && !is("required") {
        rows.push(row(format!("prony profile --no-service {name}"), "leaves it out"));
    }
    if is("replicable") {
        rows.push(row(format!("prony profile --service {name},{name}"), "starts it twice"));
    }
    if isolation == Isolation::None {
        rows.push(row(format!("prony profile --isolate {name}"), "runs it in a process of its own"));
    }
    rows.push(row(format!("prony profile --service-option {name}.KEY=VALUE"), "sets an option"));
    rows
}

impl HasExit for ServeError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

impl Explain for ServeError {
    fn hint(&self) -> String {
        "`prony profile --isolate NAME` starts a service in a process of its own".to_owned()
    }
}
