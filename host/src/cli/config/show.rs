//! `prony config show`: every setting of a run, and who says it.

use clap::{ArgMatches, Args};
use serde_json::{Map, Value, json};

use crate::{
    cli::{
        exit::{Exit, Failure},
        experiment, resolved,
        settings::{self, Asked},
        terminal,
    },
    config::{
        flags::{PHASES, PhaseText, ProfileFlags},
        keys::{API_KEY_VARIABLE, Key},
        origins::Source,
        phase_words::default_beside_phases,
        redact,
        run_file::values_shown,
        words::Words,
    },
    plan::Plan,
};

/// Which run.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Print JSON: an object with `value` and `from` for each setting.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    flags: Box<ProfileFlags>,
}

/// A setting that holds.
struct Shown<'a> {
    key: &'a Key,
    value: Value,
    from: String,
}

/// Prints the settings that hold. What is wrong with them is reported as a run would.
pub(super) fn run(args: &ShowArgs, matches: &ArgMatches) -> Result<Exit, Failure> {
    let below = |name| move |matches: &'_ ArgMatches| matches.subcommand_matches(name).cloned();
    let own = below("config")(matches).as_ref().and_then(below("show"));
    show(&settings::asked(own.as_ref().unwrap_or(matches), args.flags.config.as_deref())?, args.json)
}

/// The same of a command line that has lists in the place of values, which is none to the usual reader.
pub(super) fn run_with_lists(typed: Words, is_json: bool) -> Result<Exit, Failure> {
    show(&settings::of_words(typed)?, is_json)
}

fn show(asked: &Asked, is_json: bool) -> Result<Exit, Failure> {
    asked.warn();
    // A run of several stands for all of them in what nobody says.
    let first = if asked.is_experiment() { &experiment::first_of(asked)? } else { asked };
    let registry = resolved::discover(&first.flags).map_err(|failure| first.failure_with(failure))?;
    let plan = resolved::resolved(first, &first.flags, &registry)?.plan;
    redact::learn(redact::of_config(&plan));
    // With the values of the sweep's first run.
    let described = first.words.phases();
    let shown = asked.keys.iter().filter_map(|key| shown(key, asked, &described, &plan));
    terminal::print(&if is_json { as_json(shown) } else { as_lines(shown.collect()) })?;
    Ok(Exit::Success)
}

/// A setting with its value, if it has any. `described` are the phases of the run that is shown.
fn shown<'a>(key: &'a Key, asked: &Asked, described: &[PhaseText], plan: &Plan) -> Option<Shown<'a>> {
    let Some(values) = asked.values(&key.name) else {
        let value = match key.name.as_str() {
            "api-key" if plan.target.api_key.is_some() => {
                let value = redact::REDACTED.into();
                return Some(Shown { key, value, from: format!("the variable {API_KEY_VARIABLE}") });
            }
            "workers" => plan.workers.into(),
            "model" if !plan.target.lacks_model() => plan.target.model.as_str().into(),
            _ if key.may_be_bare => return None,
            _ => key.default.clone()?.into(),
        };
        let from = if asked.values(PHASES).is_some() {
            default_beside_phases(&key.name, described, &plan.phases)?
        } else {
            "default".to_owned()
        };
        return Some(Shown { key, value, from });
    };
    let from = match asked.origins.source(&key.name) {
        Source::Typed => format!("--{}", key.name),
        Source::File(place) => place.to_string(),
        Source::Variable => format!("the variable {}", key.variable()),
    };
    let value = values_shown(key, values, &asked.references);
    Some(Shown { key, value, from })
}

fn as_json<'a>(shown: impl Iterator<Item = Shown<'a>>) -> String {
    let settings: Map<String, Value> =
        shown.map(|shown| (shown.key.in_file(), json!({"value": shown.value, "from": shown.from}))).collect();
    format!("{:#}\n", Value::Object(settings))
}

/// Lines of a configuration file, each with a comment that says who set it.
fn as_lines(shown: Vec<Shown<'_>>) -> String {
    let mut heading = String::new();
    let lines = shown.into_iter().map(|Shown { key, value, from }| {
        let value = match &value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let line = format!("{}: {value}", key.in_file());
        let line = format!("{line:<56}  # {from}\n");
        if heading == key.heading {
            return line;
        }
        let gap = if heading.is_empty() { "" } else { "\n" };
        heading.clone_from(&key.heading);
        format!("{gap}# {heading}\n{line}")
    });
    lines.collect()
}
